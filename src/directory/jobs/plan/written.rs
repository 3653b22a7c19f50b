//! Stores what a plan says about rows, while it is made.

use crate::directory::jobs::work::Work;
use crate::table::{Example, ExampleOf, PlannedExample, PlannedResult, PlannedRow, RowResult, TableError};

/// Planned rows in one value.
const ROWS_IN_VALUE: usize = 4_096;
/// Values written together.
const VALUES: usize = 4;
/// The most planned rows with details of a failure in one value: a failure takes some hundred bytes, and never
/// more than 4 KiB.
const FAILED_IN_VALUE: usize = 12;

/// Stores what the plan says about rows.
pub struct Written<'a> {
    work: &'a Work,
    rows: Vec<PlannedResult>,
    failed: usize,
    full: Vec<Vec<PlannedResult>>,
    next: u64,
}

impl<'a> Written<'a> {
    /// Nothing yet.
    pub fn new(work: &'a Work) -> Self {
        Self { work, rows: Vec::new(), failed: 0, full: Vec::new(), next: 0 }
    }

    /// Adds what the plan says about the next rows.
    pub async fn add(&mut self, planned: Vec<PlannedRow>) -> Result<(), TableError> {
        for PlannedRow { line, outcome, is_unreadable } in planned {
            self.failed += usize::from(outcome.is_failed());
            self.rows.push(PlannedResult { line, is_unreadable, result: RowResult::whole(&outcome) });
            if self.rows.len() >= ROWS_IN_VALUE || self.failed >= FAILED_IN_VALUE {
                self.close();
            }
        }
        if self.full.len() >= VALUES { self.flush().await } else { Ok(()) }
    }

    fn close(&mut self) {
        if !self.rows.is_empty() {
            self.full.push(std::mem::take(&mut self.rows));
        }
        self.failed = 0;
    }

    async fn flush(&mut self) -> Result<(), TableError> {
        let full = std::mem::take(&mut self.full);
        let Work { base, number, .. } = *self.work;
        self.work.jobs().put_planned(base, number, self.next, &full).await?;
        self.next += u64::try_from(full.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Stores what is left.
    pub async fn finish(mut self) -> Result<(), TableError> {
        self.close();
        self.flush().await
    }
}

/// An example as it is stored.
pub fn stored(example: Example) -> PlannedExample {
    let Example { of, line, row, before, after, error } = example;
    PlannedExample {
        outcome: match of {
            ExampleOf::Row(outcome) => Some(outcome),
            ExampleOf::Removed => None,
        },
        line,
        row,
        before: before.map(|member| *member),
        after: after.map(|member| *member),
        error: error.map(|error| *error),
    }
}
