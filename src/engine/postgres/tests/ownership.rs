//! Who owns a store, and who takes it over.

use std::sync::Mutex;

use super::*;
use crate::engine::postgres::core::Core;
use crate::engine::postgres::rows::Fence;
use crate::engine::postgres::scope::Scope;
use crate::engine::postgres::sql::Sql;
use crate::engine::postgres::wire::Failure;
use crate::engine::{Direction, KeyRange};

/// A server that renews at the beginning and then never again, as if it stood still.
fn silent(dsn: &Dsn, clock: &TestClock) -> PostgresConfig {
    PostgresConfig {
        term: Duration::from_secs(3600),
        name: "silent".to_owned(),
        ..config(dsn.clone(), clock)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_owned_is_refused_and_one_that_is_closed_is_taken_at_once() {
    let Some(dsn) = cluster::fresh() else { return };
    assert_eq!(look(&config(dsn.clone(), &TestClock::new())).await.unwrap(), StoreLook::Missing);
    let first = open(&PostgresConfig {
        name: "first".to_owned(),
        address: Some("http://first:1".to_owned()),
        ..config(dsn.clone(), &TestClock::new())
    })
    .await;
    first.commit(put("a", "1")).await.unwrap();
    // Its clock stands still: it sees that the first renews, and never that a term has passed.
    let second = config(dsn.clone(), &TestClock::new());
    let refused = PostgresEngine::open(second.clone(), Contention::Refuse).await.unwrap_err();
    assert!(matches!(&refused, EngineError::InUse(text) if text.contains("owned by first")), "{refused}");
    let found = look(&second).await.unwrap();
    let StoreLook::Present { is_empty: false, owner: Some(owner), last: 1 } = found else {
        panic!("{found:?}")
    };
    assert_eq!((&*owner.name, owner.epoch, owner.address.as_deref()), ("first", 1, Some("http://first:1")));
    assert_eq!(owner.key, *first.peer_key(), "both sides of the store have the same key");
    assert!(!format!("{owner:?}").contains(&format!("{:?}", owner.key.bytes())));
    first.close().await.unwrap();
    assert_eq!(look(&second).await.unwrap(), StoreLook::Present { is_empty: false, owner: None, last: 1 });
    let second = PostgresEngine::open(second, Contention::Refuse).await.unwrap();
    assert_eq!(second.ownership().epoch(), 2);
    assert_ne!(second.peer_key(), first.peer_key(), "every takeover changes it");
    assert_eq!(get(&second, "a").await.unwrap(), "1");
    assert_eq!(second.commit(put("a", "2")).await.unwrap(), 2);
    second.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_former_owner_neither_reads_nor_writes() {
    let Some(dsn) = cluster::fresh() else { return };
    let clock = TestClock::new();
    let first = open(&silent(&dsn, &clock)).await;
    first.commit(put("a", "1")).await.unwrap();
    let unpublished = first.append(put("a", "2")).await.unwrap();
    // The second one's clock runs fast, so it soon has watched for longer than a term.
    let fast = TestClock::new();
    fast.speed(100);
    let told = Mutex::new(Vec::new());
    let wait = Contention::Wait(&|standing| told.lock().unwrap().push(standing));
    let second = PostgresEngine::open(config(dsn.clone(), &fast), wait).await.unwrap();
    fast.speed(0);
    let is_silent = |owner: &Owner| (&*owner.name, owner.epoch) == ("silent", 1);
    assert!(matches!(&told.lock().unwrap()[..], [Standing::Waiting { owner, .. }] if is_silent(owner)));
    assert_eq!(get(&second, "a").await.unwrap(), "2", "what is durable is there, published or not");
    second.commit(put("a", "3")).await.unwrap();
    // The first one's clock stands still, so it believes that it owns the store until it asks.
    assert!(first.ownership().holds_now());
    let refused = first.get_many(&[b"b".to_vec()]).await.unwrap_err();
    assert!(matches!(refused, EngineError::NotOwner(_)), "{refused}");
    assert!(!first.ownership().holds_now());
    assert!(first.ownership().lost().await.contains("taken over"));
    let refused = first.commit(put("a", "4")).await.unwrap_err();
    assert!(matches!(refused, EngineError::NotOwner(_)), "{refused}");
    assert!(first.scan(KeyRange::prefix(b""), Direction::Forward, 9).await.is_err());
    let status = first.status();
    assert!(status.failing_reads.is_some() && status.refusing_writes.is_some());
    unpublished.publish();
    first.close().await.unwrap();
    assert_eq!(get(&second, "a").await.unwrap(), "3");
    second.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_of_a_former_owner_does_nothing() {
    let Some(dsn) = cluster::fresh() else { return };
    let first = open(&silent(&dsn, &TestClock::new())).await;
    first.commit(put("a", "1")).await.unwrap();
    let fast = TestClock::new();
    fast.speed(100);
    let second = open(&config(dsn.clone(), &fast)).await;
    fast.speed(0);
    // Nothing was read meanwhile that could have told the first one.
    let lost = first.commit(put("a", "2")).await.unwrap_err();
    assert!(matches!(lost, EngineError::NotOwner(_) | EngineError::CommitUnknown(_)), "{lost}");
    assert_eq!(get(&second, "a").await.unwrap(), "1");
    second.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_answers_nothing_after_its_term_and_goes_on_when_it_can_renew() {
    let Some(dsn) = cluster::fresh() else { return };
    let clock = TestClock::new();
    let engine = open(&config(dsn.clone(), &clock)).await;
    engine.commit(put("a", "1")).await.unwrap();
    let (link, blocker) = (link(&dsn).await, dsn.schema());
    // Renewals wait for the lock, so the clock passes the term.
    let mut link = link;
    let unit = link.begin().await.unwrap();
    let lock = format!("SELECT 1 FROM {blocker}.hot WHERE k = 'beat'::bytea FOR UPDATE");
    unit.query(&lock, &[]).await.unwrap();
    clock.jump(Duration::from_millis(600));
    let refused = engine.get_many(&[b"a".to_vec()]).await.unwrap_err();
    assert!(matches!(&refused, EngineError::NotOwner(why) if why.contains("renew")), "{refused}");
    assert_eq!(engine.ownership().reason(), None);
    unit.commit().await.unwrap();
    while !engine.ownership().holds_now() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(get(&engine, "a").await.unwrap(), "1");
    engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_servers_that_open_a_store_at_once_one_owns_it_at_a_time() {
    let Some(dsn) = cluster::fresh() else { return };
    let mut servers = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let dsn = dsn.clone();
        servers.spawn(async move {
            let engine = open(&config(dsn, &TestClock::new())).await;
            let count = get(&engine, "count").await.map_or(0, |count| count.parse::<u64>().unwrap());
            let mut batch = put("count", &(count + 1).to_string());
            batch.checks.push((b"count".to_vec(), (count > 0).then(|| count.to_string().into())));
            engine.commit(batch).await.unwrap();
            engine.close().await.unwrap();
            engine.ownership().epoch()
        });
    }
    let mut epochs = servers.join_all().await;
    epochs.sort_unstable();
    assert_eq!(epochs, [1, 2, 3, 4, 5, 6]);
    let last = open(&config(dsn, &TestClock::new())).await;
    assert_eq!(get(&last, "count").await.unwrap(), "6");
    last.close().await.unwrap();
}

/// A primary that waits for no standbys, after one that did: nothing that it acknowledges is believed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_not_believed_still_shows_that_another_server_has_taken_over() {
    let Some(dsn) = cluster::fresh() else { return };
    let config = config(dsn.clone(), &TestClock::new());
    open(&config).await.close().await.unwrap();
    let owner = open(&config).await;
    let rows = tables::rows(&link(&dsn).await, &Sql::new(dsn.schema(), Scope::Store)).await.unwrap();
    let former = Fence { epoch: 1, owner: [9; 16], ..rows.fence };
    for (fence, is_lost) in [(former, true), (rows.fence, false)] {
        let ownership = Ownership::new(fence.epoch, config.clock.clone(), config.term, config.clock.now());
        let tls = Tls::load(&dsn).unwrap();
        let core = Core::new(config.clone(), tls, Known::default(), Scope::Store, &fence, ownership.clone());
        core.acknowledged("ANY 1 (db2)").unwrap();
        let failure = core.link(&config).await.unwrap_err();
        assert_eq!(matches!(failure, Failure::Engine(EngineError::NotOwner(_))), is_lost, "{failure}");
        assert_eq!(ownership.reason().is_some(), is_lost);
    }
    owner.close().await.unwrap();
}
