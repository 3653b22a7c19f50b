//! The header of a base, in two records: the *head*, which every batch rewrites and checks, and the *settings*, which only
//! changes of themselves write.
//!
//! The head is small, because it is written as often as anything is: how far the base has come, its counters, whether it
//! is there, deleted or being purged, and the random id of the batch that wrote it. The settings are what somebody decided
//! about the base. In memory both are one [`Header`].
//!
//! Up to version 3 both were one record, under the key of the head. It is read for ever; the first batch of such a base writes
//! both records in its place.

mod head;
mod older;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;

pub use self::head::Head;
use super::DecodeError;
use super::bytes::{Reader, Writer};
use crate::model::schema::AttributeSchema;
use crate::model::{BaseSettings, Removals, StatusCounts, Timestamp};

/// Version 1 had no attribute schema, version 2 no indexes of attributes; versions 1 to 3 were one record.
const VERSION: u8 = 4;
/// The last version of the record that was head and settings in one.
const LAST_WHOLE: u8 = 3;

/// How far rows and revisions jump when a store is brought back to an earlier time: further than anything that the time
/// that is lost can have used.
pub const TIMELINE_JUMP: u64 = 1 << 32;

/// Whether a commit with number `revision` may follow one with number `before`.
#[must_use]
pub fn follows(before: u64, revision: u64) -> bool {
    [1, TIMELINE_JUMP].iter().any(|step| before.checked_add(*step) == Some(revision))
}

/// Whether `before` can be what the commit `revision` says of the base before it: the settings record, or, of a commit of
/// version 1, the whole header.
#[must_use]
pub fn may_precede(before: &[u8], revision: u64) -> bool {
    if is_whole(before) {
        return older::decode(before).is_ok_and(|before| follows(before.revision, revision));
    }
    settings::decode(before).is_ok_and(|before| before.revision < revision)
}

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

impl Header {
    /// A new base without members, written by the batch with the id `nonce`.
    #[must_use]
    pub fn new(settings: BaseSettings, now: Timestamp, nonce: u64) -> Self {
        Self {
            settings,
            schema: None,
            counts: StatusCounts::default(),
            revision: 0,
            next_row: 0,
            created_at: now,
            updated_at: now,
            deleted_at: None,
            committed_at: now,
            settings_revision: 0,
            removals: Removals::default(),
            is_purging: false,
            nonce,
            whole: None,
        }
    }

    /// Whether the base is there.
    #[must_use]
    pub fn state(&self) -> BaseState {
        match (self.is_purging, self.deleted_at) {
            (true, _) => BaseState::Purging,
            (false, Some(_)) => BaseState::Deleted,
            (false, None) => BaseState::Live,
        }
    }

    /// The stored form of the head.
    #[must_use]
    pub fn encode_head(&self) -> Vec<u8> {
        Head::of(self).encode()
    }

    /// The stored form of the settings.
    #[must_use]
    pub fn encode_settings(&self) -> Vec<u8> {
        settings::encode(self)
    }

    /// The record that is stored under the key of the head as long as this is the state of the base.
    #[must_use]
    pub fn stored_head(&self) -> Bytes {
        self.whole.clone().unwrap_or_else(|| Bytes::from(self.encode_head()))
    }

    /// Reads both records; the older form is the first of them alone.
    pub fn decode(head: &[u8], settings: Option<&[u8]>) -> Result<Self, DecodeError> {
        if is_whole(head) {
            return older::decode(head);
        }
        let head = Head::decode(head)?;
        let missing = DecodeError::Damaged { record: settings::RECORD, detail: "they are missing" };
        Ok(settings::decode(settings.ok_or(missing)?)?.with(head))
    }
}

fn is_whole(record: &[u8]) -> bool {
    record.first().is_some_and(|version| (1..=LAST_WHOLE).contains(version))
}

fn write_time(w: &mut Writer, time: Timestamp) {
    w.u64(time.micros().cast_unsigned());
}

fn read_time(r: &mut Reader<'_>) -> Result<Timestamp, DecodeError> {
    Ok(Timestamp::from_micros(r.u64()?.cast_signed()))
}
