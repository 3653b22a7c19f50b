//! Lists that are planned some time after they arrived, and lists that overtake each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio_util::sync::CancellationToken;

use super::super::{begin, decide, plan};
use crate::directory::jobs::apply::apply;
use crate::directory::jobs::work::Work;
use crate::directory::{BegunList, Directory, Gate, NewList};
use crate::engine::memory::MemoryEngine;
use crate::model::origin::Door;
use crate::model::token::AccessLevel;
use crate::model::{
    BaseNumber, Change, Job, JobNumber, JobState, JobTask, ListOptions, MemberRow, Origin, Ref, Row,
    Timestamp,
};
use crate::table::{Table, TableConfig, UpsertRequest, WriteMode};

/// An hour, in microseconds.
const HOUR: i64 = 3_600_000_000;

struct Store {
    clock: Arc<AtomicI64>,
    table: Arc<Table>,
    directory: Directory,
    base: BaseNumber,
}

impl Store {
    /// A memberbase without a guard, with these members.
    async fn with(members: &[&str]) -> Self {
        let clock = Arc::new(AtomicI64::new(1_700_000_000_000_000));
        let time = Arc::clone(&clock);
        let now = Arc::new(move || Timestamp::from_micros(time.load(Ordering::Relaxed)));
        let table = Table::open(Arc::new(MemoryEngine::new()), now, TableConfig::default()).await.unwrap();
        let base = table.create_base(crate::model::samples::unguarded("test"), None).await.unwrap().number;
        let gate = Gate::new(Arc::clone(&table), Door::Grpc);
        let directory = gate.enter(gate.identify(None).await.unwrap(), AccessLevel::Admin).await.unwrap();
        let store = Self { clock, table, directory, base };
        store.create(members).await;
        store
    }

    fn wait(&self, micros: i64) {
        self.clock.fetch_add(micros, Ordering::Relaxed);
    }

    async fn create(&self, members: &[&str]) {
        let row = |name: &&str| {
            let mut row = MemberRow::default();
            row.patch.ref_ = Change::Set(Ref::parse((*name).to_owned()).unwrap());
            Ok(row)
        };
        let request = UpsertRequest {
            rows: members.iter().map(row).collect(),
            options: Default::default(),
            mode: WriteMode::Partial,
            claim: None,
            deadline: None,
            origin: Origin::default(),
        };
        self.table.base(self.base).await.unwrap().upsert(request).await.unwrap();
    }

    /// Sends a list, whose plan is not made ahead.
    async fn send(&self, members: &[&str], as_of: Option<Timestamp>, asks_first: bool) -> Work {
        let new = NewList {
            base: self.base,
            options: ListOptions { as_of, ..ListOptions::default() },
            name: String::new(),
            is_dry_run: false,
            asks_first,
            format: None,
            sheet: None,
            columns: Vec::new(),
            is_checked: false,
        };
        let BegunList::New(mut upload) = self.directory.begin_list(new).await.unwrap() else {
            panic!("nothing was sent before")
        };
        upload.push(format!("ref\n{}\n", members.join("\n")).as_bytes()).await.unwrap();
        let number = upload.complete(None, None).await.unwrap().number;
        drop(self.table.plans_ahead().take(self.base, number, self.table.now()));
        self.work(number)
    }

    fn work(&self, number: JobNumber) -> Work {
        let (table, stopping) = (Arc::clone(&self.table), CancellationToken::new());
        Work { table, base: self.base, number, stopping }
    }

    async fn approve(&self, work: &Work) {
        let id = self.table.sealer().job_id(self.base, work.number);
        let hash = work.job().await.unwrap().plan.unwrap().hash.to_string();
        self.directory.approve_job(&id, &hash).await.unwrap();
    }
}

async fn planned(work: &Work) -> Job {
    plan(work, work.job().await.unwrap()).await.unwrap();
    work.job().await.unwrap()
}

async fn removals(work: &Work) -> Vec<Row> {
    work.jobs().all_removals(work.base, work.number).await.unwrap()
}

