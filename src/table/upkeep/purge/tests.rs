//! Records of deleted members: they cannot be reached after the delete, and are gone after the purge.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::engine::memory::MemoryEngine;
use crate::engine::{Direction, Engine, KeyRange};
use crate::model::record::{Clip, ClipId, Transaction, samples};
use crate::model::schema::{AttributeType, WantedSchema};
use crate::model::{
    AttributePatch, AttributeValue, BaseNumber, ForeignText, MemberRecord, MemberRow, Origin, RecordCounts,
    RecordFault, RecordKind, Ref, Row, Timestamp, UpsertOptions,
};
use crate::table::audit::tests::assert_sound;
use crate::table::{
    AttributesRequest, Base, DeleteReply, DeleteRequest, RecordChange, RecordOutcome, RecordsReply,
    RecordsRequest, SettingsRequest, Table, TableConfig, UpsertRequest, WriteMode,
};

/// A clock that goes on by a microsecond with every call.
struct Store {
    engine: Arc<dyn Engine>,
    table: Arc<Table>,
    base: Arc<Base>,
    time: Arc<AtomicI64>,
}

const GRACE: i64 = 1_000_000;

impl Store {
    async fn new(members: u64) -> Self {
        let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
        let time = Arc::new(AtomicI64::new(1_000));
        let clock = Arc::clone(&time);
        let clock = Arc::new(move || Timestamp::from_micros(clock.fetch_add(1, Ordering::Relaxed)));
        let config =
            TableConfig { commit_retention_micros: GRACE, grace_micros: GRACE, ..TableConfig::default() };
        let table = Table::open(Arc::clone(&engine), clock, config).await.unwrap();
        let settings = crate::model::samples::unguarded("Test");
        let number = table.create_base(settings, None).await.unwrap().number;
        let base = table.base(number).await.unwrap();
        let store = Self { engine, table, base, time };
        store.add(0..members).await;
        store
    }

    async fn add(&self, members: std::ops::Range<u64>) {
        let row = |n| {
            let mut row = MemberRow::default();
            row.patch.ref_ = crate::model::Change::Set(Ref::parse(format!("r{n}")).unwrap());
            Ok(row)
        };
        let (rows, options) = (members.map(row).collect(), UpsertOptions::default());
        let request = UpsertRequest {
            rows,
            options,
            mode: WriteMode::Partial,
            claim: None,
            deadline: None,
            origin: Origin::default(),
        };
        self.base.upsert(request).await.unwrap();
    }

    async fn save(&self, changes: Vec<RecordChange>) -> RecordsReply {
        self.base
            .change_records(RecordsRequest {
                changes,
                claim: None,
                deadline: None,
                origin: Origin::default(),
            })
            .await
            .unwrap()
    }

    async fn delete(&self, rows: Vec<Row>) -> DeleteReply {
        self.base.delete(DeleteRequest { rows, ..DeleteRequest::default() }).await.unwrap()
    }

    /// Gives a member attributes that can be recognised in the bytes of the store.
    async fn set_attributes(&self, row: u64, count: usize) -> u64 {
        let types = (0..count).map(|n| (format!("key{n}"), AttributeType::String)).collect();
        let wanted = WantedSchema { types, ..WantedSchema::default() };
        let schema = SettingsRequest { schema: Some(wanted), ..SettingsRequest::default() };
        self.base.change_settings(schema).await.unwrap();
        let mut patch = AttributePatch::default();
        for n in 0..count {
            patch.set(format!("key{n}"), AttributeValue::text(format!("attribute-{n}")).unwrap()).unwrap();
        }
        let changes = vec![(Row(row), patch)];
        let request = AttributesRequest { changes, is_strict: true, ..AttributesRequest::default() };
        let reply = self.base.change_attributes(request).await.unwrap();
        assert_eq!(reply.values, u64::try_from(count).unwrap());
        reply.revision
    }

