//! Whether a request, or the plan of a job, may do what it does. Pure: the lane and the plans of jobs use the
//! same functions.

use crate::model::guard::allowance::Allowance;
use crate::model::guard::counts::{GuardCounts, GuardExpectation, GuardKind};
use crate::model::guard::held::Held;
use crate::model::guard::state::GuardState;

impl GuardState {
    /// The allowance of a request that is allowed as a whole; otherwise the refusal of the first kind of
    /// which there are too many.
    pub fn judge(&self, wanted: &GuardCounts, expected: &GuardExpectation) -> Result<Allowance, Held> {
        let allowance = self.judge_each(wanted, |kind| expected.get(kind) == Some(wanted.get(kind)));
        match wanted.first_above(&allowance.left()) {
            Some(what) => Err(self.held(what, wanted.of_limited(what))),
            None => Ok(allowance),
        }
    }

    /// The allowance of a request that is judged kind by kind: of each kind it may do all that it wanted or
    /// nothing, and the same of removals of each tier that has a limit. `is_expected` says whether an admin
    /// expects the number of a kind.
    pub fn judge_each(
        &self,
        wanted: &GuardCounts,
        mut is_expected: impl FnMut(GuardKind) -> bool,
    ) -> Allowance {
        // Asked at most once about removals, because an expected number may be used up.
        let mut removals_are_expected = None;
        let mut covers = |kind: GuardKind| match kind {
            GuardKind::Removals => *removals_are_expected.get_or_insert_with(|| is_expected(kind)),
            GuardKind::Identities | GuardKind::Clears | GuardKind::Reactivations | GuardKind::Tiers => {
                is_expected(kind)
            }
        };
        let mut allowed = GuardCounts::of(|kind| {
            let changes = wanted.get(kind);
            if self.allows(kind, changes) || covers(kind) { changes } else { 0 }
        });
        for (slot, removals) in wanted.of_tiers.counted() {
            if self.allows_tier(slot, removals) || covers(GuardKind::Removals) {
                allowed.of_tiers.set(slot, removals);
            }
        }
        Allowance::new(allowed, *wanted, self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::guard::limits::{GuardLimits, LimitChange};
    use crate::model::guard::slots::TierSlot;
    use crate::model::guard::tiers::{TierLimitChange, TierLimits};
    use crate::model::refusal::error::Reason;
    use crate::model::value::text::Tier;

    fn state(window: u64) -> GuardState {
        let window = GuardCounts::of(|_| window);
        GuardState { of: 1_000, window, limits: GuardLimits::default(), ..GuardState::default() }
    }

    fn changes(removals: u64, identities: u64) -> GuardCounts {
        GuardCounts { removals, identities, ..GuardCounts::default() }
    }

    #[test]
    fn each_kind_is_judged_by_its_own_limit_and_together_with_its_own_window() {
        let none = GuardExpectation::default();
        for (window, wanted, refused) in [
            (0, changes(200, 50), None),
            (0, changes(201, 50), Some(GuardKind::Removals)),
            (0, changes(200, 51), Some(GuardKind::Identities)),
            (45, changes(155, 5), None),
            (45, changes(155, 6), Some(GuardKind::Identities)),
            (300, changes(1, 1), Some(GuardKind::Removals)),
            (300, changes(0, 0), None),
        ] {
            let judged = state(window).judge(&wanted, &none);
            assert_eq!(
                judged.map(|allowance| allowance.left()).map_err(|held| held.kind()),
                match refused {
                    None => Ok(wanted),
                    Some(kind) => Err(Some(kind)),
                }
            );
        }
        assert_eq!(
            state(30).room(),
            GuardCounts::of(|kind| if kind == GuardKind::Removals { 170 } else { 20 })
        );
        assert!(state(300).room().is_zero());
    }

    #[test]
    fn an_expected_number_lets_exactly_so_many_changes_of_its_kind_pass() {
        let wanted = changes(300, 60);
        let expect =
            |removals, identities| GuardExpectation { removals, identities, ..GuardExpectation::default() };
        let refused = |expected: GuardExpectation| {
            state(0).judge(&wanted, &expected).err().and_then(|held| held.kind())
        };
        assert_eq!(refused(expect(Some(300), Some(60))), None);
        assert_eq!(refused(expect(Some(300), Some(61))), Some(GuardKind::Identities));
        assert_eq!(refused(expect(Some(299), Some(60))), Some(GuardKind::Removals));
        let allowance = state(0).judge_each(&wanted, |kind| kind == GuardKind::Removals);
        assert_eq!(allowance.left(), changes(300, 0));
    }

    #[test]
    fn a_tier_with_a_limit_is_judged_by_it_together_with_its_own_window() {
        let percent = LimitChange::of_percent(10).unwrap();
        let change = TierLimitChange { tier: Tier::parse("Gold").unwrap(), change: percent };
        let tiers = TierLimits::default().changed(&[change]).unwrap();
        let slot = TierSlot::at(0).unwrap();
        let removals = |all: u64, of_gold: u64| {
            let mut counts = GuardCounts::of_removals(all);
            counts.of_tiers.set(slot, of_gold);
            counts
        };
        let state = |window| GuardState {
            of: 10_000,
            window,
            limits: GuardLimits::default(),
            tiers: tiers.clone(),
            of_tiers: tiers.each(200),
        };
        let none = GuardExpectation::default();
        // 10 percent of 200 members are 20.
        assert!(state(removals(0, 0)).judge(&removals(500, 20), &none).is_ok());
        assert!(state(removals(9, 9)).judge(&removals(500, 11), &none).is_ok());
        let held = state(removals(9, 9)).judge(&removals(500, 12), &none).unwrap_err();
        assert_eq!(
            (held.would_change, held.of, held.window, held.kind()),
            (12, 200, 9, Some(GuardKind::Removals))
        );
        assert!(held.to_string().contains("12 of 200 members of the tier \"Gold\""), "{held}");
        assert!(held.of_row().to_string().contains("the tier \"Gold\""));
        let expected = GuardExpectation::of_removals(Some(500));
        assert!(state(removals(9, 9)).judge(&removals(500, 12), &expected).is_ok());
        // Row by row, only members of the tier stay.
        let mut allowance = state(removals(9, 9)).judge_each(&removals(500, 12), |_| false);
        assert!(allowance.step(&removals(1, 1)).is_err());
        assert!(allowance.step(&removals(1, 0)).is_ok());
    }

    #[test]
    fn a_refusal_says_how_many_and_what_to_do() {
        for kind in GuardKind::ALL {
            let held = state(40).held(kind, 300);
            let (text, word) = (held.to_string(), kind.as_str());
            assert!(text.contains("300 of 1000 members") && text.contains("40 others were"), "{text}");
            assert!(text.contains(&format!("expect_{word} = 300")), "{text}");
            let limits = GuardLimits { ..GuardLimits::default() };
            let window = GuardCounts::of(|_| u64::MAX);
            let full = GuardState { of: u64::MAX, window, limits, ..GuardState::default() };
            let longest = full.held(kind, u64::MAX).of_row();
            assert!(longest.violations[0].description.len() < 280);
            assert_eq!(longest.reason == Reason::RemovalGuard, kind == GuardKind::Removals);
        }
        let base = state(0).held_base(300);
        assert!(base.to_string().contains("expect_members = 300") && base.kind().is_none());
        assert_eq!(base.reason(), Reason::RemovalGuard);
    }
}
