//! Snapshots: exact, checked bit by bit, two of them kept, and never an obstacle for the store.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::config::SnapshotSizes;
use super::super::faults::{ENOSPC, Faults};
use super::super::log::payload::Write;
use super::super::snapshot::{self, Writes};
use super::*;

const EIO: i32 = 5;

/// Makes the nth operation of a kind fail.
pub(super) type Fail = fn(&Faults, u64);

/// Every way in which a disk can fail.
pub(super) const DISK_FAULTS: [(&str, Fail); 5] = [
    ("append", |faults, n| faults.fail_append(n, EIO)),
    ("full disk", |faults, n| faults.fail_append(n, ENOSPC)),
    ("sync", Faults::fail_sync),
    ("rename", Faults::fail_rename),
    ("remove", Faults::fail_remove),
];

/// A store with such small blocks, runs and segments that a few batches fill many of each.
pub(super) fn small() -> Store {
    let mut store = Store::new();
    store.config.segment_bytes = 1500;
    store.config.snapshot_sizes = SnapshotSizes { block_bytes: 300, memory_bytes: 3000, most_runs: 3 };
    store.config.snapshot_bytes_per_second = u64::MAX;
    store
}

pub(super) fn generations(store: &Store) -> Vec<PathBuf> {
    let listing = snapshot::list(&store.config.snapshot_dir(), timeline_of(store)).unwrap();
    listing.generations.into_iter().map(|generation| generation.path).collect()
}

pub(super) fn timeline_of(store: &Store) -> Timeline {
    segment::list(&store.log_dir()).unwrap().segments[0].header.timeline
}

fn content_of(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut writes = Writes::open(path).unwrap();
    let mut found = BTreeMap::new();
    while let Some(op) = writes.next().unwrap() {
        let Write::Value(value) = op.write else { panic!("{op:?}") };
        found.insert(op.key.to_vec(), value.to_vec());
    }
    found
}

