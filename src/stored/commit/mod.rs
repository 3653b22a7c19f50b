//! Commits: what one revision of a base changed. A commit is written once, and read by replay, feeds and
//! undo.
//!
//! A commit is one or more parts, none larger than [`MAX_PART_BYTES`]. Each part is complete in itself:
//! version, whether it is the last part, time, origin, the id of the batch that wrote it, and changes. A
//! change is a row (as the difference to the row of the change before it), its kind, the stored form of the
//! row before the change if there was one, and the deltas of lookups, sets and audiences. With these, replay
//! brings the indexes and audiences up to date from the commits alone. A change with more deltas than fit
//! into its part goes on in the next part.
//!
//! A part in which nothing enters or leaves an audience has version 2, so a base without audiences has the
//! same commits as before there were audiences. Version 1 had no origin and no batch, stored only seven bits
//! of a set's field, and never split a change. Programs will always read it; `docs/formats.md` has both
//! grammars.

mod form;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use self::form::{
    AudienceDelta, AudienceRows, Change, CommitHead, LookupDelta, LookupOp, MAX_PART_BYTES, PART_BYTES,
    RowChange, SetDelta,
};
pub use self::read::CommitPart;
pub use self::write::{CommitWriter, Deltas};
