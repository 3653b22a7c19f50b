//! A job: what it is to do, and how far it has come.

use crate::model::access::origin::{Actor, Origin};
use crate::model::id::{BaseNumber, JobNumber};
use crate::model::job::counts::ListCounts;
use crate::model::job::plan::{PlanHash, PlanSummary};
use crate::model::job::state::{JobEnd, JobState};
use crate::model::job::task::{JobInput, JobTask};
use crate::model::row::sight::Sight;
use crate::model::value::time::Timestamp;

/// A job of a memberbase.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The memberbase.
    pub base: BaseNumber,
    /// The number of the job.
    pub number: JobNumber,
    /// What it is to do.
    pub task: JobTask,
    /// What the caller calls it, at most [`JOB_NAME_MAX_CHARS`](crate::model::limits::JOB_NAME_MAX_CHARS)
    /// characters; may be empty.
    pub name: String,
    /// Whether it ends after the plan, whatever the plan says.
    pub is_dry_run: bool,
    /// Whether it is held after its plan, whatever the plan says.
    pub asks_first: bool,
    /// Where the request for it came from. Commits of the job have this origin, with the job as the cause.
    pub origin: Origin,
    /// Which fields of members the caller who requested it may see.
    pub sight: Sight,
    /// Whether that caller had an admin token, so that the guard lets an expected number of removals pass.
    pub by_admin: bool,
    /// Its state.
    pub state: JobState,
    /// What it received.
    pub input: JobInput,
    /// The last plan, once there is one.
    pub plan: Option<PlanSummary>,
    /// The plan that was approved, and who approved it. A new plan that removes no others and does the same
    /// otherwise goes on without asking again.
    pub approved: Option<(PlanHash, Actor)>,
    /// How far the plan has come, in rows of the input.
    pub planned_rows: u64,
    /// How far applying has come.
    pub cursor: JobCursor,
    /// What was applied.
    pub done: ListCounts,
    /// The first and the last revision that it wrote; `None` if it has written nothing.
    pub revisions: Option<(u64, u64)>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its last state began.
    pub changed_at: Timestamp,
    /// When its last plan was complete.
    pub planned_at: Option<Timestamp>,
    /// Why it is held, failed, was rejected or cancelled; `None` in other states.
    pub end: Option<JobEnd>,
}

impl Job {
    /// The rows of its input; of a revert, the members that its plan is about.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let planned = self.plan.as_ref().map(|plan| plan.counts).unwrap_or_default();
        match self.task {
            JobTask::Revert(_) => planned.rows.rows().saturating_add(planned.removed),
            JobTask::Sync(_) | JobTask::Batch { .. } | JobTask::DeleteByFilter { .. } => self.input.rows,
        }
    }

    /// Whether a part of its plan was applied. Such a plan is not made again: the job goes on from its
    /// cursor.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.cursor.row > 0 || self.cursor.removal > 0
    }

    /// Whether nothing more happens to it.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state.is_final()
    }
}

/// How far applying a job has come. It is written in the same batch as the changes that it counts, so that a
/// crash neither repeats nor skips a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobCursor {
    /// Rows of the input before this one are done.
    pub row: u64,
    /// Members to remove before this place in the plan's list are done.
    pub removal: u64,
    /// How many steps were written: the number of the next value of results.
    pub step: u64,
}
