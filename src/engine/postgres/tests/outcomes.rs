//! Commits whose answer does not come: each is found out, and done once.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// Runs `body` in a trigger at the commit of every change of the fence, for as long as the table `armed`
/// exists.
async fn at_commits(link: &Link, schema: &str, body: &str) {
    run(link, &format!("CREATE TABLE {schema}.armed (n int)")).await;
    run(
        link,
        &format!(
            "CREATE FUNCTION {schema}.at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF NEW.k = 'fence'::bytea AND to_regclass('{schema}.armed') IS NOT NULL THEN {body}; END IF; \
             RETURN NULL; END $$"
        ),
    )
    .await;
    run(
        link,
        &format!(
            "CREATE CONSTRAINT TRIGGER at_commit AFTER UPDATE ON {schema}.hot DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION {schema}.at_commit()"
        ),
    )
    .await;
}

async fn disarm(link: &Link, schema: &str) {
    run(link, &format!("DROP TABLE {schema}.armed")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_hangs_is_proven_and_not_done_twice() {
    let Some(dsn) = cluster::fresh() else { return };
    let mut config = config(dsn.clone(), &TestClock::new());
    config.statement_within = Duration::from_millis(300);
    let engine = open(&config).await;
    engine.commit(put("a", "1")).await.unwrap();
    let link = link(&dsn).await;
    // The commit takes longer than anybody waits for it, and then it is one.
    at_commits(&link, dsn.schema(), "PERFORM pg_sleep(1)").await;
    let write = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.commit(put("a", "2")).await }
    });
    tokio::time::sleep(Duration::from_millis(400)).await;
    disarm(&link, dsn.schema()).await;
    assert_eq!(write.await.unwrap().unwrap(), 2);
    assert_eq!(get(&engine, "a").await.unwrap(), "2");
    assert!(config.proven.get() >= 1);
    assert_eq!(engine.commit(put("a", "3")).await.unwrap(), 3);
    engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warning_during_a_commit_makes_it_unknown_until_it_is_proven() {
    let Some(dsn) = cluster::fresh() else { return };
    let config = config(dsn.clone(), &TestClock::new());
    let engine = open(&config).await;
    let link = link(&dsn).await;
    at_commits(&link, dsn.schema(), "RAISE WARNING 'canceling wait for synchronous replication'").await;
    let write = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.commit(put("a", "1")).await }
    });
    // Each proof is warned about as well, so nothing is acknowledged.
    while engine.status().refusing_writes.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!write.is_finished());
    disarm(&link, dsn.schema()).await;
    assert_eq!(write.await.unwrap().unwrap(), 1);
    assert_eq!(config.proven.get(), 1);
    engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_nobody_can_find_out_is_told_as_unknown_and_ends_the_ownership() {
    let Some(dsn) = cluster::fresh() else { return };
    let mut config = config(dsn.clone(), &TestClock::new());
    config.prove_within = Duration::from_millis(500);
    let engine = open(&config).await;
    let link = link(&dsn).await;
    at_commits(&link, dsn.schema(), "RAISE WARNING 'always'").await;
    let (first, second) = (engine.append(put("a", "1")), engine.append(put("b", "1")));
    let unknown = first.await.unwrap_err();
    assert!(matches!(unknown, EngineError::CommitUnknown(_)), "{unknown}");
    second.await.unwrap_err();
    assert!(engine.ownership().reason().is_some());
    assert_eq!(config.unknown.get(), 1);
    let refused = engine.commit(put("c", "1")).await.unwrap_err();
    assert!(matches!(refused, EngineError::NotOwner(_)), "{refused}");
    engine.close().await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_the_database_refuses_is_tried_until_it_accepts_it() {
    let Some(dsn) = cluster::fresh() else { return };
    let engine = open(&config(dsn.clone(), &TestClock::new())).await;
    let link = link(&dsn).await;
    at_commits(&link, dsn.schema(), "RAISE EXCEPTION 'no room' USING ERRCODE = '53100'").await;
    let write = engine.append(put("a", "1"));
    let seen = async {
        while engine.status().refusing_writes.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    seen.await;
    // New writes are refused at once, and with the reason.
    let refused = engine.commit(put("b", "1")).await.unwrap_err();
    assert!(matches!(&refused, EngineError::Io(why) if why.contains("no room")), "{refused}");
    disarm(&link, dsn.schema()).await;
    assert_eq!(write.await.unwrap().number(), 1);
    engine.commit(put("b", "2")).await.unwrap();
    engine.close().await.unwrap();
}

/// Writes numbered values one after the other, two at a time, until `until` ends, and counts those that were
/// durable.
async fn write_until(engine: &PostgresEngine, written: &AtomicU64, until: impl Future<Output = ()>) {
    let work = async {
        loop {
            let n = written.load(Ordering::Relaxed) + 1;
            let (first, second) =
                (engine.append(put("n", &n.to_string())), engine.append(put(&format!("n/{n:06}"), "x")));
            match (first.await, second.await) {
                (Ok(first), Ok(second)) => {
                    first.publish();
                    second.publish();
                    written.store(n, Ordering::Relaxed);
                }
                // Not even numbered, because the database has been away for too long: it is done again.
                (Ok(_) | Err(EngineError::Io(_)), Ok(_) | Err(EngineError::Io(_))) => {}
                failed => panic!("{failed:?}"),
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = until => {}
    }
}

async fn assert_has(engine: &PostgresEngine, written: u64) {
    let n: u64 = get(engine, "n").await.unwrap().parse().unwrap();
    assert!(n == written || n == written + 1, "{n} of {written}");
    let keys: Vec<_> = (1..=written).map(|n| format!("n/{n:06}").into_bytes()).collect();
    assert!(engine.get_many(&keys).await.unwrap().iter().all(Option::is_some));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_fails_while_connections_are_killed() {
    let Some(dsn) = cluster::fresh() else { return };
    let config = config(Dsn { application_name: dsn.schema().to_owned(), ..dsn.clone() }, &TestClock::new());
    let engine = open(&config).await;
    let link = link(&dsn).await;
    let kill = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{}'",
        dsn.schema()
    );
    let written = AtomicU64::new(0);
    let killing = async {
        for round in 1..=40 {
            // Between two kills something gets through, so that every kill meets another moment of a write.
            while written.load(Ordering::Relaxed) < 3 * round {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_micros(300 * (round % 10))).await;
            run(&link, &kill).await;
        }
    };
    write_until(&engine, &written, killing).await;
    let written = written.into_inner();
    assert_has(&engine, written).await;
    engine.close().await.unwrap();
    let again = open(&config).await;
    assert_has(&again, written).await;
    again.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_the_database_crashes_and_starts_again() {
    let Some(mut cluster) = cluster::Cluster::start() else { return };
    let config = config(cluster.fresh(), &TestClock::new());
    let engine = open(&config).await;
    let crashing = async {
        tokio::task::spawn_blocking(move || {
            for _ in 0..3 {
                std::thread::sleep(Duration::from_millis(300));
                cluster.crash();
            }
            std::thread::sleep(Duration::from_millis(300));
            cluster
        })
        .await
        .unwrap()
    };
    let (done, cluster) = tokio::sync::oneshot::channel();
    let written = AtomicU64::new(0);
    let until = async {
        let _ = done.send(crashing.await);
    };
    write_until(&engine, &written, until).await;
    let written = written.into_inner();
    assert!(written > 10, "only {written} writes");
    assert_has(&engine, written).await;
    engine.close().await.unwrap();
    drop(cluster.await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_lost_acknowledged_writes_is_noticed() {
    let Some(dsn) = cluster::fresh() else { return };
    let engine = open(&config(dsn.clone(), &TestClock::new())).await;
    let (link, schema) = (link(&dsn).await, dsn.schema());
    engine.commit(put("a", "1")).await.unwrap();
    run(&link, &format!("CREATE TABLE {schema}.old AS TABLE {schema}.hot")).await;
    engine.commit(put("a", "2")).await.unwrap();
    run(
        &link,
        &format!(
            "UPDATE {schema}.hot AS h SET v = old.v FROM {schema}.old WHERE h.k = old.k AND h.k = 'fence'"
        ),
    )
    .await;
    let lost = engine.commit(put("a", "3")).await.unwrap_err();
    assert!(matches!(lost, EngineError::NotOwner(_) | EngineError::CommitUnknown(_)), "{lost}");
    assert!(engine.ownership().reason().unwrap().contains("lost acknowledged writes"));
    assert!(matches!(engine.get_many(&[b"a".to_vec()]).await, Err(EngineError::NotOwner(_))));
}
