//! What a job would do.

use std::fmt;

use crate::model::guard::counts::{GuardCounts, GuardKind};
use crate::model::job::counts::ListCounts;
use crate::model::value::text::Tier;

/// The digest of a plan: over the options, the members to be removed, and each row's member, its outcome and how
/// its fields change. Two plans with the same digest do the same. It says nothing about revisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PlanHash(pub [u8; 16]);

impl fmt::Display for PlanHash {
    /// 32 hexadecimal digits, as callers see it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl PlanHash {
    /// The digest with these 32 hexadecimal digits, in either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let number = u128::from_str_radix(text, 16).ok()?;
        Some(Self(number.to_be_bytes()))
    }
}

/// Why a plan waits for somebody to approve it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hold {
    /// It removes more members than the guard allows.
    Removals,
    /// It changes more identities, clears more contact and bank data, brings back more members or changes
    /// more tiers than the guard allows.
    Changes,
    /// It removes members, although the keys of some rows cannot be read: those rows may be the very members
    /// that seem to be missing.
    UnreadableRows,
    /// The list has no rows, and members would be removed.
    EmptyList,
    /// It would remove all members.
    Everybody,
    /// It differs from the plan that was approved.
    PlanChanged,
    /// The store was restored from a backup while the job was running.
    StoreRestored,
    /// The caller wants to see every plan before it is applied.
    Requested,
    /// It removes members, although rows of the sheet are hidden, as a filter does: those rows were not read,
    /// and may be the very members that seem to be missing.
    HiddenRows,
}

impl Hold {
    /// Every cause, each at its stored number.
    pub const ALL: [Self; 9] = [
        Self::Removals,
        Self::Changes,
        Self::UnreadableRows,
        Self::EmptyList,
        Self::Everybody,
        Self::PlanChanged,
        Self::StoreRestored,
        Self::Requested,
        Self::HiddenRows,
    ];

    /// The cause for a kind of change of which there is more than the guard allows.
    #[must_use]
    pub const fn of_guard(kind: GuardKind) -> Self {
        match kind {
            GuardKind::Removals => Self::Removals,
            GuardKind::Identities | GuardKind::Clears | GuardKind::Reactivations | GuardKind::Tiers => {
                Self::Changes
            }
        }
    }

    /// The word for it on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Removals => "REMOVAL_GUARD",
            Self::Changes => "CHANGE_GUARD",
            Self::UnreadableRows => "UNREADABLE_ROWS",
            Self::EmptyList => "EMPTY_LIST",
            Self::Everybody => "EVERYBODY_REMOVED",
            Self::PlanChanged => "PLAN_CHANGED",
            Self::StoreRestored => "STORE_RESTORED",
            Self::Requested => "APPROVAL_REQUESTED",
            Self::HiddenRows => "HIDDEN_ROWS",
        }
    }
}

/// A complete plan, in numbers. The rows, the members to be removed and the examples are stored beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanSummary {
    /// What it would do.
    pub counts: ListCounts,
    /// Rows whose keys cannot be read: each may be anybody.
    pub unreadable: u64,
    /// Members to be removed that are younger than a day, and than a week.
    pub removed_young: (u64, u64),
    /// The first and the last revision of the memberbase that the plan saw.
    pub revisions: (u64, u64),
    /// Members may be removed only if their rows are lower than this.
    pub next_row: u64,
    /// What the guard counts: as removed both the members that are missing and those that rows make inactive.
    /// If an older version of this program made the plan, other changes than removals are the most that there
    /// can be. Once the plan is stored, it has nothing of single tiers here.
    pub counted: GuardCounts,
    /// Of the removals those of members of tiers that had a limit of their own when the plan was made.
    pub of_tiers: Vec<(Tier, u64)>,
    /// The digest of all.
    pub hash: PlanHash,
    /// The digest without the members to be removed.
    pub rows_hash: PlanHash,
    /// Why it waits for approval; empty if it may be applied at once.
    pub holds: Vec<Hold>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_32_digits_and_comes_back() {
        let hash = PlanHash([0xab; 16]);
        assert_eq!(PlanHash::parse(&hash.to_string()), Some(hash));
        assert_eq!(PlanHash::parse(&"AB".repeat(16)), Some(hash));
        for wrong in ["", "ab", &"+1".repeat(16), &"ab".repeat(17)] {
            assert_eq!(PlanHash::parse(wrong), None, "{wrong}");
        }
    }
}
