//! One step of a durable job, in a batch of its own.

use crate::model::{Allowance, GuardCounts};
use crate::table::TableError;
use crate::table::plan::Plan;
use crate::table::plan::step_request::{Judging, StepOps, StepReply};
use crate::table::write::job::{Job, StepJob};
use crate::table::write::lane::once::fail;
use crate::table::write::publisher::{Planned, WaitingReply};

/// Plans a step. Returns how many members it took, and what the job may still do.
pub(super) async fn plan_step(
    plan: &mut Plan<'_>,
    mut job: Box<StepJob>,
    planned: &mut Planned,
) -> (usize, Option<GuardCounts>) {
    let size = job.ops.len();
    let allowance = match job.judging {
        Judging::Whole { wanted, ref of_tiers, expected } => {
            match plan.judge_job(wanted, of_tiers, &expected) {
                Ok(allowance) => allowance,
                Err(held) => {
                    let held = TableError::Guard(held);
                    planned.replies.push(WaitingReply::Refused(Box::new(Job::Step(job)), held));
                    return (size, None);
                }
            }
        }
        Judging::Done { left, .. } => Allowance::new(left, left, plan.guard_state()),
    };
    let planned_left = allowance.left();
    let is_removal = matches!(job.ops, StepOps::Removals(..) | StepOps::Deletes(..));
    let allowance = if is_removal { allowance } else { allowance.with_room() };
    plan.allow(allowance.of_any_tier());
    let outcomes = match plan.job_step(&job.ops).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            fail(Job::Step(job), error, planned);
            return (size, None);
        }
    };
    let left = plan.left_of_job(&job.judging, &planned_left);
    let revision = plan.end_request();
    let Some(write) = job.write.take() else { return (size, None) };
    plan.add_writes(write(&outcomes, revision));
    let reply = StepReply { outcomes, revision };
    planned.replies.push(WaitingReply::Step(job.reply, reply, job.permit));
    (size, Some(if job.is_last { GuardCounts::default() } else { left }))
}
