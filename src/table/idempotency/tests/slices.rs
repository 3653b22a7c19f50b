//! Requests of several slices under a request id, of which the store fails to read for a later slice while an
//! earlier one is not durable yet.

use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

use tokio::time::sleep;

use super::crashes::delete_to_the_end;
use super::*;
use crate::stored::key;

/// A store with 2,500 members, and the claim of a new request. The engine is about to fail at operation `n`, and
/// until then writes nothing of the base.
async fn held_until_fault(n: u64) -> (Store, Arc<Faulty>, Arc<Claim>) {
    let store = Store::new().await;
    let faulty = Arc::new(Faulty::new(Arc::clone(&store.engine)));
    let store = store.through(Arc::clone(&faulty) as Arc<dyn Engine>).await.unwrap();
    store.upsert("members", 2_500, WriteMode::Partial).await.unwrap();
    let Ok(Begun::New(claim)) = store.begin("a", "").await else { panic!("it is new") };
    faulty.hold_writes_of(key::header(store.base.number()));
    faulty.fail_later(n, Fault::Error(EngineError::Io("a read".to_owned())));
    (store, faulty, claim)
}

/// Lets a request run until a write of it is held and nothing else goes on, and then lets go of it. The
/// request must not be answered before that. Returns its reply, and whether a read failed meanwhile.
async fn answered<T>(faulty: &Faulty, request: impl Future<Output = T>) -> (T, bool) {
    let is_answered = Cell::new(false);
    let request = async {
        let reply = request.await;
        is_answered.set(true);
        reply
    };
    let release = async {
        while !faulty.has_held() && !is_answered.get() {
            sleep(Duration::from_millis(1)).await;
        }
        // Time is paused: it goes on only once everybody waits.
        sleep(Duration::from_secs(1)).await;
        let is_held = faulty.has_held();
        assert!(!(is_held && is_answered.get()), "answered although a slice of it is not durable yet");
        let has_failed = is_held && faulty.has_failed();
        faulty.release();
        has_failed
    };
    tokio::join!(request, release)
}

#[tokio::test(start_paused = true)]
async fn a_delete_whose_later_slice_fails_is_answered_after_the_earlier_ones() {
    let mut held = 0;
    for n in 1..100 {
        let (store, faulty, claim) = held_until_fault(n).await;
        let delete =
            |claim| DeleteRequest { rows: (0..2_500).map(Row).collect(), claim, ..DeleteRequest::default() };
        let (first, has_failed) = answered(&faulty, store.base.delete(delete(Some(claim)))).await;
        if first.is_ok() {
            break;
        }
        held += u32::from(has_failed);
        assert_eq!(delete_to_the_end(&store, delete).await, 2_500, "operation {n}: {first:?}");
    }
    assert!(held > 1, "the store failed only {held} times while a slice was held");
}

#[tokio::test(start_paused = true)]
async fn an_upsert_whose_later_slice_fails_is_answered_after_the_earlier_ones() {
    for mode in [WriteMode::Partial, WriteMode::Whole] {
        let mut held = 0;
        for n in 1..100 {
            let (store, faulty, claim) = held_until_fault(n).await;
            let (first, has_failed) = answered(&faulty, upsert_more(&store, claim, mode)).await;
            if first.is_ok() {
                break;
            }
            held += u32::from(has_failed);
            let Ok(Begun::New(claim)) = store.begin("a", "").await else { panic!("it is not complete") };
            let again = upsert_more(&store, claim, mode).await.unwrap();
            let are_new = again.outcomes.iter().all(|row| row.outcome == Outcome::Created);
            assert!(are_new && again.outcomes.len() == 2_500, "operation {n}: {again:?}");
            assert_eq!(store.members().await, 5_000);
        }
        assert!(held > 1, "{mode:?}: the store failed only {held} times while a slice was held");
    }
}

/// Upserts 2,500 further members.
async fn upsert_more(store: &Store, claim: Arc<Claim>, mode: WriteMode) -> Result<UpsertReply, TableError> {
    let rows = (2_500..5_000).map(|n| Ok(new_row(n))).collect();
    let (options, claim, origin) = (UpsertOptions::default(), Some(claim), Origin::default());
    store.base.upsert(UpsertRequest { rows, options, mode, claim, deadline: None, origin }).await
}
