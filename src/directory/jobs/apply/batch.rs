//! Applies the actions of a batch in their order.
//!
//! Every action goes to the lane, also one that changes nothing or fails by the plan: the members may have
//! changed since. An action that fails does not keep the later ones from being applied.

use std::sync::Arc;

use super::step::{STEP, step};
use crate::directory::jobs::action::Action;
use crate::directory::jobs::actions::Actions;
use crate::directory::jobs::work::{Halt, Work};
use crate::model::{Job, Outcome};
use crate::table::{Base, EditWhat, RowOutcome, RowResult, StepOps, StepOutcome};

/// Applies the actions from the cursor on.
pub async fn apply(work: &Work, base: &Arc<Base>, job: &mut Job) -> Result<(), Halt> {
    let mut actions = Actions::open(work.jobs(), work.table.sealer(), job);
    actions.skip(job.cursor.row).await?;
    let mut ready: Vec<EditWhat> = Vec::new();
    loop {
        work.check()?;
        ready.extend(actions.next(STEP - ready.len()).await?.into_iter().map(Action::edit));
        if ready.is_empty() {
            return Ok(());
        }
        let done = apply_some(work, base, job, ready.clone()).await?;
        ready.drain(..done.min(ready.len()));
    }
}

/// Applies actions in one step, and returns how many of them it took.
async fn apply_some(
    work: &Work,
    base: &Arc<Base>,
    job: &mut Job,
    mut actions: Vec<EditWhat>,
) -> Result<usize, Halt> {
    work.table.mark_accounts(work.base, &mut actions, EditWhat::may_start).await?;
    let offboards: Vec<bool> = actions.iter().map(EditWhat::is_offboard).collect();
    let note = move |job: &mut Job, outcomes: &[StepOutcome]| {
        let mut results = Vec::with_capacity(outcomes.len());
        for (is_offboard, outcome) in offboards.into_iter().zip(outcomes) {
            let StepOutcome::Edited(edited) = outcome else { continue };
            let outcome = RowOutcome::from(edited);
            if is_offboard && outcome.outcome == Outcome::Updated {
                job.done.removed += 1;
            } else {
                job.done.rows.add(outcome.outcome);
            }
            results.push((job.cursor.row, RowResult::whole(&outcome)));
            job.cursor.row += 1;
        }
        results
    };
    step(work, base, job, StepOps::Edits(actions), false, note).await
}
