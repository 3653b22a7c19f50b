//! Limits of removals of single tiers.
//!
//! A limit has a place among those of its memberbase, and keeps it as long as it is set.

use std::sync::Arc;

use crate::model::guard::limits::{GuardLimit, LimitChange};
use crate::model::guard::slots::{TierCounts, TierSlot};
use crate::model::limits::GUARD_TIERS_MAX;
use crate::model::refusal::error::{Reason, Refusal};
use crate::model::value::text::Tier;

/// The limits of removals of single tiers, as settings of a memberbase; by their places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TierLimits(Arc<Vec<Option<(Tier, GuardLimit)>>>);

/// Another limit for a tier; [`GuardLimit::OFF`] removes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierLimitChange {
    /// The tier.
    pub tier: Tier,
    /// What changes. A tier without a limit begins at [`GuardLimit::OFF`].
    pub change: LimitChange,
}

impl TierLimits {
    /// The limits at these places; `None` for a free place. `None` if there are too many, if a limit is off,
    /// if a tier has two, or if the last place is free.
    #[must_use]
    pub fn from_places(places: Vec<Option<(Tier, GuardLimit)>>) -> Option<Self> {
        let set = || places.iter().flatten();
        let is_twice = |tier: &Tier| set().filter(|(other, _)| other == tier).count() > 1;
        let is_odd = set().any(|(tier, limit)| *limit == GuardLimit::OFF || is_twice(tier));
        let ends_free = matches!(places.last(), Some(None));
        (!is_odd && !ends_free && places.len() <= GUARD_TIERS_MAX).then(|| Self(Arc::new(places)))
    }

    /// The limits at their places, up to the last one that is taken.
    #[must_use]
    pub fn places(&self) -> &[Option<(Tier, GuardLimit)>] {
        &self.0
    }

    /// Whether no tier has a limit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tiers with a limit, in the order of their names.
    #[must_use]
    pub fn list(&self) -> Vec<&(Tier, GuardLimit)> {
        let mut list: Vec<_> = self.0.iter().flatten().collect();
        list.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        list
    }

    /// The tiers with a limit, with their places.
    pub fn taken(&self) -> impl Iterator<Item = (TierSlot, &(Tier, GuardLimit))> {
        let places = self.0.iter().enumerate();
        places.filter_map(|(number, place)| Some((TierSlot::at(number)?, place.as_ref()?)))
    }

    /// The tier and its limit at a place.
    #[must_use]
    pub fn at(&self, slot: TierSlot) -> Option<&(Tier, GuardLimit)> {
        self.0.get(slot.number()).and_then(Option::as_ref)
    }

    /// The place of a tier's limit, if it has one.
    #[must_use]
    pub fn slot(&self, tier: Option<&Tier>) -> Option<TierSlot> {
        let tier = tier.filter(|_| !self.is_empty())?;
        self.taken().find(|(_, (other, _))| other == tier).map(|(slot, _)| slot)
    }

    /// So many removals of each tier that has a limit.
    #[must_use]
    pub fn each(&self, removals: u64) -> TierCounts {
        let mut counts = TierCounts::NONE;
        self.taken().for_each(|(slot, _)| counts.set(slot, removals));
        counts
    }

    /// These counts with the names of their tiers.
    #[must_use]
    pub fn named(&self, counts: &TierCounts) -> Vec<(Tier, u64)> {
        let named = counts.counted().filter_map(|(slot, count)| Some((self.at(slot)?.0.clone(), count)));
        named.collect()
    }

    /// The counts of these tiers, by their places now. Tiers without a limit are left out.
    #[must_use]
    pub fn placed(&self, named: &[(Tier, u64)]) -> TierCounts {
        let mut counts = TierCounts::NONE;
        for (tier, count) in named {
            self.slot(Some(tier)).into_iter().for_each(|slot| counts.add(slot, *count));
        }
        counts
    }

    /// The limits after changes. Refuses more than [`GUARD_TIERS_MAX`].
    pub fn changed(&self, changes: &[TierLimitChange]) -> Result<Self, Refusal> {
        let mut places = self.0.to_vec();
        for TierLimitChange { tier, change } in changes {
            let place = self.place_in(&places, tier);
            let before =
                place.and_then(|at| places.get(at)?.as_ref()).map_or(GuardLimit::OFF, |(_, limit)| *limit);
            let after = before.changed(*change);
            let free = || places.iter().position(Option::is_none).unwrap_or(places.len());
            let at = place.unwrap_or_else(free);
            if at >= places.len() {
                places.resize(at + 1, None);
            }
            if let Some(place) = places.get_mut(at) {
                *place = (after != GuardLimit::OFF).then(|| (tier.clone(), after));
            }
            while matches!(places.last(), Some(None)) {
                places.pop();
            }
        }
        if places.len() > GUARD_TIERS_MAX {
            let text = format!("must be for at most {GUARD_TIERS_MAX} tiers");
            return Err(Refusal::field(Reason::FieldInvalid, "guard_limits.removals_of_tiers", text));
        }
        Ok(Self(Arc::new(places)))
    }

