//! A base that has to wait does not hold up other bases.

use super::*;
use crate::engine::faulty::Faulty;

/// The number of writes; each is a batch of its own.
const BATCHES: u16 = 20;
const ROWS: u16 = 50;

// On a single thread, every task has come as far as it can once the writes of the other base have their
// replies.
#[tokio::test]
async fn a_base_whose_checkpoint_hangs_holds_up_no_writes_of_others() {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
    let faulty = Arc::new(Faulty::new(Arc::clone(&engine)));
    let config = TableConfig { checkpoint_entries: 50, ..TableConfig::default() };
    let clock: Clock = Arc::new(|| Timestamp::from_micros(1));
    let table = Table::open(Arc::clone(&faulty) as Arc<dyn Engine>, clock, config).await.unwrap();
    let make = async |name: &str| {
        let settings = crate::model::samples::unguarded(name);
        table.base(table.create_base(settings, None).await.unwrap().number).await.unwrap()
    };
    let (hangs, other) = (make("hangs").await, make("other").await);
    let request = |rows: std::ops::Range<u16>| UpsertRequest {
        rows: rows.map(|n| Ok(plain_row(n))).collect(),
        options: UpsertOptions::default(),
        mode: WriteMode::Atomic,
        claim: None,
        deadline: None,
        origin: Origin::default(),
    };
    faulty.hold_writes_of(crate::stored::key::index(hangs.number()));
    let (series, mut pending) = (Series::default(), Vec::new());
    for batch in 0..BATCHES {
        pending.push(hangs.begin_upsert(request(batch * ROWS..(batch + 1) * ROWS), &series).await.unwrap());
    }
    faulty.someone_waits().await;
    for n in 0..BATCHES {
        other.upsert(request(n..n + 1)).await.unwrap();
    }
    assert_eq!(engine.status().pending_bytes, 0, "a batch is durable and not published");
    let shown = hangs.view().await.revision();
    assert!((1..u64::from(BATCHES)).contains(&shown), "{shown} batches do not wait for the checkpoint");
    faulty.release();
    for answer in pending {
        assert_eq!(answer.answer().await.unwrap().outcomes.len(), usize::from(ROWS));
    }
    assert_eq!(hangs.view().await.revision(), u64::from(BATCHES));
    crate::table::audit::tests::assert_sound(&engine).await;
}

// A checkpoint that a caller runs also makes the room that writes wait for.
#[tokio::test]
async fn writes_continue_after_a_checkpoint_that_a_caller_ran() {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
    let faulty = Arc::new(Faulty::new(Arc::clone(&engine)));
    let config = TableConfig { checkpoint_entries: 50, ..TableConfig::default() };
    let clock: Clock = Arc::new(|| Timestamp::from_micros(1));
    let table = Table::open(Arc::clone(&faulty) as Arc<dyn Engine>, clock, config).await.unwrap();
    let settings = crate::model::samples::unguarded("test");
    let base = table.base(table.create_base(settings, None).await.unwrap().number).await.unwrap();
    let asking = Arc::clone(&base);
    let checkpoints = tokio::spawn(async move {
        for _ in 0..200 {
            asking.checkpoint().await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    for batch in 0..BATCHES {
        let rows = (batch * 2 * ROWS..(batch + 1) * 2 * ROWS).map(|n| Ok(plain_row(n))).collect();
        let options = UpsertOptions::default();
        let mode = WriteMode::Partial;
        base.upsert(UpsertRequest {
            rows,
            options,
            mode,
            claim: None,
            deadline: None,
            origin: Origin::default(),
        })
        .await
        .unwrap();
    }
    checkpoints.await.unwrap();
    assert_eq!(base.view().await.revision(), u64::from(BATCHES));
}

// All of this runs on a single thread, and no request to the first base can end before the release.
#[tokio::test]
async fn a_base_with_too_many_writes_leaves_room_for_the_writes_of_others() {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
    let faulty = Arc::new(Faulty::new(Arc::clone(&engine)));
    let config = TableConfig { checkpoint_entries: 50, budget_bytes: 1024 * 1024, ..TableConfig::default() };
    let clock: Clock = Arc::new(|| Timestamp::from_micros(1));
    let table = Table::open(Arc::clone(&faulty) as Arc<dyn Engine>, clock, config).await.unwrap();
    let make = async |name: &str| {
        let settings = crate::model::samples::unguarded(name);
        table.base(table.create_base(settings, None).await.unwrap().number).await.unwrap()
    };
    let request = |rows: std::ops::Range<u16>| UpsertRequest {
        rows: rows.map(|n| Ok(plain_row(n))).collect(),
        options: UpsertOptions::default(),
        mode: WriteMode::Partial,
        claim: None,
        deadline: None,
        origin: Origin::default(),
    };
    let loaded = make("loaded").await;
    faulty.hold_writes_of(crate::stored::key::index(loaded.number()));
    // Each load is larger than all the room.
    let loads: Vec<_> = (0..5u16)
        .map(|n| {
            let (loaded, request) = (Arc::clone(&loaded), request(n * 2_000..(n + 1) * 2_000));
            tokio::spawn(async move { loaded.upsert(request).await })
        })
        .collect();
    faulty.someone_waits().await;
    for base in 0..50u16 {
        let other = make(&format!("other {base}")).await;
        other.upsert(request(base..base + 1)).await.unwrap();
        other.upsert(request(0..100)).await.unwrap();
    }
    let single = loaded.begin_upsert(request(0..1), &Series::default()).await.unwrap();
    faulty.release();
    single.answer().await.unwrap();
    let mut done = 0;
    for load in loads {
        match load.await.unwrap() {
            Ok(_) => done += 1,
            Err(error) => assert!(matches!(error, TableError::Overloaded { .. }), "{error}"),
        }
    }
    assert_eq!(done, 2, "one was admitted, one waited, and the others were too much for one base");
}
