//! The limits of a store's jobs, and what counts against them.

use crate::model::{Job, JobTask};

/// Limits on the jobs of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobLimits {
    /// Bytes that all jobs together may count for (their weight).
    pub room_bytes: u64,
    /// How long a job is stored after its end, in microseconds.
    pub retention_micros: i64,
    /// How long a held job waits for a decision, in microseconds.
    pub hold_micros: i64,
}

impl Default for JobLimits {
    fn default() -> Self {
        const DAY: i64 = 24 * 60 * 60 * 1_000_000;
        Self { room_bytes: 4 * 1024 * 1024 * 1024, retention_micros: 30 * DAY, hold_micros: 7 * DAY }
    }
}

/// The bytes that the plan and the result of a row or of a removal count for. Few take more, even before
/// compression.
const ROW_BYTES: u64 = 32;
/// The bytes that a member counts for whose changes are taken back: its plan has the member as it was.
const REVERSAL_BYTES: u64 = 256;

/// The bytes that a job counts for: its input as received, and its plan and results. The count follows from
/// the record alone, so that opening a store need not read the data of its jobs.
pub fn weight(job: &Job) -> u64 {
    let planned = job.plan.as_ref().map(|plan| plan.counts).unwrap_or_default();
    let rows = job.input.rows.max(planned.rows.rows()).saturating_add(planned.removed);
    let each = if matches!(job.task, JobTask::Revert(_)) { REVERSAL_BYTES } else { ROW_BYTES };
    job.input.bytes.saturating_add(rows.saturating_mul(each))
}
