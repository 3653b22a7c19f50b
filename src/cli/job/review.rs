//! Shows the plan of a new job, asks, and follows the job to its end.

use super::decide::{Share, may_apply};
use super::follow::follow;
use super::show;
use crate::api::grpc::v1;
use crate::cli::client::{Client, Refusal};
use crate::cli::{Error, output};

/// How a plan is reviewed.
#[derive(Debug, Clone, Copy)]
pub struct Review {
    /// Shows no progress.
    pub quiet: bool,
    /// Applies a plan that is within the limits without asking.
    pub yes: bool,
    /// The same, if it also removes less than this share of the members.
    pub under: Option<Share>,
}

/// Follows a job until its plan is complete, shows the plan, and applies it if it may. Returns the job as it is
/// then.
pub async fn review(client: &mut Client, id: &str, review: Review) -> Result<v1::Job, Error> {
    let planned = follow(client, id, review.quiet).await?;
    let mut planned = get(client, &planned.id).await?;
    output::text(show::plan(&planned))?;
    if planned.state() == v1::JobState::Held {
        let members = members(client, &planned.member_base_id).await?;
        if !may_apply(&planned, review.yes, review.under, members)? {
            mention_held(&planned);
            return Ok(planned);
        }
        let plan_hash = planned.plan.take().map(|plan| plan.hash).unwrap_or_default();
        let request = v1::ApproveJobRequest { id: planned.id.clone(), plan_hash };
        client.jobs.approve_job(request).await.map_err(Refusal::from)?;
        planned = follow(client, &planned.id, review.quiet).await?;
    }
    show_end(client, &planned).await?;
    Ok(planned)
}

/// Prints how a job ended; if it is held again, its new plan and what to do with it.
pub async fn show_end(client: &mut Client, job: &v1::Job) -> Result<(), Error> {
    output::line(show::summary(job))?;
    if job.state() == v1::JobState::Held {
        let held = get(client, &job.id).await?;
        output::text(show::plan(&held))?;
        mention_held(&held);
    }
    Ok(())
}

/// Says what to do with a job that is held.
fn mention_held(job: &v1::Job) {
    let Some(plan) = &job.plan else { return };
    let (id, hash) = (&job.id, &plan.hash);
    let is_limited = plan.holds.iter().any(|hold| hold != "APPROVAL_REQUESTED");
    let with = if is_limited { ", with an admin token," } else { "" };
    output::note(format_args!(
        "held: look at it with `memberbase jobs show {id}`, then{with} `memberbase jobs approve {id} --plan {hash}`, \
         or `memberbase jobs reject {id}`"
    ));
}

async fn get(client: &mut Client, id: &str) -> Result<v1::Job, Error> {
    let request = v1::GetJobRequest { id: id.to_owned() };
    let job = client.jobs.get_job(request).await.map_err(Refusal::from)?.into_inner().job;
    job.ok_or_else(|| Error::Broken("the server's reply has no job".to_owned()))
}

/// The active and invited members.
async fn members(client: &mut Client, id: &str) -> Result<u64, Error> {
    let request = v1::GetMemberBaseRequest { id: id.to_owned() };
    let base = client.bases.get_member_base(request).await.map_err(Refusal::from)?.into_inner().member_base;
    let counts = base.and_then(|base| base.counts).unwrap_or_default();
    Ok(counts.active.saturating_add(counts.invited))
}
