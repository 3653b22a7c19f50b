//! Full lists and reverts of a store that is restored to a moment in the middle of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{open, restore, work};
use crate::directory::jobs::apply::apply;
use crate::directory::jobs::plan::plan;
use crate::directory::{BegunList, Directory, JobResultRow, NewList, NewRevert, NewRevertOf, ShownInput};
use crate::engine::Engine;
use crate::engine::memory::MemoryEngine;
use crate::model::{BaseNumber, Job, JobNumber, JobState, ListOptions, Member, Row, Status};
use crate::table::Table;

/// Members that the list changes, as many that it removes, and as many that it adds; several steps of each.
const MEMBERS: u64 = 600;

struct Store {
    engine: Arc<dyn Engine>,
    table: Arc<Table>,
    directory: Directory,
    base: BaseNumber,
}

impl Store {
    /// A memberbase with members, and a list that changes half of them, leaves out the others and has new
    /// ones.
    async fn new() -> (Self, JobNumber) {
        let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
        let (table, directory) = open(&engine).await;
        let base = table.create_base(crate::model::samples::unguarded("test"), None).await.unwrap().number;
        let store = Self { engine, table, directory, base };
        let first = store.send(0..2 * MEMBERS, "Silver").await;
        store.run(first).await;
        let list = store.send((0..MEMBERS).chain(2 * MEMBERS..3 * MEMBERS), "Gold").await;
        (store, list)
    }

    async fn send(&self, members: impl Iterator<Item = u64>, tier: &str) -> JobNumber {
        let new = NewList {
            base: self.base,
            options: ListOptions::default(),
            name: String::new(),
            is_dry_run: false,
            asks_first: false,
            format: None,
            sheet: None,
            columns: Vec::new(),
            is_checked: false,
        };
        let BegunList::New(mut upload) = self.directory.begin_list(new).await.unwrap() else {
            panic!("nothing was sent before")
        };
        let rows: String = members.map(|n| format!("r{n},{tier}\n")).collect();
        upload.push(format!("ref,tier\n{rows}").as_bytes()).await.unwrap();
        upload.complete(None, None).await.unwrap().number
    }

    async fn run(&self, number: JobNumber) -> Job {
        let work = work(&self.table, self.base, number);
        plan(&work, work.job().await.unwrap()).await.unwrap();
        apply(&work).await.unwrap();
        work.job().await.unwrap()
    }

    fn id(&self, job: JobNumber) -> String {
        self.table.sealer().job_id(self.base, job)
    }

    async fn revert(&self, job: JobNumber) -> JobNumber {
        let (name, is_dry_run, asks_first) = (String::new(), false, false);
        let new = NewRevert { of: NewRevertOf::Job(self.id(job)), name, is_dry_run, asks_first };
        self.directory.start_revert(new).await.unwrap().number
    }

    /// The store, restored to the moment when this job `is_half` done.
    async fn restored(self, number: JobNumber, is_half: impl Fn(&Job) -> bool) -> (Self, Job) {
        let Self { engine, table, directory, base } = self;
        drop(directory);
        let (table, directory, held) = restore(&engine, table, base, number, is_half).await;
        (Self { engine, table, directory, base }, held)
    }

    /// Approves the job, which goes on, and checks that it has one result for each of `all` rows and members.
    async fn approve(&self, held: &Job, all: u64) -> Job {
        let hash = held.plan.as_ref().unwrap().hash.to_string();
        self.directory.approve_job(&self.id(held.number), &hash).await.unwrap();
        let done = self.run(held.number).await;
        assert_eq!(done.state, JobState::Succeeded, "{done:?}");
        let mut results =
            self.directory.job_results(&self.id(held.number), false, ShownInput::Nothing).await.unwrap();
        let mut applied = 0;
        while let Some(some) = results.next().await.unwrap() {
            applied += some.iter().filter(|result| is_applied(result)).count() as u64;
        }
        assert_eq!(applied, all);
        done
    }

