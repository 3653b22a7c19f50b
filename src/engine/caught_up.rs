//! Writes that wait until the working copy has caught up.
//!
//! While its working copy lags behind, an engine keeps room for all that this may still write. So it can
//! refuse a write for lack of room that there is a moment later. Calls get this error, because their callers
//! send them again. What nobody sends again, such as the last checkpoint of a base or what an opening writes,
//! waits here instead: as long as the working copy gets on, and never for ever.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{Batch, Durable, Engine, EngineError};

/// How long the pending bytes may stay as many as they were before a write gives up.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the pending bytes are looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Appends a batch. If there is no room for it while bytes are pending, tries again whenever fewer are, and
/// gives up once they do not get fewer.
pub async fn append_caught_up(engine: &dyn Engine, batch: Batch) -> Result<Durable, EngineError> {
    let mut least = engine.status().pending_bytes;
    loop {
        let full = match engine.append(batch.clone()).await {
            Err(full @ EngineError::StorageFull { .. }) => full,
            done => return done,
        };
        // Without pending bytes the room was lacking for another reason.
        let fell = timeout(PATIENCE, falls_below(engine, least));
        least = if least == 0 { return Err(full) } else { fell.await.map_err(|_| full)? };
    }
}

/// Appends a batch in the same way, and publishes it.
pub async fn commit_caught_up(engine: &dyn Engine, batch: Batch) -> Result<(), EngineError> {
    append_caught_up(engine, batch).await?.publish();
    Ok(())
}

/// Returns the pending bytes once they are fewer than `least`.
async fn falls_below(engine: &dyn Engine, least: usize) -> usize {
    loop {
        let pending = engine.status().pending_bytes;
        if pending < least {
            return pending;
        }
        sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::faulty::{Fault, Faulty};
    use super::super::memory::MemoryEngine;
    use super::super::{Direction, KeyRange};
    use super::*;

    fn engine() -> Faulty {
        Faulty::new(Arc::new(MemoryEngine::new()))
    }

    async fn commit(engine: &Faulty) -> Result<(), EngineError> {
        let mut batch = Batch::default();
        batch.put(b"key".to_vec(), b"value".as_slice());
        commit_caught_up(engine, batch).await
    }

    async fn keys(engine: &Faulty) -> usize {
        engine.scan(KeyRange::prefix(b""), Direction::Forward, 9).await.unwrap().len()
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_waits_as_long_as_the_pending_bytes_get_fewer() {
        let engine = engine();
        engine.lag(1_000_000, 100);
        commit(&engine).await.unwrap();
        assert_eq!((keys(&engine).await, engine.status().pending_bytes), (1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_gives_up_once_the_pending_bytes_stay_as_many() {
        let engine = engine();
        engine.lag(1_000_000, 0);
        assert!(matches!(commit(&engine).await, Err(EngineError::StorageFull { .. })));
        assert_eq!(keys(&engine).await, 0);
    }

    #[tokio::test]
    async fn a_write_does_not_wait_when_nothing_is_pending_or_something_else_failed() {
        for error in [EngineError::StorageFull { free: 1, needed: 2 }, EngineError::Conflict] {
            let engine = engine();
            engine.fail_next(Fault::Error(error.clone()));
            assert_eq!(commit(&engine).await.unwrap_err(), error);
            assert_eq!(engine.operations(), 1);
        }
    }
}
