//! Delayed acknowledgements bound the memory, and nothing waits for ever.

use super::*;

#[tokio::test]
async fn acknowledgements_wait_while_sled_lags_behind_by_more_than_the_limit() {
    let mut store = Store::new();
    store.config.pending_limit_bytes = 0;
    let engine = store.open();
    // With a limit of 0 each published batch must reach sled before the next one is acknowledged.
    for number in 1..=50 {
        let durable = engine.append(batch(number)).await.unwrap();
        assert!(!engine.shared.backlog.is_over_limit());
        durable.publish();
    }
    expect(&engine, 50).await;
}

#[tokio::test]
async fn an_unpublished_batch_does_not_delay_others() {
    let mut store = Store::new();
    store.config.pending_limit_bytes = 0;
    let engine = store.open();
    let held = engine.append(batch(1)).await.unwrap();
    // None of these can reach sled before the first one, so waiting for sled would never end.
    for number in 2..=20 {
        engine.append(batch(number)).await.unwrap().publish();
    }
    held.publish();
    expect(&engine, 20).await;
}

#[tokio::test]
async fn pending_is_empty_once_everything_reached_sled() {
    let store = Store::new();
    let engine = store.open();
    fill(&engine, 1..=20).await;
    while engine.status().pending_bytes > 0 {
        tokio::task::yield_now().await;
    }
    expect(&engine, 20).await;
}

#[tokio::test]
async fn a_close_does_not_wait_for_a_caller_that_keeps_its_batch() {
    let store = Store::new();
    let engine = store.open();
    let held = engine.append(batch(1)).await.unwrap();
    engine.close().await.unwrap();
    held.publish();
    expect(&store.open(), 1).await;
}

#[tokio::test]
async fn a_dropped_store_replies_to_waiting_callers() {
    let store = Store::new();
    let engine = store.open();
    let appends: Vec<_> = (1..=50).map(|n| engine.append(batch(n))).collect();
    drop(engine);
    for append in appends {
        match append.await {
            Ok(_) | Err(EngineError::CommitUnknown(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
}