    /// The members, without the revision and time of their last changes.
    async fn members(&self) -> BTreeMap<Row, Member> {
        let base = self.table.base(self.base).await.unwrap();
        let view = base.view().await;
        // Members that are created after a restore have no place near the others.
        let living = view.sets().living();
        let mut all = Vec::new();
        for number in living.chunks() {
            all.extend(living.chunk(number).iter().map(|low| Row(number << 16 | u64::from(low))));
        }
        let members = view.members(&all).await.unwrap();
        let bare = |(row, member): (Row, Member)| {
            (row, Member { revision: 0, updated_at: member.created_at, ..member })
        };
        members.into_iter().map(bare).collect()
    }
}

fn is_applied(result: &JobResultRow) -> bool {
    match result {
        JobResultRow::Row { is_applied, .. } => *is_applied,
        JobResultRow::Reverted { reverted, .. } => reverted.is_applied,
        JobResultRow::Member { fate, .. } => fate.is_some(),
    }
}

#[tokio::test]
async fn a_list_goes_on_with_its_rows_and_with_its_removals() {
    let rows = |job: &Job| job.done.rows.created + job.done.rows.updated;
    let moments: [fn(&Job) -> bool; 2] = [|job| job.cursor.row > 0, |job| job.done.removed > 0];
    for (place, is_half) in moments.into_iter().enumerate() {
        let (store, list) = Store::new().await;
        let (store, held) = store.restored(list, is_half).await;
        assert!(if place == 0 { rows(&held) < 2 * MEMBERS } else { held.done.removed < MEMBERS }, "{held:?}");
        let done = store.approve(&held, 3 * MEMBERS).await;
        assert_eq!((rows(&done), done.done.removed), (2 * MEMBERS, MEMBERS), "{done:?}");
        let members = store.members().await;
        let (gone, present): (Vec<_>, Vec<_>) =
            members.values().partition(|member| member.status == Status::Inactive);
        assert_eq!((present.len() as u64, gone.len() as u64), (2 * MEMBERS, MEMBERS));
        let tier = |member: &Member| member.profile.tier.as_ref().unwrap().as_str().to_owned();
        assert!(present.iter().all(|member| tier(member) == "Gold"));
    }
}

#[tokio::test]
async fn a_list_that_is_rejected_or_overtaken_ends_with_what_it_had_written() {
    for is_overtaken in [false, true] {
        let (store, list) = Store::new().await;
        let (store, held) = store.restored(list, |job| job.done.removed > 0).await;
        let before = store.members().await;
        if is_overtaken {
            // All members as they are, and those who are to be removed.
            let newer = store.send(0..3 * MEMBERS, "Gold").await;
            assert_eq!(store.run(newer).await.state, JobState::Succeeded);
        } else {
            store.directory.reject_job(&store.id(list)).await.unwrap();
            assert_eq!(store.members().await, before);
        }
        let ended = work(&store.table, store.base, list).job().await.unwrap();
        assert_eq!((ended.state, ended.done), (JobState::Rejected, held.done));
        let removed = before.values().filter(|member| member.status == Status::Inactive).count() as u64;
        assert_eq!(removed, held.done.removed);
        // What it had written can be taken back.
        if !is_overtaken {
            let revert = store.revert(list).await;
            let taken_back = store.run(revert).await;
            assert_eq!(taken_back.state, JobState::Succeeded, "{taken_back:?}");
            let members = store.members().await;
            assert_eq!(members.len() as u64, 2 * MEMBERS);
            assert!(members.values().all(|member| member.status != Status::Inactive));
        }
    }
}

#[tokio::test]
async fn a_revert_goes_on_and_the_members_are_as_before_the_list() {
    let (store, list) = Store::new().await;
    let before = store.members().await;
    store.run(list).await;
    assert_ne!(store.members().await, before);
    let revert = store.revert(list).await;
    let (store, held) = store.restored(revert, |job| job.cursor.row > 0).await;
    assert_ne!(store.members().await, before, "{held:?}");
    store.approve(&held, 3 * MEMBERS).await;
    assert_eq!(store.members().await, before);
}
