//! The plan of a full list.
//!
//! One task reads the list, others recognise the rows that change nothing, some pieces of it at once, and
//! another one plans in the order of the list: so a plan uses several cores, and holds a few thousand rows.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::decide::Made;
use super::filter;
use super::written::{Written, put_at_once, stored};
use crate::directory::jobs::input::{Parser, Rows};
use crate::directory::jobs::work::{Halt, Work};
use crate::lists;
use crate::model::{BaseNumber, Hold, Job, JobState, JobTask, ListOptions, MemberRow, Parsed, Reason};
use crate::table::{
    Base, ListEnd, ListPlan, ListRequest, Listed, PlanAhead, PlannedExample, PlannedRow, Recogniser, Table,
    TableError,
};
use crate::tasks;

/// Rows that are planned together.
const ROWS: usize = 1_000;
/// Pieces of rows that are recognised or wait to be planned.
const AHEAD: usize = 4;

/// Rows that a task recognises.
pub type Recognising = JoinHandle<Result<Vec<Listed<lists::ListRow>>, TableError>>;

/// Plans the list of a job, unless that was done while the list arrived.
pub async fn plan(work: &Work, base: &Arc<Base>, job: &Job, options: &ListOptions) -> Result<Made, Halt> {
    check_newest(work, job, options).await?;
    let today = job.created_at.date();
    let ahead = work.table.plans_ahead().take(work.base, work.number, work.table.now());
    if let Some(ahead) = ahead.filter(|ahead| ahead.today == today && ahead.rows == job.input.rows) {
        let PlanAhead { base: _base, plan, results, rows, hidden, .. } = ahead;
        work.jobs().note_progress(Job { planned_rows: rows, ..job.clone() });
        // Both go to their end, so that neither writes after a failure of the other.
        let (put, made) = tokio::join!(put_at_once(work, results), end(work, plan, hidden));
        return put.and(made);
    }
    let mut plan = begin(&work.table, base, job, options).await?;
    let Some(parser) = Parser::new(&work.table, job) else {
        return Err(Halt::Failed("INTERNAL".to_owned(), "the job has no list".to_owned()));
    };
    let parser = Arc::new(parser);
    let (send, mut read) = mpsc::channel(AHEAD);
    // The task ends when nobody receives any more.
    let rows = Rows::open(Arc::clone(work.jobs()), job);
    let reading = tasks::for_caller(read_all(rows, Arc::clone(&parser), plan.recogniser(), send));
    let mut written = Written::new(work);
    let mut done = 0_u64;
    while let Some(rows) = read.recv().await {
        work.check()?;
        // A piece whose task panicked leaves the plan short of rows.
        let Ok(rows) = rows?.await else { break };
        let planned = plan_rows(&work.table, work.base, &mut plan, &parser, rows?).await?;
        done += u64::try_from(planned.len()).unwrap_or(u64::MAX);
        written.add(planned).await?;
        work.jobs().note_progress(Job { planned_rows: done, ..job.clone() });
    }
    if done != job.input.rows {
        let text = "the stored input of a job does not have the rows that were received";
        return Err(TableError::Damaged(text.to_owned()).into());
    }
    written.finish().await?;
    // It has sent its last row.
    end(work, plan, reading.await.unwrap_or_default()).await
}

/// Begins the plan of a list on what is published now.
pub async fn begin(
    table: &Table,
    base: &Base,
    job: &Job,
    options: &ListOptions,
) -> Result<ListPlan, TableError> {
    let Parsed { filter: scope, named } = filter::parse(table, job.base, &options.scope)?;
    filter::check(job, &named, &base.view().await)?;
    let Job { created_at: arrived_at, number: job, by_admin, origin, sight, .. } = *job;
    let options = options.clone();
    base.plan_list(ListRequest { options, scope, arrived_at, job, by_admin, origin, sight }).await
}

/// Plans the next rows of a list.
pub async fn plan_rows(
    table: &Table,
    base: BaseNumber,
    plan: &mut ListPlan,
    parser: &Parser,
    mut rows: Vec<Listed<lists::ListRow>>,
) -> Result<Vec<PlannedRow>, TableError> {
    table.mark_accounts(base, &mut rows, parsed).await?;
    plan.rows(parser, rows).await
}

/// Ends a plan after its last row. The list has so many hidden rows.
async fn end(work: &Work, plan: ListPlan, hidden: u64) -> Result<Made, Halt> {
    let ListEnd { mut summary, removed, examples, causes } = plan.end().await?;
    summary.holds.extend((hidden > 0 && summary.counts.removed > 0).then_some(Hold::HiddenRows));
    let examples: Vec<PlannedExample> = examples.into_iter().map(stored).collect();
    work.jobs().put_examples(work.base, work.number, &examples).await?;
    Ok(Made { summary, removals: removed, causes })
}

/// Refuses a list that was made before one of the same scope that was applied.
async fn check_newest(work: &Work, job: &Job, options: &ListOptions) -> Result<(), Halt> {
    let Some(as_of) = options.as_of.filter(|_| !job.is_dry_run) else { return Ok(()) };
    let applied = work.jobs().list(work.base, None, usize::MAX, &[JobState::Succeeded]).await?;
    let is_newer = |other: &Job| match &other.task {
        JobTask::Sync(newer) => {
            !other.is_dry_run && newer.scope == options.scope && newer.made_at(other.created_at) > as_of
        }
        JobTask::Batch { .. } | JobTask::DeleteByFilter { .. } | JobTask::Revert(_) => false,
    };
    if applied.iter().any(is_newer) {
        let text =
            "a list that was made later was applied before; if this one is right, send it with a later as_of";
        return Err(Halt::Failed(Reason::ListSuperseded.as_str().to_owned(), text.to_owned()));
    }
    Ok(())
}

/// The row to apply, unless its member is what it says already.
fn parsed(listed: &mut Listed<lists::ListRow>) -> Option<&mut MemberRow> {
    match listed {
        Listed::Parsed(row) => row.row.as_mut().ok(),
        Listed::Same(..) => None,
    }
}

/// Reads the list to its end, and returns how many hidden rows it has.
async fn read_all(
    mut rows: Rows,
    parser: Arc<Parser>,
    recogniser: Recogniser,
    send: mpsc::Sender<Result<Recognising, TableError>>,
) -> u64 {
    loop {
        let some = read_some(&mut rows).await;
        let is_over = match &some {
            Ok(some) if some.is_empty() => return rows.hidden(),
            some => some.is_err(),
        };
        let Ok(place) = send.reserve().await else { return 0 };
        place.send(some.map(|some| recognise(&recogniser, &parser, some)));
        if is_over {
            return 0;
        }
    }
}

/// Begins to recognise the next rows of a list, in a task of their own.
pub fn recognise(recogniser: &Recogniser, parser: &Arc<Parser>, rows: Vec<lists::ListRow>) -> Recognising {
    let (recogniser, parser) = (recogniser.clone(), Arc::clone(parser));
    tasks::for_caller(async move { recogniser.rows(&*parser, rows).await })
}

/// The next rows; none at the end.
async fn read_some(rows: &mut Rows) -> Result<Vec<lists::ListRow>, TableError> {
    let mut some = Vec::with_capacity(ROWS);
    while some.len() < ROWS
        && let Some(row) = rows.next().await?
    {
        some.push(row);
    }
    Ok(some)
}
