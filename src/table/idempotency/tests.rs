//! Requests that are sent twice: concurrently, after crashes at every moment, after the retention, and with
//! ids in use.

mod crashes;
mod slices;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::engine::faulty::{Fault, Faulty};
use crate::engine::memory::MemoryEngine;
use crate::engine::{Batch, Direction, Engine, EngineError};
use crate::model::token::TokenId;
use crate::model::{
    BaseName, Change, Email, GuardExpectation, MemberPatch, MemberRow, Origin, Outcome, Reason, Ref,
    RequestId, RequestIdentity, Row, Sight, Timestamp, UpsertOptions,
};
use crate::stored::idempotency::RequestResult;
use crate::stored::idempotency::key::requests;
use crate::table::audit::tests::assert_sound;
use crate::table::idempotency::{Begun, Claim, IdempotencyLimits, IfRunning, Progress};
use crate::table::{
    Base, DeleteRequest, EditReply, EditRequest, EditWhat, Edited, SettingsRequest, Table, TableConfig,
    TableError, UpsertReply, UpsertRequest, WriteMode,
};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

struct Store {
    engine: Arc<dyn Engine>,
    clock: Arc<AtomicI64>,
    table: Arc<Table>,
    base: Arc<Base>,
}

async fn open(
    engine: &Arc<dyn Engine>,
    clock: &Arc<AtomicI64>,
    bytes: u64,
) -> Result<Arc<Table>, TableError> {
    let time = Arc::clone(clock);
    let clock = Arc::new(move || Timestamp::from_micros(time.load(Ordering::Relaxed)));
    let idempotency = IdempotencyLimits { retention_micros: 7 * DAY, bytes };
    Table::open(Arc::clone(engine), clock, TableConfig { idempotency, ..TableConfig::default() }).await
}

impl Store {
    async fn new() -> Self {
        Self::with_room(u64::MAX).await
    }

    async fn with_room(bytes: u64) -> Self {
        let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
        let clock = Arc::new(AtomicI64::new(DAY));
        let table = open(&engine, &clock, bytes).await.unwrap();
        let settings = crate::model::samples::unguarded("test");
        let number = table.create_base(settings, None).await.unwrap().number;
        let base = table.base(number).await.unwrap();
        Self { engine, clock, table, base }
    }

    /// The store after a restart with `engine`.
    async fn through(&self, engine: Arc<dyn Engine>) -> Result<Self, TableError> {
        let table = open(&engine, &self.clock, u64::MAX).await?;
        let base = table.base(self.base.number()).await?;
        Ok(Self { engine, clock: Arc::clone(&self.clock), table, base })
    }

    async fn begin(&self, id: &str, asks: &str) -> Result<Begun, TableError> {
        self.begin_of(None, id, asks, IfRunning::Wait).await
    }

    async fn begin_of(
        &self,
        scope: Option<u128>,
        id: &str,
        asks: &str,
        if_running: IfRunning,
    ) -> Result<Begun, TableError> {
        let identity = RequestIdentity::new(RequestId::parse(id).unwrap(), "test", asks.as_bytes());
        let idempotency = self.table.idempotency();
        idempotency.begin(&identity, scope.map(TokenId), self.table.now(), if_running).await
    }

    /// Creates a member with the address `email` under a request id, unless that was done before. Returns
    /// whether it was done now.
    async fn create(&self, id: &str, email: &str) -> Result<(RequestResult, bool), TableError> {
        match self.begin(id, email).await? {
            Begun::Done(stored) => Ok((stored.result, false)),
            Begun::New(claim) => {
                let reply = self.create_as(Some(claim), email).await?;
                match reply.edited {
                    Edited::Done { row, outcome, .. } => Ok((RequestResult::Member(row, outcome), true)),
                    Edited::Refused(refusal) => Err(refusal.into()),
                    Edited::Missing => panic!("a new member is missing"),
                }
            }
        }
    }

    async fn create_as(&self, claim: Option<Arc<Claim>>, email: &str) -> Result<EditReply, TableError> {
        let email = Change::Set(Email::parse(email).unwrap());
        let patch = MemberPatch { email, ..MemberPatch::default() };
        let row = Box::new(MemberRow { patch, ..MemberRow::default() });
        self.base
            .edit(EditRequest {
                what: EditWhat::Create { row, revive: false },
                sight: Sight::default(),
                expected: GuardExpectation::default(),
                claim,
                deadline: None,
                origin: Origin::default(),
            })
            .await
    }