pub(super) fn names(dir: &Path) -> Vec<String> {
    files::list(dir).unwrap().iter().map(|p| p.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// Confirms sled, as the confirmer does after a while.
pub(super) async fn confirm(engine: &SledEngine) {
    let durable = engine.status().durable;
    while engine.status().pending_bytes > 0 {
        tokio::task::yield_now().await;
    }
    engine.shared.confirm(durable).unwrap();
}

/// Opens without sled: everything comes from the newest snapshot and the log.
async fn expect_from_nothing(store: &Store, last: u64) {
    fs::remove_dir_all(store.config.sled_dir()).unwrap();
    let engine = store.open();
    expect(&engine, last).await;
    engine.close().await.unwrap();
}

#[derive(Debug, Clone)]
enum Step {
    /// Keys, and the length of their new value; `None` removes the key. Whether the values are packed.
    Batch(Vec<(u8, Option<u16>)>, bool),
    /// Keys, and the item of their value that changes.
    Change(Vec<(u8, u8)>),
    Snapshot,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let write = (0_u8..60, proptest::option::weighted(0.7, 0_u16..400));
    let writes = proptest::collection::vec(write, 1..12);
    let batch = (writes, any::<bool>()).prop_map(|(mut writes, is_packed)| {
        writes.sort_unstable();
        writes.dedup_by_key(|write| write.0);
        Step::Batch(writes, is_packed)
    });
    let change = proptest::collection::vec((0_u8..60, 0_u8..8), 1..12).prop_map(|mut writes| {
        writes.sort_unstable();
        writes.dedup_by_key(|write| write.0);
        Step::Change(writes)
    });
    prop_oneof![8 => batch, 8 => change, 2 => Just(Step::Snapshot), 1 => Just(Step::Reopen)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_snapshot_and_the_rest_of_the_log_are_the_whole_log(steps in proptest::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(follow(steps));
    }
}

async fn follow(steps: Vec<Step>) {
    let store = small();
    let mut engine = store.open();
    let mut model = BTreeMap::new();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Batch(writes, is_packed) => {
                let mut batch = Batch { is_packed, ..Batch::default() };
                for (key, length) in writes {
                    let key = vec![b'k', key];
                    match length {
                        Some(length) => {
                            let value = vec![u8::try_from(number % 256).unwrap(); usize::from(length)];
                            model.insert(key.clone(), value.clone());
                            batch.put(key, value);
                        }
                        None => {
                            model.remove(&key);
                            batch.delete(key);
                        }
                    }
                }
                engine.commit(batch).await.unwrap();
            }
            Step::Change(items) => {
                let mut batch = Batch::default();
                for (key, id) in items {
                    let key = vec![b'k', key];
                    let stored = model.get(&key).map(|value: &Vec<u8>| &value[..]);
                    let byte = u8::try_from(number % 256).unwrap();
                    let value = put_item(&mut batch, key.clone(), stored, id, byte, byte);
                    model.insert(key, value.to_vec());
                }
                engine.commit(batch).await.unwrap();
            }
            Step::Snapshot => {
                let position = engine.snapshot().await.unwrap();
                assert_eq!(position, engine.status().durable);
                assert_eq!(content_of(&generations(&store)[0]), model);
            }
            Step::Reopen => {
                engine.close().await.unwrap();
                engine = store.open();
            }
        }
    }
    engine.close().await.unwrap();
    fs::remove_dir_all(store.config.sled_dir()).unwrap();
    let engine = store.open();
    let all = KeyRange::prefix(b"k");
    let found = engine.scan(all, Direction::Forward, usize::MAX).await.unwrap();
    let found: BTreeMap<_, _> = found.into_iter().map(|(key, value)| (key, value.to_vec())).collect();
    assert_eq!(found, model);
    engine.close().await.unwrap();
}

#[tokio::test]
async fn two_generations_are_kept_with_the_log_from_the_older_one() {
    let store = small();
    let engine = store.open();
    fill(&engine, 1..=20).await;
    engine.snapshot().await.unwrap();
    let whole = store.segments();
    confirm(&engine).await;
    fill(&engine, 21..=40).await;
    engine.snapshot().await.unwrap();
    confirm(&engine).await;
    fill(&engine, 41..=60).await;
    engine.snapshot().await.unwrap();
    assert_eq!(
        names(&store.config.snapshot_dir()),
        ["00000000000000000040.snap", "00000000000000000060.snap"]
    );
    let segments = segment::list(&store.log_dir()).unwrap().segments;
    assert!(segments[1].header.first > 40 && segments[0].header.first <= 41, "{segments:?}");
    assert!(!whole.iter().any(|segment| segment.exists()));
    let on_disk: u64 = store.segments().iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert_eq!(engine.status().log_bytes, on_disk);
    engine.close().await.unwrap();
    expect_from_nothing(&store, 60).await;
}

#[tokio::test]
async fn segments_that_sled_is_not_confirmed_to_have_stay() {
    let store = small();
    let engine = store.open();
    for last in [20, 40, 60] {
        fill(&engine, last - 19..=last).await;
        engine.snapshot().await.unwrap();
    }
    assert_eq!(segment::list(&store.log_dir()).unwrap().segments[0].header.first, 1);
    drop(engine);
    expect(&store.open(), 60).await;
}

#[tokio::test]
async fn a_snapshot_is_made_once_the_log_has_outgrown_the_last_one() {
    let mut store = small();
    store.config.snapshot_after_bytes = 3000;
    let engine = store.open();
    fill(&engine, 1..=20).await;
    while generations(&store).is_empty() {
        tokio::task::yield_now().await;
    }
    expect(&engine, 20).await;
    engine.close().await.unwrap();
    expect_from_nothing(&store, 20).await;
}

#[tokio::test]
async fn every_flipped_bit_of_a_snapshot_is_found() {
    let store = small();
    let engine = store.open();
    fill(&engine, 1..=2).await;
    engine.snapshot().await.unwrap();
    engine.close().await.unwrap();
    let path = generations(&store).remove(0);
    let bytes = fs::read(&path).unwrap();
    let verify = || snapshot::verify(&path, &mut |_| Ok(()));
    verify().unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, damaged).unwrap();
        assert!(verify().is_err(), "bit {bit}");
    }
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        assert!(verify().is_err(), "{length} bytes");
    }
    fs::write(&path, [&bytes[..], &[0]].concat()).unwrap();
    assert!(verify().is_err());
}

