//! The plan of a batch of actions.

use std::sync::Arc;

use super::decide::Made;
use super::written::{Written, stored};
use crate::directory::jobs::action::Action;
use crate::directory::jobs::actions::Actions;
use crate::directory::jobs::work::{Halt, Work};
use crate::model::{GuardExpectation, Job};
use crate::table::{ActionsRequest, Base, EditWhat, ListEnd, PlannedExample, PlannedRow, TableError};

/// Actions that are planned together.
const ACTIONS: usize = 1_000;

/// Plans the actions of a job, in their order. The guard accepts exactly the expected numbers of changes.
pub async fn plan(
    work: &Work,
    base: &Arc<Base>,
    job: &Job,
    expected: GuardExpectation,
) -> Result<Made, Halt> {
    let Job { origin, sight, .. } = *job;
    let request = ActionsRequest { origin, sight, actions: job.input.rows, expected };
    let mut plan = base.plan_actions(request).await?;
    let mut actions = Actions::open(work.jobs(), work.table.sealer(), job);
    let mut written = Written::new(work);
    let mut done = 0_u64;
    loop {
        work.check()?;
        let mut some: Vec<EditWhat> = actions.next(ACTIONS).await?.into_iter().map(Action::edit).collect();
        if some.is_empty() {
            break;
        }
        work.table.mark_accounts(work.base, &mut some, EditWhat::may_start).await?;
        let planned = plan.actions(&some).await?;
        let rows = (done + 1..).zip(planned).map(|(line, planned)| PlannedRow {
            line,
            outcome: planned.outcome,
            is_unreadable: false,
        });
        written.add(rows.collect()).await?;
        done = done.saturating_add(u64::try_from(some.len()).unwrap_or(u64::MAX));
        work.jobs().note_progress(Job { planned_rows: done, ..job.clone() });
    }
    if done != job.input.rows {
        let text = "the stored input of a job does not have the actions that were received";
        return Err(TableError::Damaged(text.to_owned()).into());
    }
    written.finish().await?;
    let ListEnd { summary, removed, examples, causes } = plan.end().await?;
    let examples: Vec<PlannedExample> = examples.into_iter().map(stored).collect();
    work.jobs().put_examples(work.base, work.number, &examples).await?;
    Ok(Made { summary, removals: removed, causes })
}
