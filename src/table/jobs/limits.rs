//! The limits of a store's jobs.

use crate::model::Job;

/// Limits on the jobs of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobLimits {
    /// Bytes of the inputs and results of all jobs together.
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

/// The bytes that plan and results of a row take at most on average.
const ROW_BYTES: u64 = 32;

/// The bytes that a job counts for: its input as received, and its plan and results.
pub fn weight(job: &Job) -> u64 {
    job.input.bytes.saturating_add(job.input.rows.saturating_mul(ROW_BYTES))
}
