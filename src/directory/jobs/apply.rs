//! Applying a plan: its rows in order, and then its removals, step by step. Batches of actions are in
//! `batch`.
//!
//! - Only rows that the plan changes are applied; the lane decides each of them again.
//! - Each step stores the cursor with its changes, so that the job goes on after a crash exactly where it
//!   was.
//! - Only members that the plan removes are removed, and of these only those that nobody has written since
//!   the plan was begun, and who are still in the audiences that a filter or scope names. They cannot be in
//!   the list: their keys are those that the plan compared with every row.
//! - The guard judges the whole plan again before the first step. If it holds the plan now, nothing was
//!   written.

mod batch;
mod revert;
mod step;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::step::{STEP, step};
use super::input::RowSource;
use super::plan::filter;
use super::work::{Halt, Work};
use crate::model::{Hold, Job, JobEnd, JobState, JobTask, ListCounts, MemberRow, Outcome, Parsed, RowError};
use crate::table::{Base, PlannedResult, RowResult, StepOps, StepOutcome, StillMeant, TableError};

/// Applies the plan of a job from its cursor on.
pub async fn apply(work: &Work) -> Result<(), Halt> {
    // The record as it is stored, without progress that is only shown.
    let mut job = work.change(|_| {}).await?;
    let base = work.table.base(work.base).await?;
    let applied = match &job.task {
        JobTask::Sync(_) => match apply_rows(work, &base, &mut job).await {
            Ok(()) => remove(work, &base, &mut job).await,
            halted => halted,
        },
        JobTask::DeleteByFilter { .. } => remove(work, &base, &mut job).await,
        JobTask::Batch { .. } => batch::apply(work, &base, &mut job).await,
        JobTask::Revert(_) => revert::apply(work, &base, &mut job).await,
    };
    let (state, end) = match applied {
        Ok(()) => (JobState::Succeeded, None),
        Err(Halt::Cancelled) => {
            let text = "the job was cancelled; what it had written stays";
            (JobState::Cancelled, Some(JobEnd::new("CANCELLED", text)))
        }
        Err(Halt::Failed(reason, message)) => (JobState::Failed, Some(JobEnd::new(reason, message))),
        Err(Halt::Later(TableError::Guard(held))) => {
            // The first step was refused, so nothing was written.
            let message = held.to_string();
            let hold = held.kind().map_or(Hold::Changes, Hold::of_guard);
            work.change(|job| {
                job.state = JobState::Held;
                job.approved = None;
                job.end = Some(JobEnd::new(hold.as_str(), message));
                if let Some(plan) = &mut job.plan {
                    plan.holds = vec![hold];
                }
            })
            .await?;
            return Ok(());
        }
        Err(halt) => return Err(halt),
    };
    // A last step, so that the guard no longer counts what the job has not removed.
    let now = work.table.now();
    let done = move |job: &mut Job, _: &[StepOutcome]| {
        job.state = state;
        job.changed_at = now;
        let is_batch = matches!(job.task, JobTask::Batch { .. });
        if let (JobState::Succeeded, Some(plan), false) = (state, &job.plan, is_batch) {
            // These rows were not applied, and that is what happened with them.
            job.done.rows.unchanged += plan.counts.rows.unchanged;
            job.done.rows.failed += plan.counts.rows.failed;
            let ListCounts { not_judged, out_of_scope, newer, .. } = plan.counts;
            job.done = ListCounts { not_judged, out_of_scope, newer, ..job.done };
        }
        job.end = end;
        Vec::new()
    };
    step(work, &base, &mut job, StepOps::Removals(Vec::new(), StillMeant::default()), true, done)
        .await
        .map(drop)
}

