//! The disk fails while the store runs.

use super::super::faults::ENOSPC;
use super::*;
use crate::engine::pending::pending_bytes;

const EIO: i32 = 5;

/// Waits for what is in flight, so that the next operation of the log is known.
pub(super) async fn settle(engine: &SledEngine, store: &Store) {
    fill(engine, 1..=3).await;
    assert!(store.config.faults.syncs() > 0);
    while engine.status().pending_bytes > 0 {
        engine.shared.backlog.wake_applier();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_failed_append_is_cut_off_and_fails_every_batch_numbered_after_it() {
    let store = Store::new();
    let engine = store.open();
    settle(&engine, &store).await;
    store.config.faults.fail_append(1, EIO);
    let failed: Vec<_> = (4..=8).map(|n| engine.append(batch(n))).collect();
    let mut outcomes = Vec::new();
    for append in failed {
        outcomes.push(append.await.map(|d| d.number()));
    }
    assert!(matches!(&outcomes[0], Err(EngineError::Io(_))), "{outcomes:?}");
    // The queued batches failed too; later batches reused their numbers.
    let survived: Vec<_> = outcomes.iter().filter_map(|o| o.as_ref().ok().copied()).collect();
    assert_eq!(survived, (4..4 + survived.len() as u64).collect::<Vec<_>>());
    let next = engine.status().durable + 1;
    assert_eq!(engine.commit(batch(next)).await.unwrap(), next);
    assert_eq!(engine.status().refusing_writes, None);
    drop(engine);
    let engine = store.open();
    assert_eq!(engine.status().durable, next);
}

#[tokio::test]
async fn a_batch_checked_against_a_failed_one_conflicts() {
    let store = Store::new();
    let engine = store.open();
    settle(&engine, &store).await;
    store.config.faults.fail_append(1, EIO);
    assert!(matches!(engine.commit(batch(4)).await, Err(EngineError::Io(_))));
    let mut planned = batch(5);
    planned.checks.push((b"latest".to_vec(), Some(Value::from_static(b"4"))));
    assert_eq!(engine.commit(planned).await.unwrap_err(), EngineError::Conflict);
    fill(&engine, 4..=5).await;
    expect(&engine, 5).await;
}

#[tokio::test]
async fn every_append_in_turn_fails_and_nothing_acknowledged_is_missing() {
    for n in 1..=12 {
        let mut store = Store::new();
        store.config.segment_bytes = 1500;
        let engine = store.open();
        store.config.faults.fail_append(n, EIO);
        let mut failures = 0;
        let mut number = 1;
        while number <= 10 {
            match engine.commit(batch(number)).await {
                Ok(got) => {
                    assert_eq!(got, number);
                    number += 1;
                }
                Err(error) => {
                    assert!(matches!(error, EngineError::Io(_)), "{error}");
                    failures += 1;
                }
            }
        }
        assert_eq!(failures, 1, "append {n}");
        expect(&engine, 10).await;
        drop(engine);
        expect(&store.open(), 10).await;
    }
}

#[tokio::test]
async fn every_sync_in_turn_fails_and_the_store_rejects_writes_until_reopened() {
    for n in 1..=12 {
        let mut store = Store::new();
        store.config.segment_bytes = 1500;
        let engine = store.open();
        store.config.faults.fail_sync(n);
        let mut durable = 0;
        let error = loop {
            match engine.commit(batch(durable + 1)).await {
                Ok(number) => durable = number,
                Err(error) => break error,
            }
        };
        match &error {
            EngineError::CommitUnknown(_) => {
                let refused = engine.commit(batch(durable + 1)).await.unwrap_err();
                assert!(matches!(refused, EngineError::Refusing(_)), "{refused}");
                assert!(engine.status().refusing_writes.is_some());
            }
            // The sync of a new segment's header failed: the segment had no batch, so every outcome is known.
            EngineError::Io(_) => fill(&engine, durable + 1..=durable + 1).await,
            other => panic!("{other}"),
        }
        let acknowledged = engine.status().durable;
        expect(&engine, acknowledged).await;
        drop(engine);
        let engine = store.open();
        let found = engine.status().durable;
        assert!(found == acknowledged || found == acknowledged + 1, "{found} of {acknowledged}");
        expect(&engine, found).await;
        fill(&engine, found + 1..=found + 3).await;
    }
}

#[tokio::test]
async fn a_failed_sync_makes_everything_in_flight_unknown() {
    let store = Store::new();
    let engine = store.open();
    settle(&engine, &store).await;
    store.config.faults.fail_sync(1);
    let appends: Vec<_> = (4..=8).map(|n| engine.append(batch(n))).collect();
    let mut unknown = 0;
    for append in appends {
        match append.await.unwrap_err() {
            EngineError::CommitUnknown(_) => unknown += 1,
            EngineError::Refusing(_) => {}
            other => panic!("{other}"),
        }
    }
    assert!(unknown >= 1);
    expect(&engine, 3).await;
    // Closing still works: it adds nothing and claims nothing.
    engine.close().await.unwrap();
    let found = store.open().status().durable;
    assert!((3..=8).contains(&found));
}

#[tokio::test]
async fn an_append_that_cannot_be_cut_off_is_unknown() {
    let store = Store::new();
    let engine = store.open();
    settle(&engine, &store).await;
    store.config.faults.fail_append(1, EIO);
    store.config.faults.fail_cut(true);
    assert!(matches!(engine.commit(batch(4)).await, Err(EngineError::CommitUnknown(_))));
    assert!(matches!(engine.commit(batch(4)).await, Err(EngineError::Refusing(_))));
    drop(engine);
    store.config.faults.fail_cut(false);
    let engine = store.open();
    expect(&engine, 3).await;
    fill(&engine, 4..=6).await;
    drop(engine);
    expect(&store.open(), 6).await;
}

#[tokio::test]
async fn a_full_disk_rejects_writes_before_they_get_a_number_until_space_is_freed() {
    let mut store = Store::new();
    store.config.reserve_bytes = 1000;
    let engine = store.open();
    settle(&engine, &store).await;
    let (bytes, pending) = (batch(4).bytes() as u64, pending_bytes(&batch(4)) as u64);
    let needed = 1000 + bytes + 4 * pending;
    for free in [needed - 1, 999, 0] {
        store.config.faults.set_free_bytes(Some(free));
        // The last answer of the file system still covers a few bytes.
        engine.shared.disk.look();
        let expected = EngineError::StorageFull { free, needed };
        assert_eq!(engine.commit(batch(4)).await.unwrap_err(), expected);
        expect(&engine, 3).await;
    }
    assert!(engine.status().refusing_writes.unwrap().contains("reserve"));
    store.config.faults.set_free_bytes(None);
    fill(&engine, 4..=6).await;
    expect(&engine, 6).await;
    assert_eq!(engine.status().refusing_writes, None);
}

#[tokio::test]
async fn the_log_writes_room_ahead_but_not_out_of_the_reserve() {
    let mut store = Store::new();
    store.config.reserve_bytes = 1000;
    for (free, has_room) in [(None, true), (Some(100_000), false)] {
        store.config.faults.set_free_bytes(free);
        let engine = store.open();
        let last = engine.status().durable;
        fill(&engine, last + 1..=last + 3).await;
        let newest = fs::metadata(store.segments().last().unwrap()).unwrap();
        assert_eq!(newest.len() > 100_000, has_room, "{} bytes with {free:?} free", newest.len());
        engine.close().await.unwrap();
        let newest = fs::metadata(store.segments().last().unwrap()).unwrap();
        assert!(newest.len() < 10_000, "a store that is closed keeps no room: {} bytes", newest.len());
    }
    expect(&store.open(), 6).await;
}

#[tokio::test]
async fn a_disk_that_fills_up_after_the_check_gives_callers_the_same_error() {
    let store = Store::new();
    let engine = store.open();
    settle(&engine, &store).await;
    store.config.faults.fail_append(1, ENOSPC);
    assert!(matches!(engine.commit(batch(4)).await, Err(EngineError::StorageFull { .. })));
    fill(&engine, 4..=6).await;
    drop(engine);
    expect(&store.open(), 6).await;
}

#[tokio::test]
async fn on_a_full_disk_sled_is_not_written_to_and_the_log_keeps_what_it_accepted() {
    let mut store = Store::new();
    store.config.reserve_bytes = 1000;
    let engine = store.open();
    settle(&engine, &store).await;
    let durable = engine.append(batch(4)).await.unwrap();
    store.config.faults.set_free_bytes(Some(10));
    durable.publish();
    expect(&engine, 4).await;
    // The applier cannot continue; closing does not wait for it.
    engine.close().await.unwrap();
    store.config.faults.set_free_bytes(None);
    expect(&store.open(), 4).await;
}

#[tokio::test]
async fn writes_leave_the_room_that_sled_needs_for_the_pending_ones() {
    let mut store = Store::new();
    store.config.reserve_bytes = 1000;
    let engine = store.open();
    settle(&engine, &store).await;
    let needs = |batch: &Batch| batch.bytes() as u64 + 4 * pending_bytes(batch) as u64;
    let (first, second) = (engine.append(batch(4)).await.unwrap(), batch(5));
    let owed = 4 * pending_bytes(&batch(4)) as u64;
    let needed = 1000 + owed + needs(&second);
    store.config.faults.set_free_bytes(Some(needed - 1));
    engine.shared.disk.look();
    let full = EngineError::StorageFull { free: needed - 1, needed };
    assert_eq!(engine.commit(second.clone()).await.unwrap_err(), full);
    // Once sled has the first batch, the same room is enough.
    first.publish();
    while engine.status().pending_bytes > 0 {
        store.config.faults.set_free_bytes(None);
        engine.shared.backlog.wake_applier();
        tokio::task::yield_now().await;
    }
    store.config.faults.set_free_bytes(Some(needed - 1));
    engine.shared.disk.look();
    engine.commit(second).await.unwrap();
}

#[tokio::test]
async fn what_sled_has_is_confirmed_when_a_full_disk_keeps_it_from_the_rest() {
    let mut store = Store::new();
    store.config.reserve_bytes = 1000;
    let engine = store.open();
    settle(&engine, &store).await;
    let timeline = engine.shared.timeline;
    let durable = engine.append(batch(4)).await.unwrap();
    store.config.faults.set_free_bytes(Some(10));
    durable.publish();
    engine.close().await.unwrap();
    assert_eq!(confirmed::read(&store.log_dir(), timeline).unwrap(), 3);
}

#[tokio::test]
async fn a_start_without_room_for_the_rest_rebuilds_sled_or_says_what_it_needs() {
    let mut store = Store::new();
    store.config.reserve_bytes = 1000;
    let engine = store.open();
    fill(&engine, 1..=3).await;
    drop(engine);
    store.config.faults.set_free_bytes(Some(600));
    let error = store.try_open().unwrap_err();
    assert!(matches!(error, EngineError::StorageFull { free: 600, needed } if needed > 600), "{error}");
    store.config.faults.set_free_bytes(None);
    let engine = store.open();
    expect(&engine, 3).await;
    // Removing sled's directory makes room.
    fill(&engine, 4..=6).await;
    drop(engine);
    let sled_dir = store.config.sled_dir();
    fs::write(sled_dir.join("large"), [0]).unwrap();
    store.config.faults.set_free_bytes_while(&sled_dir.join("large"), 600);
    let (engine, told) = store.open_told();
    assert!(told.iter().any(|line| line.contains("no room to bring it up to date")), "{told:?}");
    expect(&engine, 6).await;
}

#[tokio::test]
async fn sled_uses_no_more_than_its_half_of_the_reserve() {
    let mut store = Store::new();
    store.config.reserve_bytes = 1000;
    let engine = store.open();
    settle(&engine, &store).await;
    let durable = engine.append(batch(4)).await.unwrap();
    // The store stays just below the limit, and the next batch would exceed it.
    store.config.faults.set_free_bytes(Some(510));
    durable.publish();
    while engine.shared.stalled().is_none() && engine.status().pending_bytes > 0 {
        engine.shared.backlog.wake_applier();
        tokio::task::yield_now().await;
    }
    assert!(engine.status().pending_bytes > 0);
    expect(&engine, 4).await;
    store.config.faults.set_free_bytes(None);
    while engine.status().pending_bytes > 0 {
        tokio::task::yield_now().await;
    }
    assert!(engine.shared.stalled().is_none());
}

#[tokio::test]
async fn sled_is_reopened_in_place_after_a_failed_write() {
    let store = Store::new();
    let engine = store.open();
    settle(&engine, &store).await;
    // Without its handle every write to sled fails, as it does after sled's first failure.
    drop(engine.shared.write_sled().take());
    for number in 4..=6 {
        // Reads that need sled must wait until it is reopened; writes need not.
        engine.append(batch(number)).await.unwrap().publish();
    }
    while engine.shared.with_sled(|_| Ok(())).is_err() || engine.status().pending_bytes > 0 {
        tokio::task::yield_now().await;
    }
    expect(&engine, 6).await;
    engine.close().await.unwrap();
    expect(&store.open(), 6).await;
}

#[test]
fn a_log_whose_thread_panics_ends_the_process() {
    let name = "engine::sled::tests::faults::a_log_whose_thread_panics_ends_the_process";
    let output = crate::tasks::tests::last_words(name, || {
        let store = Store::new();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let engine = store.open();
            store.config.faults.panic_in_append();
            fill(&engine, 1..=1).await;
        });
    });
    crate::tasks::tests::assert_died(&output, "wal-syncer", "the append panics");
}

#[tokio::test]
async fn a_read_that_fails_while_sled_has_no_room_says_that_the_disk_is_full() {
    let mut store = Store::new();
    store.config.reserve_bytes = 1000;
    let engine = store.open();
    settle(&engine, &store).await;
    let failing = || engine.shared.with_sled(|_| Err::<(), _>(EngineError::Io("no space".to_owned())));
    for (free, is_full) in [(500, false), (499, true), (0, true)] {
        store.config.faults.set_free_bytes(Some(free));
        let full = EngineError::StorageFull { free, needed: 1000 };
        assert_eq!(failing().unwrap_err() == full, is_full, "{free}");
        // The same while sled is missing because it is about to be reopened.
        let sled = engine.shared.write_sled().take();
        let error = engine.get_many(&[b"key/000001".to_vec()]).await.unwrap_err();
        assert_eq!(error == full, is_full, "{free}: {error}");
        *engine.shared.write_sled() = sled;
        expect(&engine, 3).await;
    }
    let text = EngineError::StorageFull { free: 2_097_152, needed: 2_224_128 }.to_string();
    assert_eq!(text, "the disk has 2097152 bytes free, but 2224128 must be free, the reserve included");
}
