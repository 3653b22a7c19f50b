//! The settings of a memberbase, its counts, and its recent removals.
//!
//! This room promises that settings are valid, and that the removals take bounded space.

pub mod base;
pub mod removals;
