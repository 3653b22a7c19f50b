//! Making the plan of a job: what it would do, without writing to members.
//!
//! A plan is made from the beginning each time: after an interruption, and after it was approved. A plan that
//! was approved is applied at once if nothing was written since, or if the new plan does the same and removes
//! no others.

mod decide;
mod delete;
mod list;

use super::work::{Halt, Work};
use crate::model::{Job, JobState, JobTask};

/// Plans a job that waits or whose plan was interrupted. Afterwards it is applied, held or has ended.
pub async fn plan(work: &Work, job: Job) -> Result<(), Halt> {
    work.check()?;
    let base = work.table.base(work.base).await?;
    if decide::is_still_approved(&job, &base).await {
        work.change(|job| job.state = JobState::Planning).await?;
        work.change(|job| job.state = JobState::Running).await?;
        return Ok(());
    }
    let before = job.plan.clone();
    let job = work
        .change(|job| {
            job.state = JobState::Planning;
            job.planned_rows = 0;
        })
        .await?;
    let removed_before = work.jobs().all_removals(work.base, work.number).await?;
    work.jobs().delete_plan(work.base, work.number).await?;
    let made = match &job.task {
        JobTask::Sync(options) => list::plan(work, &base, &job, options).await?,
        JobTask::DeleteByFilter { filters, .. } => delete::plan(work, &base, filters).await?,
        JobTask::Batch | JobTask::Revert(_) => {
            return Err(Halt::Failed("NOT_SUPPORTED".to_owned(), "this kind of job is not known".to_owned()));
        }
    };
    decide::decide(work, &base, job, before.map(|plan| (plan, removed_before)), made).await
}
