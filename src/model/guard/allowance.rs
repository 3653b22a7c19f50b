//! What a request may still do after the guard has judged it, and the proof for each of its writes.

use crate::model::guard::counts::{GuardCounts, GuardKind, PerKind};
use crate::model::guard::held::Held;
use crate::model::guard::slots::TierCounts;
use crate::model::guard::state::GuardState;

/// The proof that the guard allows a write of a member. Only an [`Allowance`] makes it.
#[derive(Debug)]
pub struct Step(());

/// What a request or a job may still do, whatever others do meanwhile. By default nothing that the guard
/// counts. For several slices it is passed on from one to the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allowance {
    left: GuardCounts,
    /// What the request wanted to do, for refusals.
    wanted: GuardCounts,
    /// The kinds of which it got less than it wanted.
    refused: PerKind<bool>,
    /// What it was judged by.
    state: GuardState,
}

impl Allowance {
    /// `left` of the `wanted` changes, of a request that was judged by `state`.
    #[must_use]
    pub fn new(left: GuardCounts, wanted: GuardCounts, state: GuardState) -> Self {
        let refused = PerKind::of(|kind| left.get(kind) < wanted.get(kind));
        Self { left, wanted, refused, state }
    }

    /// For planning that only counts.
    #[must_use]
    pub fn counting() -> Self {
        let left = GuardCounts { of_tiers: TierCounts::all(u64::MAX), ..GuardCounts::of(|_| u64::MAX) };
        Self { left, ..Self::default() }
    }

    /// What is left of it.
    #[must_use]
    pub fn left(&self) -> GuardCounts {
        self.left
    }

    /// The same for a later slice of its request: besides, whatever the limits have room for `now`. Others
    /// may have written since it was judged, so that a row changes what it would not have changed then.
    #[must_use]
    pub fn later(self, now: GuardState) -> Self {
        Self { state: now, ..self }.with_room()
    }

    /// What is left of it after so many changes, which may be more than it had left.
    #[must_use]
    pub fn after(self, done: &GuardCounts) -> Self {
        Self { left: self.left.minus(done), ..self }
    }

    /// The same, and besides whatever the limits have room for, of each kind of which it got all that it
    /// wanted. Removals stay as they are if single tiers have limits.
    #[must_use]
    pub fn with_room(mut self) -> Self {
        let mut room = self.state.room();
        for kind in GuardKind::ALL {
            if self.refused.get(kind) {
                *room.get_mut(kind) = 0;
            }
        }
        if !self.state.tiers.is_empty() {
            room.removals = 0;
        }
        let of_tiers = self.left.of_tiers;
        self.left =
            GuardCounts { of_tiers, ..GuardCounts::of(|kind| self.left.get(kind).max(room.get(kind))) };
        self
    }

    /// The same without limits for single tiers: somebody has judged what they are for.
    #[must_use]
    pub fn of_any_tier(mut self) -> Self {
        self.left.of_tiers = TierCounts::all(u64::MAX);
        self
    }

    /// Uses it for a write that counts as this much. Uses nothing of it if it does not allow the write.
    pub fn step(&mut self, counts: &GuardCounts) -> Result<Step, Held> {
        if counts.is_zero() {
            return Ok(Step(()));
        }
        match counts.first_above(&self.left) {
            Some(what) => {
                let would_change = self.wanted.of_limited(what).max(counts.of_limited(what));
                Err(self.state.held(what, would_change))
            }
            None => {
                self.left = self.left.minus(counts);
                Ok(Step(()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::guard::limits::LimitChange;
    use crate::model::guard::tiers::{TierLimitChange, TierLimits};
    use crate::model::value::text::Tier;

    #[test]
    fn an_allowance_is_used_up_and_a_write_that_it_refuses_uses_nothing() {
        let wanted = GuardCounts { removals: 9, clears: 3, ..GuardCounts::default() };
        let mut allowance =
            Allowance::new(GuardCounts { removals: 0, ..wanted }, wanted, GuardState::default());
        let clear = GuardCounts { clears: 1, ..GuardCounts::default() };
        let both = GuardCounts { removals: 1, ..clear };
        assert!(allowance.step(&GuardCounts::default()).is_ok());
        for left in [2, 1, 0] {
            assert!(allowance.step(&clear).is_ok());
            assert_eq!(allowance.left(), GuardCounts { clears: left, ..GuardCounts::default() });
            let held = allowance.step(&both).unwrap_err();
            assert_eq!((held.kind(), held.would_change), (Some(GuardKind::Removals), 9));
        }
        assert_eq!(allowance.step(&clear).unwrap_err().kind(), Some(GuardKind::Clears));
        assert!(Allowance::counting().step(&GuardCounts::ONE_EACH).is_ok());
        assert!(Allowance::default().step(&clear).is_err());
    }

    #[test]
    fn an_allowance_with_room_goes_to_the_limits_and_keeps_what_was_let_pass() {
        // By the usual limits 200 removals and 50 changes of each other kind, of which 48 are used up.
        let window = GuardCounts::of(|_| 48);
        let state = GuardState { of: 1_000, window, ..GuardState::default() };
        let planned = GuardCounts { removals: 1, clears: 1, reactivations: 60, ..GuardCounts::default() };
        let with_room = |state| Allowance::new(planned, planned, state).with_room().left();
        let most = GuardCounts { removals: 152, reactivations: 60, ..GuardCounts::of(|_| 2) };
        assert_eq!(with_room(state.clone()), most);
        let change = LimitChange::of_percent(10).unwrap();
        let gold = TierLimitChange { tier: Tier::parse("Gold".to_owned()).unwrap(), change };
        let tiers = TierLimits::default().changed(&[gold]).unwrap();
        assert_eq!(with_room(GuardState { tiers, ..state }), GuardCounts { removals: 1, ..most });
    }

    #[test]
    fn a_later_slice_has_the_room_of_its_time_but_nothing_of_what_was_refused() {
        let at =
            |window| GuardState { of: 1_000, window: GuardCounts::of(|_| window), ..GuardState::default() };
        let wanted = GuardCounts { clears: 3, tiers: 60, ..GuardCounts::default() };
        let judged = at(0).judge_each(&wanted, |_| false);
        assert_eq!(judged.left(), GuardCounts { clears: 3, ..GuardCounts::default() });
        let later = judged.clone().later(at(40)).left();
        assert_eq!(later, GuardCounts { removals: 160, tiers: 0, ..GuardCounts::of(|_| 10) });
        let done = GuardCounts { clears: 4, identities: 2, ..GuardCounts::default() };
        assert_eq!(judged.after(&done).left(), GuardCounts::default());
    }
}