    /// Upserts rows that must be new, under a request id.
    async fn upsert(&self, id: &str, rows: u64, mode: WriteMode) -> Result<UpsertReply, TableError> {
        match self.begin(id, "rows").await? {
            Begun::Done(stored) => {
                let RequestResult::Rows { rows, is_complete: true } = &stored.result else {
                    panic!("{stored:?}")
                };
                let outcomes = rows.iter().map(crate::table::RowResult::outcome).collect();
                Ok(UpsertReply::new(outcomes, stored.revision.unwrap()))
            }
            Begun::New(claim) => {
                let rows = (0..rows).map(|n| Ok(new_row(n))).collect();
                let options = UpsertOptions::default();
                let claim = Some(claim);
                self.base
                    .upsert(UpsertRequest {
                        rows,
                        options,
                        mode,
                        claim,
                        deadline: None,
                        origin: Origin::default(),
                    })
                    .await
            }
        }
    }

    async fn members(&self) -> u64 {
        self.base.view().await.summary().counts.total()
    }

    /// How many keys of stored results there are.
    async fn keys(&self) -> usize {
        let mut keys = 0;
        for range in
            [crate::stored::idempotency::key::requests(), crate::stored::idempotency::key::request_times()]
        {
            keys += self.engine.scan(range, Direction::Forward, 100_000).await.unwrap().len();
        }
        keys
    }

    fn pass(&self, micros: i64) {
        self.clock.fetch_add(micros, Ordering::Relaxed);
    }
}

/// A row that must be new: applying it twice is refused.
fn new_row(n: u64) -> MemberRow {
    let patch =
        MemberPatch { ref_: Change::Set(Ref::parse(format!("r{n}")).unwrap()), ..MemberPatch::default() };
    MemberRow { patch, if_revision: Some(0), ..MemberRow::default() }
}

fn reason(result: Result<(RequestResult, bool), TableError>) -> Reason {
    match result {
        Err(TableError::Refused(refusal)) => refusal.reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_requests_with_one_id_are_done_once() {
    let store = Arc::new(Store::new().await);
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.create("same", "a@x.example").await.unwrap() })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        let (result, is_new) = task.await.unwrap();
        assert_eq!(result, RequestResult::Member(Row(0), Outcome::Created));
        done += u32::from(is_new);
    }
    assert_eq!((done, store.members().await, store.keys().await), (1, 1, 2));
    assert_sound(&store.engine).await;
}

#[tokio::test]
async fn a_turn_ends_with_the_result_and_not_with_the_caller() {
    let store = Store::new().await;
    let faulty = Arc::new(Faulty::new(Arc::clone(&store.engine)));
    let store = store.through(Arc::clone(&faulty) as Arc<dyn Engine>).await.unwrap();
    let Ok(Begun::New(claim)) = store.begin("a", "a@x.example").await else { panic!("it is new") };
    faulty.hold();
    {
        let mut call = std::pin::pin!(store.create_as(Some(claim), "a@x.example"));
        tokio::select! {
            _ = call.as_mut() => panic!("nothing comes to its end"),
            () = faulty.someone_waits() => {}
        }
    }
    // The caller is gone, but the request continues.
    let refused = store.begin_of(None, "a", "a@x.example", IfRunning::Refuse).await;
    assert_eq!(refused.unwrap_err(), TableError::RequestRunning);
    faulty.release();
    let (result, is_new) = store.create("a", "a@x.example").await.unwrap();
    assert_eq!((result, is_new), (RequestResult::Member(Row(0), Outcome::Created), false));
}

#[tokio::test]
async fn a_request_id_belongs_to_one_request_of_one_caller() {
    let store = Store::new().await;
    store.create("a", "a@x.example").await.unwrap();
    assert_eq!(reason(store.create("a", "b@x.example").await), Reason::RequestIdReused);
    let of = |token| store.begin_of(token, "a", "a@x.example", IfRunning::Refuse);
    assert!(matches!(of(Some(1)).await, Ok(Begun::New(_))));
    assert!(matches!(of(Some(0)).await, Ok(Begun::New(_))));
    assert!(matches!(of(None).await, Ok(Begun::Done(_))));
    assert_eq!(store.members().await, 1);
}

