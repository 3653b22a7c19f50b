//! The settings of a memberbase, its counts, its recent removals, and the guard against too many of them.
//!
//! This room promises that settings are valid, and that the removals take bounded space.

pub mod base;
pub mod guard;
pub mod removals;
