//! What the bases of a store count for operators while they work.
//!
//! All bases share the handles, so a write finds them without a search. They are added to once for a batch,
//! a reply or a checkpoint, whatever the number of rows.

use crate::metrics::{Counter, Histogram};

/// The bounds of the numbers of rows of a batch.
const ROWS: [u64; 9] = [1, 2, 5, 10, 50, 100, 250, 500, 1_000];
/// The bounds of the bytes of a batch.
const BYTES: [u64; 8] = [1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20];
/// The bounds of the times until a batch is durable, in microseconds.
const TIMES: [u64; 14] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000,
];

/// What happened with a row or a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowEnd {
    /// It created a member.
    Created,
    /// It changed a member.
    Updated,
    /// The member was so already.
    Unchanged,
    /// It brought an inactive member back.
    Reactivated,
    /// It was not applied.
    Failed,
    /// A full list made the member inactive.
    Removed,
    /// The member was deleted.
    Deleted,
    /// A deleted member came back.
    Restored,
}

impl RowEnd {
    /// Every one, in the order of the counters.
    pub const ALL: [Self; 8] = [
        Self::Created,
        Self::Updated,
        Self::Unchanged,
        Self::Reactivated,
        Self::Failed,
        Self::Removed,
        Self::Deleted,
        Self::Restored,
    ];

    /// Its place in [`RowEnd::ALL`].
    fn place(self) -> usize {
        match self {
            Self::Created => 0,
            Self::Updated => 1,
            Self::Unchanged => 2,
            Self::Reactivated => 3,
            Self::Failed => 4,
            Self::Removed => 5,
            Self::Deleted => 6,
            Self::Restored => 7,
        }
    }

    /// The value of the label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Reactivated => "reactivated",
            Self::Failed => "failed",
            Self::Removed => "removed",
            Self::Deleted => "deleted",
            Self::Restored => "restored",
        }
    }
}

/// Numbers of rows, by what happened with them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowSums([u64; RowEnd::ALL.len()]);

impl RowSums {
    /// Adds rows that ended like this.
    pub fn add(&mut self, end: RowEnd, rows: u64) {
        if let Some(sum) = self.0.get_mut(end.place()) {
            *sum += rows;
        }
    }
}

/// The handles of all bases of a store. Clones share their numbers.
#[derive(Debug, Clone)]
pub struct TableMetrics {
    rows: [Counter; RowEnd::ALL.len()],
    /// The rows of each batch that a lane planned.
    pub batch_rows: Histogram,
    /// The bytes of each batch that was appended to the log.
    pub batch_bytes: Histogram,
    /// How long each batch took from its end in the lane until it was durable and its turn to be shown came.
    pub batch_times: Histogram,
    /// The batches that failed.
    pub batch_failures: Counter,
    /// The checkpoints that were written.
    pub checkpoints: Counter,
    /// The checkpoints that failed.
    pub checkpoint_failures: Counter,
}

impl Default for TableMetrics {
    fn default() -> Self {
        Self {
            rows: Default::default(),
            batch_rows: Histogram::of_numbers(&ROWS),
            batch_bytes: Histogram::of_numbers(&BYTES),
            batch_times: Histogram::of_times(&TIMES),
            batch_failures: Counter::default(),
            checkpoints: Counter::default(),
            checkpoint_failures: Counter::default(),
        }
    }
}

impl TableMetrics {
    /// Counts rows.
    pub fn count(&self, sums: RowSums) {
        for (counter, rows) in self.rows.iter().zip(sums.0).filter(|(_, rows)| *rows > 0) {
            counter.inc_by(rows);
        }
    }

    /// The rows that were counted so far, by what happened with them.
    pub fn rows(&self) -> impl Iterator<Item = (RowEnd, u64)> + '_ {
        RowEnd::ALL.into_iter().zip(self.rows.iter().map(Counter::get))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_under_what_happened_with_them() {
        let metrics = TableMetrics::default();
        for (place, end) in RowEnd::ALL.into_iter().enumerate() {
            let mut sums = RowSums::default();
            sums.add(end, u64::try_from(place).unwrap() + 1);
            metrics.count(sums);
        }
        let counted: Vec<_> = metrics.rows().collect();
        let expected: Vec<_> = RowEnd::ALL.into_iter().zip(1..).collect();
        assert_eq!(counted, expected);
    }
}
