//! Counts for the tiers of a memberbase that have a limit of their own.
//!
//! They are kept by the places of the limits, so that they are small and need no names.

use crate::model::limits::GUARD_TIERS_MAX;

/// The place of a tier's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TierSlot(u8);

impl TierSlot {
    /// Every place.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..GUARD_TIERS_MAX).filter_map(Self::at)
    }

    /// The place with this number, from 0.
    #[must_use]
    pub fn at(number: usize) -> Option<Self> {
        u8::try_from(number).ok().filter(|_| number < GUARD_TIERS_MAX).map(Self)
    }

    /// Its number, from 0.
    #[must_use]
    pub fn number(self) -> usize {
        usize::from(self.0)
    }
}

/// Removals of members of the tiers with a limit, by the places of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TierCounts([u64; GUARD_TIERS_MAX]);

impl TierCounts {
    /// Nothing.
    pub const NONE: Self = Self([0; GUARD_TIERS_MAX]);

    /// So many of each tier.
    #[must_use]
    pub fn all(count: u64) -> Self {
        Self([count; GUARD_TIERS_MAX])
    }

    /// Those of one tier.
    #[must_use]
    pub fn get(&self, slot: TierSlot) -> u64 {
        self.0.get(slot.number()).copied().unwrap_or_default()
    }

    /// Sets those of one tier.
    pub fn set(&mut self, slot: TierSlot, count: u64) {
        if let Some(place) = self.0.get_mut(slot.number()) {
            *place = count;
        }
    }

    /// Adds some of one tier.
    pub fn add(&mut self, slot: TierSlot, count: u64) {
        self.set(slot, self.get(slot).saturating_add(count));
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::NONE
    }

    /// The tiers of which there are some, with their counts.
    pub fn counted(&self) -> impl Iterator<Item = (TierSlot, u64)> + '_ {
        TierSlot::all().map(|slot| (slot, self.get(slot))).filter(|(_, count)| *count > 0)
    }

    /// The first tier of which there are more than `most` has.
    #[must_use]
    pub fn first_above(&self, most: &Self) -> Option<TierSlot> {
        TierSlot::all().find(|slot| self.get(*slot) > most.get(*slot))
    }

    /// For each tier what `make` makes of these and others.
    #[must_use]
    pub fn with(&self, other: &Self, make: impl Fn(u64, u64) -> u64) -> Self {
        let mut counts = Self::NONE;
        TierSlot::all().for_each(|slot| counts.set(slot, make(self.get(slot), other.get(slot))));
        counts
    }
}
