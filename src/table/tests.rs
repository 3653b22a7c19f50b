//! The table is tested with random requests, checkpoints, reopenings and crashes, and must always return the
//! same as a reference: plain rows that are searched from end to end.

mod actions;
mod audiences;
mod doubts;
mod faults;
mod guard;
mod guard_changes;
mod guard_tiers;
mod history;
mod idempotency;
mod indexes;
mod large;
mod lists;
mod lives;
mod missed;
mod naming;
mod older;
mod panics;
mod pressure;
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
mod turns;
mod undelete;
mod unseen;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use proptest::prelude::*;

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

#[derive(Debug, Clone)]
enum Step {
    Upsert {
        rows: Vec<SmallRow>,
        options: UpsertOptions,
        mode: WriteMode,
    },
    Delete {
        rows: Vec<u8>,
        refs: Vec<u16>,
    },
    /// Like `Delete`, with so many unknown rows between rows and refs that the refs are in another slice.
    DeleteMany {
        rows: Vec<u8>,
        refs: Vec<u16>,
    },
    Undelete {
        rows: Vec<u8>,
    },
    Rename {
        row: u8,
        to: u16,
        alias_micros: i64,
    },
    Records {
        changes: Vec<SmallChange>,
    },
    Checkpoint,
    Maintain,
    Reopen,
    Crash,
}

/// `postgres` lets every test of this module run on it.
const ON_ANOTHER_ENGINE: &str = "MEMBERBASE_TEST_TABLE";
/// Cases on PostgreSQL, where each has a store of its own.
const ON_POSTGRES: u32 = 12;
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

