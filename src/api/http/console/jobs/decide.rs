//! Deciding about a job: approve, reject, undo.

use crate::api::http::console::failure::Failure;
use crate::api::http::console::visit::{Answer, Visit};
use crate::directory::{NewRevert, NewRevertOf};
use crate::model::Job;
use crate::model::words::count;

/// Approves the plan that the person saw. If it removes members, they must have said that they know it.
pub async fn approve(visit: Visit) -> Result<Answer, Failure> {
    let job = visit.directory.job(visit.id("job")).await?;
    let removed = job.plan.as_ref().map_or(0, |plan| plan.counts.removed);
    if removed > 0 && visit.sent("sure") != "yes" {
        return Err(Failure::form(format!(
            "Nothing was done. The plan removes {}: look at whom, and tick the box above the button.",
            count(removed, "member")
        )));
    }
    let job = visit.directory.approve_job(visit.id("job"), visit.sent("plan")).await?;
    Ok(shown(&visit, &job))
}

/// Rejects the plan.
pub async fn reject(visit: Visit) -> Result<Answer, Failure> {
    let job = visit.directory.reject_job(visit.id("job")).await?;
    Ok(shown(&visit, &job))
}

/// Plans to take back what a job did. That plan waits for an approval too.
pub async fn undo(visit: Visit) -> Result<Answer, Failure> {
    let of = NewRevertOf::Job(visit.id("job").to_owned());
    let new = NewRevert { of, name: String::new(), is_dry_run: false, asks_first: true };
    let job = visit.directory.start_revert(new).await?;
    Ok(shown(&visit, &job))
}

fn shown(visit: &Visit, job: &Job) -> Answer {
    Answer::See(format!("/console/jobs/{}", visit.directory.sealer().job_id(job.base, job.number)))
}
