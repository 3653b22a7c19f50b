//! Closing while the database is away.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_does_not_wait_for_a_write_that_cannot_get_through() {
    let Some(dsn) = cluster::fresh() else { return };
    let mut config = config(dsn.clone(), &TestClock::new());
    config.close_within = Duration::from_millis(500);
    let engine = open(&config).await;
    engine.commit(put("a", "1")).await.unwrap();
    let mut link = link(&dsn).await;
    let unit = link.begin().await.unwrap();
    let lock = format!("SELECT 1 FROM {}.hot WHERE k = 'fence'::bytea FOR UPDATE", dsn.schema());
    unit.query(&lock, &[]).await.unwrap();
    let write = engine.append(put("a", "2"));
    let closed = engine.close().await;
    // Closed, if it was so slow that it had no number yet.
    let ended = write.await.unwrap_err();
    assert!(matches!(ended, EngineError::CommitUnknown(_) | EngineError::Closed), "{ended}");
    assert_eq!(closed.is_err(), matches!(ended, EngineError::CommitUnknown(_)), "{closed:?}");
    drop(unit);
}
