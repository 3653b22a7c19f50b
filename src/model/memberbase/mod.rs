//! The settings of a memberbase, and its counts of members.
//!
//! This room promises that settings are valid.

pub mod base;
