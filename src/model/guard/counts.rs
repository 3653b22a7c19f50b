//! What the guard counts.

use crate::model::guard::slots::{TierCounts, TierSlot};

/// A kind of change that the guard counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GuardKind {
    /// A member is deleted or becomes inactive.
    Removals,
    /// A member gets the identity of somebody else: another e-mail address, other names, another date of
    /// birth or another bank account in place of one that it had; or another ref, if its row found it by
    /// e-mail address or worker id.
    Identities,
    /// A member loses its e-mail address, phone number, bank account or attributes.
    Clears,
    /// An inactive member comes back.
    Reactivations,
    /// A member leaves its tier.
    Tiers,
}

impl GuardKind {
    /// Every kind, in the order in which refusals name them and stored windows have them.
    pub const ALL: [Self; 5] =
        [Self::Removals, Self::Identities, Self::Clears, Self::Reactivations, Self::Tiers];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Removals => "removals",
            Self::Identities => "identities",
            Self::Clears => "clears",
            Self::Reactivations => "reactivations",
            Self::Tiers => "tiers",
        }
    }

    /// What a request does to members, in words: "change the tier of" them.
    #[must_use]
    pub const fn action(self) -> &'static str {
        match self {
            Self::Removals => "remove",
            Self::Identities => "change the identity of",
            Self::Clears => "clear contact data, bank data or attributes of",
            Self::Reactivations => "bring back",
            Self::Tiers => "change the tier of",
        }
    }
}

/// Something for each kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PerKind<T> {
    /// For removals.
    pub removals: T,
    /// For changed identities.
    pub identities: T,
    /// For lost data.
    pub clears: T,
    /// For members that come back.
    pub reactivations: T,
    /// For members that leave their tier.
    pub tiers: T,
}

/// How many changes of each kind there are. A member that changes several times counts as often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GuardCounts {
    /// Removals.
    pub removals: u64,
    /// Changed identities.
    pub identities: u64,
    /// Lost data.
    pub clears: u64,
    /// Members that come back.
    pub reactivations: u64,
    /// Members that leave their tier.
    pub tiers: u64,
    /// The removals of members of tiers that have a limit of their own; they are part of `removals`.
    pub of_tiers: TierCounts,
}

/// Something that has a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// Changes of a kind.
    Kind(GuardKind),
    /// Removals of members of a tier.
    Tier(TierSlot),
}

impl From<GuardKind> for Limited {
    fn from(kind: GuardKind) -> Self {
        Self::Kind(kind)
    }
}

/// How many changes of each kind an admin expects of a request. The guard lets a kind pass if the request
/// makes exactly as many; a kind without a number is judged as usual.
pub type GuardExpectation = PerKind<Option<u64>>;

impl<T> PerKind<T> {
    /// What `make` returns for each kind.
    pub fn of(mut make: impl FnMut(GuardKind) -> T) -> Self {
        Self {
            removals: make(GuardKind::Removals),
            identities: make(GuardKind::Identities),
            clears: make(GuardKind::Clears),
            reactivations: make(GuardKind::Reactivations),
            tiers: make(GuardKind::Tiers),
        }
    }

    /// That of one kind, mutable.
    pub fn get_mut(&mut self, kind: GuardKind) -> &mut T {
        match kind {
            GuardKind::Removals => &mut self.removals,
            GuardKind::Identities => &mut self.identities,
            GuardKind::Clears => &mut self.clears,
            GuardKind::Reactivations => &mut self.reactivations,
            GuardKind::Tiers => &mut self.tiers,
        }
    }
}

impl<T: Copy> PerKind<T> {
    /// That of one kind.
    #[must_use]
    pub fn get(&self, kind: GuardKind) -> T {
        match kind {
            GuardKind::Removals => self.removals,
            GuardKind::Identities => self.identities,
            GuardKind::Clears => self.clears,
            GuardKind::Reactivations => self.reactivations,
            GuardKind::Tiers => self.tiers,
        }
    }
}

impl GuardCounts {
    /// No changes.
    pub const NONE: Self = Self {
        removals: 0,
        identities: 0,
        clears: 0,
        reactivations: 0,
        tiers: 0,
        of_tiers: TierCounts::NONE,
    };

    /// One change of each kind: the most that one write of a member counts as.
    pub const ONE_EACH: Self = Self {
        removals: 1,
        identities: 1,
        clears: 1,
        reactivations: 1,
        tiers: 1,
        of_tiers: TierCounts::NONE,
    };

