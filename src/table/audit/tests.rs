//! A sound store has no findings (see also `compare` in the table's own tests), and the audit reports every
//! damage to a single key.

use crate::engine::Engine;
use crate::model::Timestamp;
use crate::table::index::damage::{Damage, hex};
use std::sync::Arc;

use super::*;
use crate::engine::memory::MemoryEngine;
use crate::engine::{Batch, Direction, Key, KeyRange, Value};
use crate::model::record::{Transaction, samples};
use crate::model::schema::{AttributeSchema, AttributeType, FieldNumber, WantedSchema};
use crate::model::token::{AccessLevel, SecretHash, Token, TokenId, TokenLimits};
use crate::model::{
    AttributePatch, AttributeValue, BaseName, BaseNumber, Change, Email, ForeignText, MemberPatch,
    MemberRecord, MemberRow, Origin, RecordKind, Ref, Row, Status, Tier, UpsertOptions, WorkerId,
};
use crate::stored::block::Block;
use crate::stored::bucket::{self, Entry, Width};
use crate::stored::header::Header;
use crate::stored::index::{IndexState, decode_chunk, encode_chunk};
use crate::stored::key::Level;
use crate::stored::record_key::{self, RecordName, RecordPlace};
use crate::stored::{key, member, meta, set_key, token};
use crate::table::index::lookup::{LevelOf, LookupKind};
use crate::table::index::sets::SetField;
use crate::table::{
    DeleteRequest, RecordChange, RecordsRequest, SettingsRequest, Table, TableConfig, UpsertRequest,
    WriteMode,
};

const BASE: BaseNumber = BaseNumber(1);
/// A place without a record.
const LOST: RecordPlace = RecordPlace { row: Row(61), kind: RecordKind::Clip, sequence: 9 };
/// So few entries at once that a small store is checked in several ranges of buckets.
const FEW: u64 = 100;

async fn report(engine: &Arc<dyn Engine>) -> AuditReport {
    let usual = AuditConfig::new(Timestamp::from_micros(0), i64::MAX);
    let config = AuditConfig { entries_at_once: FEW, ..usual };
    audit(engine, &config, &|_| {}).await.unwrap()
}

/// Asserts that a store is sound. The tests of the table call it after whatever they did.
pub(in crate::table) async fn assert_sound(engine: &Arc<dyn Engine>) {
    let report = report(engine).await;
    assert!(report.is_sound(), "{:#?}", report.findings);
}

/// Asserts that a store has a certain damage, and maybe more.
pub(in crate::table) async fn assert_finds(engine: &Arc<dyn Engine>, is_it: impl Fn(&Damage) -> bool) {
    let report = report(engine).await;
    assert!(report.findings.iter().any(|finding| is_it(&finding.damage)), "{:#?}", report.findings);
}

/// Two bases; the first with deleted members, blocks of several parts, commits before and after its
/// watermark.
struct Store {
    engine: Arc<dyn Engine>,
    table: Arc<Table>,
}

/// Every fortieth member is so large that its block is stored in parts.
fn row(n: u64) -> MemberRow {
    let large = AttributeValue::Text("x".repeat(4000));
    let mut attributes = AttributePatch::default();
    for i in 0..if n.is_multiple_of(40) { 5 } else { 0 } {
        attributes.set(format!("large_{i}"), large.clone()).unwrap();
    }
    MemberRow {
        patch: MemberPatch {
            ref_: Change::Set(Ref::parse(format!("r{n}")).unwrap()),
            email: Change::Set(Email::parse(format!("m{n}@x.example")).unwrap()),
            worker_id: if n.is_multiple_of(3) {
                Change::Set(WorkerId::parse(format!("w{n}")).unwrap())
            } else {
                Change::Keep
            },
            tier: Change::Set(Tier::parse(format!("tier {}", n % 3)).unwrap()),
            attributes,
            ..MemberPatch::default()
        },
        status: if n.is_multiple_of(5) { Some(Status::Invited) } else { None },
        if_revision: None,
        has_account: false,
        found_by_id: None,
        doubts: None,
    }
}

/// The schema that lets members be large, as if it had been set when the base was made.
fn large_attributes() -> AttributeSchema {
    let at = Timestamp::from_micros(1_000);
    let types = (0..5).map(|i| (format!("large_{i}"), AttributeType::String)).collect();
    let wanted = WantedSchema { types, ..WantedSchema::default() };
    AttributeSchema::following(None, &wanted, 1, at)
}

fn token_record(number: u32) -> Vec<u8> {
    let made = Token {
        id: TokenId(u128::from(number)),
        access: AccessLevel::Write,
        pii: false,
        base: None,
        description: None,
        limits: TokenLimits::default(),
        created_at: Timestamp::from_micros(1),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        is_damaged: false,
    };
    token::encode(&made, &SecretHash([7; 32]))
}

