//! One step of a job: what it does to members, and what it stores about the job, in one commit.

use std::sync::{Arc, Mutex, PoisonError};

use crate::directory::jobs::work::{Halt, Work};
use crate::model::origin::Cause;
use crate::model::{GuardCounts, GuardExpectation, Hold, Job, JobTask, MemberRow, Origin, Outcome, Row};
use crate::table::{
    Base, Edited, Jobs, Judging, RemovedResult, RowResult, Spared, StepOps, StepOutcome, StepReply,
    StepRequest, StepResults,
};

/// Rows, members or actions of one step. Writes of others wait for one step at most, so it is short.
pub const STEP: usize = 250;

/// Makes one step, and returns how many rows or members it took. `note` adds what happened to rows to the
/// job, and returns it for the results.
pub async fn step(
    work: &Work,
    base: &Arc<Base>,
    job: &mut Job,
    ops: StepOps<MemberRow>,
    is_last: bool,
    note: impl FnOnce(&mut Job, &[StepOutcome]) -> Vec<(u64, RowResult)> + Send + Sync + 'static,
) -> Result<usize, Halt> {
    let before = job.clone();
    let members: Vec<Row> = match &ops {
        StepOps::Removals(rows, _) | StepOps::Deletes(rows, _) => rows.clone(),
        StepOps::Rows(..) | StepOps::Edits(_) | StepOps::Reversals(..) => Vec::new(),
    };
    let stored = Arc::new(Mutex::new(None));
    let after = Arc::clone(&stored);
    let write = move |outcomes: &[StepOutcome], revision: u64| {
        let mut job = before.clone();
        let mut results = StepResults { revision, ..StepResults::default() };
        for (row, outcome) in members.iter().zip(outcomes) {
            let fate = match outcome {
                StepOutcome::Removed | StepOutcome::Deleted(_) => RemovedResult::Removed,
                StepOutcome::Spared(Spared::Changed) => RemovedResult::Changed,
                StepOutcome::Spared(Spared::Gone) => RemovedResult::Gone,
                StepOutcome::Spared(Spared::Inactive) => RemovedResult::Inactive,
                StepOutcome::Row(_) | StepOutcome::Edited(_) => continue,
            };
            let count =
                if fate == RemovedResult::Removed { &mut job.done.removed } else { &mut job.done.spared };
            *count += 1;
            job.cursor.removal += 1;
            results.removals.push_back((*row, fate));
        }
        results.rows = note(&mut job, outcomes).into();
        if outcomes.iter().any(has_written) {
            job.revisions = Some((job.revisions.map_or(revision, |(first, _)| first), revision));
        }
        let writes = Jobs::step_writes(&before, &mut job, &results);
        *after.lock().unwrap_or_else(PoisonError::into_inner) = Some(job);
        writes
    };
    let request = StepRequest {
        ops,
        judging: if is_last { nothing_left() } else { judging(job) },
        is_last,
        write: Box::new(write),
        origin: Origin { cause: Cause::Job(u128::from(job.number.0)), ..job.origin },
        sight: job.sight,
    };
    let StepReply { outcomes, .. } = base.step(request).await?;
    if let Some(after) = stored.lock().unwrap_or_else(PoisonError::into_inner).take() {
        *job = after;
    }
    work.jobs().stepped(job.clone());
    Ok(outcomes.len())
}

fn has_written(outcome: &StepOutcome) -> bool {
    match outcome {
        StepOutcome::Row(row) => {
            matches!(row.outcome, Outcome::Created | Outcome::Updated | Outcome::Reactivated)
        }
        StepOutcome::Edited(edited) => {
            matches!(edited, Edited::Done { outcome, .. } if *outcome != Outcome::Unchanged)
        }
        StepOutcome::Removed | StepOutcome::Deleted(_) => true,
        StepOutcome::Spared(_) => false,
    }
}

/// The last step changes no members.
fn nothing_left() -> Judging {
    Judging::Done { left: GuardCounts::default(), of_tiers: Vec::new() }
}

/// How the guard judges the next step: the whole plan before the first one.
fn judging(job: &Job) -> Judging {
    let wanted = job.plan.as_ref().map_or(GuardCounts::default(), |plan| plan.counted);
    let of_tiers = job.plan.as_ref().map(|plan| plan.of_tiers.clone()).unwrap_or_default();
    if job.has_begun() {
        // Until the missing members are removed, rows may use what the plan counts for them.
        let removed =
            if matches!(job.task, JobTask::Batch { .. }) { job.done.removed } else { job.cursor.removal };
        return Judging::Done { left: wanted.minus(&GuardCounts::of_removals(removed)), of_tiers };
    }
    let expected = match &job.task {
        JobTask::Sync(options) => options.expect,
        JobTask::Batch { expect } | JobTask::DeleteByFilter { expect, .. } => *expect,
        JobTask::Revert(_) => GuardExpectation::default(),
    };
    // An approval lets pass only what the plan was held for: somebody without an admin token may have
    // approved a plan that was within the limits.
    let approved: &[Hold] = match &job.plan {
        Some(plan) if job.approved.is_some() => &plan.holds,
        Some(_) | None => &[],
    };
    let expected = GuardExpectation::of(|kind| {
        if approved.contains(&Hold::of_guard(kind)) {
            return Some(wanted.get(kind));
        }
        expected.get(kind).filter(|_| job.by_admin)
    });
    Judging::Whole { wanted, of_tiers, expected }
}
