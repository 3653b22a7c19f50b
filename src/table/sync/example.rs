//! Examples of what a plan does: the first members of each kind, before and after.

use crate::model::{Member, Outcome, Row, RowError, Sight};
use crate::table::plan::Plan;
use crate::table::{RowOutcome, TableError};

/// Most examples of each kind.
const OF_EACH: usize = 100;
/// Once the examples have about this many bytes, there are no more.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A member or a row, as an example of what a plan does.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// What happens.
    pub of: ExampleOf,
    /// The line of the list; `None` for a member that the list does not name.
    pub line: Option<u64>,
    /// The member, if it exists.
    pub row: Option<Row>,
    /// The member as it is, if the plan changes or removes it.
    pub before: Option<Box<Member>>,
    /// The member as it would be, if the plan creates or changes it.
    pub after: Option<Box<Member>>,
    /// Why the row fails, if it does.
    pub error: Option<Box<RowError>>,
}

/// What an example is an example of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExampleOf {
    /// A row with this outcome.
    Row(Outcome),
    /// A member that is removed.
    Removed,
}

impl ExampleOf {
    const fn index(self) -> usize {
        match self {
            Self::Row(Outcome::Created) => 0,
            Self::Row(Outcome::Updated) => 1,
            Self::Row(Outcome::Reactivated) => 2,
            Self::Row(Outcome::Unchanged) => 3,
            Self::Row(Outcome::Failed) => 4,
            Self::Removed => 5,
        }
    }
}

/// The examples of a plan in the making, without the fields that its sender may not see.
pub struct Examples {
    sight: Sight,
    list: Vec<Example>,
    counts: [usize; 6],
    bytes: usize,
}

impl Examples {
    /// None yet.
    pub fn new(sight: Sight) -> Self {
        Self { sight, list: Vec::new(), counts: [0; 6], bytes: 0 }
    }

    /// Whether another example of this kind is wanted.
    pub fn wants(&self, of: ExampleOf) -> bool {
        self.bytes < MAX_BYTES && self.counts.get(of.index()).is_some_and(|count| *count < OF_EACH)
    }

    /// Adds an example, if another one of its kind is wanted.
    pub fn add(&mut self, mut example: Example) {
        if !self.wants(example.of) {
            return;
        }
        for member in example.before.iter_mut().chain(&mut example.after) {
            self.sight.cover(member);
            self.bytes += crate::stored::member::encode(member).len();
        }
        if let Some(count) = self.counts.get_mut(example.of.index()) {
            *count += 1;
        }
        self.list.push(example);
    }

    /// Adds a member that is removed, if another example of that is wanted.
    pub fn add_removed(&mut self, row: Row, member: Member) {
        let of = ExampleOf::Removed;
        if self.wants(of) {
            let before = Some(Box::new(member));
            self.add(Example { of, line: None, row: Some(row), before, after: None, error: None });
        }
    }

    /// Adds what was just planned for a row or an action, if another example of its kind is wanted.
    /// `first_new` is the row of the first member that the plan creates.
    pub(in crate::table) fn add_planned(
        &mut self,
        plan: &Plan<'_>,
        first_new: Row,
        of: ExampleOf,
        line: u64,
        outcome: &RowOutcome,
    ) -> Result<(), TableError> {
        if !self.wants(of) {
            return Ok(());
        }
        let is_written = !matches!(outcome.outcome, Outcome::Unchanged | Outcome::Failed);
        let written = outcome.row.filter(|_| is_written).map(|row| plan.before_and_after(row)).transpose()?;
        let (before, after) = written.unwrap_or_default();
        self.add(Example {
            of,
            line: Some(line),
            row: outcome.row.filter(|row| *row < first_new),
            before: before.map(Box::new),
            after: after.filter(|_| of != ExampleOf::Removed).map(Box::new),
            error: outcome.error.clone(),
        });
        Ok(())
    }

    /// Adds a row that changes nothing, if another example of its kind is wanted.
    pub fn add_unwritten(&mut self, of: ExampleOf, line: u64, row: Option<Row>) {
        self.add(Example { of, line: Some(line), row, before: None, after: None, error: None });
    }

    /// All, in the order in which they were added.
    pub fn finish(self) -> Vec<Example> {
        self.list
    }
}
