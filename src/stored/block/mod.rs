//! A block: 16 consecutive rows stored together, in one value or, where they outgrow it, in parts.
//!
//! A part holds the members of consecutive slots: version, then (only in the part of slot 0) the number of
//! further parts and the first slot of each, then the slot and the bytes of each member. The part of slot 0
//! exists whenever the block does, so one read finds every part.
//!
//! A part whose members changed, while the parts stayed the same, is written with a difference: the bytes
//! before the members, and the members that changed (see the engine's `difference`).

mod find;
mod form;
#[cfg(test)]
mod tests;
mod write;

pub use self::find::{find, further_parts};
pub use self::form::{Block, PART_BYTES, ROWS_PER_BLOCK, place};
pub use self::write::{Part, Written};
