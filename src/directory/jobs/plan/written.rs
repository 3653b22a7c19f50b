//! What a plan says about rows, as it is stored while the plan is made.

use std::sync::Arc;

use crate::directory::jobs::work::{Halt, Work};
use crate::table::{
    Example, ExampleOf, Jobs, PlannedExample, PlannedResult, PlannedRow, RowResult, TableError,
};
use crate::tasks;

/// Planned rows in one value.
const ROWS_IN_VALUE: usize = 4_096;
/// Values written together while the plan is made.
const VALUES: usize = 4;
/// Most values in one batch.
const IN_BATCH: usize = 32;
/// The most planned rows with details of a failure in one value: a failure takes some hundred bytes, and
/// never more than 4 KiB.
const FAILED_IN_VALUE: usize = 12;

/// What a plan says about rows, as the values to store.
#[derive(Default)]
pub struct Results {
    rows: Vec<PlannedResult>,
    failed: usize,
    full: Vec<Vec<u8>>,
    bytes: usize,
}

impl Results {
    /// Adds what the plan says about the next rows.
    pub fn add(&mut self, planned: Vec<PlannedRow>) {
        for PlannedRow { line, outcome, is_unreadable } in planned {
            self.failed += usize::from(outcome.is_failed());
            self.rows.push(PlannedResult { line, is_unreadable, result: RowResult::whole(&outcome) });
            if self.rows.len() >= ROWS_IN_VALUE || self.failed >= FAILED_IN_VALUE {
                self.close();
            }
        }
    }

    /// The bytes of all values that are full.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The values, with what is left.
    pub fn finish(mut self) -> Vec<Vec<u8>> {
        self.close();
        self.full
    }

    fn close(&mut self) {
        if !self.rows.is_empty() {
            let value = Jobs::planned_value(&self.rows);
            self.bytes += value.len();
            self.full.push(value);
            self.rows.clear();
        }
        self.failed = 0;
    }
}

/// Stores what the plan says about rows.
pub struct Written<'a> {
    work: &'a Work,
    results: Results,
    next: u64,
}

impl<'a> Written<'a> {
    /// Nothing yet.
    pub fn new(work: &'a Work) -> Self {
        Self { work, results: Results::default(), next: 0 }
    }

    /// Adds what the plan says about the next rows.
    pub async fn add(&mut self, planned: Vec<PlannedRow>) -> Result<(), TableError> {
        self.results.add(planned);
        if self.results.full.len() < VALUES {
            return Ok(());
        }
        let full = std::mem::take(&mut self.results.full);
        self.put(&full).await
    }

    /// Stores values that are whole.
    async fn put(&mut self, values: &[Vec<u8>]) -> Result<(), TableError> {
        let Work { base, number, .. } = *self.work;
        for values in values.chunks(IN_BATCH) {
            self.work.jobs().put_planned(base, number, self.next, values).await?;
            self.next += u64::try_from(values.len()).unwrap_or(u64::MAX);
        }
        Ok(())
    }

    /// Stores what is left.
    pub async fn finish(mut self) -> Result<(), TableError> {
        let left = std::mem::take(&mut self.results).finish();
        self.put(&left).await
    }
}

/// Stores all that a plan says about rows, which was made before. Returns once every value is stored or has
/// failed.
pub async fn put_at_once(work: &Work, mut values: Vec<Vec<u8>>) -> Result<(), Halt> {
    let Work { base, number, .. } = *work;
    let (mut storing, mut next) = (Vec::new(), 0);
    while !values.is_empty() {
        let later = values.split_off(values.len().min(IN_BATCH));
        let now = std::mem::replace(&mut values, later);
        let (jobs, first) = (Arc::clone(work.jobs()), next);
        next += u64::try_from(now.len()).unwrap_or(u64::MAX);
        storing.push(tasks::for_caller(async move { jobs.put_planned(base, number, first, &now).await }));
    }
    let mut all = Ok(());
    for stored in storing {
        // A task that panicked has stored nothing.
        all = all.and(stored.await.unwrap_or(Err(TableError::Closing)));
    }
    Ok(all?)
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
