//! Databases that cannot have a store: a clear error, and nothing is written.

use super::*;

async fn refused(dsn: &Dsn) -> String {
    let refused = PostgresEngine::open(config(dsn.clone(), &TestClock::new()), Contention::Refuse).await;
    match refused.unwrap_err() {
        EngineError::WrongFolder(text) => text,
        error => panic!("{error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_others_are_left_alone() {
    for (tables, expected) in [
        (vec!["hot (a int)", "kv (a int)"], "is not a table of this program"),
        (vec!["hot (k bytea PRIMARY KEY, v bytea)"], "has only one of the tables"),
        (
            vec!["hot (k bytea PRIMARY KEY, v bytea)", "kv (k bytea, n int2, v bytea) PARTITION BY HASH (k)"],
            "is not a table of this program",
        ),
        (
            vec!["hot (k bytea PRIMARY KEY, v bytea)", "kv (k bytea, n int2, v bytea)"],
            "is not ordered by its key",
        ),
    ] {
        let Some(dsn) = cluster::fresh() else { return };
        let (link, schema) = (link(&dsn).await, dsn.schema());
        run(&link, &format!("CREATE SCHEMA {schema}")).await;
        for table in tables {
            run(&link, &format!("CREATE TABLE {schema}.{table}")).await;
        }
        let text = refused(&dsn).await;
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_a_crash_empties_is_refused() {
    let Some(dsn) = cluster::fresh() else { return };
    open(&config(dsn.clone(), &TestClock::new())).await.close().await.unwrap();
    let link = link(&dsn).await;
    run(&link, &format!("ALTER TABLE {}.kv SET UNLOGGED", dsn.schema())).await;
    assert!(refused(&dsn).await.contains("is not logged"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_format_is_refused() {
    let Some(dsn) = cluster::fresh() else { return };
    open(&config(dsn.clone(), &TestClock::new())).await.close().await.unwrap();
    let (link, schema) = (link(&dsn).await, dsn.schema());
    run(
        &link,
        &format!("UPDATE {schema}.hot SET v = '\\x07'::bytea || substring(v from 2) WHERE k = 'meta'"),
    )
    .await;
    let refused = PostgresEngine::open(config(dsn, &TestClock::new()), Contention::Refuse).await.unwrap_err();
    assert!(matches!(refused, EngineError::NewerFormat { found: 7, .. }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_cannot_be_used_says_why() {
    let Some(cluster) = cluster::Cluster::start() else { return };
    let dsn = cluster.fresh();
    let link = link(&dsn).await;
    run(&link, "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0").await;
    assert!(refused(&cluster.database("latin", "")).await.contains("encoding LATIN1"));
    assert!(refused(&cluster.database("nothing", "")).await.contains("must be created first"));
    run(&link, "CREATE ROLE guest LOGIN").await;
    let text = refused(&Dsn { user: "guest".to_owned(), ..dsn.clone() }).await;
    assert!(text.contains("may not make the tables") && text.contains("42501"), "{text}");
    let text = refused(&Dsn { user: "nobody".to_owned(), ..dsn.clone() }).await;
    assert!(text.contains("refuses the login"), "{text}");
    // Tables that are there, and belong to somebody else: a server that stands by does not wait for rights.
    open(&config(dsn.clone(), &TestClock::new())).await.close().await.unwrap();
    let guest = Dsn { user: "guest".to_owned(), ..dsn.clone() };
    let waits =
        PostgresEngine::open(config(guest.clone(), &TestClock::new()), Contention::Wait(&|_| {})).await;
    let EngineError::WrongFolder(text) = waits.unwrap_err() else { panic!("not refused") };
    assert!(text.contains("lacks a right") && text.contains("42501"), "{text}");
    assert!(matches!(look(&config(guest, &TestClock::new())).await, Err(EngineError::WrongFolder(_))));
    run(&link, "ALTER DATABASE postgres SET default_transaction_read_only = on").await;
    let refused = PostgresEngine::open(config(dsn, &TestClock::new()), Contention::Refuse).await.unwrap_err();
    assert!(
        matches!(&refused, EngineError::Io(text) if text.contains("default_transaction_read_only is on")),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_asks_for_a_password_says_where_to_put_it() {
    let asks = |dir: &std::path::Path| {
        std::fs::write(dir.join("hba"), "local all postgres trust\nlocal all all scram-sha-256\n").unwrap();
        format!("hba_file = '{}/hba'\n", dir.display())
    };
    let Some(cluster) = cluster::Cluster::start_with(asks) else { return };
    let dsn = cluster.fresh();
    run(&link(&dsn).await, "CREATE ROLE locked LOGIN PASSWORD 'right'").await;
    let locked = Dsn { user: "locked".to_owned(), ..dsn };
    let text = refused(&locked).await;
    assert!(text.contains("MEMBERBASE_STORE_PASSWORD") && text.contains("store-password-file"), "{text}");
    assert!(refused(&locked.with_password("wrong".to_owned())).await.contains("refuses the login"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_that_was_used_last_is_tried_first() {
    let Some(dsn) = cluster::fresh() else { return };
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let hung = dsn::Host::Tcp { name: "127.0.0.1".to_owned(), port };
    let hosts = [vec![hung], dsn.hosts.clone()].concat();
    let mut config = config(Dsn { hosts, ..dsn.clone() }, &TestClock::new());
    config.connect_within = Duration::from_secs(1);
    let (tls, known) = (Tls::load(&dsn).unwrap(), Known::default());
    connect(&config, &tls, &known).await.unwrap();
    silent.accept().await.unwrap();
    connect(&config, &tls, &known).await.unwrap();
    let again = tokio::time::timeout(Duration::from_millis(1), silent.accept()).await;
    assert!(again.is_err(), "the silent host was asked again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_hangs_does_not_keep_from_the_next_one() {
    let Some(dsn) = cluster::fresh() else { return };
    // It accepts connections and never says anything.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let hung = dsn::Host::Tcp { name: "127.0.0.1".to_owned(), port };
    let hosts = [vec![hung.clone()], dsn.hosts.clone()].concat();
    let mut config = config(Dsn { hosts, ..dsn.clone() }, &TestClock::new());
    config.connect_within = Duration::from_millis(100);
    let engine = open(&config).await;
    engine.commit(put("a", "1")).await.unwrap();
    engine.close().await.unwrap();
    config.dsn.hosts = vec![hung];
    let refused = PostgresEngine::open(config, Contention::Refuse).await.unwrap_err();
    assert!(matches!(&refused, EngineError::Io(text) if text.contains("no answer within")), "{refused:?}");
}

#[test]
fn servers_that_break_a_promise_are_refused() {
    let good = wire::Hello {
        version_number: 150_018,
        version: "PostgreSQL 15.18 (Debian)".to_owned(),
        encoding: "UTF8".to_owned(),
        synchronous_standbys: String::new(),
        standbys: 0,
        timeline: 1,
    };
    let dsn = Dsn::parse("postgres://a@b/c").unwrap();
    let mut config = PostgresConfig::new(dsn);
    let judged = |config: &PostgresConfig, hello: wire::Hello| {
        tables::check_server(config, &hello).map_err(|failure| failure.to_string())
    };
    assert_eq!(judged(&config, good.clone()), Ok(()));
    for (bad, expected) in [
        (wire::Hello { version_number: 120_001, ..good.clone() }, "PostgreSQL 12 is too old"),
        (
            wire::Hello { version: "CockroachDB CCL v25".to_owned(), ..good.clone() },
            "does not know the database",
        ),
        (
            wire::Hello { version: "PostgreSQL 11.2-YB-2.25".to_owned(), ..good.clone() },
            "does not know the database",
        ),
        (wire::Hello { encoding: "SQL_ASCII".to_owned(), ..good.clone() }, "encoding SQL_ASCII"),
        (wire::Hello { standbys: 1, ..good.clone() }, "--allow-async-replicas"),
    ] {
        let text = judged(&config, bad).unwrap_err();
        assert!(text.contains(expected), "{text}");
    }
    let waits = wire::Hello { standbys: 2, synchronous_standbys: "ANY 1 (*)".to_owned(), ..good.clone() };
    assert_eq!(judged(&config, waits), Ok(()));
    config.allow_async_replicas = true;
    assert_eq!(judged(&config, wire::Hello { standbys: 1, ..good }), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_former_primary_that_still_answers_is_left_for_the_promoted_one() {
    let (Some(former), Some(mut promoted)) = (cluster::Cluster::start(), cluster::Cluster::start()) else {
        return;
    };
    promoted.follow();
    let (dsn, other) = (former.fresh(), promoted.fresh());
    let hosts = [dsn.hosts.clone(), other.hosts].concat();
    let config = config(Dsn { hosts, ..dsn.clone() }, &TestClock::new());
    let (tls, known) = (Tls::load(&dsn).unwrap(), Known::default());
    let timeline = async || connect(&config, &tls, &known).await.unwrap().1.timeline;
    assert_eq!(timeline().await, 1, "the other one is a standby");
    promoted.promote();
    assert_eq!(timeline().await, 1, "nobody doubts it yet");
    known.doubt();
    assert_eq!(timeline().await, 2);
    assert_eq!(timeline().await, 2, "the one that was used last");
    // A process that has just been started looks at all of them.
    assert_eq!(connect(&config, &tls, &Known::default()).await.unwrap().1.timeline, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_whose_database_waited_for_standbys_is_not_used_where_nobody_waits() {
    let Some(dsn) = cluster::fresh() else { return };
    let config = config(dsn.clone(), &TestClock::new());
    open(&config).await.close().await.unwrap();
    let (link, schema) = (link(&dsn).await, dsn.schema());
    run(&link, &format!("INSERT INTO {schema}.hot VALUES ('waits', '\\x01')")).await;
    let refused = PostgresEngine::open(config.clone(), Contention::Refuse).await.unwrap_err();
    assert!(matches!(&refused, EngineError::Io(text) if text.contains("waited for standbys")), "{refused:?}");
    let fence = link.query(&format!("SELECT v FROM {schema}.hot WHERE k = 'fence'"), &[]).await.unwrap();
    assert!(rows::Fence::decode(fence[0].get(0)).unwrap().is_free(), "it was not taken");
    let allowed = PostgresConfig { allow_async_replicas: true, ..config.clone() };
    open(&allowed).await.close().await.unwrap();
    // That was an operator's word for good.
    open(&config).await.close().await.unwrap();
}
