//! The table is tested with random requests, checkpoints, reopenings and crashes, and must always return the
//! same as a reference: plain rows that are searched from end to end.

mod actions;
mod audiences;
mod clocks;
mod doubts;
mod faults;
mod guard;
mod guard_changes;
mod guard_tiers;
mod history;
mod idempotency;
mod indexes;
mod large;
mod leases;
mod levels;
mod lists;
mod lives;
mod missed;
mod naming;
mod older;
mod panics;
mod pressure;
mod random;
mod records;
mod reference;
mod refold;
mod removals;
mod rename;
mod repeats;
mod revert;
mod rounds;
mod search;
mod slices;
mod steps;
mod takeover;
mod together;
mod turns;
mod undelete;
mod unseen;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use proptest::prelude::*;

use self::random::{Step, delete_many, step};
use self::records::{SmallChange, record_change};
use self::reference::Reference;
use super::*;
use crate::engine::Engine;
use crate::engine::conformance;
use crate::engine::memory::MemoryEngine;
use crate::model::{
    BaseName, BaseNumber, BaseSettings, Change, Email, Fold, GuardLimits, GuardLimitsChange, LimitChange,
    MatchBy, Member, MemberPatch, MemberRow, Origin, Outcome, Ref, Rename, Row, Semantics, Status, Tier,
    Timestamp, Update, UpsertOptions, WorkerId, upsert,
};

/// A row whose keys come from small ranges, so that rows collide.
#[derive(Debug, Clone)]
struct SmallRow {
    ref_: Option<u16>,
    email: Option<Option<u16>>,
    worker_id: Option<Option<u16>>,
    tier: Option<u8>,
    status: Option<Status>,
    if_revision: Option<u64>,
    found_by_id: Option<u64>,
}

/// `postgres` lets every test of this module run on it.
const ON_ANOTHER_ENGINE: &str = "MEMBERBASE_TEST_TABLE";
const REFS: u16 = 300;
const EMAILS: u16 = 200;

fn small_row() -> impl Strategy<Value = SmallRow> {
    let status =
        prop_oneof![4 => Just(None), 1 => Just(Some(Status::Inactive)), 1 => Just(Some(Status::Invited))];
    (
        proptest::option::weighted(0.95, 0..REFS),
        proptest::option::of(proptest::option::weighted(0.9, 0..EMAILS)),
        proptest::option::of(proptest::option::weighted(0.9, 0..EMAILS)),
        proptest::option::of(0_u8..4),
        status,
        proptest::option::weighted(0.05, 0_u64..6),
        proptest::option::weighted(0.2, 0_u64..60),
    )
        .prop_map(|(ref_, email, worker_id, tier, status, if_revision, found_by_id)| SmallRow {
            found_by_id,
            ref_,
            email,
            worker_id,
            tier,
            status,
            if_revision,
        })
}

fn member_row(small: &SmallRow) -> MemberRow {
    let email = |n: u16| {
        Email::parse(format!("{}{n}@x.example", if n.is_multiple_of(2) { "M" } else { "m" })).unwrap()
    };
    let worker_id = |n: u16| WorkerId::parse(format!("w{n}")).unwrap();
    fn change<T>(value: Option<Option<u16>>, make: impl Fn(u16) -> T) -> Change<T> {
        match value {
            None => Change::Keep,
            Some(None) => Change::Clear,
            Some(Some(n)) => Change::Set(make(n)),
        }
    }
    MemberRow {
        patch: MemberPatch {
            ref_: small.ref_.map(ref_of).into(),
            email: change(small.email, email),
            worker_id: change(small.worker_id, worker_id),
            tier: small.tier.map(|n| Tier::parse(format!("tier {n}")).unwrap()).into(),
            ..MemberPatch::default()
        },
        status: small.status,
        if_revision: small.if_revision,
        has_account: false,
        found_by_id: small.found_by_id.map(Row),
        doubts: None,
    }
}

fn ref_of(n: u16) -> Ref {
    Ref::parse(format!("r{n}")).unwrap()
}

/// A table under test.
struct Subject {
    engine: Arc<dyn Engine>,
    clock: Arc<AtomicI64>,
    table: Arc<Table>,
    base: Arc<Base>,
}

async fn open(engine: Arc<dyn Engine>, clock: &Arc<AtomicI64>) -> Arc<Table> {
    open_with(engine, clock, TableConfig::default()).await
}

async fn open_with(engine: Arc<dyn Engine>, clock: &Arc<AtomicI64>, config: TableConfig) -> Arc<Table> {
    let time = Arc::clone(clock);
    let clock: Clock = Arc::new(move || Timestamp::from_micros(time.load(Ordering::Relaxed)));
    Table::open(engine, clock, config).await.unwrap()
}

impl Subject {
    /// Sets the limits of the guard.
    async fn guard_limits(&self, limits: GuardLimits) {
        let guard_limits = GuardLimitsChange::of(|kind| {
            let limit = limits.get(kind);
            let percent = LimitChange::of_percent(limit.percent().into()).unwrap();
            percent.and(LimitChange::of_count(limit.count()).unwrap())
        });
        let request = SettingsRequest { guard_limits, ..SettingsRequest::default() };
        self.base.change_settings(request).await.unwrap();
    }

    /// On the memory engine, or on PostgreSQL if the environment says so, for a longer run.
    async fn new() -> Self {
        if std::env::var_os(ON_ANOTHER_ENGINE).is_some_and(|engine| engine == "postgres") {
            return Self::on_postgres().await.unwrap();
        }
        Self::on(Arc::new(MemoryEngine::new())).await
    }

    /// `None` where PostgreSQL is not installed.
    async fn on_postgres() -> Option<Self> {
        Some(Self::on(conformance::postgres()?.engine).await)
    }

    async fn on(engine: Arc<dyn Engine>) -> Self {
        Self::on_with(engine, TableConfig::default()).await
    }

    async fn on_with(engine: Arc<dyn Engine>, config: TableConfig) -> Self {
        let clock = Arc::new(AtomicI64::new(1));
        let table = open_with(Arc::clone(&engine), &clock, config).await;
        let settings = crate::model::samples::unguarded("test");
        let number = table.create_base(settings, None).await.unwrap().number;
        let base = table.base(number).await.unwrap();
        Self { engine, clock, table, base }
    }

    /// Opens table and base again on the same engine, as after a crash of the process.
    async fn crash(&mut self) {
        self.table = open(Arc::clone(&self.engine), &self.clock).await;
        self.base = self.table.base(self.base.number()).await.unwrap();
    }

    async fn upsert(&self, rows: &[MemberRow], options: UpsertOptions, mode: WriteMode) -> UpsertReply {
        let rows = rows.iter().cloned().map(Ok).collect();
        self.base
            .upsert(UpsertRequest {
                rows,
                options,
                mode,
                claim: None,
                deadline: None,
                origin: Origin::default(),
            })
            .await
            .unwrap()
    }
}

fn plain_row(n: u16) -> MemberRow {
    member_row(&SmallRow {
        ref_: Some(n),
        email: Some(Some(n)),
        worker_id: None,
        tier: Some(1),
        status: None,
        if_revision: None,
        found_by_id: None,
    })
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
