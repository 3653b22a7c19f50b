//! What the guard knows about a memberbase before it judges a request.

use crate::model::guard::counts::{GuardCounts, GuardKind, Limited};
use crate::model::guard::held::{Guarded, Held};
use crate::model::guard::limits::{GuardLimit, GuardLimits};
use crate::model::guard::slots::{TierCounts, TierSlot};
use crate::model::guard::tiers::TierLimits;

/// What a request is judged by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GuardState {
    /// The active and invited members, and those removed within 24 hours.
    pub of: u64,
    /// What was counted within 24 hours, and what requests under way are going to do.
    pub window: GuardCounts,
    /// The limits.
    pub limits: GuardLimits,
    /// The limits of removals of single tiers.
    pub tiers: TierLimits,
    /// For each of these tiers its active and invited members, and those removed within 24 hours.
    pub of_tiers: TierCounts,
}

impl GuardState {
    /// Whether so many changes of a kind are allowed.
    #[must_use]
    pub fn allows(&self, kind: GuardKind, changes: u64) -> bool {
        changes == 0 || self.limits.get(kind).allows(self.window.get(kind).saturating_add(changes), self.of)
    }

    /// Whether so many removals of members of a tier are allowed.
    #[must_use]
    pub fn allows_tier(&self, slot: TierSlot, removals: u64) -> bool {
        let limit = self.tiers.at(slot).map_or(GuardLimit::OFF, |(_, limit)| *limit);
        let all = self.window.of_tiers.get(slot).saturating_add(removals);
        removals == 0 || limit.allows(all, self.of_tiers.get(slot))
    }

    /// The most changes of each kind that are allowed.
    #[must_use]
    pub fn room(&self) -> GuardCounts {
        GuardCounts::of(|kind| self.limits.get(kind).most(self.of)).minus(&self.window)
    }

    /// The refusal of a request that would make so many changes.
    #[must_use]
    pub fn held(&self, what: impl Into<Limited>, would_change: u64) -> Held {
        match what.into() {
            Limited::Kind(kind) => {
                let (window, limit) = (self.window.get(kind), self.limits.get(kind));
                Held { what: Guarded::Members(kind), would_change, of: self.of, window, limit, tier: None }
            }
            Limited::Tier(slot) => {
                let (tier, limit) = match self.tiers.at(slot) {
                    Some((tier, limit)) => (Some(tier.clone()), *limit),
                    None => (None, GuardLimit::OFF),
                };
                let (of, window) = (self.of_tiers.get(slot), self.window.of_tiers.get(slot));
                Held { what: Guarded::Members(GuardKind::Removals), would_change, of, window, limit, tier }
            }
        }
    }

    /// The refusal of a request that would delete a memberbase with so many members.
    #[must_use]
    pub fn held_base(&self, members: u64) -> Held {
        Held { what: Guarded::Base, ..self.held(GuardKind::Removals, members) }
    }
}