#[tokio::test]
async fn a_request_that_failed_runs_again() {
    let store = Store::new().await;
    store.create_as(None, "a@x.example").await.unwrap();
    for _ in 0..2 {
        assert_eq!(reason(store.create("a", "a@x.example").await), Reason::EmailTaken);
    }
    assert_eq!(store.keys().await, 0);
    store.base.delete(DeleteRequest { rows: vec![Row(0)], ..DeleteRequest::default() }).await.unwrap();
    assert!(store.create("a", "a@x.example").await.unwrap().1);
    assert!(!store.create("a", "a@x.example").await.unwrap().1);
}

#[tokio::test]
async fn the_result_of_an_upsert_is_stored_with_its_failed_rows_unless_all_failed() {
    let store = Store::new().await;
    store.upsert("first", 10, WriteMode::Partial).await.unwrap();
    let all_failed = store.upsert("again", 10, WriteMode::Partial).await.unwrap();
    assert!(all_failed.outcomes.iter().all(|row| row.outcome == Outcome::Failed));
    assert_eq!(store.keys().await, 2);
    let some = store.upsert("again", 12, WriteMode::Partial).await.unwrap();
    assert_eq!(some.outcomes.iter().filter(|row| row.outcome == Outcome::Failed).count(), 10);
    assert_eq!(store.upsert("again", 12, WriteMode::Partial).await.unwrap(), some);
    for (id, mode) in [("atomic", WriteMode::Atomic), ("whole", WriteMode::Whole)] {
        store.upsert(id, 20, mode).await.unwrap();
    }
    assert_eq!((store.members().await, store.keys().await), (12, 4));
}

#[tokio::test]
async fn the_result_of_a_request_that_changed_nothing_is_stored_too() {
    let store = Store::new().await;
    let delete = |claim| {
        store.base.delete(DeleteRequest {
            refs: vec![],
            rows: vec![Row(7)],
            expect_removals: None,
            claim,
            deadline: None,
            origin: Origin::default(),
        })
    };
    let Ok(Begun::New(claim)) = store.begin("a", "").await else { panic!("it is new") };
    let reply = delete(Some(claim)).await.unwrap();
    assert_eq!((reply.deleted, reply.revision), (0, 0));
    let Ok(Begun::Done(stored)) = store.begin("a", "").await else { panic!("it was done") };
    let nothing = RequestResult::Deleted { members: 0, records: Default::default(), revisions: Vec::new() };
    assert_eq!((stored.result, stored.revision), (nothing, Some(0)));
    let rename =
        |claim| SettingsRequest { name: BaseName::parse("new").ok(), claim, ..SettingsRequest::default() };
    for revision in [1, 1] {
        let Ok(Begun::New(claim)) = store.begin(&format!("{revision}"), "").await else { continue };
        assert_eq!(store.base.change_settings(rename(Some(claim))).await.unwrap().revision, revision);
    }
    assert_sound(&store.engine).await;
}

#[tokio::test]
async fn a_request_is_new_again_after_the_retention() {
    let store = Store::new().await;
    store.create("a", "a@x.example").await.unwrap();
    store.upsert("rows", 3_000, WriteMode::Partial).await.unwrap();
    let keys = store.keys().await;
    store.pass(7 * DAY - 1);
    assert!(!store.create("a", "a@x.example").await.unwrap().1);
    store.table.maintain().await.unwrap();
    assert_eq!(store.keys().await, keys);
    store.pass(1);
    // New requests replace results that are too old, even before these are deleted.
    assert!(store.create("a", "b@x.example").await.unwrap().1);
    assert_eq!((store.members().await, store.keys().await), (3_002, keys));
    let Ok(Begun::New(claim)) = store.begin("rows", "other").await else { panic!("it is new") };
    store.create_as(Some(claim), "c@x.example").await.unwrap();
    assert_eq!(store.keys().await, 4, "the parts of the first result are gone");
    assert_sound(&store.engine).await;
    store.pass(7 * DAY);
    store.table.maintain().await.unwrap();
    assert_eq!(store.keys().await, 0);
}

