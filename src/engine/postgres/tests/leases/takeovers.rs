//! Leases whose tenant, or whose owner of the store, is dead, stands still or hangs.

use super::*;
use crate::engine::postgres::rows::Beat;

/// A server that renews at the beginning and then never again, as if it stood still.
fn silent(dsn: &Dsn) -> PostgresConfig {
    PostgresConfig { term: Duration::from_secs(3600), ..named(dsn, "silent") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_was_silent_for_a_term_neither_writes_nor_answers() {
    let Some(dsn) = cluster::fresh() else { return };
    let clock = TestClock::new();
    let owner = open(&lending(&dsn, &clock)).await;
    let grant = owner.lend(1).await.unwrap();
    let tenant = PostgresEngine::open_leased(silent(&dsn), 1, grant).await.unwrap();
    tenant.commit(put("b1/x", "1")).await.unwrap();
    let unpublished = tenant.append(put("b1/x", "2")).await.unwrap();
    clock.speed(100);
    owner.take_back(1).await.unwrap();
    clock.speed(0);
    while !owner.ownership().holds_now() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(get(&owner, "b1/x").await.unwrap(), "2", "what is durable is there, published or not");
    owner.commit(put("b1/x", "3")).await.unwrap();
    // Its clock stands still, so it believes that it has the lease until it asks.
    assert!(tenant.ownership().holds_now());
    assert_not_owner(tenant.get_many(&[b"b1/y".to_vec()]).await);
    assert!(tenant.ownership().lost().await.contains("taken the lease back"));
    assert_not_owner(tenant.commit(put("b1/x", "4")).await);
    unpublished.publish();
    tenant.close().await.unwrap();
    assert_eq!(get(&owner, "b1/x").await.unwrap(), "3");
    // One that writes first.
    let tenant = PostgresEngine::open_leased(silent(&dsn), 1, owner.lend(1).await.unwrap()).await.unwrap();
    clock.speed(100);
    owner.take_back(1).await.unwrap();
    clock.speed(0);
    assert_lost(tenant.commit(put("b1/x", "5")).await);
    while !owner.ownership().holds_now() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(get(&owner, "b1/x").await.unwrap(), "3");
    owner.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_renews_and_does_not_give_back_loses_its_lease() {
    let Some(dsn) = cluster::fresh() else { return };
    let clock = TestClock::new();
    clock.speed(1);
    let owner = open(&lending(&dsn, &clock)).await;
    let tenant = tenant(&dsn, 1, owner.lend(1).await.unwrap()).await.unwrap();
    let writing = tokio::spawn(async move {
        let mut last = 0;
        loop {
            match tenant.commit(put("b1/x", &(last + 1).to_string())).await {
                Ok(_) => last += 1,
                Err(error) => return (tenant, last, error),
            }
        }
    });
    owner.take_back(1).await.unwrap();
    let (tenant, last, error) = writing.await.unwrap();
    assert_lost(Err(error));
    assert!(tenant.ownership().reason().unwrap().contains("taken the lease back"));
    assert_not_owner(tenant.get_many(&[b"b1/x".to_vec()]).await);
    // Granted, opened, taken by force, and given back.
    assert_eq!((fence(&dsn, 1).await.epoch, fence(&dsn, 1).await.is_free()), (4, true));
    assert_eq!(
        get(&owner, "b1/x").await.unwrap(),
        last.to_string(),
        "all that was acknowledged, and no more"
    );
    owner.commit(put("b1/x", "owner")).await.unwrap();
    owner.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_takeover_of_the_store_leaves_leases_to_their_tenants() {
    let Some(dsn) = cluster::fresh() else { return };
    let first = open(&silent(&dsn)).await;
    let tenant = tenant(&dsn, 1, first.lend(1).await.unwrap()).await.unwrap();
    tenant.commit(put("b1/x", "1")).await.unwrap();
    let granted = first.lend(2).await.unwrap();
    let fast = TestClock::new();
    fast.speed(100);
    let second = open(&lending(&dsn, &fast)).await;
    fast.speed(0);
    while !second.ownership().holds_now() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(second.lent(), [1, 2]);
    assert_lent(second.commit(put("b1/x", "2")).await);
    assert_eq!(tenant.commit(put("b1/x", "2")).await.unwrap(), 2);
    assert_eq!(get(&second, "b1/x").await.unwrap(), "2");
    // The former owner neither lends nor takes back.
    assert!(first.ownership().holds_now());
    let rows =
        [row(&dsn, "fence/00000001").await, row(&dsn, "fence/00000002").await, row(&dsn, "meta").await];
    assert_not_owner(first.lend(3).await);
    assert_not_owner(first.take_back(2).await);
    assert!(fence(&dsn, 3).await.is_free());
    let after =
        [row(&dsn, "fence/00000001").await, row(&dsn, "fence/00000002").await, row(&dsn, "meta").await];
    assert_eq!(rows, after);
    // A grant of the former owner is as good as it was until it is taken back.
    let other = self::tenant(&dsn, 2, granted).await.unwrap();
    other.close().await.unwrap();
    tenant.close().await.unwrap();
    for lease in [1, 2] {
        second.take_back(lease).await.unwrap();
    }
    second.commit(put("b1/x", "3")).await.unwrap();
    assert!(is_for_all(&dsn).await);
    second.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_wait_takes_everything_back_or_nothing() {
    let Some(dsn) = cluster::fresh() else { return };
    let refuse = async |config: PostgresConfig| PostgresEngine::open(config, Contention::Refuse).await;
    let owner = open(&lending(&dsn, &TestClock::new())).await;
    let tenant = tenant(&dsn, 1, owner.lend(1).await.unwrap()).await.unwrap();
    owner.lend(2).await.unwrap();
    owner.close().await.unwrap();
    let rows = [row(&dsn, "fence").await, row(&dsn, "beat").await, row(&dsn, "fence/00000002").await];
    let refused = refuse(named(&dsn, "command")).await.unwrap_err();
    let EngineError::InUse(text) = &refused else { panic!("{refused}") };
    assert!(text.contains("tenant serves a memberbase"), "{text}");
    let after = [row(&dsn, "fence").await, row(&dsn, "beat").await, row(&dsn, "fence/00000002").await];
    assert_eq!(rows, after);
    tenant.commit(put("b1/x", "1")).await.unwrap();
    tenant.close().await.unwrap();
    // One was given back, and the other never opened.
    let command = refuse(named(&dsn, "command")).await.unwrap();
    assert!(command.lent().is_empty() && is_for_all(&dsn).await && fence(&dsn, 2).await.is_free());
    command.commit(put("b2/x", "1")).await.unwrap();
    // A tenant that died.
    let grant = command.lend(1).await.unwrap();
    let dead = PostgresEngine::open_leased(silent(&dsn), 1, grant).await.unwrap();
    // It has renewed as often as it ever does.
    while Beat::decode(&row(&dsn, "beat/00000001").await).unwrap().count == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    command.close().await.unwrap();
    let fast = TestClock::new();
    fast.speed(100);
    let command = refuse(lending(&dsn, &fast)).await.unwrap();
    fast.speed(0);
    assert!(command.lent().is_empty() && is_for_all(&dsn).await);
    assert_lost(dead.commit(put("b1/x", "2")).await);
    while !command.ownership().holds_now() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(get(&command, "b1/x").await.unwrap(), "1");
    command.close().await.unwrap();
}
