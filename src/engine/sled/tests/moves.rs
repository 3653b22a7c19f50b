//! Values are moved out of files in which little lives, while everything else goes on.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use proptest::collection::vec;
use proptest::prelude::*;

use super::values::{apply_all, closed, expect_round, key, rewrite, value_files};
use super::*;
use crate::engine::sled::working::copy::Sled;

#[tokio::test]
async fn large_values_lie_in_value_files_and_dead_ones_go_after_a_while() {
    let mut store = Store::new();
    store.config.confirm_bytes = 4096;
    let engine = store.open();
    for round in 0..60 {
        rewrite(&engine, round).await;
        apply_all(&engine).await;
    }
    expect_round(&engine, 59).await;
    engine.close().await.unwrap();
    // A round has 6 KB, so without the mover there would be 360.
    let bytes: u64 = value_files(&store).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!((6_000..60_000).contains(&bytes), "{bytes} bytes in {:?}", value_files(&store));
    let (engine, lines) = store.open_told();
    assert_eq!(lines, [""; 0]);
    expect_round(&engine, 59).await;
}

#[tokio::test]
async fn values_that_stay_are_moved_and_small_files_of_earlier_starts_are_merged() {
    let mut store = Store::new();
    store.config.confirm_bytes = 1;
    for start in 0..40 {
        let engine = store.open();
        // Half of what a start writes is replaced by the next one.
        let mut batch = Batch::default();
        batch.put(key(1000 + start), content(start).slice(..140));
        batch.put(key(0), content(5000 + start).slice(..140));
        engine.commit(batch).await.unwrap();
        apply_all(&engine).await;
        engine.close().await.unwrap();
    }
    assert!(value_files(&store).len() < 24, "{:?}", value_files(&store));
    let (engine, lines) = store.open_told();
    assert_eq!(lines, [""; 0]);
    for start in 0..40 {
        let found = engine.get_many(&[key(1000 + start)]).await.unwrap();
        assert_eq!(found, [Some(content(start).slice(..140))]);
    }
    assert_eq!(engine.get_many(&[key(0)]).await.unwrap(), [Some(content(5039).slice(..140))]);
    assert!(store.config.faults.moves() > 0);
}

/// One batch with a value that stays, between others that the next round replaces.
fn mixed(round: u64) -> Batch {
    let mut batch = Batch::default();
    batch.put(stays(round), content(9000 + round));
    (0..20).for_each(|n| batch.put(key(n), content(round * 100 + n)));
    batch
}

fn stays(round: u64) -> Vec<u8> {
    format!("stays/{round:02}").into_bytes()
}

async fn expect_mixed(engine: &SledEngine, last: u64) {
    expect_round(engine, last).await;
    for round in 0..=last {
        assert_eq!(engine.get_many(&[stays(round)]).await.unwrap(), [Some(content(9000 + round))]);
    }
}

#[tokio::test]
async fn a_kill_at_every_step_of_the_mover_loses_nothing() {
    let store = Store::new();
    let engine = store.open();
    for round in 0..20 {
        engine.commit(mixed(round)).await.unwrap();
        apply_all(&engine).await;
    }
    engine.close().await.unwrap();
    // From here on nothing is confirmed: a replay writes what comes now, and not what is moved meanwhile.
    let engine = store.open();
    let mut held = 0;
    for round in 20..60 {
        store.config.faults.hold_move(1 + round % 3);
        engine.commit(mixed(round)).await.unwrap();
        while !store.config.faults.move_is_held() && engine.status().pending_bytes > 0 {
            engine.shared.backlog.wake_applier();
            tokio::task::yield_now().await;
        }
        if store.config.faults.move_is_held() {
            held += 1;
            let copy = store.copy();
            let (killed, lines) = copy.open_told();
            assert_eq!(lines, [""; 0]);
            expect_mixed(&killed, round).await;
            killed.commit(mixed(round + 1)).await.unwrap();
            apply_all(&killed).await;
            expect_mixed(&killed, round + 1).await;
            killed.close().await.unwrap();
            expect_mixed(&copy.open(), round + 1).await;
        }
        store.config.faults.release_move();
        expect_mixed(&engine, round).await;
    }
    assert!(held > 10, "{held}");
}

