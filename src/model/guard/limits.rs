//! The limits of the guard: settings of a memberbase.

use std::fmt;

use crate::model::guard::counts::PerKind;
use crate::model::limits::{GUARD_FREE, SAFE_INTEGER_MAX};
use crate::model::refusal::error::Reason;
use crate::model::refusal::violation::Rule;

/// How many members may be changed in one way within 24 hours: a share of the members, and optionally a
/// number. Up to [`GUARD_FREE`] are always allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardLimit {
    percent: u8,
    /// 0 for no limit.
    count: u64,
}

impl GuardLimit {
    /// The limit at which the guard is off.
    pub const OFF: Self = Self { percent: 100, count: 0 };

    /// A share of the members alone, at most 100 percent.
    const fn of_percent(percent: u8) -> Self {
        Self { percent, count: 0 }
    }

    /// Parses a percentage, and a number of members, 0 for none.
    pub fn parse(percent: u64, count: u64) -> Result<Self, Rule> {
        let valid = u8::try_from(percent).ok().filter(|percent| *percent <= Self::OFF.percent);
        valid
            .map(|percent| Self { percent, count })
            .ok_or_else(|| Rule::must_be(Reason::FieldInvalid, "a whole number from 0 to 100"))
    }

    /// The percentage; 100 stands for no limit by share.
    #[must_use]
    pub fn percent(self) -> u8 {
        self.percent
    }

    /// The most members, however many there are; 0 stands for no such limit.
    #[must_use]
    pub fn count(self) -> u64 {
        self.count
    }

    /// The limit after a change.
    #[must_use]
    pub fn changed(self, change: LimitChange) -> Self {
        Self { percent: change.percent.unwrap_or(self.percent), count: change.count.unwrap_or(self.count) }
    }

    /// Whether so many changes within 24 hours are allowed, in a memberbase with `of` members.
    #[must_use]
    pub fn allows(self, changes: u64, of: u64) -> bool {
        let is_share_kept = self.percent >= Self::OFF.percent
            || u128::from(changes) * 100 <= u128::from(self.percent) * u128::from(of);
        changes <= GUARD_FREE || (is_share_kept && (self.count == 0 || changes <= self.count))
    }

    /// The most changes within 24 hours that are allowed, in a memberbase with `of` members.
    #[must_use]
    pub fn most(self, of: u64) -> u64 {
        let by_share = if self.percent >= Self::OFF.percent {
            u64::MAX
        } else {
            u64::try_from(u128::from(self.percent) * u128::from(of) / 100).unwrap_or(u64::MAX)
        };
        let by_number = if self.count == 0 { u64::MAX } else { self.count };
        by_share.min(by_number).max(GUARD_FREE)
    }
}

impl fmt::Display for GuardLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            0 => write!(f, "{} percent", self.percent),
            count => write!(f, "{} percent and {count} members", self.percent),
        }
    }
}

/// A change of a limit; `None` leaves a part of it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LimitChange {
    percent: Option<u8>,
    count: Option<u64>,
}

impl LimitChange {
    /// Another percentage.
    pub fn of_percent(percent: u64) -> Result<Self, Rule> {
        let limit = GuardLimit::parse(percent, 0)?;
        Ok(Self { percent: Some(limit.percent), count: None })
    }

    /// Another number of members, 0 for none.
    pub fn of_count(count: u64) -> Result<Self, Rule> {
        if count > SAFE_INTEGER_MAX {
            return Err(Rule::must_be(Reason::FieldInvalid, "a whole number from 0 to 2^53 - 1"));
        }
        Ok(Self { percent: None, count: Some(count) })
    }

    /// This change together with another one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { percent: self.percent.or(other.percent), count: self.count.or(other.count) }
    }
}

/// The limit of each kind of change.
pub type GuardLimits = PerKind<GuardLimit>;

/// Changes of the limits.
pub type GuardLimitsChange = PerKind<LimitChange>;

impl Default for GuardLimits {
    fn default() -> Self {
        let usual = GuardLimit::of_percent(5);
        Self {
            removals: GuardLimit::of_percent(20),
            identities: usual,
            clears: usual,
            reactivations: usual,
            tiers: usual,
        }
    }
}

impl GuardLimits {
    /// The limits at which the guard is off.
    pub const OFF: Self = {
        let off = GuardLimit::OFF;
        Self { removals: off, identities: off, clears: off, reactivations: off, tiers: off }
    };

    /// The limits after a change.
    #[must_use]
    pub fn changed(&self, change: &GuardLimitsChange) -> Self {
        Self::of(|kind| self.get(kind).changed(change.get(kind)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::guard::counts::GuardKind;

    #[test]
    fn ten_members_are_free_and_then_the_share_and_the_number_count() {
        for (percent, count, of, most) in [
            (20, 0, 3, 10),
            (0, 0, 0, 10),
            (20, 0, 50, 10),
            (20, 0, 55, 11),
            (5, 0, 1_000, 50),
            (99, 0, 1_000, 990),
            (20, 30, 1_000, 30),
            (20, 500, 1_000, 200),
            (20, 3, 1_000, 10),
            (100, 300, 10, 300),
        ] {
            let limit = GuardLimit::parse(percent, count).unwrap();
            assert_eq!(limit.most(of), most, "{limit:?} of {of}");
            assert!(limit.allows(most, of) && !limit.allows(most + 1, of), "{limit:?} of {of}");
        }
        assert!(GuardLimit::OFF.allows(u64::MAX, 0) && GuardLimit::OFF.most(0) == u64::MAX);
        assert!(!GuardLimit::parse(99, 0).unwrap().allows(u64::MAX, u64::MAX));
    }

    #[test]
    fn a_percentage_is_at_most_100_and_the_usual_ones_are_20_and_5() {
        assert_eq!(GuardLimit::parse(100, 0), Ok(GuardLimit::OFF));
        for percent in [101, 256, u64::MAX] {
            assert!(GuardLimit::parse(percent, 0).is_err());
        }
        let usual = GuardLimits::default();
        assert_eq!(GuardKind::ALL.map(|kind| usual.get(kind).percent()), [20, 5, 5, 5, 5]);
        assert!(GuardKind::ALL.iter().all(|kind| usual.get(*kind).count() == 0));
        let mut changed = usual;
        *changed.get_mut(GuardKind::Tiers) = GuardLimit::parse(7, 9).unwrap();
        assert_eq!(changed.get(GuardKind::Tiers).to_string(), "7 percent and 9 members");
        assert_eq!(GuardLimits { tiers: usual.tiers, ..changed }, usual);
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        assert!(LimitChange::of_percent(101).is_err() && LimitChange::of_count(1 << 53).is_err());
        let changes = GuardLimitsChange {
            clears: LimitChange::of_percent(30).unwrap(),
            tiers: LimitChange::of_count(400).unwrap(),
            ..GuardLimitsChange::default()
        };
        let limits = GuardLimits::default().changed(&changes);
        assert_eq!(GuardKind::ALL.map(|kind| limits.get(kind).percent()), [20, 5, 30, 5, 5]);
        assert_eq!(GuardKind::ALL.map(|kind| limits.get(kind).count()), [0, 0, 0, 0, 400]);
        assert_eq!(limits.changed(&GuardLimitsChange::default()), limits);
    }
}
