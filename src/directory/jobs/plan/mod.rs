//! Making the plan of a job: what it would do, without writing to members.
//!
//! A plan is made from the beginning each time: after an interruption, and after it was approved, unless a
//! part of it is applied already. A plan that was approved is applied at once if nothing was written since,
//! or if the new plan does the same, removes no others, and has no cause to wait that was not approved. If
//! making it again was interrupted, it is no longer known whom the approved plan removes; then only a plan
//! with the same digest is applied.

mod batch;
mod decide;
mod delete;
pub mod filter;
mod list;
mod revert;
#[cfg(test)]
mod tests;
mod why;
mod written;

pub use self::list::{Recognising, begin, plan_rows, recognise};
pub use self::written::Results;
use super::work::{Halt, Work};
use crate::model::{GuardExpectation, Job, JobState, JobTask};

/// Plans a job that waits or whose plan was interrupted. Afterwards it is applied, held or has ended.
pub async fn plan(work: &Work, job: Job) -> Result<(), Halt> {
    work.check()?;
    let base = work.table.base(work.base).await?;
    if decide::is_still_approved(&job, &base).await {
        decide::supersede(work, &job).await?;
        work.change(|job| job.state = JobState::Planning).await?;
        work.change(|job| job.state = JobState::Running).await?;
        return Ok(());
    }
    let before = job.plan.clone();
    let removed_before = if job.state == JobState::Pending {
        work.jobs().all_removals(work.base, work.number).await?
    } else {
        // What is stored may be what the interrupted plan removes.
        Vec::new()
    };
    let job = work
        .change(|job| {
            job.state = JobState::Planning;
            job.planned_rows = 0;
        })
        .await?;
    work.jobs().delete_plan(work.base, work.number).await?;
    let made = match &job.task {
        JobTask::Sync(options) => list::plan(work, &base, &job, options).await?,
        JobTask::DeleteByFilter { filters, expect } => {
            delete::plan(work, &base, &job, filters, expected(&job, expect)).await?
        }
        JobTask::Batch { expect } => batch::plan(work, &base, &job, expected(&job, expect)).await?,
        JobTask::Revert(of) => revert::plan(work, &base, &job, *of).await?,
    };
    decide::decide(work, job, before.map(|plan| (plan, removed_before)), made).await
}

/// What a job may do beyond the limits because an admin expects it.
fn expected(job: &Job, expect: &GuardExpectation) -> GuardExpectation {
    if job.by_admin { *expect } else { GuardExpectation::default() }
}
