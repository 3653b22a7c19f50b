//! memberbase
pub mod api;
pub mod cli;
pub mod engine;
pub mod model;
pub mod schema;
pub mod table;
