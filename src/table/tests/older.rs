//! Stores of older formats, as they were when programs of older versions were killed:
//! `tests/stores/format-1.zst` and `format-2.zst`.
//!
//! The first memberbase of format 1 had so many indexes that their numbers have eight bits, of which commits
//! of version 1 lost one. The second has some of everything, the third is deleted, and the fourth is empty.
//! All have commits that are not in a checkpoint.

use super::*;
use crate::engine::faulty::{Fault, Faulty};
use crate::engine::{Batch, Direction, Key, KeyRange, Value};
use crate::model::{GuardLimits, RecordKind, RequestId, RequestIdentity};
use crate::stored::header::Head;
use crate::stored::idempotency::key::{PartWidth, request_of};
use crate::stored::idempotency::{Size, encode_rows};
use crate::stored::member_record::Purge;
use crate::stored::meta::{self, Meta};
use crate::stored::{idempotency, key, record_key, set_key};
use crate::table::audit::tests::assert_sound;
use crate::table::index::hash::Hashes;

const INDEXED: BaseNumber = BaseNumber(1);
const USUAL: BaseNumber = BaseNumber(2);
const DELETED: BaseNumber = BaseNumber(3);
const EMPTY: BaseNumber = BaseNumber(4);

const STORE: &[u8] = include_bytes!("../../../tests/stores/format-1.zst");
const SECOND: &[u8] = include_bytes!("../../../tests/stores/format-2.zst");

/// Keys and values, each after its length.
fn pairs(packed: &[u8]) -> Vec<(Key, Value)> {
    let bytes = zstd::stream::decode_all(packed).unwrap();
    let mut rest = &bytes[..];
    let mut next = || {
        let (length, more) = rest.split_at_checked(4)?;
        let length = u32::from_be_bytes(length.try_into().unwrap());
        let (taken, more) = more.split_at(usize::try_from(length).unwrap());
        rest = more;
        Some(taken.to_vec())
    };
    let mut pairs = Vec::new();
    while let Some(key) = next() {
        pairs.push((key, Value::from(next().unwrap())));
    }
    pairs
}

async fn store() -> Arc<dyn Engine> {
    store_of(STORE).await
}

async fn store_of(packed: &[u8]) -> Arc<dyn Engine> {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
    for pairs in pairs(packed).chunks(500) {
        engine.commit(Batch { puts: pairs.to_vec(), ..Batch::default() }).await.unwrap();
    }
    engine
}

/// Later than anything in the store.
fn clock() -> Arc<AtomicI64> {
    Arc::new(AtomicI64::new(1_800_000_000_000_000))
}

async fn subject(engine: &Arc<dyn Engine>, number: BaseNumber) -> Subject {
    let clock = clock();
    let table = open(Arc::clone(engine), &clock).await;
    let base = table.base(number).await.unwrap();
    Subject { engine: Arc::clone(engine), clock, table, base }
}

async fn is_empty(engine: &Arc<dyn Engine>, range: KeyRange) -> bool {
    engine.scan(range, Direction::Forward, 1).await.unwrap().is_empty()
}

/// The marks of members of one base that had records.
async fn marks(engine: &Arc<dyn Engine>) -> Vec<(Row, Purge)> {
    let found = engine.scan(record_key::record_purges(USUAL), Direction::Forward, 99).await.unwrap();
    let read =
        |(key, mark): (Key, Value)| (record_key::counted_row(&key).unwrap(), Purge::decode(&mark).unwrap());
    found.into_iter().map(read).collect()
}

async fn get(engine: &Arc<dyn Engine>, key: Key) -> Option<Value> {
    engine.get_many(&[key]).await.unwrap().pop().unwrap()
}

