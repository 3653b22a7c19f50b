//! What a commit consists of, and what writing and reading it share.

use roaring::RoaringBitmap;

use crate::model::schema::FieldNumber;
use crate::model::{AudienceNumber, Origin, Row, Timestamp};

pub(super) const VALUE: &str = "commit";
/// The version of parts that move no row into or out of an audience.
pub(super) const PLAIN: u8 = 2;
/// The version of all other parts, and the newest one.
pub(super) const WITH_AUDIENCES: u8 = 3;
/// The bit of the head of a change that has moves of audiences.
pub(super) const HAS_MOVES: u8 = 1 << 6;

/// A part of at least this size, in bytes, takes no further change.
pub const PART_BYTES: usize = 24 * 1024;
/// No part is larger than this, in bytes; an engine takes larger values than this. A part of less than
/// [`PART_BYTES`] has room for the largest stored member and for some of the largest deltas.
pub const MAX_PART_BYTES: usize = 60 * 1024;

/// What happened to a row, to a member's records, or to the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The row is new.
    Created,
    /// Fields of the member changed.
    Updated,
    /// The member left the status `inactive`; fields may have changed too.
    Reactivated,
    /// The row is gone.
    Deleted,
    /// The base: its settings, its deletion or its timeline changed. The stored form before the change is
    /// that of the settings, or in version 1 of the whole header.
    Base,
    /// Records of the member changed, but not the member itself. There is no stored form before the change.
    Records,
    /// An audience was created, or its name, its filter or its archiving changed. The row is the number of
    /// the audience. The stored form before the change is that of its record.
    Audience,
    /// Rows of one chunk enter or leave an audience, because of a change of the audience and not of the
    /// members. The row is the first one of the chunk.
    AudienceRows,
}

impl Change {
    /// Whether a member was written or removed: the row is the row of the member.
    #[must_use]
    pub const fn is_of_member(self) -> bool {
        match self {
            Self::Created | Self::Updated | Self::Reactivated | Self::Deleted => true,
            Self::Base | Self::Records | Self::Audience | Self::AudienceRows => false,
        }
    }

    pub(super) const fn byte(self) -> u8 {
        match self {
            Self::Created => 1,
            Self::Updated => 2,
            Self::Reactivated => 3,
            Self::Deleted => 4,
            Self::Base => 5,
            Self::Records => 6,
            Self::Audience => 7,
            Self::AudienceRows => 8,
        }
    }

    pub(super) const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Created,
            2 => Self::Updated,
            3 => Self::Reactivated,
            4 => Self::Deleted,
            5 => Self::Base,
            6 => Self::Records,
            7 => Self::Audience,
            8 => Self::AudienceRows,
            _ => return None,
        })
    }
}

/// What happens to an entry of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupOp {
    /// A new entry with this fingerprint (0 in lookups without fingerprints).
    Insert(u128),
    /// An existing entry gets this fingerprint.
    Refresh(u128),
    /// The entry is removed.
    Remove,
}

/// A change of one lookup entry of the changed row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookupDelta {
    /// Which lookup.
    pub lookup: u8,
    /// The keyed hash of the value.
    pub hash: u64,
    /// What happens to the entry (hash, row).
    pub op: LookupOp,
}

/// The changed row enters or leaves a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetDelta<'a> {
    /// Which field.
    pub field: FieldNumber,
    /// Which value of it.
    pub value: &'a str,
    /// Whether the row enters it; otherwise it leaves.
    pub enters: bool,
}

/// The changed row enters or leaves an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AudienceDelta {
    /// Which audience.
    pub audience: AudienceNumber,
    /// Whether the row enters it; otherwise it leaves.
    pub enters: bool,
}

/// The rows of one chunk that enter or leave an audience, by their places in the chunk.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AudienceRows {
    /// Which audience.
    pub audience: AudienceNumber,
    /// Rows that enter it.
    pub enter: RoaringBitmap,
    /// Rows that leave it.
    pub leave: RoaringBitmap,
}

/// One change, as it is read from a part.
#[derive(Debug, Clone, PartialEq)]
pub struct RowChange<'a> {
    /// The row (0 for [`Change::Base`]; see [`Change::Audience`] and [`Change::AudienceRows`]).
    pub row: Row,
    /// What happened to it.
    pub change: Change,
    /// Whether this continues the change before it, with further deltas of the same row and without a stored
    /// form before.
    pub goes_on: bool,
    /// The stored form before the change, if there was one.
    pub before: Option<&'a [u8]>,
    /// Deltas of lookups.
    pub lookups: Vec<LookupDelta>,
    /// Deltas of sets.
    pub sets: Vec<SetDelta<'a>>,
    /// Deltas of audiences, in the order of their numbers.
    pub audiences: Vec<AudienceDelta>,
    /// What a change of the kind [`Change::AudienceRows`] consists of.
    pub rows: Option<AudienceRows>,
}

/// The beginning of every part of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitHead {
    /// When the commit was made.
    pub time: Timestamp,
    /// Which caller and which call it came from.
    pub origin: Origin,
    /// The random id of the batch that wrote it. Several commits may share a batch.
    pub batch: u64,
}
