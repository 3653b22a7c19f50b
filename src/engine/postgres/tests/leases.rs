//! Keys that are lent: at every moment one server writes them, and what it wrote is there for the next.

mod faults;
mod takeovers;

use super::*;
use crate::engine::postgres::rows::{Fence, Meta};
use crate::engine::{Direction, Grant, KeyRange};

/// Keys that begin with `b1/` to `b9/` have the lease of their digit.
fn lease_of(key: &[u8]) -> Option<u32> {
    match key {
        [b'b', digit @ b'1'..=b'9', b'/', ..] => Some(u32::from(digit - b'0')),
        _ => None,
    }
}

/// Settings of a server that lends, or is lent, such keys.
fn lending(dsn: &Dsn, clock: &TestClock) -> PostgresConfig {
    PostgresConfig { lease_of, ..config(dsn.clone(), clock) }
}

fn named(dsn: &Dsn, name: &str) -> PostgresConfig {
    PostgresConfig { name: name.to_owned(), ..lending(dsn, &TestClock::new()) }
}

async fn tenant(dsn: &Dsn, lease: u32, grant: Grant) -> Result<Arc<PostgresEngine>, EngineError> {
    PostgresEngine::open_leased(named(dsn, "tenant"), lease, grant).await.map(Arc::new)
}

/// The value of a row of `hot`.
async fn row(dsn: &Dsn, key: &str) -> Vec<u8> {
    let found = link(dsn).await;
    let statement = format!("SELECT v FROM {}.hot WHERE k = '{key}'::bytea", dsn.schema());
    found.query(&statement, &[]).await.unwrap()[0].get(0)
}

/// Whether a program that knows no leases may open the store.
async fn is_for_all(dsn: &Dsn) -> bool {
    let meta = row(dsn, "meta").await;
    assert_eq!(Meta::decode(&meta).unwrap().lending.is_none(), meta[0] == 1);
    meta[0] == 1
}

async fn fence(dsn: &Dsn, lease: u32) -> Fence {
    Fence::decode(&row(dsn, &format!("fence/{lease:08x}")).await).unwrap()
}

fn assert_lent<T: std::fmt::Debug>(refused: Result<T, EngineError>) {
    assert!(matches!(refused, Err(EngineError::Lent(_))), "{refused:?}");
}

fn assert_not_owner<T: std::fmt::Debug>(refused: Result<T, EngineError>) {
    assert!(matches!(refused, Err(EngineError::NotOwner(_))), "{refused:?}");
}

