//! memberbase
pub mod engine;
pub mod model;
