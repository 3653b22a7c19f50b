//! Stored results are counted exactly.

use futures_util::FutureExt;

use super::*;
use crate::engine::faulty::{Fault, Faulty};
use crate::engine::memory::MemoryEngine;
use crate::engine::{Engine, EngineError};
use crate::model::{RequestId, RequestIdentity};
use crate::stored::meta::Meta;
use crate::table::idempotency::{Begun, IdempotencyLimits, IfRunning};
use crate::table::index::hash::Hashes;
use crate::table::shared::leases::Leases;

fn idempotency(engine: &Arc<Faulty>) -> Arc<Idempotency> {
    let key = [0; 16];
    let meta = Meta {
        format: 1,
        write_format: 1,
        fold_version: 1,
        id_key: key,
        cursor_key: key,
        hash_key: key,
        fingerprint_key: key,
    };
    let limits = IdempotencyLimits { retention_micros: i64::MAX, bytes: u64::MAX };
    let engine = Arc::clone(engine) as Arc<dyn Engine>;
    Idempotency::new(Leases::new(Arc::clone(&engine)), (engine, false), Hashes::new(&meta), limits)
}

/// Does a new request with this id.
async fn store(idempotency: &Arc<Idempotency>, id: &str) -> Result<(), TableError> {
    let identity = RequestIdentity::new(RequestId::parse(id).unwrap(), "call", b"");
    let begun = idempotency.begin(&identity, None, Timestamp::from_micros(2), IfRunning::Wait).await;
    let Begun::New(claim) = begun.unwrap() else { panic!("{id} was done") };
    idempotency.store_alone(claim, Timestamp::from_micros(2), None, RequestResult::Changed(1)).await
}

#[tokio::test]
async fn a_result_that_could_not_be_stored_is_not_counted() {
    let engine = Arc::new(Faulty::new(Arc::new(MemoryEngine::new())));
    let one = idempotency(&engine);
    one.tidy(Timestamp::from_micros(2)).await.unwrap();
    store(&one, "a").await.unwrap();
    let taken = one.stored_bytes.load(Ordering::Relaxed);
    assert!(taken > 0);
    // The last operation was the commit.
    let fault = Fault::Error(EngineError::Io("injected".to_owned()));
    let failing = Faulty::new(Arc::new(MemoryEngine::new())).fail_at(engine.operations(), fault);
    let two = idempotency(&Arc::new(failing));
    two.tidy(Timestamp::from_micros(2)).await.unwrap();
    store(&two, "a").await.unwrap_err();
    assert_eq!(two.stored_bytes.load(Ordering::Relaxed), 0);
    store(&two, "a").await.unwrap();
    assert_eq!(two.stored_bytes.load(Ordering::Relaxed), taken);
}

#[tokio::test]
async fn a_result_whose_caller_left_is_counted() {
    let engine = Arc::new(Faulty::new(Arc::new(MemoryEngine::new())));
    let idempotency = idempotency(&engine);
    idempotency.tidy(Timestamp::from_micros(2)).await.unwrap();
    let identity = RequestIdentity::new(RequestId::parse("a").unwrap(), "call", b"");
    let begun = idempotency.begin(&identity, None, Timestamp::from_micros(2), IfRunning::Wait).await;
    let Begun::New(claim) = begun.unwrap() else { panic!("it is new") };
    engine.hold();
    let mut storing =
        Box::pin(idempotency.store_alone(claim, Timestamp::from_micros(2), None, RequestResult::Changed(1)));
    assert!(storing.as_mut().now_or_never().is_none());
    engine.someone_waits().await;
    drop(storing);
    engine.release();
    // The turn ends after the result is counted.
    let again = idempotency.begin(&identity, None, Timestamp::from_micros(2), IfRunning::Wait).await;
    assert!(matches!(again.unwrap(), Begun::Done(_)));
    assert!(idempotency.stored_bytes.load(Ordering::Relaxed) > 0);
}