/// Applies the rows that the plan changes.
async fn apply_rows(work: &Work, base: &Arc<Base>, job: &mut Job) -> Result<(), Halt> {
    let JobTask::Sync(options) = &job.task else { return Ok(()) };
    let options = options.upsert(job.sight);
    let (mut place, mut value) = (0_u64, 0_u64);
    let mut source: Option<RowSource> = None;
    let mut ready: Vec<(u64, Result<MemberRow, RowError>)> = Vec::new();
    loop {
        work.check()?;
        let Some(planned) = work.jobs().planned(work.base, work.number, value, 1).await?.pop() else { break };
        value += 1;
        let first = place;
        place += u64::try_from(planned.len()).unwrap_or(u64::MAX);
        let wanted: Vec<u64> = (first..)
            .zip(&planned)
            .filter(|(place, row)| *place >= job.cursor.row && is_change(row))
            .map(|(place, _)| place)
            .collect();
        if wanted.is_empty() {
            continue;
        }
        let source = match &mut source {
            Some(source) => source,
            None => match RowSource::open(work, job) {
                Some(opened) => source.insert(opened),
                None => break,
            },
        };
        ready.extend(source.rows(&wanted).await?);
        while ready.len() >= STEP {
            apply_some(work, base, job, &mut ready, options).await?;
        }
    }
    while !ready.is_empty() {
        apply_some(work, base, job, &mut ready, options).await?;
    }
    Ok(())
}

fn is_change(row: &PlannedResult) -> bool {
    matches!(row.result.outcome, Outcome::Created | Outcome::Updated | Outcome::Reactivated)
}

async fn apply_some(
    work: &Work,
    base: &Arc<Base>,
    job: &mut Job,
    ready: &mut Vec<(u64, Result<MemberRow, RowError>)>,
    options: crate::model::UpsertOptions,
) -> Result<(), Halt> {
    work.check()?;
    let some = ready.get(..STEP).unwrap_or(ready);
    let places: Vec<u64> = some.iter().map(|(place, _)| *place).collect();
    let mut rows: Vec<_> = some.iter().map(|(_, row)| row.clone()).collect();
    work.table.mark_accounts(work.base, &mut rows, |row| row.as_mut().ok()).await?;
    let done = move |job: &mut Job, outcomes: &[StepOutcome]| {
        let mut results = Vec::with_capacity(outcomes.len());
        for (place, outcome) in places.into_iter().zip(outcomes) {
            let StepOutcome::Row(outcome) = outcome else { continue };
            job.done.rows.add(outcome.outcome);
            job.cursor.row = place + 1;
            results.push((place, RowResult::whole(outcome)));
        }
        results
    };
    let done = step(work, base, job, StepOps::Rows(rows, options), false, done).await?;
    ready.drain(..done.min(ready.len()));
    Ok(())
}

/// Removes the members that the plan removes.
async fn remove(work: &Work, base: &Arc<Base>, job: &mut Job) -> Result<(), Halt> {
    let since = job.plan.as_ref().map_or(0, |plan| plan.revisions.0);
    let filter = filter_to_check(work, job)?;
    loop {
        work.check()?;
        let rows = work.jobs().removals(work.base, work.number, job.cursor.removal, STEP).await?;
        if rows.is_empty() {
            return Ok(());
        }
        if let Some(parsed) = &filter {
            filter::check(job, &parsed.named, &base.view().await)?;
        }
        let meant = StillMeant { since, filter: filter.clone() };
        let ops = match &job.task {
            JobTask::DeleteByFilter { .. } => StepOps::Deletes(rows, meant),
            JobTask::Sync(_) | JobTask::Batch { .. } | JobTask::Revert(_) => StepOps::Removals(rows, meant),
        };
        step(work, base, job, ops, false, |_, _| Vec::new()).await?;
    }
}

/// The filter that members to be removed must still match, if it names audiences: who is in an audience
/// changes without a write of the member.
fn filter_to_check(work: &Work, job: &Job) -> Result<Option<Arc<Parsed>>, Halt> {
    let filters = match &job.task {
        JobTask::Sync(options) => &options.scope,
        JobTask::DeleteByFilter { filters, .. } => filters,
        JobTask::Batch { .. } | JobTask::Revert(_) => return Ok(None),
    };
    let parsed = filter::parse(&work.table, work.base, filters)?;
    Ok((!parsed.named.audiences.is_empty()).then(|| Arc::new(parsed)))
}
