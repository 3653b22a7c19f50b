//! Upserts and undeletes that are planned as a whole, in a batch of their own.

use crate::table::idempotency::Progress;
use crate::table::plan::Plan;
use crate::table::plan::request::{UndeleteReply, UpsertReply, WriteMode};
use crate::table::shared::outcome::RowOutcome;
use crate::table::write::job::{Job, UndeleteJob, UpsertJob};
use crate::table::write::lane::once::fail;
use crate::table::write::publisher::{Planned, WaitingReply};

/// Plans an ATOMIC request, or one that is only validated.
pub(super) async fn plan_whole(plan: &mut Plan<'_>, job: Box<UpsertJob>, planned: &mut Planned) -> usize {
    let before = plan.revision();
    let first_new = plan.next_row();
    let wanted = || job.check_wanted();
    let outcomes = match job.mode {
        WriteMode::Atomic => plan.upsert_atomically(&job.rows, &job.options, wanted).await,
        WriteMode::Partial | WriteMode::Whole | WriteMode::ValidateOnly => {
            job.foresee(plan).await.map(|(outcomes, _)| outcomes)
        }
    };
    let rows = job.rows.len();
    match outcomes {
        Ok(outcomes) => {
            let is_failed = outcomes.iter().any(RowOutcome::is_failed);
            let UpsertJob { mode, reply, permit, claim, failure, .. } = *job;
            planned.discard = mode != WriteMode::Atomic || is_failed;
            let revision = if planned.discard { before } else { plan.end_request() };
            let outcomes = if planned.discard {
                outcomes.into_iter().map(|outcome| outcome.unwritten(first_new)).collect()
            } else {
                outcomes
            };
            if let Some((claim, mut progress)) = claim {
                if !planned.discard {
                    plan.store_rows(&claim, &mut progress, &outcomes, true);
                }
                planned.claims.push(claim);
            }
            planned.replies.push(WaitingReply::Upsert(
                reply,
                UpsertReply::new(outcomes, revision),
                failure,
                permit,
            ));
        }
        Err(error) => fail(Job::Upsert(job), error, planned),
    }
    rows
}

/// Plans a request that brings deleted members back. Those that cannot come back do not keep the others away.
pub(super) async fn undelete(plan: &mut Plan<'_>, job: Box<UndeleteJob>, planned: &mut Planned) -> usize {
    let rows = job.sought.len();
    match plan.undelete(&job.sought, || job.check_wanted()).await {
        Ok(outcomes) => {
            let UndeleteJob { reply, held, claim, .. } = *job;
            let revision = plan.end_request();
            if let Some(claim) = claim {
                if claim.stores(&outcomes) {
                    plan.store_rows(&claim, &mut Progress::default(), &outcomes, true);
                }
                planned.claims.push(claim);
            }
            planned.replies.push(WaitingReply::Undelete(reply, UndeleteReply { outcomes, revision }, held));
        }
        Err(error) => fail(Job::Undelete(job), error, planned),
    }
    rows
}