fn options() -> impl Strategy<Value = UpsertOptions> {
    let match_by = prop_oneof![4 => Just(MatchBy::Ref), 1 => Just(MatchBy::Email), 1 => Just(MatchBy::WorkerId), 1 => Just(MatchBy::Id)];
    let semantics = prop_oneof![3 => Just(Semantics::Merge), 1 => Just(Semantics::Replace)];
    let flags = (any::<bool>(), any::<bool>());
    (match_by, semantics, flags).prop_map(|(match_by, semantics, (reactivate, apply_status))| UpsertOptions {
        match_by,
        semantics,
        reactivate,
        apply_status,
        ..UpsertOptions::default()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let mode = prop_oneof![
        4 => Just(WriteMode::Partial),
        2 => Just(WriteMode::Atomic),
        1 => Just(WriteMode::ValidateOnly)
    ];
    let upsert = (proptest::collection::vec(small_row(), 0..90), options(), mode)
        .prop_map(|(rows, options, mode)| Step::Upsert { rows, options, mode });
    let delete = (proptest::collection::vec(any::<u8>(), 0..6), proptest::collection::vec(0..REFS, 0..12))
        .prop_map(|(rows, refs)| Step::Delete { rows, refs });
    let delete_many =
        (proptest::collection::vec(any::<u8>(), 0..6), proptest::collection::vec(0..REFS, 0..12))
            .prop_map(|(rows, refs)| Step::DeleteMany { rows, refs });
    let rename = (any::<u8>(), 0..REFS, 0_i64..8).prop_map(|(row, to, alias_micros)| Step::Rename {
        row,
        to,
        alias_micros,
    });
    let undelete = proptest::collection::vec(any::<u8>().prop_map(|row| row % 90), 0..40)
        .prop_map(|rows| Step::Undelete { rows });
    let records = records::changes().prop_map(|changes| Step::Records { changes });
    prop_oneof![
        6 => upsert,
        2 => delete,
        1 => delete_many,
        2 => undelete,
        3 => rename,
        12 => records,
        2 => Just(Step::Checkpoint),
        1 => Just(Step::Maintain),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash)
    ]
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

fn delete_many(rows: &[u8], refs: &[u16]) -> DeleteRequest {
    let nobody = (0..1_000).map(|n| Row(1_000_000 + n));
    let rows = rows.iter().map(|row| Row(u64::from(*row))).chain(nobody).collect();
    DeleteRequest { rows, refs: refs.iter().map(|n| ref_of(*n)).collect(), ..DeleteRequest::default() }
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
    let time = Arc::clone(clock);
    let clock: Clock = Arc::new(move || Timestamp::from_micros(time.load(Ordering::Relaxed)));
    Table::open(engine, clock, TableConfig::default()).await.unwrap()
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
        let clock = Arc::new(AtomicI64::new(1));
        let table = open(Arc::clone(&engine), &clock).await;
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

async fn run(mut subject: Subject, steps: Vec<Step>) {
    let mut reference = Reference::default();
    let mut repeatable = Vec::new();
    for step in steps {
        let now = Timestamp::from_micros(subject.clock.fetch_add(1, Ordering::Relaxed) + 1);
        match step {
            Step::Upsert { rows, options, mode } => {
                let rows: Vec<MemberRow> = rows.iter().map(member_row).collect();
                let upsert = subject.upsert_with_id(repeatable.len(), &rows, options, mode).await;
                let reply = upsert.reply().clone();
                repeatable.push(upsert);
                let expected = reference.upsert(&rows, &options, mode, now);
                // A row of a refused atomic call may report either of two members that had its key during the
                // call, but none that the call would have created.
                let is_refused =
                    mode == WriteMode::Atomic && reply.outcomes.iter().any(RowOutcome::is_failed);
                let places = || reply.outcomes.iter().filter_map(|o| o.row);
                assert!(!is_refused || places().all(|row| reference.knows(row.0)));
                let got: Vec<_> = reply
                    .outcomes
                    .iter()
                    .map(|o| (o.outcome, o.row.map(|row| row.0).filter(|_| !is_refused), o.status_kept))
                    .collect();
                assert_eq!(got, expected);
                assert_eq!(reply.revision, reference.revision);
            }
            Step::Delete { rows, refs } => {
                let rows: Vec<Row> = rows.into_iter().map(|row| Row(u64::from(row))).collect();
                let refs: Vec<Ref> = refs.into_iter().map(ref_of).collect();
                let expected = reference.delete(&rows, &refs, now);
                let reply = subject
                    .base
                    .delete(DeleteRequest { rows, refs, ..DeleteRequest::default() })
                    .await
                    .unwrap();
                assert_eq!(reply, expected);
            }
            Step::DeleteMany { rows, refs } => {
                let expected = reference.delete_many(&rows, &refs, now);
                assert_eq!(subject.base.delete(delete_many(&rows, &refs)).await.unwrap(), expected);
            }
            Step::Undelete { rows } => {
                let expected = reference.undelete(&rows, now);
                assert_eq!(subject.undelete_rows(&rows).await.unwrap(), (expected, reference.revision));
            }
            Step::Records { changes } => {
                let seed = reference.revision;
                let changes: Vec<_> = changes.iter().map(|change| record_change(change, seed)).collect();
                let expected = reference.change_records(&changes, now);
                assert_eq!(subject.change_records(changes).await.unwrap(), (expected, reference.revision));
            }
            Step::Rename { row, to, alias_micros } => {
                let rename = Rename::new(ref_of(to), alias_micros);
                let expected = reference.rename(u64::from(row), &rename, now);
                assert_eq!(subject.rename(u64::from(row), rename).await, expected);
            }
            Step::Checkpoint => subject.base.checkpoint().await.unwrap(),
            Step::Maintain => subject.table.maintain().await.unwrap(),
            Step::Reopen => {
                subject.base.close().await.unwrap();
                subject.crash().await;
            }
            Step::Crash => subject.crash().await,
        }
    }
    for upsert in &repeatable {
        subject.check_repeat(upsert).await;
    }
    subject.compare(&reference).await;
    subject.base.checkpoint().await.unwrap();
    subject.compare(&reference).await;
    subject.crash().await;
    subject.compare(&reference).await;
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_table_replies_as_plain_rows_would(steps in proptest::collection::vec(step(), 1..22)) {
        block_on(async { run(Subject::new().await, steps).await });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ON_POSTGRES))]

    #[test]
    fn the_table_replies_as_plain_rows_would_on_postgres(steps in proptest::collection::vec(step(), 1..22)) {
        block_on(async {
            if let Some(subject) = Subject::on_postgres().await {
                run(subject, steps).await;
            }
        });
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
