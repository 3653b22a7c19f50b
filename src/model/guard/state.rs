//! What the guard knows about a memberbase before it judges a request.

use crate::model::guard::counts::{GuardCounts, GuardKind};
use crate::model::guard::held::{Guarded, Held};
use crate::model::guard::limits::GuardLimits;

/// What a request is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GuardState {
    /// The active and invited members, and those removed within 24 hours.
    pub of: u64,
    /// What was counted within 24 hours, and what requests under way are going to do.
    pub window: GuardCounts,
    /// The limits.
    pub limits: GuardLimits,
}

impl GuardState {
    /// Whether so many changes of a kind are allowed.
    #[must_use]
    pub fn allows(&self, kind: GuardKind, changes: u64) -> bool {
        changes == 0 || self.limits.get(kind).allows(self.window.get(kind).saturating_add(changes), self.of)
    }

    /// The most changes of each kind that are allowed.
    #[must_use]
    pub fn room(&self) -> GuardCounts {
        GuardCounts::of(|kind| self.limits.get(kind).most(self.of)).minus(&self.window)
    }

    /// The refusal of a request that would make so many changes of a kind.
    #[must_use]
    pub fn held(&self, kind: GuardKind, would_change: u64) -> Held {
        let (window, limit) = (self.window.get(kind), self.limits.get(kind));
        Held { what: Guarded::Members(kind), would_change, of: self.of, window, limit }
    }

    /// The refusal of a request that would delete a memberbase with so many members.
    #[must_use]
    pub fn held_base(&self, members: u64) -> Held {
        Held { what: Guarded::Base, ..self.held(GuardKind::Removals, members) }
    }
}
