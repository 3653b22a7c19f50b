//! Durable jobs of a memberbase: work that is planned before it is done, and that a crash only interrupts.
//!
//! - A job changes its state only along one closed table ([`JobState::may_become`]).
//! - What a job is to do is fixed when it is accepted ([`JobTask`]). What it would do is its [`PlanSummary`].
//! - A job that is [`JobState::Held`] has written nothing since its plan was made.

mod counts;
mod plan;
mod record;
#[cfg(test)]
pub(crate) mod samples;
mod state;
mod task;

pub use self::counts::{ListCounts, RowTally};
pub use self::plan::{Hold, PlanHash, PlanSummary};
pub use self::record::{Job, JobCursor};
pub use self::state::{JobEnd, JobState};
pub use self::task::{JobInput, JobTask, ListFormat, ListMatch, ListOptions, RevertOf};
