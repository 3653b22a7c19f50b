//! A job for tests.

use crate::model::access::origin::{Call, Origin};
use crate::model::id::{BaseNumber, JobNumber};
use crate::model::job::{Job, JobCursor, JobInput, JobState, JobTask, ListCounts, ListOptions};
use crate::model::row::sight::Sight;
use crate::model::value::time::Timestamp;

/// A full list without rows that waits, made at `at`.
pub(crate) fn job(base: BaseNumber, at: Timestamp) -> Job {
    Job {
        base,
        number: JobNumber(1),
        task: JobTask::Sync(ListOptions::default()),
        name: "nightly".to_owned(),
        is_dry_run: false,
        asks_first: false,
        origin: Origin::system(Call::NONE),
        sight: Sight::Whole,
        by_admin: false,
        state: JobState::Pending,
        input: JobInput::default(),
        plan: None,
        approved: None,
        planned_rows: 0,
        cursor: JobCursor::default(),
        done: ListCounts::default(),
        revisions: None,
        created_at: at,
        changed_at: at,
        planned_at: None,
        end: None,
    }
}