/// Compares every set with the members of the base.
async fn check_sets(subject: &Subject) -> usize {
    let view = subject.base.view().await;
    let schema = view.summary().schema;
    let all: Vec<Row> = (0..view.next_row().0).map(Row).collect();
    let members = view.members(&all).await.unwrap();
    let mut expected: BTreeMap<(SetField, String), Vec<u32>> = BTreeMap::new();
    for (row, member) in &members {
        let mut add = |field, value: &str| {
            expected.entry((field, value.to_owned())).or_default().push(u32::try_from(row.0).unwrap());
        };
        add(SetField::Status, member.status.as_str());
        member.profile.tier.iter().for_each(|tier| add(SetField::Tier, tier.as_str()));
        for (key, index) in schema.iter().flat_map(|schema| &schema.indexes) {
            let value = member.attributes.get(key).and_then(|value| value.set_name());
            value.into_iter().for_each(|value| add(SetField::Attribute(index.number), &value));
        }
    }
    let found: BTreeMap<(SetField, String), Vec<u32>> = view
        .sets()
        .fields()
        .flat_map(|field| view.sets().values(field).unwrap().map(move |value| (field, value.to_owned())))
        .map(|(field, value)| {
            let rows = view.sets().of_value(field, &value).unwrap().chunk(0).into_iter().flatten().collect();
            ((field, value), rows)
        })
        .collect();
    assert_eq!(found, expected);
    members.len()
}

#[test]
fn a_store_of_format_1_opens_is_read_and_written_and_moves_to_format_2_piece_by_piece() {
    block_on(async {
        let engine = store().await;
        assert_sound(&engine).await;
        assert_eq!(Meta::format(&get(&engine, key::meta()).await.unwrap()), Ok(1));
        for (number, members) in [(INDEXED, 227), (USUAL, 147), (DELETED, 20), (EMPTY, 0)] {
            let mut subject = subject(&engine, number).await;
            let found = Meta::decode(&get(&engine, key::meta()).await.unwrap()).unwrap();
            assert_eq!((found.format, found.write_format), (meta::FORMAT, meta::FORMAT));
            assert_eq!(check_sets(&subject).await, members, "{number:?}");
            assert!(subject.check_histories().await >= members, "{number:?}");
            assert_sound(&engine).await;
            // Opening a base writes nothing.
            let head = get(&engine, key::header(number)).await.unwrap();
            assert_eq!((head[0], get(&engine, key::settings(number)).await), (3, None));
            assert!(subject.base.view().await.summary().settings.new_members.is_some());
            if number != DELETED {
                let rows: Vec<MemberRow> = (40..60).map(plain_row).collect();
                subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
                let head = get(&engine, key::header(number)).await.unwrap();
                assert_eq!(head[0], 4);
                assert!(get(&engine, key::settings(number)).await.is_some());
                assert_sound(&engine).await;
            }
            subject.crash().await;
            check_sets(&subject).await;
            let summary = subject.base.view().await.summary();
            subject.base.checkpoint().await.unwrap();
            assert!(is_empty(&engine, set_key::narrow_sets(number)).await);
            assert_sound(&engine).await;
            subject.crash().await;
            check_sets(&subject).await;
            assert_eq!(subject.base.view().await.summary(), summary);
        }
        let table = open(Arc::clone(&engine), &clock()).await;
        let names: Vec<String> = table
            .list_bases(None, false, 9)
            .await
            .unwrap()
            .into_iter()
            .map(|base| base.settings.name.into_string())
            .collect();
        assert_eq!(names, ["indexed", "usual", "deleted", "empty"]);
        assert_eq!(table.tokens().list(None, false, 9).len(), 1);
    });
}