#[tokio::test]
async fn whoever_was_created_after_the_list_arrived_stays_whenever_its_plan_is_made() {
    let store = Store::with(&["ada", "ben"]).await;
    store.wait(HOUR);
    let list = store.send(&["ada"], None, true).await;
    // The list waits for another job, and somebody is hired meanwhile.
    store.wait(1);
    store.create(&["hired"]).await;
    store.wait(HOUR);
    let held = planned(&list).await;
    assert_eq!((held.state, removals(&list).await), (JobState::Held, vec![Row(1)]));
    assert_eq!(held.plan.unwrap().counts.newer, 1);
    // So is somebody while it waits for an approval.
    store.create(&["hired later"]).await;
    store.approve(&list).await;
    let approved = planned(&list).await;
    assert_eq!((approved.state, removals(&list).await), (JobState::Running, vec![Row(1)]));
}

#[tokio::test]
async fn whoever_an_earlier_list_created_while_this_one_waited_is_missing_from_it() {
    let store = Store::with(&["ada"]).await;
    let first = store.send(&["ada", "ben", "cyd"], None, false).await;
    store.wait(1);
    let second = store.send(&["ada", "cyd"], None, false).await;
    store.wait(1);
    planned(&first).await;
    apply(&first).await.unwrap();
    store.create(&["hired"]).await;
    // Nobody sent the hired one to the second list, and everybody of the first one was known when it was
    // sent.
    let planned = planned(&second).await;
    assert_eq!((planned.state, removals(&second).await), (JobState::Running, vec![Row(1)]));
    assert_eq!(planned.plan.unwrap().counts.newer, 1);
}

#[tokio::test]
async fn whoever_a_later_list_created_is_newer_than_a_list_that_waited() {
    let store = Store::with(&["ada"]).await;
    let early = store.send(&["ada"], None, false).await;
    let late = store.send(&["ada", "eve"], None, false).await;
    store.wait(1);
    planned(&late).await;
    apply(&late).await.unwrap();
    let (job, base) = (early.job().await.unwrap(), store.table.base(store.base).await.unwrap());
    let JobTask::Sync(options) = &job.task else { panic!("a list") };
    let end = begin(&store.table, &base, &job, options).await.unwrap().end().await.unwrap();
    assert_eq!((end.removed, end.summary.counts.newer), (vec![Row(0)], 1));
}

#[tokio::test]
async fn a_list_arrives_after_all_members_also_when_the_clock_was_set_back() {
    let store = Store::with(&["ada", "ben"]).await;
    store.wait(-HOUR);
    let list = store.send(&["ada"], None, true).await;
    planned(&list).await;
    assert_eq!(removals(&list).await, [Row(1)]);
}

#[tokio::test]
async fn a_list_that_is_approved_while_a_newer_one_is_planned_is_not_applied_after_it() {
    let store = Store::with(&["ada", "ben", "cyd"]).await;
    let older = store.send(&["ada", "ben"], None, true).await;
    planned(&older).await;
    store.wait(1);
    let newer = store.send(&["ada", "cyd"], None, false).await;
    let begun = newer.job().await.unwrap();
    store.approve(&older).await;
    decide::supersede(&newer, &begun).await.unwrap();
    let ended = older.job().await.unwrap();
    assert_eq!((ended.state, ended.end.unwrap().reason.as_str()), (JobState::Failed, "LIST_SUPERSEDED"));
    // One that waits for its first plan is not touched.
    let last = store.send(&["ada"], None, false).await;
    decide::supersede(&last, &last.job().await.unwrap()).await.unwrap();
    assert_eq!(newer.job().await.unwrap().state, JobState::Pending);
}

#[tokio::test]
async fn a_list_that_was_made_earlier_does_not_end_a_held_one_that_was_made_later() {
    let store = Store::with(&["ada", "ben", "cyd"]).await;
    let at = |micros| Some(Timestamp::from_micros(store.table.now().micros() + micros));
    let later = store.send(&["ada", "ben"], at(2), true).await;
    planned(&later).await;
    let earlier = store.send(&["ada", "cyd"], at(1), false).await;
    assert_eq!(planned(&earlier).await.state, JobState::Running);
    assert_eq!(later.job().await.unwrap().state, JobState::Held);
    let last = store.send(&["ada", "cyd"], at(3), false).await;
    decide::supersede(&last, &last.job().await.unwrap()).await.unwrap();
    assert_eq!(later.job().await.unwrap().state, JobState::Rejected);
}