    async fn count(&self, row: u64, kind: RecordKind) -> Option<usize> {
        let view = self.base.view().await;
        view.member_records(Row(row), kind, None, false, usize::MAX).await.unwrap().map(|found| found.len())
    }

    /// How many keys contain this text, in the key or its value.
    async fn keys_with(&self, text: &str) -> usize {
        self.keys_in(KeyRange::prefix(&[]), text).await
    }

    /// How many keys of the commit log have a value that contains this text.
    async fn commits_with(&self, text: &str) -> usize {
        self.keys_in(crate::stored::key::commits(self.base.number()), text).await
    }

    async fn keys_in(&self, range: KeyRange, text: &str) -> usize {
        let all = self.engine.scan(range, Direction::Forward, usize::MAX).await.unwrap();
        let has = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        all.iter().filter(|(key, value)| has(key) || has(value)).count()
    }
}

fn transaction(row: u64, name: &str) -> RecordChange {
    let external_id = ForeignText::parse(name).unwrap();
    let record = MemberRecord::Transaction(Box::new(Transaction { external_id, ..samples::transaction() }));
    RecordChange::Save { row: Row(row), record }
}

fn clip(row: u64, creative: &str) -> RecordChange {
    let creative_id = ForeignText::parse(creative).unwrap();
    let id = ClipId(creative.bytes().fold(0, |id, byte| id * 256 + u128::from(byte)));
    let record = MemberRecord::Clip(Box::new(Clip { id, creative_id, ..samples::clip() }));
    RecordChange::Save { row: Row(row), record }
}

#[tokio::test]
async fn a_member_goes_with_all_its_records_in_one_commit_and_nothing_is_left_of_them() {
    const TRANSACTIONS: u64 = 100_000;
    let store = Store::new(2).await;
    for part in 0..TRANSACTIONS / 5_000 {
        let names = (part * 5_000..(part + 1) * 5_000).map(|n| transaction(0, &format!("marked-{n}")));
        assert_eq!(store.save(names.collect()).await.outcomes.unwrap().len(), 5_000);
    }
    let stamps = MemberRecord::StampCollection(samples::stamps().into());
    let others = vec![
        clip(0, "marked-a"),
        clip(0, "marked-b"),
        RecordChange::Save { row: Row(0), record: stamps },
        transaction(1, "kept"),
    ];
    store.save(others).await.outcomes.unwrap();
    let before = store.set_attributes(0, 3).await;
    assert!(store.keys_with("attribute-").await > 0);
    let reply = store.delete(vec![Row(0)]).await;
    let records = RecordCounts { clips: 2, stamp_collections: 1, transactions: TRANSACTIONS };
    assert_eq!(reply, DeleteReply { deleted: 1, records, revision: before + 1, revisions: vec![before + 1] });
    for kind in RecordKind::ALL {
        assert_eq!(store.count(0, kind).await, None);
    }
    assert_sound(&store.engine).await;
    store.table.maintain().await.unwrap();
    assert!(store.keys_with("marked-").await > 0, "the records stay while their member can come back");
    store.time.fetch_add(GRACE, Ordering::Relaxed);
    store.table.maintain().await.unwrap();
    assert_eq!(store.keys_with("marked-").await, 0);
    assert_eq!(store.count(1, RecordKind::Transaction).await, Some(1));
    assert_sound(&store.engine).await;
    // The commit log has the deleted member until the commits' retention ends.
    store.base.checkpoint().await.unwrap();
    assert_eq!(store.keys_with("attribute-").await, store.commits_with("attribute-").await);
    store.time.fetch_add(2 * GRACE, Ordering::Relaxed);
    assert!(store.keys_with("r0").await > 0);
    store.table.maintain().await.unwrap();
    assert_eq!(store.keys_with("r0").await, 0);
    assert_eq!(store.keys_with("attribute-").await, 0);
    assert_sound(&store.engine).await;
}