/// A closed store with snapshots up to 20 and 40, a log from 21 on, and batches up to 50.
pub(super) async fn two_generations() -> Store {
    let store = small();
    let engine = store.open();
    for last in [10, 20, 40] {
        fill(&engine, engine.status().durable + 1..=last).await;
        confirm(&engine).await;
        engine.snapshot().await.unwrap();
    }
    fill(&engine, 41..=50).await;
    engine.close().await.unwrap();
    assert_eq!(generations(&store).len(), 2);
    assert!(segment::list(&store.log_dir()).unwrap().segments[0].header.first > 1);
    store
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 4;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_newest_snapshot_is_replaced_by_the_older_one_and_its_log() {
    // In the header, in a block, and in the end, which is read last.
    let places: [fn(usize) -> usize; 3] = [|_| 3, |_| 100, |length| length - 30];
    for place in places {
        let store = two_generations().await;
        let damaged = generations(&store).remove(0);
        flip(&damaged, place(fs::read(&damaged).unwrap().len()));
        expect_from_nothing(&store, 50).await;
        let engine = store.open();
        fill(&engine, 51..=55).await;
        engine.snapshot().await.unwrap();
        engine.close().await.unwrap();
        assert_eq!(generations(&store).len(), 2, "the damaged one does not count");
        assert!(!generations(&store).contains(&damaged));
        expect_from_nothing(&store, 55).await;
    }
}

#[tokio::test]
async fn without_any_snapshot_a_log_that_begins_late_names_what_is_damaged() {
    let store = two_generations().await;
    for path in generations(&store) {
        flip(&path, 100);
    }
    // sled has everything, so the store still opens.
    expect(&store.open(), 50).await;
    fs::remove_dir_all(store.config.sled_dir()).unwrap();
    let error = store.try_open().unwrap_err();
    let EngineError::Corrupt { file, offset, .. } = &error else { panic!("{error}") };
    assert!(file.ends_with("00000000000000000040.snap") && *offset >= 64, "{error}");
    fs::remove_dir_all(store.config.snapshot_dir()).unwrap();
    let error = store.try_open().unwrap_err();
    assert!(error.to_string().contains("no snapshot of what was before"), "{error}");
}

#[tokio::test]
async fn the_files_of_a_killed_snapshot_are_removed() {
    let store = two_generations().await;
    for name in ["00000000000000000050.new", "run-0.new"] {
        fs::write(store.config.snapshot_dir().join(name), content(1)).unwrap();
    }
    let engine = store.open();
    expect(&engine, 50).await;
    assert!(names(&store.config.snapshot_dir()).iter().all(|name| name.ends_with(".snap")));
    engine.close().await.unwrap();
}

#[tokio::test]
async fn a_snapshot_that_fails_at_any_operation_does_no_harm() {
    for (kind, fail) in DISK_FAULTS {
        for n in [1, 2, 3, 5, 8, 13] {
            let store = two_generations().await;
            let engine = store.open();
            fill(&engine, 51..=70).await;
            confirm(&engine).await;
            fail(&store.config.faults, n);
            let _ = engine.snapshot().await;
            store.config.faults.clear();
            let killed = store.copy();
            expect(&killed.open(), 70).await;
            fill(&engine, 71..=72).await;
            assert_eq!(engine.snapshot().await.unwrap(), 72, "{kind} {n}");
            engine.close().await.unwrap();
            expect_from_nothing(&store, 72).await;
        }
    }
}

#[tokio::test]
async fn a_snapshot_does_not_use_the_reserve() {
    let mut store = small();
    store.config.reserve_bytes = 1000;
    let engine = store.open();
    fill(&engine, 1..=20).await;
    store.config.faults.set_free_bytes(Some(1200));
    let error = engine.snapshot().await.unwrap_err();
    assert!(matches!(error, EngineError::StorageFull { .. }), "{error}");
    assert_eq!(names(&store.config.snapshot_dir()), [""; 0]);
    store.config.faults.set_free_bytes(None);
    engine.snapshot().await.unwrap();
    engine.close().await.unwrap();
}

#[tokio::test]
async fn closing_does_not_wait_for_a_snapshot() {
    let mut store = small();
    store.config.snapshot_bytes_per_second = 1;
    let engine = Arc::new(store.open());
    fill(&engine, 1..=20).await;
    let asked = Arc::clone(&engine);
    let snapshot = tokio::spawn(async move { asked.snapshot().await });
    tokio::task::yield_now().await;
    engine.close().await.unwrap();
    assert_eq!(snapshot.await.unwrap(), Err(EngineError::Closed));
    let engine = store.open();
    expect(&engine, 20).await;
    engine.close().await.unwrap();
}
