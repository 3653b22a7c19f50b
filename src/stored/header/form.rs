//! What a base is and how far it has come, and what all stored forms of it share.

use std::sync::Arc;

use bytes::Bytes;

use crate::model::schema::AttributeSchema;
use crate::model::{BaseSettings, Removals, StatusCounts, Timestamp};
use crate::stored::DecodeError;
use crate::stored::bytes::{Reader, Writer};

/// Version 1 had no attribute schema, version 2 no indexes of attributes; versions 1 to 3 were one record.
pub const VERSION: u8 = 4;
/// The last version of the record that was head and settings in one.
pub const LAST_WHOLE: u8 = 3;

/// Whether a base is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseState {
    /// It is.
    Live,
    /// It is deleted, and can be brought back.
    Deleted,
    /// It is being removed for good: nobody finds it, and nothing brings it back.
    Purging,
}

/// What a base is and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Name and rules.
    pub settings: BaseSettings,
    /// The attribute schema, once one was set.
    pub schema: Option<Arc<AttributeSchema>>,
    /// Exact numbers of members by status.
    pub counts: StatusCounts,
    /// The number of the last commit; 0 when there was none.
    pub revision: u64,
    /// The row that the next new member gets.
    pub next_row: u64,
    /// When the base was made.
    pub created_at: Timestamp,
    /// When its name or settings last changed.
    pub updated_at: Timestamp,
    /// When it was deleted, if it is.
    pub deleted_at: Option<Timestamp>,
    /// The time of the last commit; commit time never goes back within a base.
    pub committed_at: Timestamp,
    /// The commit that last changed what the settings record holds, or a later one, if that was before there was such a
    /// record; 0 when none did.
    pub settings_revision: u64,
    /// Members removed in the last hours.
    pub removals: Removals,
    /// Whether its purge has begun. Only a deleted base is purged.
    pub is_purging: bool,
    /// The random id of the batch that wrote this. No two batches write the same head.
    pub nonce: u64,
    /// The stored record, where it is of a version that had head and settings in one: what the next batch finds, and replaces
    /// by two.
    pub whole: Option<Bytes>,
}

/// What the head of a base says by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Whether the base is there.
    pub state: BaseState,
    /// The number of the last commit.
    pub revision: u64,
    /// The row that the next new member gets.
    pub next_row: u64,
    /// Exact numbers of members by status.
    pub counts: StatusCounts,
    /// The commit that last changed the settings.
    pub settings_revision: u64,
    /// The time of the last commit.
    pub committed_at: Timestamp,
    /// The random id of the batch that wrote this.
    pub nonce: u64,
    /// Members removed in the last hours.
    pub removals: Removals,
}

/// Whether a stored form is one that held head and settings in one.
pub fn is_whole(record: &[u8]) -> bool {
    record.first().is_some_and(|version| (1..=LAST_WHOLE).contains(version))
}

/// Writes a time as microseconds.
pub fn write_time(w: &mut Writer, time: Timestamp) {
    w.u64(time.micros().cast_unsigned());
}

/// Reads what [`write_time`] wrote.
pub fn read_time(r: &mut Reader<'_>) -> Result<Timestamp, DecodeError> {
    Ok(Timestamp::from_micros(r.u64()?.cast_signed()))
}
