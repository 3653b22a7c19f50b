//! The jobs of a store that was restored to an earlier time.

use std::ops::Bound;
use std::sync::Arc;

use crate::engine::{Batch, Direction, Engine, commit_caught_up};
use crate::model::{Hold, Job, JobEnd, JobState, Timestamp};
use crate::stored::job as stored;
use crate::table::TableError;

/// Jobs read and written together.
const JOBS_TOGETHER: usize = 200;

/// Holds every job that is running, unless somebody has cancelled it. Nothing else uses the store in `engine`
/// meanwhile.
///
/// The members of the store are as the last step of the job before that moment left them. So once somebody
/// approves the job, it goes on from its cursor, as after a crash.
pub async fn hold_running(engine: &Arc<dyn Engine>, now: Timestamp) -> Result<(), TableError> {
    let mut range = stored::jobs();
    loop {
        let found = engine.scan(range.clone(), Direction::Forward, JOBS_TOGETHER).await?;
        let Some((last, _)) = found.last() else { return Ok(()) };
        range.start = Bound::Excluded(last.clone());
        let mut batch = Batch::default();
        for (key, value) in found {
            let Some((base, number)) = stored::job_number(&key) else { continue };
            // A damaged job is not run; `check` finds it.
            let Ok(job) = stored::decode(base, number, &value) else { continue };
            if job.state == JobState::Running && !is_cancelled(engine, &job).await? {
                batch.put(key, stored::encode(&held(job, now)));
            }
        }
        if !batch.puts.is_empty() {
            commit_caught_up(&**engine, batch).await?;
        }
    }
}

async fn is_cancelled(engine: &Arc<dyn Engine>, job: &Job) -> Result<bool, TableError> {
    let key = stored::cancelled(job.base, job.number);
    Ok(engine.get_many(&[key]).await?.pop().flatten().is_some())
}

fn held(mut job: Job, now: Timestamp) -> Job {
    job.state = JobState::Held;
    job.changed_at = now;
    job.approved = None;
    let message = "the store was restored to a moment at which the job was running";
    job.end = Some(JobEnd::new(Hold::StoreRestored.as_str(), message));
    if let Some(plan) = &mut job.plan {
        plan.holds = vec![Hold::StoreRestored];
    }
    job
}
