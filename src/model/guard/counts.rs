//! What the guard counts.

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
pub type GuardCounts = PerKind<u64>;

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
    /// One change of each kind: the most that one write of a member counts as.
    pub const ONE_EACH: Self = Self { removals: 1, identities: 1, clears: 1, reactivations: 1, tiers: 1 };

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

    /// The first kind of which there are more than `most` has.
    #[must_use]
    pub fn first_above(&self, most: &Self) -> Option<GuardKind> {
        GuardKind::ALL.into_iter().find(|kind| self.get(*kind) > most.get(*kind))
    }

    /// These and others.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self::of(|kind| self.get(kind).saturating_add(other.get(kind)))
    }

    /// These without others; not less than zero.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self::of(|kind| self.get(kind).saturating_sub(other.get(kind)))
    }

    /// For each kind the smaller number.
    #[must_use]
    pub fn at_most(&self, other: &Self) -> Self {
        Self::of(|kind| self.get(kind).min(other.get(kind)))
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
        assert_eq!(counts.first_above(&most), Some(GuardKind::Clears));
    }
}
