//! Commits: what one revision of a base changed, written once and read by replay, feeds and undo.
//!
//! A commit is one or more parts, none of them larger than [`MAX_PART_BYTES`]. Each part stands for itself:
//! version, whether it is the last part, time, origin, the batch that it was written with, and changes. A
//! change is a row (as the difference to the one before it), what happened, the record as it was before where
//! there was one, and the deltas of the lookups and sets, so that the indexes can be brought up to date from
//! the log alone. A change with more deltas than fit into its part goes on in the next one.
//!
//! Version 1 had no origin and no batch, kept seven bits of a set's field, and wrote a change whole, however
//! large. It is read for ever; `docs/formats.md` has both grammars.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use self::read::CommitPart;
pub use self::write::CommitWriter;
use crate::model::schema::FieldNumber;
use crate::model::{Origin, Row, Timestamp};

const VALUE: &str = "commit";
const VERSION: u8 = 2;

/// A part takes no further change once it has reached this size, in bytes.
pub const PART_BYTES: usize = 24 * 1024;
/// No part is larger than this, in bytes: less than an engine takes in one value. A part of less than
/// [`PART_BYTES`] has room for the largest record, and for some of the largest deltas.
pub const MAX_PART_BYTES: usize = 60 * 1024;

/// What happened to a row, or to the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The row is new.
    Created,
    /// Fields changed.
    Updated,
    /// It left `inactive`, and fields may have changed.
    Reactivated,
    /// It is gone.
    Deleted,
    /// Not a row: the base's settings, its deletion or its place in time changed. The record before is that
    /// of the settings before; of the whole header before, while headers had settings.
    Base,
    /// What hangs on the row's member changed, and nothing of the member itself. There is no record before.
    Records,
}

impl Change {
    const fn byte(self) -> u8 {
        match self {
            Self::Created => 1,
            Self::Updated => 2,
            Self::Reactivated => 3,
            Self::Deleted => 4,
            Self::Base => 5,
            Self::Records => 6,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Created,
            2 => Self::Updated,
            3 => Self::Reactivated,
            4 => Self::Deleted,
            5 => Self::Base,
            6 => Self::Records,
            _ => return None,
        })
    }
}

/// What happens to an entry of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupOp {
    /// A new entry with this fingerprint (0 in lookups without).
    Insert(u128),
    /// An entry that exists gets this fingerprint.
    Refresh(u128),
    /// The entry goes.
    Remove,
}

/// A change of one lookup entry of the row at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookupDelta {
    /// Which lookup.
    pub lookup: u8,
    /// The keyed hash of the value.
    pub hash: u64,
    /// What happens to the entry (hash, row).
    pub op: LookupOp,
}

/// The row at hand enters or leaves a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetDelta<'a> {
    /// Which field.
    pub field: FieldNumber,
    /// Which value of it.
    pub value: &'a str,
    /// Whether the row enters.
    pub enters: bool,
}

/// One change, as replay sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange<'a> {
    /// The row (0 for [`Change::Base`]).
    pub row: Row,
    /// What happened.
    pub change: Change,
    /// Whether this is more of the change before it: further deltas of the same row, without a record before.
    pub goes_on: bool,
    /// The stored form before, where there was one.
    pub before: Option<&'a [u8]>,
    /// Deltas of lookups.
    pub lookups: Vec<LookupDelta>,
    /// Deltas of sets.
    pub sets: Vec<SetDelta<'a>>,
}

/// What every part of a commit begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitHead {
    /// When the commit was made.
    pub time: Timestamp,
    /// Where it came from.
    pub origin: Origin,
    /// The random id of the batch that wrote it. Several commits may share a batch.
    pub batch: u64,
}

fn zigzag_difference(row: u64, last: u64) -> u64 {
    let difference = row.wrapping_sub(last).cast_signed();
    ((difference << 1) ^ (difference >> 63)).cast_unsigned()
}

fn apply_difference(last: u64, coded: u64) -> u64 {
    let difference = (coded >> 1).cast_signed() ^ -(coded & 1).cast_signed();
    last.wrapping_add(difference.cast_unsigned())
}
