//! Plans that are made while their lists arrive, compared with those of stored lists.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::directory::jobs::plan::plan;
use crate::directory::jobs::work::Work;
use crate::directory::{BegunList, Directory, Gate, ListUpload, NewList};
use crate::engine::memory::MemoryEngine;
use crate::model::origin::Door;
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, Job, JobNumber, JobState, ListOptions, PlanSummary, Timestamp};
use crate::table::{PlannedExample, PlannedResult, Table, TableConfig};

struct Store {
    table: Arc<Table>,
    directory: Directory,
    base: BaseNumber,
}

/// What a plan says.
type Says = (PlanSummary, Vec<Vec<PlannedResult>>, Vec<PlannedExample>);

impl Store {
    async fn new() -> Self {
        let clock = Arc::new(|| Timestamp::from_micros(1_700_000_000_000_000));
        let table = Table::open(Arc::new(MemoryEngine::new()), clock, TableConfig::default()).await.unwrap();
        let base = table.create_base(crate::model::samples::unguarded("test"), None).await.unwrap().number;
        let gate = Gate::new(Arc::clone(&table), Door::Grpc);
        let directory = gate.enter(gate.identify(None).await.unwrap(), AccessLevel::Admin).await.unwrap();
        Self { table, directory, base }
    }

    async fn begin(&self) -> Box<ListUpload> {
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
        match self.directory.begin_list(new).await.unwrap() {
            BegunList::New(upload) => upload,
            BegunList::Repeat(job) => panic!("{job:?}"),
        }
    }

    async fn send(&self, list: &str) -> JobNumber {
        let mut upload = self.begin().await;
        for piece in list.as_bytes().chunks(70_000) {
            upload.push(piece).await.unwrap();
        }
        upload.complete(None, None).await.unwrap().number
    }

    /// Whether the plan of a job was made ahead and can be used.
    fn has_plan(&self, number: JobNumber) -> bool {
        let taken = self.table.plans_ahead().take(self.base, number, self.table.now());
        taken.is_some()
    }

    async fn plan(&self, number: JobNumber) -> (Job, Says) {
        let (table, stopping) = (Arc::clone(&self.table), CancellationToken::new());
        let work = Work { table, base: self.base, number, stopping };
        plan(&work, work.job().await.unwrap()).await.unwrap();
        let job = work.job().await.unwrap();
        let results = work.jobs().planned(self.base, number, 0, usize::MAX).await.unwrap();
        let examples = work.jobs().examples(self.base, number).await.unwrap();
        let summary = job.plan.clone().unwrap();
        (job, (summary, results, examples))
    }

    /// Plans and applies a list.
    async fn apply(&self, list: &str) -> Job {
        let number = self.send(list).await;
        let (table, stopping) = (Arc::clone(&self.table), CancellationToken::new());
        let work = Work { table, base: self.base, number, stopping };
        plan(&work, work.job().await.unwrap()).await.unwrap();
        crate::directory::jobs::apply::apply(&work).await.unwrap();
        work.job().await.unwrap()
    }
}

/// A list of members in which every tenth has another name each day.
fn list(rows: std::ops::Range<u32>, day: u32) -> String {
    let row = |n: u32| {
        let last_name =
            if n.is_multiple_of(10) { format!("Smith {day}") } else { "Müller, \"M\"".to_owned() };
        let phone = if n % 1_000 == 1 { "?" } else { "" };
        format!("r{n},m{n}@example.com,Ada,\"{}\",{phone}\n", last_name.replace('"', "\"\""))
    };
    std::iter::once("ref,email,first_name,last_name,phone\n".to_owned()).chain(rows.map(row)).collect()
}

#[tokio::test]
async fn a_plan_made_ahead_is_that_of_the_stored_list() {
    let store = Store::new().await;
    assert_eq!(store.apply(&list(0..6_000, 1)).await.state, JobState::Succeeded);
    // Some rows are new, some members are missing, and some rows find a member again.
    let day = list(50..6_050, 2) + &list(100..103, 2)["ref,email,first_name,last_name,phone\n".len()..];
    let first = store.send(&day).await;
    let (job, ahead) = store.plan(first).await;
    assert_eq!(job.state, JobState::Running);
    let counts = ahead.0.counts;
    assert_eq!((counts.rows.created, counts.rows.updated, counts.removed), (49, 595, 49));
    assert_eq!((counts.rows.unchanged, counts.rows.failed), (5_350, 9));
    // The plan of the same list is made again from what is stored.
    let second = store.send(&day).await;
    assert!(!store.has_plan(second), "another job is not finished");
    assert_eq!(store.plan(second).await.1, ahead);
}

#[tokio::test]
async fn a_plan_made_ahead_is_not_used_once_another_job_has_begun() {
    let store = Store::new().await;
    let day = list(0..3_000, 1);
    let number = store.send(&day).await;
    store.table.plans_ahead().pass_over(store.base, JobNumber(number.0 - 1));
    assert!(!store.has_plan(number));
    let (_, again) = store.plan(number).await;
    assert_eq!(again.0.counts.rows.created, 2_997);
}

#[tokio::test]
async fn a_list_that_is_not_completed_leaves_no_plan() {
    let store = Store::new().await;
    let mut upload = store.begin().await;
    upload.push(list(0..3_000, 1).as_bytes()).await.unwrap();
    drop(upload);
    let number = store.send(&list(0..10, 1)).await;
    assert!(store.has_plan(number));
}
