//! Why a plan waits for approval.

use crate::model::{
    GuardCounts, GuardExpectation, GuardKind, GuardState, Held, Hold, Limited, RowError, Tier,
};

/// Rows that may be anybody of which a plan says more than their number.
const NAMED_ROWS: usize = 5;

/// What the causes for which a plan waits are in detail: for those who decide, and not stored by itself.
#[derive(Debug, Clone, Default)]
pub struct Causes {
    /// What is too much for the guard.
    pub over: Vec<Held>,
    /// The first rows that may be anybody: the line, and why it fails.
    pub unreadable: Vec<(u64, RowError)>,
}

impl Causes {
    /// Notes a row that may be anybody.
    pub fn note_unreadable(&mut self, line: u64, error: Option<&RowError>) {
        if let Some(error) = error.filter(|_| self.unreadable.len() < NAMED_ROWS) {
            self.unreadable.push((line, error.clone()));
        }
    }
}

/// What decides whether a plan waits.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What the guard counts of it.
    pub wanted: GuardCounts,
    /// The members that are removed because no row names them.
    pub missing: u64,
    /// The rows of the list.
    pub rows: u64,
    /// Rows that may be anybody.
    pub unreadable: u64,
    /// The active and invited members.
    pub present: u64,
    /// What the guard knows about the memberbase.
    pub state: GuardState,
    /// What an admin expects.
    pub expected: GuardExpectation,
}

impl Judged {
    /// The removals of members of single tiers that have a limit of their own.
    pub fn of_tiers(&self) -> Vec<(Tier, u64)> {
        self.state.tiers.named(&self.wanted.of_tiers)
    }

    /// Everything of which there is more than the guard lets pass.
    pub fn over(&self) -> Vec<Held> {
        let is_expected = |kind: GuardKind| self.expected.get(kind) == Some(self.wanted.get(kind));
        let kinds = GuardKind::ALL.into_iter().filter(|kind| !is_expected(*kind));
        let kinds = kinds.filter(|kind| !self.state.allows(*kind, self.wanted.get(*kind))).map(Limited::Kind);
        let tiers = self.wanted.of_tiers.counted().filter(|(slot, removals)| {
            !is_expected(GuardKind::Removals) && !self.state.allows_tier(*slot, *removals)
        });
        let all = kinds.chain(tiers.map(|(slot, _)| Limited::Tier(slot)));
        all.map(|what| self.state.held(what, self.wanted.of_limited(what))).collect()
    }

    /// Why the plan waits; empty if it may be applied at once. An expected number lets the guard pass it, but
    /// not a list that is empty or has unreadable rows.
    pub fn holds(&self) -> Vec<Hold> {
        let removals = self.wanted.removals;
        let is_expected = |kind: GuardKind| self.expected.get(kind) == Some(self.wanted.get(kind));
        let over = self.over();
        let is_over = |hold| over.iter().filter_map(Held::kind).any(|kind| Hold::of_guard(kind) == hold);
        let holds = [
            (Hold::Removals, is_over(Hold::Removals)),
            (Hold::Changes, is_over(Hold::Changes)),
            (Hold::UnreadableRows, self.unreadable > 0 && self.missing > 0),
            (Hold::EmptyList, self.rows == 0 && self.missing > 0),
            (Hold::Everybody, removals > 0 && removals >= self.present && !is_expected(GuardKind::Removals)),
        ];
        holds.into_iter().filter(|(_, is_held)| *is_held).map(|(hold, _)| hold).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GuardLimits;

    fn judged(removals: u64, missing: u64) -> Judged {
        let (window, limits) = (GuardCounts::default(), GuardLimits::default());
        let state = GuardState { of: 100, window, limits, ..GuardState::default() };
        let wanted = GuardCounts::of_removals(removals);
        let expected = GuardExpectation::default();
        Judged { wanted, missing, rows: 50, unreadable: 0, present: 100, state, expected }
    }

    fn changes(identities: u64) -> GuardCounts {
        GuardCounts { identities, ..GuardCounts::default() }
    }

    fn removals_of(removals: u64) -> GuardExpectation {
        GuardExpectation::of_removals(Some(removals))
    }

    fn identities_of(identities: u64) -> GuardExpectation {
        GuardExpectation { identities: Some(identities), ..GuardExpectation::default() }
    }

    #[test]
    fn each_hold_has_its_cause() {
        for (judged, holds) in [
            (judged(20, 20), vec![]),
            (Judged { wanted: changes(10), ..judged(0, 0) }, vec![]),
            (Judged { wanted: changes(11), ..judged(0, 0) }, vec![Hold::Changes]),
            (Judged { wanted: changes(11), expected: identities_of(11), ..judged(0, 0) }, vec![]),
            (
                Judged { wanted: changes(11), expected: identities_of(12), ..judged(0, 0) },
                vec![Hold::Changes],
            ),
            (Judged { wanted: changes(11), expected: removals_of(11), ..judged(0, 0) }, vec![Hold::Changes]),
            (judged(21, 20), vec![Hold::Removals]),
            (Judged { expected: removals_of(21), ..judged(21, 20) }, vec![]),
            (Judged { expected: removals_of(20), ..judged(21, 20) }, vec![Hold::Removals]),
            (Judged { unreadable: 1, ..judged(1, 1) }, vec![Hold::UnreadableRows]),
            (Judged { unreadable: 1, ..judged(1, 0) }, vec![]),
            (Judged { rows: 0, ..judged(0, 0) }, vec![]),
            (Judged { rows: 0, expected: removals_of(1), ..judged(1, 1) }, vec![Hold::EmptyList]),
            (Judged { present: 3, ..judged(3, 2) }, vec![Hold::Everybody]),
            (Judged { present: 3, expected: removals_of(3), ..judged(3, 3) }, vec![]),
            (Judged { present: 0, ..judged(0, 0) }, vec![]),
        ] {
            assert_eq!(judged.holds(), holds, "{judged:?}");
        }
    }
}
