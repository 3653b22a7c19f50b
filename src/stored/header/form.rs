//! The header of a base in memory, and what its stored forms share.

use std::sync::Arc;

use bytes::Bytes;

use crate::model::schema::AttributeSchema;
use crate::model::{BaseSettings, GuardState, GuardWindow, StatusCounts, TierCounts, Timestamp};

/// The newest version of the head. Version 1 had no attribute schema, version 2 no indexes of attributes.
/// Versions 1 to 3 were one value with the settings. Version 4 counts only removals, version 5 nothing of
/// single tiers.
pub const VERSION: u8 = 6;
/// The version of a head whose guard has counted nothing of single tiers.
pub const WITHOUT_TIERS: u8 = 5;
/// The version of a head whose guard has counted only removals in the last hours, as in most bases.
pub const REMOVALS_ONLY: u8 = 4;
/// The last version in which head and settings were one value.
pub const LAST_WHOLE: u8 = 3;

/// Whether a base is live, deleted or being purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseState {
    /// Neither deleted nor being purged.
    Live,
    /// Deleted, and can be undeleted.
    Deleted,
    /// Being removed for good: no call finds it, and it cannot be undeleted.
    Purging,
}

/// Head and settings of a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Name and rules.
    pub settings: BaseSettings,
    /// The attribute schema, if one was set.
    pub schema: Option<Arc<AttributeSchema>>,
    /// Exact numbers of members by status.
    pub counts: StatusCounts,
    /// The number of the last commit; 0 before the first one.
    pub revision: u64,
    /// The row that the next new member gets.
    pub next_row: u64,
    /// When the base was created.
    pub created_at: Timestamp,
    /// When its name or settings last changed.
    pub updated_at: Timestamp,
    /// When it was deleted, if it is deleted.
    pub deleted_at: Option<Timestamp>,
    /// The time of the last commit; commit time never goes back within a base.
    pub committed_at: Timestamp,
    /// The commit that last changed the settings, 0 if none did. If that was before settings had a value of
    /// their own, it may be a later commit.
    pub settings_revision: u64,
    /// What the guard counted in the last hours.
    pub window: GuardWindow,
    /// Whether its purge has begun. Only a deleted base is purged.
    pub is_purging: bool,
    /// The random id of the batch that wrote the head. No two batches write the same head.
    pub nonce: u64,
    /// The stored value, if it is of a version with head and settings in one. The next batch checks it, and
    /// writes head and settings in its place.
    pub whole: Option<Bytes>,
}

impl Header {
    /// The header of a new base without members, which the batch with the id `nonce` writes.
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
            window: GuardWindow::default(),
            is_purging: false,
            nonce,
            whole: None,
        }
    }

    /// What the guard judges a request by at `now`, but for the members of single tiers.
    #[must_use]
    pub fn guard_state(&self, now: Timestamp) -> GuardState {
        let window = self.window.within(now);
        let present = self.counts.active.saturating_add(self.counts.invited);
        let of = present.saturating_add(window.removals);
        let BaseSettings { guard_limits, tier_limits, .. } = &self.settings;
        let (limits, tiers, of_tiers) = (*guard_limits, tier_limits.clone(), TierCounts::NONE);
        GuardState { of, window, limits, tiers, of_tiers }
    }

    /// Whether the base is live, deleted or being purged.
    #[must_use]
    pub fn state(&self) -> BaseState {
        match (self.is_purging, self.deleted_at) {
            (true, _) => BaseState::Purging,
            (false, Some(_)) => BaseState::Deleted,
            (false, None) => BaseState::Live,
        }
    }
}

/// The head of a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Whether the base is live, deleted or being purged.
    pub state: BaseState,
    /// The number of the last commit; 0 before the first one.
    pub revision: u64,
    /// The row that the next new member gets.
    pub next_row: u64,
    /// Exact numbers of members by status.
    pub counts: StatusCounts,
    /// The commit that last changed the settings.
    pub settings_revision: u64,
    /// The time of the last commit.
    pub committed_at: Timestamp,
    /// The random id of the batch that wrote the head.
    pub nonce: u64,
    /// What the guard counted in the last hours.
    pub window: GuardWindow,
}

/// Whether this value is of a version with head and settings in one.
pub fn is_whole(value: &[u8]) -> bool {
    value.first().is_some_and(|version| (1..=LAST_WHOLE).contains(version))
}