    fn place_in(&self, places: &[Option<(Tier, GuardLimit)>], tier: &Tier) -> Option<usize> {
        places.iter().position(|place| place.as_ref().is_some_and(|(other, _)| other == tier))
    }

    /// The places whose tier is another one in `after`, or none.
    pub fn left_by(&self, after: &Self) -> Vec<TierSlot> {
        let is_left =
            |slot: &TierSlot| self.at(*slot).map(|(tier, _)| tier) != after.at(*slot).map(|(tier, _)| tier);
        TierSlot::all().filter(is_left).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(name: &str) -> Tier {
        Tier::parse(name).unwrap()
    }

    fn change(name: &str, percent: u64, count: u64) -> TierLimitChange {
        let change = LimitChange::of_percent(percent).unwrap().and(LimitChange::of_count(count).unwrap());
        TierLimitChange { tier: tier(name), change }
    }

    #[test]
    fn a_limit_keeps_its_place_and_a_free_place_is_used_again() {
        let limits = TierLimits::default().changed(&[change("a", 10, 0), change("b", 100, 5)]).unwrap();
        let slot = |limits: &TierLimits, name| limits.slot(Some(&tier(name))).map(TierSlot::number);
        assert_eq!((slot(&limits, "a"), slot(&limits, "b"), slot(&limits, "c")), (Some(0), Some(1), None));
        assert_eq!(limits.slot(None), None);
        let without_a = limits.changed(&[change("a", 100, 0)]).unwrap();
        assert_eq!((slot(&without_a, "a"), slot(&without_a, "b")), (None, Some(1)));
        assert_eq!(limits.left_by(&without_a).len(), 1);
        let with_c = without_a.changed(&[change("c", 3, 0)]).unwrap();
        assert_eq!((slot(&with_c, "c"), slot(&with_c, "b")), (Some(0), Some(1)));
        let none = with_c.changed(&[change("b", 100, 0), change("c", 100, 0)]).unwrap();
        assert!(none.is_empty() && none == TierLimits::default());
        // What a change does not name stays.
        let count = LimitChange::of_count(7).unwrap();
        let both = limits.changed(&[TierLimitChange { tier: tier("a"), change: count }]).unwrap();
        let (_, limit) = both.at(TierSlot::at(0).unwrap()).unwrap();
        assert_eq!((limit.percent(), limit.count()), (10, 7));
        let places = both.places().to_vec();
        assert_eq!(TierLimits::from_places(places.clone()), Some(both));
        assert_eq!(TierLimits::from_places([places, vec![None]].concat()), None);
    }

    #[test]
    fn a_memberbase_has_limits_for_few_tiers() {
        let many: Vec<_> = (0..=GUARD_TIERS_MAX).map(|n| change(&format!("tier {n}"), 10, 0)).collect();
        assert!(TierLimits::default().changed(&many).is_err());
        assert!(TierLimits::default().changed(&many[1..]).is_ok());
        let first = many[0].clone();
        let off = TierLimitChange { tier: first.tier.clone(), change: LimitChange::of_percent(100).unwrap() };
        assert!(TierLimits::default().changed(&[vec![first, off], many[1..].to_vec()].concat()).is_ok());
    }

    #[test]
    fn counts_have_the_names_of_their_tiers() {
        let limits = TierLimits::default().changed(&[change("a", 10, 0), change("b", 10, 0)]).unwrap();
        let named = vec![(tier("b"), 7)];
        let counts = limits.placed(&[(tier("b"), 7), (tier("z"), 9)]);
        assert_eq!((limits.named(&counts), limits.named(&TierCounts::NONE)), (named, Vec::new()));
        let twice = counts.with(&counts, u64::saturating_add);
        assert_eq!(twice.first_above(&counts).map(TierSlot::number), Some(1));
        assert!(counts.first_above(&twice).is_none() && !counts.is_zero());
        assert!(limits.each(3).counted().map(|(slot, count)| (slot.number(), count)).eq([(0, 3), (1, 3)]));
    }
}
