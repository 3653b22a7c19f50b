//! Locks are taken in one order, so no deadlock is possible.

use std::thread;

use super::*;

/// The lock of the log's queue comes before that of the pending batches. A status that held the second while
/// it asked the log deadlocked the store as soon as a batch was numbered at that moment.
#[tokio::test]
async fn reading_the_status_holds_no_lock_that_an_append_needs() {
    let store = Store::new();
    let engine = Arc::new(store.open());
    faults::settle(&engine, &store).await;
    let ops = ops_of(batch(4));
    let payload = payload::encode(&ops, &[], false).unwrap();
    let mut asking = None;
    let asked = Arc::clone(&engine);
    let reply = engine.shared.log.append(ops, payload, || {
        let thread = asking.insert(thread::spawn(move || asked.status())).thread().id();
        // The status queries the free space last, and then waits for the queue, which is locked here.
        while !store.config.faults.has_looked(thread) {
            thread::yield_now();
        }
        assert!(!engine.shared.backlog.is_locked());
        Ok(())
    });
    reply.unwrap().await.unwrap().unwrap().publish();
    assert_eq!(asking.unwrap().join().unwrap().refusing_writes, None);
    expect(&engine, 4).await;
}