#[test]
fn a_store_of_format_1_still_has_its_results_of_requests_and_its_records() {
    block_on(async {
        let engine = store().await;
        let clock = Arc::new(AtomicI64::new(1_700_009_000_000_000));
        let table = open(Arc::clone(&engine), &clock).await;
        let mark = |id: &str| RequestIdentity::new(RequestId::parse(id.to_owned()).unwrap(), "test", b"body");
        for (id, rows) in [("small", 150), ("large", 12_000)] {
            let begun =
                table.idempotency().begin(&mark(id), None, table.now(), IfRunning::Wait).await.unwrap();
            let Begun::Done(kept) = begun else { panic!("{id} was answered") };
            let RequestResult::Rows { rows: kept, is_complete: true } = kept.result else {
                panic!("{id} has rows")
            };
            assert_eq!(kept.len(), rows);
        }
        let base = table.base(USUAL).await.unwrap();
        let records =
            base.view().await.member_records(Row(60), RecordKind::Clip, None, false, 9).await.unwrap();
        assert_eq!(records.map(|records| records.len()), Some(1));
        let found = base.view().await.find(&[MemberKey::Ref(ref_of(7))]).await.unwrap();
        assert_eq!(found[0].as_ref().map(|(row, _)| *row), Some(Row(7)));
        let before = marks(&engine).await;
        assert!(!before.is_empty() && before.iter().all(|(_, mark)| !mark.is_done()), "{before:?}");
        drop(base);
        table.maintain().await.unwrap();
        // Their records are gone; the marks stay as long as the log may have these members.
        for (row, _) in &before {
            assert!(is_empty(&engine, record_key::records_of_row(USUAL, *row)).await);
        }
        let later = marks(&engine).await;
        assert_eq!(later.len(), before.len());
        assert!(later.iter().all(|(_, mark)| mark.is_done() && mark.deleted.is_some()), "{later:?}");
        assert_sound(&engine).await;
        clock.fetch_add(1, Ordering::Relaxed);
        let (options, mode, origin) = (UpsertOptions::default(), WriteMode::Partial, Origin::default());
        let rows = vec![Ok(plain_row(240))];
        let base = table.base(USUAL).await.unwrap();
        let request = UpsertRequest { rows, options, mode, claim: None, deadline: None, origin };
        base.upsert(request).await.unwrap();
        base.checkpoint().await.unwrap();
        drop(base);
        // Much later all results are gone, including those under narrow keys.
        clock.fetch_add(31 * 24 * 3_600_000_000, Ordering::Relaxed);
        table.maintain().await.unwrap();
        assert!(marks(&engine).await.is_empty());
        assert!(is_empty(&engine, idempotency::key::requests()).await);
        assert!(is_empty(&engine, idempotency::key::request_times()).await);
        assert!(is_empty(&engine, key::all_settings(DELETED)).await);
        assert_eq!(get(&engine, key::header(DELETED)).await, None);
        assert_sound(&engine).await;
    });
}

#[test]
fn a_crash_at_any_operation_of_the_first_checkpoint_leaves_a_sound_base() {
    block_on(async {
        let mut operations = 0;
        loop {
            operations += 1;
            let engine = store().await;
            let faulty = Arc::new(Faulty::new(Arc::clone(&engine)).fail_at(operations, Fault::CrashAfter));
            let outer: Arc<dyn Engine> = faulty.clone();
            let clock = clock();
            let time = Arc::clone(&clock);
            let now: Clock = Arc::new(move || Timestamp::from_micros(time.load(Ordering::Relaxed)));
            let run = async {
                let table = Table::open(outer, now, TableConfig::default()).await?;
                let base = table.base(INDEXED).await?;
                base.delete(DeleteRequest { rows: vec![Row(5)], ..DeleteRequest::default() }).await?;
                base.checkpoint().await
            };
            let ended: Result<(), TableError> = run.await;
            assert_sound(&engine).await;
            let mut subject = subject(&engine, INDEXED).await;
            check_sets(&subject).await;
            subject.base.checkpoint().await.unwrap();
            assert_sound(&engine).await;
            subject.crash().await;
            check_sets(&subject).await;
            if ended.is_ok() && !faulty.has_failed() {
                break;
            }
        }
        assert!(operations > 15, "{operations} operations");
    });
}

#[test]
fn a_store_of_format_1_that_begins_a_new_timeline_is_of_format_2() {
    block_on(async {
        let engine = store().await;
        let head = get(&engine, key::header(USUAL)).await.unwrap();
        let before = Head::decode(&head).unwrap();
        timeline::begin_timeline(&engine, Timestamp::from_micros(1_800_000_000_000_000)).await.unwrap();
        assert_eq!(Meta::format(&get(&engine, key::meta()).await.unwrap()), Ok(meta::FORMAT));
        let subject = subject(&engine, USUAL).await;
        assert!(subject.base.view().await.revision() > before.revision + u64::from(u32::MAX));
        assert_sound(&engine).await;
    });
}

