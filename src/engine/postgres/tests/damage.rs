//! Values that cannot be read: whoever asks for one gets an error, and nobody else.

use futures_util::future::join_all;

use super::*;
use crate::engine::{Direction, KeyRange};

/// So many at once that most wait together.
const AT_ONCE: usize = 60;

fn large(key: &str, of: &str) -> Batch {
    put(key, &of.repeat(5_000))
}

fn is_damage(error: &EngineError, words: &str) -> bool {
    matches!(error, EngineError::Corrupt { detail, .. } if detail.contains(words))
}

/// A store with the values of `bad` and of others, whose keys begin with `good/`.
async fn store(config: &PostgresConfig) -> Arc<PostgresEngine> {
    let engine = open(config).await;
    engine.commit(large("bad", "v")).await.unwrap();
    for n in 0..AT_ONCE {
        engine.commit(large(&format!("good/{n:02}"), "v")).await.unwrap();
    }
    engine
}

/// Reads and writes everything at once. Only what is named `bad` fails, with these words.
async fn assert_only_bad_fails(engine: &PostgresEngine, words: &str) {
    let keys = || (0..AT_ONCE).flat_map(|n| ["bad".to_owned(), format!("good/{n:02}")]);
    let reads = keys().map(|key| async move { (engine.get_many(&[key.as_bytes().to_vec()]).await, key) });
    for (read, key) in join_all(reads).await {
        match read {
            Ok(values) => assert!(key != "bad" && values[0].is_some(), "{key}"),
            Err(error) => assert!(key == "bad" && is_damage(&error, words), "{key}: {error}"),
        }
    }
    let writes: Vec<_> = keys().map(|key| (engine.append(large(&key, "w")), key)).collect();
    for (write, key) in writes {
        match write.await {
            Ok(durable) => assert!(key != "bad" && durable.number() > 0),
            Err(error) => assert!(key == "bad" && is_damage(&error, words), "{key}: {error}"),
        }
    }
    let good = engine.scan(KeyRange::prefix(b"good/"), Direction::Forward, usize::MAX).await.unwrap();
    assert_eq!(good.len(), AT_ONCE);
    let all = engine.scan(KeyRange::prefix(b""), Direction::Forward, usize::MAX).await.unwrap_err();
    assert!(is_damage(&all, words), "{all}");
    let unreadable = engine.unreadable(10).await.unwrap();
    assert!(unreadable.len() == 1 && is_damage(&unreadable[0], words), "{unreadable:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_lacks_a_piece_fails_only_those_who_ask_for_it() {
    let Some(dsn) = cluster::fresh() else { return };
    let config = PostgresConfig { cache_bytes: 0, ..config(dsn.clone(), &TestClock::new()) };
    let engine = store(&config).await;
    let link = link(&dsn).await;
    run(&link, &format!("DELETE FROM {}.kv WHERE k = 'bad' AND n = 1", dsn.schema())).await;
    assert_only_bad_fails(&engine, "the key \\x626164 lacks a piece").await;
    engine.close().await.unwrap();
    let again = open(&config).await;
    assert_eq!(again.status().durable, 1 + 2 * AT_ONCE as u64);
    // One more than any value has: a page that has room for it is never found.
    let many =
        format!("INSERT INTO {}.kv SELECT 'many', n, 'x' FROM generate_series(0, 5000) AS n", dsn.schema());
    run(&link, &many).await;
    for direction in [Direction::Forward, Direction::Backward] {
        let many = again.scan(KeyRange::prefix(b"many"), direction, 1).await.unwrap_err();
        assert!(is_damage(&many, "the key \\x6d616e79 lacks a piece, or has one too many"), "{many}");
    }
    assert_eq!(again.unreadable(10).await.unwrap().len(), 2);
    again.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_the_database_cannot_read_fails_only_those_who_ask_for_it() {
    let Some(cluster) = cluster::Cluster::start() else { return };
    let dsn = cluster.fresh();
    let (link, schema) = (link(&dsn).await, dsn.schema());
    run(&link, "CREATE ROLE keeper LOGIN").await;
    run(&link, "GRANT CREATE ON DATABASE postgres TO keeper").await;
    let keeper = Dsn { user: "keeper".to_owned(), ..dsn.clone() };
    let config = PostgresConfig { cache_bytes: 0, ..config(keeper, &TestClock::new()) };
    let engine = store(&config).await;
    // A policy that fails at the row as a broken page does.
    run(
        &link,
        &format!(
            "CREATE FUNCTION {schema}.broken(k bytea) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN \
             IF k = 'bad' THEN RAISE EXCEPTION 'invalid page in block 1' USING ERRCODE = 'XX001'; END IF; \
             RETURN true; END $$"
        ),
    )
    .await;
    run(&link, &format!("CREATE POLICY broken ON {schema}.kv USING ({schema}.broken(k)) WITH CHECK (true)"))
        .await;
    run(&link, &format!("ALTER TABLE {schema}.kv ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")).await;
    assert_only_bad_fails(&engine, "invalid page in block 1").await;
    engine.close().await.unwrap();
}
