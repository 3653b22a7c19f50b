//! A base that has to wait stands in nobody's way.

use super::*;
use crate::engine::faulty::Faulty;

/// Writes that are a batch each.
const BATCHES: u16 = 20;
const ROWS: u16 = 50;

// On one thread every task has come as far as it can by the time that the others were answered.
#[tokio::test]
async fn a_base_whose_checkpoint_hangs_holds_back_nothing_that_others_write() {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
    let faulty = Arc::new(Faulty::new(Arc::clone(&engine)));
    let config = TableConfig { checkpoint_entries: 50, ..TableConfig::default() };
    let clock: Clock = Arc::new(|| Timestamp::from_micros(1));
    let table = Table::open(Arc::clone(&faulty) as Arc<dyn Engine>, clock, config).await.unwrap();
    let make = async |name: &str| {
        let settings = BaseSettings::named(BaseName::parse(name).unwrap());
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
    assert_eq!(engine.status().pending_bytes, 0, "something is durable and not shown");
    let shown = hangs.view().await.revision();
    assert!((1..u64::from(BATCHES)).contains(&shown), "{shown} batches do not wait for the checkpoint");
    faulty.release();
    for answer in pending {
        assert_eq!(answer.answer().await.unwrap().outcomes.len(), usize::from(ROWS));
    }
    assert_eq!(hangs.view().await.revision(), u64::from(BATCHES));
    crate::table::audit::tests::assert_sound(&engine).await;
}

// Nobody rings for a checkpoint that is asked for, and yet it makes the room that writes wait for.
#[tokio::test]
async fn writes_go_on_after_a_checkpoint_that_was_asked_for() {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
    let faulty = Arc::new(Faulty::new(Arc::clone(&engine)));
    let config = TableConfig { checkpoint_entries: 50, ..TableConfig::default() };
    let clock: Clock = Arc::new(|| Timestamp::from_micros(1));
    let table = Table::open(Arc::clone(&faulty) as Arc<dyn Engine>, clock, config).await.unwrap();
    let settings = BaseSettings::named(BaseName::parse("test").unwrap());
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

// All of it runs on one thread, and nothing that the first base was asked for can end.
#[tokio::test]
async fn one_base_under_more_than_fits_leaves_room_for_the_writes_of_others() {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
    let faulty = Arc::new(Faulty::new(Arc::clone(&engine)));
    let config = TableConfig { checkpoint_entries: 50, budget_bytes: 1024 * 1024, ..TableConfig::default() };
    let clock: Clock = Arc::new(|| Timestamp::from_micros(1));
    let table = Table::open(Arc::clone(&faulty) as Arc<dyn Engine>, clock, config).await.unwrap();
    let make = async |name: &str| {
        let settings = BaseSettings::named(BaseName::parse(name).unwrap());
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
    // Each is larger than all the room, and they come again and again.
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
    assert_eq!(done, 2, "one was in, and one waited for its turn: the others were too much of one base");
}
