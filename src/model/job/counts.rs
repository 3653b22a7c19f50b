//! What the rows of a list do, in numbers.

use crate::model::effect::upsert::Outcome;

/// How many rows had each outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowTally {
    /// Rows that create a member.
    pub created: u64,
    /// Rows that change a member.
    pub updated: u64,
    /// Rows that bring an inactive member back.
    pub reactivated: u64,
    /// Rows that change nothing.
    pub unchanged: u64,
    /// Rows that cannot be applied.
    pub failed: u64,
}

impl RowTally {
    /// Counts a row.
    pub fn add(&mut self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Created => &mut self.created,
            Outcome::Updated => &mut self.updated,
            Outcome::Reactivated => &mut self.reactivated,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Failed => &mut self.failed,
        };
        *count += 1;
    }

    /// All rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.created + self.updated + self.reactivated + self.unchanged + self.failed
    }
}

/// What a job does or did to members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListCounts {
    /// The rows of its input.
    pub rows: RowTally,
    /// Members that are removed: made inactive by a list, deleted by a delete.
    pub removed: u64,
    /// Members that are missing from the list, and that the job may not remove: they have no value in the
    /// field by which the list matches.
    pub not_judged: u64,
    /// Members that are missing from the list and stay, because they do not match its scope.
    pub out_of_scope: u64,
    /// Members of the scope that are missing from the list and stay, because they are younger than it.
    pub newer: u64,
    /// Members that were to be removed and stayed, because somebody changed them after the plan was made or
    /// the list was found to name them.
    pub spared: u64,
}