impl Store {
    async fn new() -> Self {
        let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
        let clock = Arc::new(|| Timestamp::from_micros(1_000));
        let table = Table::open(Arc::clone(&engine), clock, TableConfig::default()).await.unwrap();
        let store = Self { engine, table };
        for name in ["first", "second"] {
            store.table.create_base(crate::model::samples::unguarded(name), None).await.unwrap();
        }
        for number in 0..3 {
            store.set(key::token(number), Some(token_record(number))).await;
        }
        store.set(key::token_use(2), Some(token::encode_use(Timestamp::from_micros(9)))).await;
        idempotency::store_results(&store).await;
        jobs::store_jobs(&store).await;
        for number in [BASE, BaseNumber(2)] {
            let mut header = store.header_of(number).await;
            header.schema = Some(Arc::new(large_attributes()));
            store.set(key::settings(number), Some(header.encode_settings())).await;
        }
        store.upsert(BaseNumber(2), 0..1).await;
        store.upsert(BASE, 0..200).await;
        let base = store.table.base(BASE).await.unwrap();
        let rows = (0..40).chain(160..176).map(Row).collect();
        base.delete(DeleteRequest {
            rows,
            refs: Vec::new(),
            expect_removals: None,
            claim: None,
            deadline: None,
            origin: Origin::default(),
        })
        .await
        .unwrap();
        base.checkpoint().await.unwrap();
        let renamed =
            SettingsRequest { name: Some(BaseName::parse("renamed").unwrap()), ..SettingsRequest::default() };
        base.change_settings(renamed).await.unwrap();
        store.upsert(BASE, 190..230).await;
        let save = |row, record| RecordChange::Save { row: Row(row), record };
        let mut changes = Vec::new();
        for row in [50, 60] {
            let transaction = Transaction {
                external_id: ForeignText::parse(format!("tx {row}")).unwrap(),
                ..samples::transaction()
            };
            changes.extend([
                save(row, MemberRecord::Clip(samples::clip().into())),
                save(row, MemberRecord::StampCollection(samples::stamps().into())),
                save(row, MemberRecord::Transaction(transaction.into())),
            ]);
        }
        let reply = base
            .change_records(RecordsRequest {
                changes,
                claim: None,
                deadline: None,
                origin: Origin::default(),
            })
            .await
            .unwrap();
        assert_eq!(reply.outcomes.unwrap().len(), 6);
        base.delete(DeleteRequest {
            rows: vec![Row(50)],
            refs: Vec::new(),
            expect_removals: None,
            claim: None,
            deadline: None,
            origin: Origin::default(),
        })
        .await
        .unwrap();
        store
    }

    async fn upsert(&self, base: BaseNumber, numbers: std::ops::Range<u64>) {
        let rows = numbers.map(|n| Ok(row(n))).collect();
        let options = UpsertOptions::default();
        let base = self.table.base(base).await.unwrap();
        base.upsert(UpsertRequest {
            rows,
            options,
            mode: WriteMode::Partial,
            claim: None,
            deadline: None,
            origin: Origin::default(),
        })
        .await
        .unwrap();
    }

    async fn all(&self) -> Vec<(Key, Value)> {
        self.engine.scan(KeyRange::prefix(&[]), Direction::Forward, usize::MAX).await.unwrap()
    }

    async fn get(&self, key: Key) -> Value {
        self.engine.get_many(&[key]).await.unwrap().pop().unwrap().unwrap()
    }

    async fn set(&self, key: Key, value: Option<Vec<u8>>) {
        let mut batch = Batch::default();
        match value {
            Some(value) => batch.put(key, value),
            None => batch.delete(key),
        }
        self.engine.commit(batch).await.unwrap();
    }

    /// The findings with one key changed, added or removed. Undoes the change afterwards.
    async fn found_with(&self, key: Key, value: Option<Vec<u8>>) -> Vec<Damage> {
        let before = self.engine.get_many(std::slice::from_ref(&key)).await.unwrap().pop().unwrap();
        self.set(key.clone(), value).await;
        let report = report(&self.engine).await;
        self.set(key, before.map(Into::into)).await;
        report.findings.into_iter().map(|finding| finding.damage).collect()
    }

    async fn header(&self) -> Header {
        self.header_of(BASE).await
    }

    async fn header_of(&self, base: BaseNumber) -> Header {
        let settings = self.get(key::settings(base)).await;
        Header::decode(&self.get(key::header(base)).await, Some(&settings)).unwrap()
    }

    async fn index(&self) -> IndexState {
        IndexState::decode(&self.get(key::index(BASE)).await).unwrap()
    }
}

/// Asserts that one of the findings matches this pattern.
macro_rules! found {
    ($found:expr, $pattern:pat $(if $guard:expr)?) => {{
        let found = $found;
        assert!(found.iter().any(|damage| matches!(damage, $pattern $(if $guard)?)), "{found:#?}");
    }};
}

mod audiences;
mod commits;
mod headers;
mod idempotency;
mod jobs;
mod keys;
mod lookups;
mod records;
mod values;
mod words;