    /// What `make` returns for each kind, and nothing of single tiers.
    pub fn of(mut make: impl FnMut(GuardKind) -> u64) -> Self {
        Self {
            removals: make(GuardKind::Removals),
            identities: make(GuardKind::Identities),
            clears: make(GuardKind::Clears),
            reactivations: make(GuardKind::Reactivations),
            tiers: make(GuardKind::Tiers),
            of_tiers: TierCounts::NONE,
        }
    }

    /// How many there are of one kind.
    #[must_use]
    pub fn get(&self, kind: GuardKind) -> u64 {
        match kind {
            GuardKind::Removals => self.removals,
            GuardKind::Identities => self.identities,
            GuardKind::Clears => self.clears,
            GuardKind::Reactivations => self.reactivations,
            GuardKind::Tiers => self.tiers,
        }
    }

    /// The same, mutable.
    pub fn get_mut(&mut self, kind: GuardKind) -> &mut u64 {
        match kind {
            GuardKind::Removals => &mut self.removals,
            GuardKind::Identities => &mut self.identities,
            GuardKind::Clears => &mut self.clears,
            GuardKind::Reactivations => &mut self.reactivations,
            GuardKind::Tiers => &mut self.tiers,
        }
    }

    /// How many there are of something that has a limit.
    #[must_use]
    pub fn of_limited(&self, what: Limited) -> u64 {
        match what {
            Limited::Kind(kind) => self.get(kind),
            Limited::Tier(slot) => self.of_tiers.get(slot),
        }
    }

    /// So many removals, and nothing else.
    #[must_use]
    pub fn of_removals(removals: u64) -> Self {
        Self { removals, ..Self::default() }
    }

    /// Whether nothing is counted.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.removals | self.identities | self.clears | self.reactivations | self.tiers == 0
    }

    /// The first kind, or else the first tier, of which there are more than `most` has.
    #[must_use]
    pub fn first_above(&self, most: &Self) -> Option<Limited> {
        let kind = GuardKind::ALL.into_iter().find(|kind| self.get(*kind) > most.get(*kind));
        let tier = || self.of_tiers.first_above(&most.of_tiers).map(Limited::Tier);
        kind.map(Limited::Kind).or_else(tier)
    }

    /// These and others.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    /// These without others; not less than zero.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.with(other, u64::saturating_sub)
    }

    /// For each kind the smaller number.
    #[must_use]
    pub fn at_most(&self, other: &Self) -> Self {
        self.with(other, u64::min)
    }

    fn with(&self, other: &Self, make: impl Fn(u64, u64) -> u64) -> Self {
        let of_tiers = self.of_tiers.with(&other.of_tiers, &make);
        Self { of_tiers, ..Self::of(|kind| make(self.get(kind), other.get(kind))) }
    }
}

impl GuardExpectation {
    /// So many removals; the other kinds are judged as usual.
    #[must_use]
    pub fn of_removals(removals: Option<u64>) -> Self {
        Self { removals, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_count_of_its_own() {
        let mut numbers = [1_u64, 20, 300, 4_000, 50_000].into_iter();
        let counts = GuardCounts::of(|_| numbers.next().unwrap());
        assert_eq!(GuardKind::ALL.map(|kind| counts.get(kind)), [1, 20, 300, 4_000, 50_000]);
        assert_eq!(GuardKind::ALL.map(|kind| GuardCounts::ONE_EACH.get(kind)), [1; 5]);
        let twice = counts.plus(&counts);
        assert_eq!((twice.minus(&counts), counts.minus(&twice)), (counts, GuardCounts::default()));
        assert_eq!((twice.at_most(&counts), counts.first_above(&counts)), (counts, None));
        assert!(!counts.is_zero() && GuardCounts::default().is_zero());
        let most = GuardCounts { clears: 299, tiers: 0, ..counts };
        assert_eq!(counts.first_above(&most), Some(Limited::Kind(GuardKind::Clears)));
        let slot = TierSlot::at(3).unwrap();
        let mut of_one = counts;
        of_one.of_tiers.add(slot, 1);
        assert_eq!(
            (of_one.first_above(&counts), of_one.of_limited(Limited::Tier(slot))),
            (Some(Limited::Tier(slot)), 1)
        );
        assert_eq!((of_one.plus(&of_one).of_tiers.get(slot), of_one.minus(&of_one).is_zero()), (2, true));
    }
}
