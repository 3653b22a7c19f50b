//! What the guard counts of a plan, and why a plan waits for approval.

use crate::model::{Hold, RemovalState};
use crate::table::plan::Plan;

/// What the guard counts. This is the only place where the counts of slices are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Guarded {
    /// Members that rows make inactive, and those that are missing.
    pub removals: u64,
}

impl Guarded {
    /// Adds what the rows of a slice do.
    pub fn add(&mut self, plan: &Plan<'_>) {
        self.removals += plan.removed();
    }
}

/// What decides whether a plan waits.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    /// What it does.
    pub guarded: Guarded,
    /// The members that are removed because no row names them.
    pub missing: u64,
    /// The rows of the list.
    pub rows: u64,
    /// Rows that may be anybody.
    pub unreadable: u64,
    /// The active and invited members.
    pub present: u64,
    /// What the guard knows about the memberbase.
    pub state: RemovalState,
    /// How many removals an admin expects.
    pub expected: Option<u64>,
}

impl Judged {
    /// Why the plan waits; empty if it may be applied at once. An expected number lets the guard pass it, but
    /// not a list that is empty or has unreadable rows.
    pub fn holds(&self) -> Vec<Hold> {
        let removals = self.guarded.removals;
        let is_expected = self.expected == Some(removals);
        let holds = [
            (Hold::Removals, !self.state.allows(removals) && !is_expected),
            (Hold::UnreadableRows, self.unreadable > 0 && self.missing > 0),
            (Hold::EmptyList, self.rows == 0 && self.missing > 0),
            (Hold::Everybody, removals > 0 && removals >= self.present && !is_expected),
        ];
        holds.into_iter().filter(|(_, is_held)| *is_held).map(|(hold, _)| hold).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RemovalLimit;

    fn judged(removals: u64, missing: u64) -> Judged {
        let state = RemovalState { of: 100, window: 0, limit: RemovalLimit::default() };
        let guarded = Guarded { removals };
        Judged { guarded, missing, rows: 50, unreadable: 0, present: 100, state, expected: None }
    }

    #[test]
    fn each_hold_has_its_cause() {
        for (judged, holds) in [
            (judged(20, 20), vec![]),
            (judged(21, 20), vec![Hold::Removals]),
            (Judged { expected: Some(21), ..judged(21, 20) }, vec![]),
            (Judged { expected: Some(20), ..judged(21, 20) }, vec![Hold::Removals]),
            (Judged { unreadable: 1, ..judged(1, 1) }, vec![Hold::UnreadableRows]),
            (Judged { unreadable: 1, ..judged(1, 0) }, vec![]),
            (Judged { rows: 0, ..judged(0, 0) }, vec![]),
            (Judged { rows: 0, expected: Some(1), ..judged(1, 1) }, vec![Hold::EmptyList]),
            (Judged { present: 3, ..judged(3, 2) }, vec![Hold::Everybody]),
            (Judged { present: 3, expected: Some(3), ..judged(3, 3) }, vec![]),
            (Judged { present: 0, ..judged(0, 0) }, vec![]),
        ] {
            assert_eq!(judged.holds(), holds, "{judged:?}");
        }
    }
}
