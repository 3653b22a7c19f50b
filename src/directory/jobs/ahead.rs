//! The plan of a list that is made while the list arrives, so that its rows are read once.
//!
//! Rows are recognised in tasks of their own, some pieces of the list at once, and planned in another task,
//! in the order of the list. If anything fails there, the job plans its stored list again, and reports what
//! it finds. The sender of a list waits while the plan is more than 16,000 rows behind.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::input::Parser;
use super::plan::{Recognising, Results, begin, plan_rows, recognise};
use crate::lists;
use crate::model::{Job, JobNumber, JobTask};
use crate::table::{AheadTurn, Base, ListPlan, PlanAhead, Recogniser, Table, TableError};
use crate::tasks;

/// Rows that are planned together.
const ROWS: usize = 1_000;
/// Pieces of rows that are recognised or wait to be planned: enough work for two cores while the sender makes
/// its next message.
const WAITING: usize = 16;
/// Once what a plan says about rows takes so many bytes, it is not made ahead: it is held in memory.
const MAX_RESULT_BYTES: usize = 16 * 1024 * 1024;

/// A plan that is made while its list arrives.
pub struct Ahead {
    table: Arc<Table>,
    parser: Arc<Parser>,
    recogniser: Recogniser,
    rows: mpsc::Sender<Recognising>,
    planning: JoinHandle<Result<Option<Planned>, TableError>>,
    turn: AheadTurn,
}

/// The plan after the last row.
struct Planned {
    base: Arc<Base>,
    plan: ListPlan,
    results: Vec<Vec<u8>>,
    rows: u64,
}

impl Ahead {
    /// Begins the plan of `job`, which gets this number once its list is whole. `None` if it cannot be made
    /// ahead.
    pub async fn begin(table: &Arc<Table>, job: &Job, number: JobNumber) -> Option<Self> {
        let JobTask::Sync(options) = &job.task else { return None };
        let turn = table.plans_ahead().begin(job.base, number, &table.jobs().unfinished(), table.now())?;
        let parser = Arc::new(Parser::new(table, job)?);
        let base = table.base(job.base).await.ok()?;
        let plan = begin(table, &base, job, options).await.ok()?;
        let recogniser = plan.recogniser();
        let (rows, waiting) = mpsc::channel(WAITING);
        let all = plan_all(Arc::clone(table), base, plan, Arc::clone(&parser), waiting);
        let planning = tasks::for_caller(all);
        Some(Self { table: Arc::clone(table), parser, recogniser, rows, planning, turn })
    }

    /// Plans the next rows. Returns whether the plan goes on.
    pub async fn rows(&self, rows: impl Iterator<Item = lists::ListRow>) -> bool {
        if !self.turn.lasts(self.table.now()) {
            return false;
        }
        let mut rows = rows.peekable();
        while rows.peek().is_some() {
            // The task ends early if it fails.
            let Ok(place) = self.rows.reserve().await else { return false };
            place.send(recognise(&self.recogniser, &self.parser, rows.by_ref().take(ROWS).collect()));
        }
        true
    }

    /// Ends the plan after the last row, and hands it over. Keep the turn until the job is stored.
    pub async fn finish(self, hidden: u64) -> Option<AheadTurn> {
        let Self { parser, rows, planning, turn, .. } = self;
        drop(rows);
        let planned =
            planning.await.ok()?.inspect_err(|error| tracing::debug!(%error, "planned later")).ok()??;
        let Planned { base, plan, results, rows } = planned;
        turn.ready(PlanAhead { base, plan, results, rows, hidden, today: parser.today() });
        Some(turn)
    }
}

/// Plans the rows that arrive; `None` if the plan takes too much memory, or its rows cannot be recognised.
async fn plan_all(
    table: Arc<Table>,
    base: Arc<Base>,
    mut plan: ListPlan,
    parser: Arc<Parser>,
    mut waiting: mpsc::Receiver<Recognising>,
) -> Result<Option<Planned>, TableError> {
    let mut results = Results::default();
    let mut rows = 0_u64;
    while let Some(some) = waiting.recv().await {
        let Ok(listed) = some.await else { return Ok(None) };
        let listed = listed?;
        rows += u64::try_from(listed.len()).unwrap_or(u64::MAX);
        results.add(plan_rows(&table, base.number(), &mut plan, &parser, listed).await?);
        if results.bytes() > MAX_RESULT_BYTES {
            return Ok(None);
        }
    }
    Ok(Some(Planned { base, plan, results: results.finish(), rows }))
}

#[cfg(test)]
mod tests;
