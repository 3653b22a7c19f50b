//! A job of a store that is restored to a moment in the middle of it.

mod audiences;
mod restored;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::apply;
use crate::directory::jobs::plan::plan;
use crate::directory::jobs::work::{Halt, Work};
use crate::directory::jobs::{Action, NewBatch};
use crate::directory::{Directory, Gate};
use crate::engine::Engine;
use crate::engine::memory::MemoryEngine;
use crate::model::origin::Door;
use crate::model::token::AccessLevel;
use crate::model::{
    BaseNumber, Change, Email, Hold, Job, JobNumber, JobState, MemberRow, Origin, Ref, Row, RowTally, Tier,
    Timestamp,
};
use crate::table::{Table, TableConfig, UpsertRequest, WriteMode, timeline};

/// Actions of each kind; several steps of them.
const ACTIONS: u64 = 400;

async fn open(engine: &Arc<dyn Engine>) -> (Arc<Table>, Directory) {
    let clock = Arc::new(|| Timestamp::from_micros(1_700_000_000_000_000));
    let table = Table::open(Arc::clone(engine), clock, TableConfig::default()).await.unwrap();
    let gate = Gate::new(Arc::clone(&table), Door::Onsi);
    let directory = gate.enter(gate.identify(None).await.unwrap(), AccessLevel::Admin).await.unwrap();
    (table, directory)
}

fn work(table: &Arc<Table>, base: BaseNumber, number: JobNumber) -> Work {
    Work { table: Arc::clone(table), base, number, stopping: CancellationToken::new() }
}

fn row(email: &str) -> MemberRow {
    let mut row = MemberRow::default();
    row.patch.email = Change::Set(Email::parse(email).unwrap());
    row
}

/// Adds members, offboards others, and moves a part of the latter to another tier.
fn actions() -> Vec<Action> {
    let added = (0..ACTIONS).map(|n| Action::Add(Box::new(row(&format!("new{n}@example.com")))));
    let offboarded = (0..ACTIONS).map(|n| Action::Offboard(Row(n)));
    let moved = (ACTIONS..2 * ACTIONS).map(|n| {
        let mut row = MemberRow::default();
        row.patch.tier = Change::Set(Tier::parse("Gold").unwrap());
        Action::Update(Row(n), Box::new(row))
    });
    added.chain(offboarded).chain(moved).collect()
}

/// A batch in a store that was restored to a moment in the middle of it. Its plan waits.
async fn restored() -> (Arc<Table>, Directory, BaseNumber, Job) {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
    let (table, directory) = open(&engine).await;
    let base = table.create_base(crate::model::samples::unguarded("test"), None).await.unwrap().number;
    let rows = (0..2 * ACTIONS).map(|n| {
        let mut row = row(&format!("old{n}@example.com"));
        row.patch.ref_ = Change::Set(Ref::parse(format!("r{n}")).unwrap());
        Ok(row)
    });
    let request = UpsertRequest {
        rows: rows.collect(),
        options: Default::default(),
        mode: WriteMode::Partial,
        claim: None,
        deadline: None,
        origin: Origin::default(),
    };
    table.base(base).await.unwrap().upsert(request).await.unwrap();
    let mut batch = directory
        .begin_batch(NewBatch { base, is_dry_run: false, expect: Default::default() })
        .await
        .unwrap();
    batch.push(&actions()).await.unwrap();
    let number = batch.complete(false).await.unwrap().unwrap().number;
    drop(directory);
    // It stops in the middle of the actions that offboard.
    let (table, directory, held) = restore(&engine, table, base, number, |job| job.done.removed > 0).await;
    assert!(held.cursor.row < 2 * ACTIONS, "{held:?}");
    (table, directory, base, held)
}

/// Plans and applies a job until it `is_half` done, and restores the store to that moment. Nobody else uses
/// the table. The plan of the job waits.
async fn restore(
    engine: &Arc<dyn Engine>,
    table: Arc<Table>,
    base: BaseNumber,
    number: JobNumber,
    is_half: impl Fn(&Job) -> bool,
) -> (Arc<Table>, Directory, Job) {
    let before = work(&table, base, number);
    plan(&before, before.job().await.unwrap()).await.unwrap();
    let stopping = before.stopping.clone();
    let applying = tokio::spawn(async move { apply(&before).await });
    while !is_half(&table.jobs().get(base, number).await.unwrap().unwrap()) {
        tokio::task::yield_now().await;
    }
    stopping.cancel();
    assert!(matches!(applying.await.unwrap(), Err(Halt::Stopping)));
    drop(table);

    timeline::begin_timeline(engine, Timestamp::from_micros(1_700_000_000_000_000)).await.unwrap();
    let (table, directory) = open(engine).await;
    let held = work(&table, base, number).job().await.unwrap();
    assert_eq!(
        (held.state, &held.plan.as_ref().unwrap().holds[..]),
        (JobState::Held, &[Hold::StoreRestored][..])
    );
    (table, directory, held)
}

#[tokio::test]
async fn a_batch_of_a_restored_store_goes_on_where_it_was_and_does_each_action_once() {
    let (table, directory, base, held) = restored().await;
    let after = work(&table, base, held.number);
    let id = table.sealer().job_id(base, held.number);
    directory.approve_job(&id, &held.plan.unwrap().hash.to_string()).await.unwrap();
    plan(&after, after.job().await.unwrap()).await.unwrap();
    assert_eq!(after.job().await.unwrap().state, JobState::Running);
    apply(&after).await.unwrap();
    let Job { state, done, .. } = after.job().await.unwrap();
    let rows = RowTally { created: ACTIONS, updated: ACTIONS, ..RowTally::default() };
    assert_eq!((state, done.rows, done.removed), (JobState::Succeeded, rows, ACTIONS));
    let counts = table.base(base).await.unwrap().view().await.summary().counts;
    assert_eq!((counts.active + counts.invited, counts.inactive), (2 * ACTIONS, ACTIONS));
    let mut results = directory.job_results(&id, false, crate::directory::ShownInput::Nothing).await.unwrap();
    let (mut applied, mut all) = (0, 0);
    while let Some(some) = results.next().await.unwrap() {
        for result in some {
            all += 1;
            applied +=
                u64::from(matches!(result, crate::directory::JobResultRow::Row { is_applied: true, .. }));
        }
    }
    assert_eq!((applied, all), (3 * ACTIONS, 3 * ACTIONS));
}

#[tokio::test]
async fn a_batch_of_a_restored_store_that_is_rejected_says_that_something_stays() {
    let (table, directory, base, held) = restored().await;
    let counts = async || table.base(base).await.unwrap().view().await.summary().counts;
    let before = counts().await;
    let rejected = directory.reject_job(&table.sealer().job_id(base, held.number)).await.unwrap();
    let message = rejected.end.unwrap().message;
    assert_eq!((rejected.state, rejected.done.removed), (JobState::Rejected, held.done.removed));
    assert!(held.done.removed > 0 && message.contains("what the job had written"), "{message}");
    assert_eq!((counts().await, before.inactive), (before, held.done.removed));
}
