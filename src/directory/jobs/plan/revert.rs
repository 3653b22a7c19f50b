//! The plan of a revert.

use std::sync::Arc;

use super::decide::Made;
use super::written::stored;
use crate::directory::jobs::work::{Halt, Work};
use crate::model::{Job, RevertOf};
use crate::table::{Base, PlannedExample, RevertEnd, RevertRequest};

/// What is to be taken back.
async fn request(work: &Work, job: &Job, of: RevertOf) -> Result<RevertRequest, Halt> {
    let revisions = match of {
        RevertOf::Job(number) => match work.jobs().get(work.base, number).await? {
            Some(reverted) => reverted.revisions,
            None => {
                let text = "the job whose changes were to be taken back is gone";
                return Err(Halt::Failed("JOB_NOT_FOUND".to_owned(), text.to_owned()));
            }
        },
        RevertOf::Revisions(first, last) => Some((first, last)),
        RevertOf::Token(..) => None,
    };
    let (origin, sight) = (job.origin, job.sight);
    Ok(RevertRequest { of, revisions, job: job.number, asked_at: job.created_at, origin, sight })
}

/// Finds what the revert does with each member.
pub async fn plan(work: &Work, base: &Arc<Base>, job: &Job, of: RevertOf) -> Result<Made, Halt> {
    let mut plan = base.plan_revert(request(work, job, of).await?).await?;
    while plan.go_on().await? {
        work.check()?;
        work.jobs().note_progress(Job { planned_rows: plan.compared(), ..job.clone() });
    }
    let ready = plan.order();
    let mut judge = ready.judge().await?;
    let mut written = work.jobs().write_reversals(work.base, work.number);
    while let Some(some) = judge.next().await? {
        work.check()?;
        written.add(&some).await?;
    }
    written.finish().await?;
    let RevertEnd { summary, examples, causes } = judge.end();
    let examples: Vec<PlannedExample> = examples.into_iter().map(stored).collect();
    work.jobs().put_examples(work.base, work.number, &examples).await?;
    Ok(Made { summary, removals: Vec::new(), causes })
}
