//! What happened with a row.

use crate::model::{Outcome, Row, RowError};

/// What happened with one row.
#[derive(Debug, Clone, PartialEq)]
pub struct RowOutcome {
    /// The member's place, where there is a member: created, or found, also if the row failed then.
    pub row: Option<Row>,
    /// What happened.
    pub outcome: Outcome,
    /// Whether it named another status than its member has, and left it.
    pub status_kept: bool,
    /// Why it failed, when it did.
    pub error: Option<Box<RowError>>,
}

impl RowOutcome {
    /// Whether the row was not applied.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.outcome == Outcome::Failed
    }
}