#[tokio::test]
async fn every_step_of_the_mover_in_turn_fails_and_the_store_heals() {
    for n in 1..=30 {
        let mut store = Store::new();
        store.config.confirm_bytes = 4096;
        let engine = store.open();
        store.config.faults.fail_move(n);
        for round in 0..40 {
            engine.append(mixed(round)).await.unwrap().publish();
            apply_all(&engine).await;
        }
        assert!(store.config.faults.moves() >= n, "only {} steps", store.config.faults.moves());
        expect_mixed(&engine, 39).await;
        engine.close().await.unwrap();
        expect_mixed(&store.open(), 39).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn reads_go_on_while_values_are_moved_and_files_removed() {
    let mut store = Store::new();
    store.config.confirm_bytes = 1;
    let engine = Arc::new(store.open());
    rewrite(&engine, 0).await;
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|reader| {
            let (engine, stop) = (Arc::clone(&engine), Arc::clone(&stop));
            tokio::spawn(async move {
                let (mut newest, mut looks) = ([0; 20], 0_u64);
                while !stop.load(Ordering::Acquire) {
                    let pairs = if reader == 0 {
                        let keys: Vec<_> = (0..20).map(key).collect();
                        let found = engine.get_many(&keys).await.unwrap();
                        found.into_iter().map(Option::unwrap).collect::<Vec<_>>()
                    } else {
                        let found =
                            engine.scan(KeyRange::prefix(b"key/"), Direction::Forward, 100).await.unwrap();
                        found.into_iter().map(|(_, value)| value).collect()
                    };
                    assert_eq!(pairs.len(), 20);
                    for (n, value) in pairs.iter().enumerate() {
                        let round = (newest[n]..200).find(|round| *value == content(round * 100 + n as u64));
                        newest[n] = round.expect("a value that was not written, or an older one");
                    }
                    looks += 1;
                    tokio::task::yield_now().await;
                }
                looks
            })
        })
        .collect();
    for round in 1..150 {
        rewrite(&engine, round).await;
        apply_all(&engine).await;
    }
    stop.store(true, Ordering::Release);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    expect_round(&engine, 149).await;
    assert!(value_files(&store).len() < 100, "{} files", value_files(&store).len());
}

#[tokio::test]
async fn a_mover_that_cannot_read_the_entries_goes_through_the_keys() {
    let store = Store::new();
    let engine = store.open();
    let mut batch = Batch::default();
    (0..12).for_each(|n| batch.put(key(n), content(n)));
    engine.commit(batch).await.unwrap();
    apply_all(&engine).await;
    engine.close().await.unwrap();
    // The first entry is dead and says a length that leads nowhere; 11 others live.
    let path = value_files(&store).pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[64 + 4..64 + 10].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let sled = Sled::open(&store.config.sled_dir(), 1 << 20, &store.config.faults).unwrap();
    let timeline = sled.position().unwrap().unwrap().0;
    let delete = |keys: std::ops::Range<u64>| {
        let mut batch = Batch::default();
        keys.for_each(|n| batch.delete(key(n)));
        ops_of(batch)
    };
    sled.write(&[delete(0..8)]).unwrap();
    sled.move_values(1 << 30).unwrap();
    sled.set_position(timeline, 1).unwrap();
    sled.sync().unwrap();
    assert!(!path.exists(), "{:?}", value_files(&store));
    for n in 8..12 {
        assert_eq!(sled.get(&key(n)).unwrap(), Some(content(n)));
    }
    assert_eq!(sled.get(&key(1)).unwrap(), None);
}

#[tokio::test]
async fn an_emptied_file_stays_until_a_position_and_a_sync() {
    let store = closed().await;
    let sled = Sled::open(&store.config.sled_dir(), 1 << 20, &store.config.faults).unwrap();
    let timeline = sled.position().unwrap().unwrap().0;
    let before = value_files(&store);
    let mut batch = Batch::default();
    (0..20).for_each(|n| batch.put(key(n), content(400 + n)));
    sled.write(&[ops_of(batch)]).unwrap();
    sled.move_values(1 << 30).unwrap();
    sled.sync().unwrap();
    assert!(before.iter().all(|path| path.exists()), "the last position still has them");
    sled.set_position(timeline, 4).unwrap();
    assert!(before.iter().all(|path| path.exists()), "the moves are not on stable storage");
    sled.sync().unwrap();
    assert!(before.iter().all(|path| !path.exists()), "{:?}", value_files(&store));
    (0..20).for_each(|n| assert_eq!(sled.get(&key(n)).unwrap(), Some(content(400 + n))));
}

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<(u64, Option<usize>)>),
    Close,
    Kill,
    RestartMachine,
}

fn step() -> impl Strategy<Value = Step> {
    let size = proptest::option::weighted(0.8, prop_oneof![0..200_usize, 100..3000_usize, Just(24)]);
    prop_oneof![
        12 => vec((0..30_u64, size), 1..20).prop_map(Step::Write),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
        1 => Just(Step::RestartMachine),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_store_behaves_like_a_map_through_moves_and_restarts(steps in vec(step(), 1..60)) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let mut store = Store::new();
            store.config.confirm_bytes = 8192;
            let (mut engine, mut map, mut written) = (store.open(), BTreeMap::new(), 0);
            for step in steps {
                match step {
                    Step::Write(writes) => {
                        let mut batch = Batch::default();
                        for (n, size) in writes.into_iter().collect::<BTreeMap<_, _>>() {
                            written += 1;
                            match size {
                                Some(size) => {
                                    let value = Value::from(content(written).repeat(size / 300 + 1)).slice(..size);
                                    map.insert(key(n), value.clone());
                                    batch.put(key(n), value);
                                }
                                None => {
                                    map.remove(&key(n));
                                    batch.delete(key(n));
                                }
                            }
                        }
                        engine.commit(batch).await.unwrap();
                    }
                    Step::Close => {
                        engine.close().await.unwrap();
                        drop(engine);
                        engine = store.open();
                    }
                    Step::Kill => {
                        drop(engine);
                        engine = store.open();
                    }
                    Step::RestartMachine => {
                        drop(engine);
                        store.restart_machine();
                        engine = store.open();
                    }
                }
                apply_all(&engine).await;
                let found = engine.scan(KeyRange::prefix(b"key/"), Direction::Forward, 100).await.unwrap();
                assert!(found == map.clone().into_iter().collect::<Vec<_>>(), "the store differs from the map");
            }
        });
    }
}
