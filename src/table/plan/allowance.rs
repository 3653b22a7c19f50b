//! How many members a request may remove, and the proof for each of its writes.

use crate::model::{Held, Status};

/// The proof that the status of a member may change as it is about to change.
pub struct Step(());

/// How many members a request may still remove. By default none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    left: u64,
    /// The refusal of further removals.
    held: Held,
}

impl Allowance {
    /// This many members; `held` refuses more.
    pub fn new(left: u64, held: Held) -> Self {
        Self { left, held }
    }

    /// For planning that only counts removals.
    pub fn counting() -> Self {
        Self { left: u64::MAX, ..Self::default() }
    }

    /// The removals that are left.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The refusal of the removals that it does not allow.
    pub fn held(&self) -> Held {
        self.held
    }

    /// Uses it for a change of status, if that is a removal; `None` stands for a member that does not exist.
    pub fn step(&mut self, before: Option<Status>, after: Option<Status>) -> Result<Step, Held> {
        if is_removal(before, after) {
            self.left = self.left.checked_sub(1).ok_or(self.held)?;
        }
        Ok(Step(()))
    }
}

/// Whether a change of status removes the member.
pub fn is_removal(before: Option<Status>, after: Option<Status>) -> bool {
    match (before, after) {
        (None, _) | (Some(Status::Inactive), Some(Status::Inactive)) => false,
        (Some(_), None) | (Some(Status::Active | Status::Invited), Some(Status::Inactive)) => true,
        (Some(_), Some(Status::Active | Status::Invited)) => false,
    }
}
