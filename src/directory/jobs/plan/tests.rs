//! Plans that were approved, and are made again.

mod lists;

use std::ops::Range;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::plan;
use crate::directory::jobs::NewDelete;
use crate::directory::jobs::work::Work;
use crate::directory::{Directory, Gate};
use crate::engine::memory::MemoryEngine;
use crate::model::origin::Door;
use crate::model::token::AccessLevel;
use crate::model::{
    BaseName, BaseSettings, Change, GuardExpectation, Hold, Job, JobState, MemberRow, Origin, RawFilter,
    RawValue, Ref, Row, Tier, Timestamp,
};
use crate::table::{Table, TableConfig, UpsertRequest, WriteMode};

struct Store {
    directory: Directory,
    work: Work,
}

impl Store {
    /// A job that deletes 40 of 60 members, and was held and approved.
    async fn approved() -> Self {
        let clock = Arc::new(|| Timestamp::from_micros(1_700_000_000_000_000));
        let table = Table::open(Arc::new(MemoryEngine::new()), clock, TableConfig::default()).await.unwrap();
        let settings = BaseSettings::named(BaseName::parse("Test").unwrap());
        let base = table.create_base(settings, None).await.unwrap().number;
        let gate = Gate::new(Arc::clone(&table), Door::Grpc);
        let directory = gate.enter(gate.identify(None).await.unwrap(), AccessLevel::Admin).await.unwrap();
        let gold = RawFilter {
            key: Some("tier".into()),
            eq: Some(RawValue::Text("Gold".into())),
            ..RawFilter::default()
        };
        let (name, is_dry_run, expect) = (String::new(), false, GuardExpectation::default());
        let stopping = CancellationToken::new();
        let new = NewDelete { base, filters: vec![gold], name, is_dry_run, expect };
        let number = directory.delete_by_filter(new).await.unwrap().number;
        let store = Self { directory, work: Work { table, base, number, stopping } };
        store.set_tier(0..40, "Gold").await;
        store.set_tier(40..60, "Silver").await;
        let held = store.plan().await;
        assert_eq!(held.state, JobState::Held);
        let id = store.work.table.sealer().job_id(base, number);
        let hash = held.plan.unwrap().hash.to_string();
        store.directory.approve_job(&id, &hash).await.unwrap();
        store
    }

    async fn set_tier(&self, members: Range<u64>, tier: &str) {
        let row = |member| {
            let mut row = MemberRow::default();
            row.patch.ref_ = Change::Set(Ref::parse(format!("r{member}")).unwrap());
            row.patch.tier = Change::Set(Tier::parse(tier).unwrap());
            Ok(row)
        };
        let request = UpsertRequest {
            rows: members.map(row).collect(),
            options: Default::default(),
            mode: WriteMode::Partial,
            claim: None,
            deadline: None,
            origin: Origin::default(),
        };
        self.work.table.base(self.work.base).await.unwrap().upsert(request).await.unwrap();
    }

    /// Leaves the job as a crash does after the new plan was stored, and before what happens with it.
    async fn interrupt(&self, removed: Range<u64>) {
        let Work { base, number, .. } = self.work;
        self.work.change(|job| job.state = JobState::Planning).await.unwrap();
        self.work.jobs().delete_plan(base, number).await.unwrap();
        let removed: Vec<Row> = removed.map(Row).collect();
        self.work.jobs().put_removals(base, number, &removed).await.unwrap();
    }

    async fn plan(&self) -> Job {
        plan(&self.work, self.work.job().await.unwrap()).await.unwrap();
        self.work.job().await.unwrap()
    }
}

#[tokio::test]
async fn a_crash_does_not_approve_the_plan_that_it_interrupted() {
    let store = Store::approved().await;
    store.set_tier(40..41, "Gold").await;
    store.interrupt(0..41).await;
    let held = store.plan().await;
    assert_eq!(held.state, JobState::Held);
    assert!(held.plan.unwrap().holds.contains(&Hold::PlanChanged));
}

#[tokio::test]
async fn an_approved_plan_is_applied_after_a_crash_if_it_is_still_the_same() {
    let store = Store::approved().await;
    store.set_tier(40..41, "Bronze").await;
    store.interrupt(0..20).await;
    assert_eq!(store.plan().await.state, JobState::Running);
}

#[tokio::test]
async fn an_approved_plan_is_applied_if_it_removes_fewer_now() {
    let store = Store::approved().await;
    store.set_tier(0..1, "Bronze").await;
    assert_eq!(store.plan().await.state, JobState::Running);
}