#[tokio::test]
async fn an_external_id_of_a_deleted_member_is_free_and_stays_with_its_new_holder() {
    let store = Store::new(2).await;
    store.save(vec![transaction(0, "a"), transaction(0, "b")]).await.outcomes.unwrap();
    let taken = store.save(vec![transaction(1, "c"), transaction(1, "a")]).await.outcomes.unwrap_err();
    assert_eq!(taken, [(1, RecordFault::OfAnotherMember)]);
    assert_eq!(store.count(1, RecordKind::Transaction).await, Some(0));
    store.delete(vec![Row(0)]).await;
    let made = store.save(vec![transaction(1, "a")]).await.outcomes.unwrap();
    assert!(matches!(made[..], [RecordOutcome::Created(_)]));
    store.table.maintain().await.unwrap();
    assert_sound(&store.engine).await;
    let again = store.save(vec![transaction(1, "a"), transaction(1, "b")]).await.outcomes.unwrap();
    assert!(matches!(again[..], [RecordOutcome::Unchanged(_), RecordOutcome::Created(_)]));
    let gone = store.save(vec![clip(0, "a"), clip(7, "a")]).await.outcomes.unwrap_err();
    assert_eq!(gone, [(0, RecordFault::MemberNotFound), (1, RecordFault::MemberNotFound)]);
}

#[tokio::test]
async fn a_record_never_lands_on_a_member_that_is_deleted_at_the_same_time() {
    let store = Store::new(200).await;
    for row in 0..200 {
        let (saved, deleted) = if row % 2 == 0 {
            tokio::join!(
                store.save(vec![clip(row, "x"), transaction(row, &format!("t{row}"))]),
                store.delete(vec![Row(row)])
            )
        } else {
            let (deleted, saved) = tokio::join!(
                store.delete(vec![Row(row)]),
                store.save(vec![clip(row, "x"), transaction(row, &format!("t{row}"))])
            );
            (saved, deleted)
        };
        assert_eq!(deleted.deleted, 1);
        // Either the delete removed them too, or they were refused.
        assert_eq!(deleted.records.clips + deleted.records.transactions == 2, saved.outcomes.is_ok());
        assert_eq!(saved.outcomes.is_ok(), saved.revision < deleted.revision);
    }
    assert_sound(&store.engine).await;
    store.table.maintain().await.unwrap();
    assert_sound(&store.engine).await;
    assert_eq!(BaseNumber(1), store.base.number());
}

#[tokio::test]
async fn changes_of_one_request_see_each_other_and_are_there_after_a_reopening() {
    let store = Store::new(1).await;
    let outcomes = store.save(vec![clip(0, "a"), clip(0, "a"), clip(0, "b")]).await.outcomes.unwrap();
    assert!(matches!(
        outcomes[..],
        [RecordOutcome::Created(_), RecordOutcome::Unchanged(_), RecordOutcome::Created(_)]
    ));
    let delete = |which| RecordChange::Delete { row: Row(0), kind: RecordKind::Clip, which };
    let own = |name: &str| crate::table::Which::Own(ForeignText::parse(name).unwrap());
    assert_eq!(store.save(vec![delete(own("a"))]).await.outcomes.unwrap(), [RecordOutcome::Deleted]);
    let gone = store.save(vec![delete(own("a"))]).await.outcomes.unwrap_err();
    assert_eq!(gone, [(0, RecordFault::RecordNotFound)]);
    assert_sound(&store.engine).await;
    let clock = Arc::new(|| Timestamp::from_micros(9_000));
    let again = Table::open(Arc::clone(&store.engine), clock, TableConfig::default()).await.unwrap();
    let base = again.base(BaseNumber(1)).await.unwrap();
    let found =
        base.view().await.member_records(Row(0), RecordKind::Clip, None, false, 9).await.unwrap().unwrap();
    assert_eq!(found.iter().map(|(_, record)| record.name().as_str()).collect::<Vec<_>>(), ["b"]);
}
