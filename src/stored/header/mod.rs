//! The header of a base, in two records: the *head*, which every batch rewrites and checks, and the
//! *settings*, which only changes of themselves write.
//!
//! The head is small, because it is written as often as anything is: how far the base has come, its counters,
//! whether it is there, deleted or being purged, and the random id of the batch that wrote it. The settings
//! are what somebody decided about the base. In memory both are one [`Header`].
//!
//! Up to version 3 both were one record, under the key of the head. It is read for ever; the first batch of
//! such a base writes both records in its place.

mod form;
mod head;
mod older;
mod settings;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use self::form::is_whole;
pub use self::form::{BaseState, Head, Header};
use super::DecodeError;
use crate::model::{BaseSettings, Removals, StatusCounts, Timestamp};

/// How far rows and revisions jump when a store is brought back to an earlier time: further than anything
/// that the time that is lost can have used.
pub const TIMELINE_JUMP: u64 = 1 << 32;

/// Whether a commit with number `revision` may follow one with number `before`.
#[must_use]
pub fn follows(before: u64, revision: u64) -> bool {
    [1, TIMELINE_JUMP].iter().any(|step| before.checked_add(*step) == Some(revision))
}

/// Whether `before` can be what the commit `revision` says of the base before it: the settings record, or, of
/// a commit of version 1, the whole header.
#[must_use]
pub fn may_precede(before: &[u8], revision: u64) -> bool {
    if is_whole(before) {
        return older::decode(before).is_ok_and(|before| follows(before.revision, revision));
    }
    settings::decode(before).is_ok_and(|before| before.revision < revision)
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
        let missing = DecodeError::Damaged { value: settings::VALUE, detail: "they are missing" };
        Ok(settings::decode(settings.ok_or(missing)?)?.with(head))
    }
}