/// A write that may have been sent before it was known that it does nothing.
fn assert_lost(refused: Result<u64, EngineError>) {
    assert!(matches!(refused, Err(EngineError::NotOwner(_) | EngineError::CommitUnknown(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lent_is_written_by_its_tenant_alone_until_it_comes_back() {
    let Some(dsn) = cluster::fresh() else { return };
    let owner = open(&lending(&dsn, &TestClock::new())).await;
    for (key, value) in [("a", "1"), ("b1/x", "1"), ("b1/y", "1"), ("b2/x", "1")] {
        owner.commit(put(key, value)).await.unwrap();
        assert_eq!(get(&owner, key).await.unwrap(), value);
    }
    let grant = owner.lend(1).await.unwrap();
    assert!(owner.is_lent(1) && !owner.is_lent(2));
    assert_eq!(owner.lent(), [1]);
    assert_lent(owner.lend(1).await);
    assert_lent(owner.commit(put("b1/x", "2")).await);
    let tenant = tenant(&dsn, 1, grant).await.unwrap();
    assert_eq!(get(&tenant, "b1/x").await.unwrap(), "1");
    // Each has numbers of its own.
    assert_eq!(owner.commit(put("b2/x", "2")).await.unwrap(), 5);
    assert_eq!(tenant.commit(put("b1/x", "3")).await.unwrap(), 1);
    assert_lent(tenant.commit(put("b2/x", "3")).await);
    let mut checks = put("b1/x", "0");
    checks.checks.push((b"b2/x".to_vec(), Some("2".into())));
    assert_lent(tenant.commit(checks).await);
    assert!(matches!(tenant.lend(1).await, Err(EngineError::Unsupported(_))));
    // Either reads what the other has made durable, however often it has read it before.
    for value in ["4", "5"] {
        tenant.commit(put("b1/x", value)).await.unwrap();
        tenant.commit(put("r", value)).await.unwrap();
        owner.commit(put("b2/x", value)).await.unwrap();
        owner.commit(put("s", value)).await.unwrap();
        assert_eq!(
            [get(&owner, "b1/x").await, get(&owner, "r").await],
            [Some(value.into()), Some(value.into())]
        );
        assert_eq!(
            [get(&tenant, "b2/x").await, get(&tenant, "s").await],
            [Some(value.into()), Some(value.into())]
        );
    }
    let mut delete = Batch::default();
    delete.delete(b"b1/y".to_vec());
    tenant.commit(delete).await.unwrap();
    let back = tokio::spawn({
        let owner = Arc::clone(&owner);
        async move { owner.take_back(1).await }
    });
    tenant.commit(put("b1/x", "6")).await.unwrap();
    assert!(!back.is_finished() && owner.is_lent(1));
    tenant.close().await.unwrap();
    assert!(matches!(tenant.commit(put("b1/x", "7")).await, Err(EngineError::Closed)));
    back.await.unwrap().unwrap();
    assert!(owner.lent().is_empty());
    assert_eq!([get(&owner, "b1/x").await, get(&owner, "b1/y").await], [Some("6".into()), None]);
    let mut checked = put("b1/x", "7");
    checked.checks.push((b"b1/x".to_vec(), Some("6".into())));
    checked.checks.push((b"b1/y".to_vec(), None));
    owner.commit(checked).await.unwrap();
    owner.take_back(1).await.unwrap();
    // The next tenant goes on with the numbers of the last one.
    let again = self::tenant(&dsn, 1, owner.lend(1).await.unwrap()).await.unwrap();
    assert_eq!(get(&again, "b1/x").await.unwrap(), "7");
    assert_eq!(again.commit(put("b1/x", "8")).await.unwrap(), 8);
    again.close().await.unwrap();
    owner.take_back(1).await.unwrap();
    let all = owner.scan(KeyRange::prefix(b"b"), Direction::Forward, 9).await.unwrap();
    assert_eq!(all, [(b"b1/x".to_vec(), "8".into()), (b"b2/x".to_vec(), "5".into())]);
    owner.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_that_know_no_leases_are_kept_out_as_long_as_something_is_lent() {
    let Some(dsn) = cluster::fresh() else { return };
    let owner = open(&lending(&dsn, &TestClock::new())).await;
    let before = row(&dsn, "meta").await;
    let first = tenant(&dsn, 1, owner.lend(1).await.unwrap()).await.unwrap();
    let marked = row(&dsn, "meta").await;
    assert!(!is_for_all(&dsn).await);
    owner.lend(2).await.unwrap();
    assert_ne!(row(&dsn, "meta").await, marked, "no two lendings leave the same bytes");
    owner.take_back(2).await.unwrap();
    assert!(!is_for_all(&dsn).await);
    first.close().await.unwrap();
    assert!(!is_for_all(&dsn).await, "whoever gives back does not know what else is lent");
    owner.take_back(1).await.unwrap();
    assert_eq!(row(&dsn, "meta").await, before);
    // Given back to an owner that is no more.
    let last = tenant(&dsn, 2, owner.lend(2).await.unwrap()).await.unwrap();
    owner.close().await.unwrap();
    last.close().await.unwrap();
    assert!(!is_for_all(&dsn).await);
    let next = open(&lending(&dsn, &TestClock::new())).await;
    assert!(next.lent().is_empty() && is_for_all(&dsn).await);
    next.commit(put("b2/x", "1")).await.unwrap();
    next.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_opens_its_lease_once() {
    let Some(dsn) = cluster::fresh() else { return };
    let owner = open(&lending(&dsn, &TestClock::new())).await;
    assert_not_owner(tenant(&dsn, 1, Grant([7; 16])).await);
    assert_not_owner(tenant(&dsn, 1, Grant([0; 16])).await);
    let grant = owner.lend(1).await.unwrap();
    assert_not_owner(tenant(&dsn, 1, Grant([7; 16])).await);
    assert_not_owner(tenant(&dsn, 2, grant).await);
    let first = tenant(&dsn, 1, grant).await.unwrap();
    assert_not_owner(tenant(&dsn, 1, grant).await);
    first.commit(put("b1/x", "1")).await.unwrap();
    first.close().await.unwrap();
    assert_not_owner(tenant(&dsn, 1, grant).await);
    assert_not_owner(tenant(&dsn, 1, Grant([0; 16])).await);
    owner.take_back(1).await.unwrap();
    // What nobody has opened comes back at once, and then nobody does.
    let unused = owner.lend(1).await.unwrap();
    owner.take_back(1).await.unwrap();
    assert_not_owner(tenant(&dsn, 1, unused).await);
    assert_eq!(get(&owner, "b1/x").await.unwrap(), "1");
    owner.commit(put("b1/x", "2")).await.unwrap();
    owner.close().await.unwrap();
    assert!(matches!(owner.lend(1).await, Err(EngineError::Closed)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_lent_once_everything_that_was_written_there_is_published() {
    let Some(dsn) = cluster::fresh() else { return };
    let owner = open(&lending(&dsn, &TestClock::new())).await;
    let written = owner.append(put("b1/x", "1")).await.unwrap();
    let lent = tokio::spawn({
        let owner = Arc::clone(&owner);
        async move { owner.lend(1).await }
    });
    while !owner.is_lent(1) {
        tokio::task::yield_now().await;
    }
    assert_lent(owner.commit(put("b1/x", "2")).await);
    written.publish();
    let tenant = tenant(&dsn, 1, lent.await.unwrap().unwrap()).await.unwrap();
    assert_eq!(get(&tenant, "b1/x").await.unwrap(), "1");
    tenant.close().await.unwrap();
    owner.take_back(1).await.unwrap();
    let kept = owner.append(put("b1/x", "3")).await.unwrap();
    let refused = owner.lend(1).await.unwrap_err();
    assert!(matches!(&refused, EngineError::Io(text) if text.contains("not published")), "{refused}");
    assert!(!owner.is_lent(1) && fence(&dsn, 1).await.is_free());
    kept.publish();
    owner.close().await.unwrap();
}