#[tokio::test]
async fn a_sound_store_is_counted_and_nothing_is_found() {
    let store = Store::new().await;
    let report = report(&store.engine).await;
    assert!(report.is_sound(), "{:#?}", report.findings);
    assert_eq!((report.bases, report.members, report.commits, report.past_grace), (2, 174, 7, 0));
    assert_eq!(report.jobs, 2);
    // Each has a ref and an e-mail address, and every third member that was created has a worker id.
    assert!((2 * 174 + 50..2 * 174 + 70).contains(&report.entries), "{}", report.entries);
    assert!(
        store.all().await.iter().any(|(key, _)| key::block_parts(key).is_some_and(|(_, first)| first > 0))
    );
}

#[tokio::test]
async fn an_empty_store_is_sound() {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
    assert_eq!(report(&engine).await, AuditReport::default());
}

#[tokio::test]
async fn blocks_out_of_order_are_found() {
    let store = Store::new().await;
    let keys = store.all().await.into_iter().filter_map(|(key, _)| key::block_parts(&key));
    let (large, first) = keys.filter(|(_, first)| *first > 0).last().unwrap();
    found!(store.found_with(key::block(BASE, large, first), None).await, Damage::PartMissing { first: f, .. } if *f == first);
    found!(store.found_with(key::block(BASE, large, 0), None).await, Damage::PartMissing { first: 0, .. });
    let part = store.get(key::block(BASE, large, first)).await;
    found!(
        store.found_with(key::block(BASE, large, 15), Some(part.to_vec())).await,
        Damage::PartSurplus { first: 15, .. }
    );
    found!(
        store.found_with(key::block(BASE, large, 15), Some(part.to_vec())).await,
        Damage::SlotMisplaced { first: 15, .. }
    );
    found!(
        store.found_with(key::block(BASE, 99, 0), Some(vec![1, 0])).await,
        Damage::EmptyBlock { block: 99 }
    );
    // A member in the place of another one: two members have its keys.
    let mut block = Block::decode_first(&store.get(key::block(BASE, 3, 0)).await).unwrap();
    block.set(4, block.shared(3));
    let bytes = block.write().parts.remove(0).bytes.to_vec();
    let found = store.found_with(key::block(BASE, 3, 0), Some(bytes)).await;
    found!(&found, Damage::SharedKey { lookup: LookupKind::Ref, row: 51, other: 52 });
    found!(&found, Damage::LookupMisses { lookup: LookupKind::Email, row: 52, .. });
    block.set(4, Some(Value::from_static(&[1, 9])));
    let bytes = block.write().parts.remove(0).bytes.to_vec();
    found!(
        store.found_with(key::block(BASE, 3, 0), Some(bytes)).await,
        Damage::UnreadableMember { row: 52, .. }
    );
}

#[tokio::test]
async fn sets_that_differ_from_the_records_are_found_both_ways() {
    let store = Store::new().await;
    let place = || set_key::set(BASE, SetField::Tier.number(), "tier 0", 0);
    let mut chunk = decode_chunk(&store.get(place()).await).unwrap();
    chunk.remove(60);
    chunk.insert(61);
    let found = store.found_with(place(), Some(encode_chunk(&chunk))).await;
    found!(&found, Damage::SetMisses { field: SetField::Tier, row: 60, .. });
    found!(&found, Damage::SetSurplus { field: SetField::Tier, row: 61, .. });
    let one = encode_chunk(&[5].into_iter().collect());
    found!(store.found_with(set_key::set(BASE, FieldNumber(0), "active", 7), Some(one.clone())).await, Damage::SetSurplus { row, .. } if *row == 7 * 65_536 + 5);
    found!(
        store.found_with(set_key::set(BASE, FieldNumber(1), "", u64::MAX), Some(one)).await,
        Damage::SetSurplus { .. }
    );
}

#[tokio::test]
async fn a_deleted_base_is_left_out_once_it_may_be_half_purged_and_findings_are_bounded() {
    let store = Store::new().await;
    let base = store.table.base(BASE).await.unwrap();
    let expect_members = Some(base.view().await.summary().counts.total());
    let deleted = Some(true);
    base.change_settings(SettingsRequest { deleted, expect_members, ..SettingsRequest::default() })
        .await
        .unwrap();
    for set in ["active", "invited"] {
        store.set(set_key::set(BASE, FieldNumber(0), set, 0), None).await;
    }
    let at =
        |now, max_findings| AuditConfig { max_findings, ..AuditConfig::new(Timestamp::from_micros(now), 10) };
    let late = audit(&store.engine, &at(1_010, 5), &|_| {}).await.unwrap();
    assert_eq!((late.is_sound(), late.bases, late.past_grace), (true, 1, 1));
    let early = audit(&store.engine, &at(1_009, 5), &|_| {}).await.unwrap();
    assert_eq!(early.findings.len(), 5);
    assert!(early.more_findings > 50, "{}", early.more_findings);
    assert!(early.findings.iter().all(|finding| finding.base == Some(BASE)));
    let (text, id) = (early.findings[0].to_string(), store.table.sealer().base_id(BASE));
    assert!(text.starts_with(&format!("memberbase {id}: row ")), "{text}");
    assert!(text.contains(" is missing from the set status = "), "{text}");
}
