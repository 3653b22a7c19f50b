//! Rows: from the texts that a door received to a patch of valid values.
//!
//! This room promises that a parsed row has only valid values, that its refusal names every fault, and that
//! its fingerprint never changes. It does not know what a row does to a member.

pub mod change;
pub mod doubts;
pub mod field;
pub mod fingerprint;
pub mod input;
pub mod keys;
pub mod match_by;
pub mod patch;
pub mod raw_row;
pub mod sight;
pub mod texts;
