//! The plan of a full list.
//!
//! One task reads the list, another one plans: so a plan uses two cores, and holds a few thousand rows.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::decide::Made;
use super::written::{Written, stored};
use crate::directory::jobs::input::{Parser, Rows};
use crate::directory::jobs::work::{Halt, Work};
use crate::model::{Filter, Hold, Job, JobState, JobTask, ListOptions, Reason};
use crate::table::{Base, ListEnd, ListRequest, ListRow, PlannedExample, TableError};
use crate::tasks;

/// Rows that are planned together.
const ROWS: usize = 1_000;
/// Pieces of rows that are read ahead.
const AHEAD: usize = 4;

/// Plans the list of a job.
pub async fn plan(work: &Work, base: &Arc<Base>, job: &Job, options: &ListOptions) -> Result<Made, Halt> {
    check_newest(work, job, options).await?;
    let table = &work.table;
    let today = table.now().date();
    let scope = Filter::parse_members(options.scope.clone(), table.sealer(), work.base, table.fold(), today);
    let scope = scope.map_err(|refusal| Halt::from(TableError::Refused(refusal)))?.filter;
    let (by_admin, origin, sight) = (job.by_admin, job.origin, job.sight);
    let request = ListRequest { options: options.clone(), scope, by_admin, origin, sight };
    let mut plan = base.plan_list(request).await?;
    let Some(parser) = Parser::of(work, job) else {
        return Err(Halt::Failed("INTERNAL".to_owned(), "the job has no list".to_owned()));
    };
    let (send, mut read) = mpsc::channel(AHEAD);
    // The task ends when nobody receives any more.
    let reading = tasks::for_caller(read_all(Rows::open(Arc::clone(work.jobs()), job), parser, send));
    let mut written = Written::new(work);
    let mut done = 0_u64;
    while let Some(rows) = read.recv().await {
        work.check()?;
        let mut rows = rows?;
        work.table.mark_accounts(work.base, &mut rows, |listed| listed.row.as_mut().ok()).await?;
        let planned = plan.rows(rows).await?;
        done += u64::try_from(planned.len()).unwrap_or(u64::MAX);
        written.add(planned).await?;
        work.jobs().note_progress(Job { planned_rows: done, ..job.clone() });
    }
    if done != job.input.rows {
        let text = "the stored input of a job does not have the rows that were received";
        return Err(TableError::Damaged(text.to_owned()).into());
    }
    written.finish().await?;
    let ListEnd { mut summary, removed, examples, .. } = plan.end().await?;
    // It has sent its last row.
    let hidden = reading.await.unwrap_or_default();
    summary.holds.extend((hidden > 0 && summary.counts.removed > 0).then_some(Hold::HiddenRows));
    let examples: Vec<PlannedExample> = examples.into_iter().map(stored).collect();
    work.jobs().put_examples(work.base, work.number, &examples).await?;
    Ok(Made { summary, removals: removed })
}

/// Refuses a list that was made before one of the same scope that was applied.
async fn check_newest(work: &Work, job: &Job, options: &ListOptions) -> Result<(), Halt> {
    let Some(as_of) = options.as_of.filter(|_| !job.is_dry_run) else { return Ok(()) };
    let applied = work.jobs().list(work.base, None, usize::MAX, &[JobState::Succeeded]).await?;
    let is_newer = |other: &Job| match &other.task {
        JobTask::Sync(newer) => {
            let made_at = newer.as_of.unwrap_or(other.created_at);
            !other.is_dry_run && newer.scope == options.scope && made_at > as_of
        }
        JobTask::Batch | JobTask::DeleteByFilter { .. } | JobTask::Revert(_) => false,
    };
    if applied.iter().any(is_newer) {
        let text =
            "a list that was made later was applied before; if this one is right, send it with a later as_of";
        return Err(Halt::Failed(Reason::ListSuperseded.as_str().to_owned(), text.to_owned()));
    }
    Ok(())
}

/// Reads the list to its end, and returns how many hidden rows it has.
async fn read_all(
    mut rows: Rows,
    parser: Parser,
    send: mpsc::Sender<Result<Vec<ListRow>, TableError>>,
) -> u64 {
    loop {
        let mut some = Vec::with_capacity(ROWS);
        while some.len() < ROWS {
            match rows.next().await {
                Ok(Some(row)) => some.push(parser.listed(&row)),
                Ok(None) => break,
                Err(error) => {
                    let _ = send.send(Err(error)).await;
                    return 0;
                }
            }
        }
        if some.is_empty() || send.send(Ok(some)).await.is_err() {
            return rows.hidden();
        }
    }
}
