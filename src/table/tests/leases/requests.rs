//! Requests with a request id, and their stored results, while a base is at one process or the other.

use super::*;
use crate::engine::{Direction, EngineError};
use crate::model::{RequestId, RequestIdentity};
use crate::stored::idempotency::key::request_times;

const MINUTE: i64 = 60 * 1_000_000;

fn identity(id: &str) -> RequestIdentity {
    RequestIdentity::new(RequestId::parse(id).unwrap(), "upsert", b"")
}

async fn begin(table: &Table, id: &str) -> Result<Begun, TableError> {
    table.idempotency().begin(&identity(id), None, table.now(), IfRunning::Refuse).await
}

async fn claim(table: &Table, id: &str) -> Option<Arc<Claim>> {
    match begin(table, id).await.unwrap() {
        Begun::New(claim) => Some(claim),
        Begun::Done(_) => None,
    }
}

async fn do_claimed(base: &Base, claim: Option<Arc<Claim>>, n: u16) -> Result<UpsertReply, TableError> {
    assert!(claim.is_some(), "it was done before");
    base.upsert(UpsertRequest { claim, ..rows_request(n..n + 1) }).await
}

async fn is_done(table: &Table, id: &str) -> bool {
    matches!(begin(table, id).await.unwrap(), Begun::Done(_))
}

#[tokio::test]
async fn a_request_that_the_tenant_did_meanwhile_is_not_done_again() {
    let world = World::new().await;
    let (same, other) = (claim(&world.owner, "same").await, claim(&world.owner, "other").await);
    let tenant = world.lend().await;
    // Its sender tried again at the tenant.
    let base = tenant.base().await;
    let done = do_claimed(&base, claim(&tenant.table, "same").await, 1).await.unwrap();
    assert_eq!(done.outcomes[0].outcome, Outcome::Created);
    drop(base);
    let gone = tenant.gives_back();
    let base = world.owners_base().await;
    gone.await.unwrap();
    assert_eq!(do_claimed(&base, same, 2).await, Err(TableError::RequestRunning));
    assert_eq!(base.view().await.revision(), done.revision, "nothing was written");
    let Begun::Done(stored) = begin(&world.owner, "same").await.unwrap() else { panic!("it is lost") };
    assert_eq!(stored.revision, Some(done.revision));
    // What the tenant did not do is done now.
    assert_eq!(do_claimed(&base, other, 3).await.unwrap().outcomes[0].outcome, Outcome::Created);
    assert!(is_done(&world.owner, "other").await);
    assert_sound(&world.shared.store()).await;
}

#[tokio::test]
async fn a_request_of_the_owner_is_a_repeat_at_the_tenant() {
    let world = World::new().await;
    let base = world.owners_base().await;
    do_claimed(&base, claim(&world.owner, "a").await, 1).await.unwrap();
    drop(base);
    let tenant = world.lend().await;
    assert!(is_done(&tenant.table, "a").await && !is_done(&tenant.table, "b").await);
}

#[tokio::test]
async fn a_tenant_leaves_old_results_to_the_owner() {
    let limits = IdempotencyLimits { retention_micros: HOUR, bytes: u64::MAX };
    let world = World::configured(TableConfig { idempotency: limits, ..TableConfig::default() }).await;
    let base = world.owners_base().await;
    do_claimed(&base, claim(&world.owner, "old").await, 1).await.unwrap();
    drop(base);
    world.clock.fetch_add(2 * HOUR, Ordering::Relaxed);
    let tenant = world.lend().await;
    assert!(claim(&tenant.table, "new").await.is_some());
    assert!(futures_util::FutureExt::now_or_never(tenant.table.until_unfit()).is_none());
    assert!(matches!(begin(&tenant.table, "old").await, Err(TableError::Engine(EngineError::NotOwner(_)))));
    tenant.table.until_unfit().await;
    let gone = tenant.gives_back();
    let base = world.owners_base().await;
    gone.await.unwrap();
    do_claimed(&base, claim(&world.owner, "old").await, 2).await.unwrap();
}

#[tokio::test]
async fn the_owner_deletes_no_young_results_while_a_base_is_lent() {
    let limits = IdempotencyLimits { retention_micros: MINUTE, bytes: u64::MAX };
    let world = World::configured(TableConfig { idempotency: limits, ..TableConfig::default() }).await;
    world.clock.store(HOUR, Ordering::Relaxed);
    let base = world.owners_base().await;
    do_claimed(&base, claim(&world.owner, "older").await, 1).await.unwrap();
    drop(base);
    let tenant = world.lend().await;
    world.clock.fetch_add(9 * MINUTE, Ordering::Relaxed);
    let base = tenant.base().await;
    do_claimed(&base, claim(&tenant.table, "younger").await, 2).await.unwrap();
    drop(base);
    let left = async || {
        world.owner.idempotency().tidy(world.owner.now()).await.unwrap();
        world.shared.store().scan(request_times(), Direction::Forward, 9).await.unwrap().len()
    };
    assert_eq!(left().await, 2);
    world.clock.fetch_add(2 * MINUTE, Ordering::Relaxed);
    assert_eq!(left().await, 1, "nobody uses a result for so long");
    let gone = tenant.gives_back();
    drop(world.owners_base().await);
    gone.await.unwrap();
    assert_eq!(left().await, 0);
}

#[tokio::test]
async fn the_owner_counts_what_tenants_stored() {
    let world = World::new().await;
    let counted = async |table: &Table| {
        table.idempotency().tidy(table.now()).await.unwrap();
        table.idempotency().status().0
    };
    let base = world.owners_base().await;
    do_claimed(&base, claim(&world.owner, "a").await, 1).await.unwrap();
    drop(base);
    let before = counted(&world.owner).await;
    let tenant = world.lend().await;
    let base = tenant.base().await;
    do_claimed(&base, claim(&tenant.table, "b").await, 2).await.unwrap();
    drop(base);
    let gone = tenant.gives_back();
    let base = world.owners_base().await;
    gone.await.unwrap();
    do_claimed(&base, claim(&world.owner, "c").await, 3).await.unwrap();
    world.clock.fetch_add(HOUR, Ordering::Relaxed);
    let after = counted(&world.owner).await;
    let fresh = Table::open(world.shared.store(), time(&world.clock), TableConfig::default()).await.unwrap();
    assert_eq!(after, counted(&fresh).await);
    assert!(after > before);
    assert_eq!(counted(&world.owner).await, after, "nothing was lent since");
}