#[test]
fn a_result_that_an_older_program_began_is_completed_under_keys_of_today() {
    block_on(async {
        let engine = store().await;
        let stored = Meta::decode(&get(&engine, key::meta()).await.unwrap()).unwrap();
        let mark = RequestIdentity::new(RequestId::parse("begun".to_owned()).unwrap(), "test", b"body");
        let name = Hashes::new(&stored).request(None, &mark.key);
        let narrow = |part| request_of(PartWidth::Narrow, name, part);
        let at = Timestamp::from_micros(1_799_999_999_000_000);
        let done =
            RowResult { row: Some(Row(0)), outcome: Outcome::Unchanged, status_kept: false, error: None };
        let kept = StoredResult {
            fingerprint: mark.fingerprint,
            at,
            revision: Some(1),
            parts: 1,
            width: PartWidth::Narrow,
            result: RequestResult::Rows { rows: Vec::new(), is_complete: false },
        };
        let size = Size { bytes: 100, parts: 1, width: PartWidth::Narrow };
        let mut batch = Batch::default();
        batch.put(narrow(0), kept.encode());
        batch.put(narrow(1), encode_rows(&[done.clone(), done.clone()]));
        batch.put(idempotency::key::request_time(at, name), size.encode());
        engine.commit(batch).await.unwrap();
        assert_sound(&engine).await;

        let subject = subject(&engine, USUAL).await;
        // The results of the older program have expired. Remove them here, not in the background during the
        // audit.
        subject.table.maintain().await.unwrap();
        let now = subject.table.now();
        let Begun::New(claim) =
            subject.table.idempotency().begin(&mark, None, now, IfRunning::Wait).await.unwrap()
        else {
            panic!("it was not finished")
        };
        let request = UpsertRequest {
            rows: (60..63).map(|n| Ok(plain_row(n))).collect(),
            options: UpsertOptions::default(),
            mode: WriteMode::Partial,
            claim: Some(claim),
            deadline: None,
            origin: Origin::default(),
        };
        let reply = subject.base.upsert(request).await.unwrap();
        assert_eq!(reply.outcomes[..2], [done.outcome(), done.outcome()]);
        assert_eq!(reply.outcomes[2].row, Some(Row(62)));
        assert_eq!((get(&engine, narrow(0)).await, get(&engine, narrow(1)).await), (None, None));
        assert_sound(&engine).await;
        let begun = subject.table.idempotency().begin(&mark, None, now, IfRunning::Wait).await.unwrap();
        let Begun::Done(kept) = begun else { panic!("it is finished") };
        let RequestResult::Rows { rows, is_complete: true } = kept.result else { panic!("it has rows") };
        assert_eq!((rows.len(), kept.at), (3, at));
    });
}

#[test]
fn a_store_of_a_newer_format_is_refused_with_both_versions_in_the_text() {
    block_on(async {
        let engine = store().await;
        drop(open(Arc::clone(&engine), &clock()).await);
        let mut newer = get(&engine, key::meta()).await.unwrap().to_vec();
        newer[0] += 1;
        let mut batch = Batch::default();
        batch.put(key::meta(), newer);
        engine.commit(batch).await.unwrap();
        let now: Clock = Arc::new(|| Timestamp::from_micros(1));
        let refused = Table::open(Arc::clone(&engine), now, TableConfig::default()).await.err();
        let expected = TableError::NewerFormat { found: meta::FORMAT + 1, supported: meta::FORMAT };
        assert_eq!(refused.as_ref(), Some(&expected));
        let text = refused.unwrap().to_string();
        let names = |version: u32| text.contains(&format!("version {version}"));
        assert!(names(meta::FORMAT + 1) && names(meta::FORMAT), "{text}");
    });
}

#[test]
fn a_store_of_format_2_opens_with_the_usual_limits_and_stores_it_with_the_next_change_of_settings() {
    block_on(async {
        let engine = store_of(SECOND).await;
        assert_sound(&engine).await;
        assert_eq!(Meta::format(&get(&engine, key::meta()).await.unwrap()), Ok(2));
        let number = BaseNumber(1);
        let version = async || get(&engine, key::settings(number)).await.unwrap()[0];
        let mut second = subject(&engine, number).await;
        assert_eq!(Meta::format(&get(&engine, key::meta()).await.unwrap()), Ok(meta::FORMAT));
        assert_eq!(check_sets(&second).await, 37);
        assert_eq!(second.base.view().await.summary().settings.guard_limits, GuardLimits::default());
        second.upsert(&[plain_row(90)], UpsertOptions::default(), WriteMode::Partial).await;
        assert_eq!(version().await, 4);
        second.guard_limits(GuardLimits::OFF).await;
        assert_eq!(version().await, 6);
        second.crash().await;
        assert_eq!(second.base.view().await.summary().settings.guard_limits, GuardLimits::OFF);
        assert_eq!(check_sets(&second).await, 38);
        assert_sound(&engine).await;
    });
}
