//! sled hangs, as it was seen to do after a write of its files had failed: every wait for it is limited.

use std::time::Duration;

use super::*;

const SHORT: Duration = Duration::from_millis(50);

fn impatient() -> Store {
    let mut store = Store::new();
    store.config.flush_patience = SHORT;
    store.config.drop_patience = SHORT;
    store
}

/// Makes the applier reopen sled, as it does after a failed write.
fn ask_for_a_reopen(engine: &SledEngine) {
    engine.shared.damaged.store(true, Ordering::Release);
    engine.shared.backlog.wake_applier();
}

async fn latest(engine: &SledEngine) -> Result<Option<Value>, EngineError> {
    Ok(engine.get_many(&[b"latest".to_vec()]).await?.remove(0))
}

async fn reopened(engine: &SledEngine) {
    while engine.shared.damaged.load(Ordering::Acquire) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_sled_that_cannot_be_dropped_is_replaced_by_a_new_one_from_the_log() {
    let store = impatient();
    let engine = store.open();
    fill(&engine, 1..=20).await;
    store.config.faults.stick_sled(true);
    ask_for_a_reopen(&engine);
    reopened(&engine).await;
    expect(&engine, 20).await;
    fill(&engine, 21..=25).await;
    store.config.faults.stick_sled(false);
    engine.close().await.unwrap();
    let (engine, lines) = store.open_told();
    assert_eq!(lines, [""; 0]);
    expect(&engine, 25).await;
}

#[tokio::test]
async fn reads_do_not_wait_for_a_sled_that_is_being_dropped() {
    let store = Store::new();
    let engine = store.open();
    fill(&engine, 1..=5).await;
    store.config.faults.stick_sled(true);
    ask_for_a_reopen(&engine);
    while latest(&engine).await.is_ok() {
        tokio::task::yield_now().await;
    }
    store.config.faults.stick_sled(false);
    reopened(&engine).await;
    expect(&engine, 5).await;
    engine.close().await.unwrap();
}

#[tokio::test]
async fn a_flush_that_never_ends_confirms_nothing_and_does_not_delay_closing() {
    let store = impatient();
    let engine = store.open();
    fill(&engine, 1..=20).await;
    store.config.faults.stick_sled(true);
    let error = engine.close().await.unwrap_err();
    assert!(error.to_string().contains("did not finish a flush"), "{error}");
    assert_eq!(confirmed::read(&store.log_dir(), engine.shared.timeline), Ok(0));
    store.config.faults.stick_sled(false);
    let (engine, lines) = store.open_told();
    assert!(lines[0].contains("damage was found"), "{lines:?}");
    expect(&engine, 20).await;
    engine.close().await.unwrap();
}

#[tokio::test]
async fn after_one_failed_or_slow_flush_the_log_is_trimmed_again() {
    type Break = fn(&crate::engine::sled::faults::Faults, bool);
    let breaks: [Break; 2] = [|faults, on| faults.fail_sled_sync(on), |faults, on| faults.stick_sled(on)];
    for breaks in breaks {
        let mut store = super::snapshots::small();
        store.config.flush_patience = SHORT;
        let engine = store.open();
        fill(&engine, 1..=20).await;
        breaks(&store.config.faults, true);
        engine.shared.confirm(20).unwrap_err();
        breaks(&store.config.faults, false);
        for last in [40, 60, 80] {
            fill(&engine, last - 19..=last).await;
            assert_eq!(engine.snapshot().await.unwrap(), last);
        }
        let first = segment::list(&store.log_dir()).unwrap().segments[0].header.first;
        assert!(first > 20, "the log still begins with batch {first}");
        drop(engine);
        let (engine, lines) = store.open_told();
        assert!(lines[0].contains("rebuilding it from the snapshot"), "{lines:?}");
        expect(&engine, 80).await;
        engine.close().await.unwrap();
    }
}
