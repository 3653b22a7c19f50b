//! The outcome of a row.

use crate::model::{Outcome, Row, RowError};

/// What happened with one row.
#[derive(Debug, Clone, PartialEq)]
pub struct RowOutcome {
    /// The place of the member that the row created or found, even if the row then failed.
    pub row: Option<Row>,
    /// Whether the row created, updated or left its member, or failed.
    pub outcome: Outcome,
    /// Whether the row contained another status than its member has, and the member's status was left.
    pub status_kept: bool,
    /// Why the row failed, if it did.
    pub error: Option<Box<RowError>>,
}

impl RowOutcome {
    /// Whether the row was not applied.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.outcome == Outcome::Failed
    }
}