#[tokio::test]
async fn the_oldest_results_are_deleted_when_there_are_too_many() {
    let store = Store::with_room(100 * 120).await;
    for n in 0..400 {
        store.pass(1);
        store.create(&format!("a{n}"), &format!("a{n}@x.example")).await.unwrap();
    }
    store.table.maintain().await.unwrap();
    let first = (0..400_u32).map(|n| format!("a{n}"));
    let mut are_stored = Vec::new();
    for (n, id) in first.enumerate() {
        are_stored.push(matches!(store.begin(&id, &format!("a{n}@x.example")).await, Ok(Begun::Done(_))));
    }
    let dropped = are_stored.iter().position(|is_stored| *is_stored).unwrap();
    assert!(are_stored[dropped..].iter().all(|is_stored| *is_stored), "the oldest go first");
    let bytes =
        store.engine.scan(crate::engine::KeyRange::prefix(&[5]), Direction::Forward, 1_000).await.unwrap();
    let times =
        store.engine.scan(crate::engine::KeyRange::prefix(&[6]), Direction::Forward, 1_000).await.unwrap();
    let bytes: usize = bytes.iter().chain(&times).map(|(key, value)| key.len() + value.len()).sum();
    assert!((6_000..=12_000).contains(&bytes), "{bytes} bytes of {} results", 400 - dropped);
    assert_sound(&store.engine).await;
    // A store counts what is stored after it is opened again.
    let reopened = open(&store.engine, &store.clock, 2_000).await.unwrap();
    reopened.maintain().await.unwrap();
    assert!(store.keys().await < 50);
}

#[tokio::test]
async fn a_damaged_result_keeps_no_other_one_from_being_deleted() {
    let store = Store::new().await;
    for id in ["a", "b", "c"] {
        store.pass(1);
        store.create(id, &format!("{id}@x.example")).await.unwrap();
    }
    let results = store.engine.scan(requests(), Direction::Forward, 10).await.unwrap();
    let faulty = Arc::new(Faulty::new(Arc::clone(&store.engine)));
    let store = store.through(Arc::clone(&faulty) as Arc<dyn Engine>).await.unwrap();
    faulty.damage(results[1].0.clone());
    store.pass(7 * DAY);
    store.table.maintain().await.unwrap();
    assert_eq!(store.keys().await, 2, "the damaged one and its time");
    store.create("d", "d@x.example").await.unwrap();
    store.pass(7 * DAY);
    store.table.maintain().await.unwrap();
    assert_eq!(store.keys().await, 2, "it is also tried alone, and later");
}

#[tokio::test]
async fn a_request_with_fewer_rows_than_its_stored_result_is_refused() {
    let store = Store::new().await;
    let Ok(Begun::New(claim)) = store.begin("a", "").await else { panic!("it is new") };
    let reply = store.base.upsert(rows(1_000, None)).await.unwrap();
    let (mut batch, mut progress) = (Batch::default(), Progress::default());
    let (idempotency, when) = (store.table.idempotency(), (store.table.now(), reply.revision));
    let more = idempotency.store_rows(&claim, &mut progress, when, &reply.outcomes, false, &mut batch);
    store.engine.commit(batch).await.unwrap();
    idempotency.count_stored(more);
    drop(claim);
    for mode in [WriteMode::Partial, WriteMode::Whole] {
        let Ok(Begun::New(claim)) = store.begin("a", "").await else { panic!("it is not complete") };
        let shorter = store.base.upsert(UpsertRequest { mode, ..rows(999, Some(claim)) }).await;
        assert!(matches!(shorter, Err(TableError::Damaged(_))), "{shorter:?}");
    }
    let Ok(Begun::New(claim)) = store.begin("a", "").await else { panic!("it is not complete") };
    assert_eq!(store.base.upsert(rows(1_000, Some(claim))).await.unwrap().outcomes, reply.outcomes);
}

fn rows(rows: u64, claim: Option<Arc<Claim>>) -> UpsertRequest {
    UpsertRequest {
        rows: (0..rows).map(|n| Ok(new_row(n))).collect(),
        options: UpsertOptions::default(),
        mode: WriteMode::Partial,
        claim,
        deadline: None,
        origin: Origin::default(),
    }
}
