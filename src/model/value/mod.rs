//! Texts, instants and dates, and the characters that they lose or refuse.
//!
//! This room promises that a value of one of its types is valid: `parse` checked it, or it was checked before
//! it was stored. No type here knows what a member is.

pub(crate) mod invisible;
pub(crate) mod separator;
pub mod text;
pub mod time;
