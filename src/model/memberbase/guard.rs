//! The guard against removing many members by mistake. Deleting a member and making it inactive are both
//! removals.

use std::fmt;

use crate::model::limits::REMOVALS_FREE;
use crate::model::refusal::error::{Reason, Refusal};
use crate::model::refusal::violation::Rule;

/// The setting `removal_limit_percent` of a memberbase: the share of its members that may be removed within
/// 24 hours. At 100 the guard is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovalLimit(u8);

impl Default for RemovalLimit {
    fn default() -> Self {
        Self(20)
    }
}

impl RemovalLimit {
    /// The limit at which the guard is off.
    pub const OFF: Self = Self(100);

    /// Parses a percentage.
    pub fn parse(percent: u64) -> Result<Self, Rule> {
        let valid = u8::try_from(percent).ok().filter(|percent| *percent <= Self::OFF.0);
        valid.map(Self).ok_or_else(|| Rule::must_be(Reason::FieldInvalid, "a whole number from 0 to 100"))
    }

    /// The percentage.
    #[must_use]
    pub fn percent(self) -> u8 {
        self.0
    }
}

/// What the guard knows about a memberbase before it judges a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemovalState {
    /// The active and invited members, and those removed within 24 hours.
    pub of: u64,
    /// Members that were removed within 24 hours, or that requests under way are going to remove.
    pub window: u64,
    /// The limit.
    pub limit: RemovalLimit,
}

impl RemovalState {
    /// Whether so many members may be removed.
    #[must_use]
    pub fn allows(&self, would_remove: u64) -> bool {
        let removed = self.window.saturating_add(would_remove);
        let share = u128::from(removed) * 100;
        would_remove == 0
            || self.limit == RemovalLimit::OFF
            || removed <= REMOVALS_FREE
            || share <= u128::from(self.limit.percent()) * u128::from(self.of)
    }

    /// The refusal of a request that would remove so many members.
    #[must_use]
    pub fn held(self, would_remove: u64) -> Held {
        Held { what: Removing::Members, would_remove, state: self }
    }
}

/// What a refused request would have removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Removing {
    /// Members of a memberbase.
    #[default]
    Members,
    /// A memberbase, with all its members.
    Base,
}

/// Why the guard refuses a request. Nobody was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// What it would have removed.
    pub what: Removing,
    /// How many members it would have removed.
    pub would_remove: u64,
    /// What it was judged by.
    pub state: RemovalState,
}

impl Held {
    /// The refusal of one row of the request.
    #[must_use]
    pub fn of_row(&self) -> Refusal {
        let RemovalState { of, window, limit } = self.state;
        let text = format!(
            "cannot become inactive: the call would remove {} of {of} members ({window} others within 24 \
             hours), over the limit of {} percent; see expect_removals",
            self.would_remove,
            limit.percent()
        );
        Refusal::field(Reason::RemovalGuard, "status", text)
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RemovalState { of, window, limit } = self.state;
        let would_remove = self.would_remove;
        match self.what {
            Removing::Members => write!(
                f,
                "the request would remove {would_remove} of {of} members, and {window} others were removed \
                 within 24 hours, which is over the limit of {} percent; nobody was removed. If this is \
                 intended, repeat it with expect_removals = {would_remove} (over HTTP the header \
                 x-expect-removals) and an admin token",
                limit.percent()
            ),
            Removing::Base => write!(
                f,
                "the memberbase has {would_remove} members; nothing was deleted. If this is intended, repeat \
                 the request with expect_members = {would_remove} (over HTTP the header x-expect-members)"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(of: u64, window: u64, percent: u64) -> RemovalState {
        RemovalState { of, window, limit: RemovalLimit::parse(percent).unwrap() }
    }

    #[test]
    fn ten_members_a_day_are_free_and_then_the_limit_counts() {
        for (of, window, percent, allowed) in [
            (3, 0, 20, 10),
            (3, 9, 20, 1),
            (0, 0, 0, 10),
            (50, 0, 20, 10),
            (55, 0, 20, 11),
            (1_000, 0, 20, 200),
            (1_000, 150, 20, 50),
            (1_000, 300, 20, 0),
            (1_000, 0, 0, 10),
            (1_000, 0, 99, 990),
        ] {
            let state = state(of, window, percent);
            assert!(state.allows(allowed), "{state:?}");
            assert!(!state.allows(allowed + 1), "{state:?}");
        }
        assert!(state(5, u64::MAX, 100).allows(u64::MAX));
        assert!(!state(u64::MAX, u64::MAX, 99).allows(u64::MAX));
    }

    #[test]
    fn a_limit_is_a_percentage_and_by_default_20() {
        assert_eq!(RemovalLimit::default(), RemovalLimit::parse(20).unwrap());
        assert_eq!(RemovalLimit::parse(100), Ok(RemovalLimit::OFF));
        for percent in [101, 256, u64::MAX] {
            assert!(RemovalLimit::parse(percent).is_err());
        }
    }

    #[test]
    fn a_refusal_says_how_many_and_what_to_do() {
        let held = state(1_000, 40, 20).held(300);
        let text = held.to_string();
        assert!(text.contains("300 of 1000 members") && text.contains("expect_removals = 300"), "{text}");
        let longest = state(u64::MAX, u64::MAX, 20).held(u64::MAX).of_row();
        assert!(longest.violations[0].description.len() < 240);
        let base = Held { what: Removing::Base, ..held }.to_string();
        assert!(base.contains("expect_members = 300"), "{base}");
    }
}
