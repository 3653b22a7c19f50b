//! Applying the plan of a revert, step by step. Members of one group are in one step.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::step::{STEP, step};
use crate::directory::jobs::work::{Halt, Work};
use crate::model::{Job, Outcome, Row};
use crate::table::{Base, Returned, Reversal, ReversalReader, RowResult, StepOps, StepOutcome, TableError};

/// Applies what the plan says, from the cursor of the job on.
pub async fn apply(work: &Work, base: &Arc<Base>, job: &mut Job) -> Result<(), Halt> {
    let Some(plan) = &job.plan else { return Ok(()) };
    let returned = Returned::after(plan.revisions.0, Row(plan.next_row));
    let returned = Arc::new(Mutex::new(returned));
    let mut reader = work.jobs().reversals(work.base, work.number);
    let mut ready: VecDeque<(u64, Reversal)> = VecDeque::new();
    loop {
        work.check()?;
        read_on(&mut reader, job.cursor.row, &mut ready).await?;
        if ready.is_empty() {
            return Ok(());
        }
        let (places, reversals): (Vec<u64>, Vec<Reversal>) = ready.iter().cloned().unzip();
        let rows: Vec<Option<Row>> = reversals.iter().map(|reversal| reversal.row).collect();
        let note = move |job: &mut Job, outcomes: &[StepOutcome]| {
            let mut results = Vec::with_capacity(outcomes.len());
            for ((place, row), outcome) in places.into_iter().zip(rows).zip(outcomes) {
                job.cursor.row = place + 1;
                results.push((place, noted(job, row, outcome)));
            }
            results
        };
        let ops = StepOps::Reversals(reversals, Arc::clone(&returned));
        let done = step(work, base, job, ops, false, note).await?;
        ready.drain(..done.min(ready.len()));
    }
}

/// Reads changes of a step, and no part of a group.
async fn read_on(
    reader: &mut ReversalReader,
    from: u64,
    ready: &mut VecDeque<(u64, Reversal)>,
) -> Result<(), TableError> {
    while ready.len() < STEP || ready.back().is_some_and(|(_, last)| last.with_next) {
        match reader.next().await? {
            Some((place, reversal)) if place >= from && reversal.does.is_change() => {
                ready.push_back((place, reversal));
            }
            Some(_) => {}
            None => return Ok(()),
        }
    }
    Ok(())
}

/// Counts what happened with a member, and returns it for the results.
fn noted(job: &mut Job, row: Option<Row>, outcome: &StepOutcome) -> RowResult {
    if let StepOutcome::Row(outcome) = outcome {
        job.done.rows.add(outcome.outcome);
        return RowResult::whole(outcome);
    }
    job.done.removed += 1;
    // What the job has removed does not count as still to come.
    job.cursor.removal += 1;
    RowResult { row, outcome: Outcome::Updated, status_kept: false, error: None }
}
