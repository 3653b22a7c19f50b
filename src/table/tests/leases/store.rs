//! What belongs to the whole store while a base is on lease: tokens, housekeeping, and what a tenant must not
//! do.

use super::*;
use crate::engine::{Direction, Engine, EngineError};
use crate::model::token::{AccessLevel, Secret, Token, TokenId, TokenLimits};
use crate::stored::key;

fn token(id: u128) -> Token {
    Token {
        id: TokenId(id),
        access: AccessLevel::Admin,
        pii: true,
        base: None,
        description: None,
        limits: TokenLimits::default(),
        created_at: Timestamp::from_micros(1),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        is_damaged: false,
    }
}

async fn create(table: &Table, n: u8) {
    let hash = Secret::from_random([n; 32]).hash();
    let made = table.tokens().create(token(n.into()), hash, MayMake::Any, None).await.unwrap();
    assert_eq!(made, TokenChange::Done);
}

async fn get_one(engine: &Arc<dyn Engine>, key: crate::engine::Key) -> Option<crate::engine::Value> {
    engine.get_many(&[key]).await.unwrap().pop().flatten()
}

async fn commits(engine: &Arc<dyn Engine>) -> usize {
    engine.scan(key::commits(LENT), Direction::Forward, 1_000).await.unwrap().len()
}

/// Gives the base back when it is wanted, and returns the first token as it was stored then.
fn gives_back(world: &World, tenant: Tenant) -> tokio::task::JoinHandle<Option<crate::engine::Value>> {
    let store = world.shared.store();
    tokio::spawn(async move {
        let Tenant { table, mut lent } = tenant;
        lent.until_wanted().await;
        let stored = get_one(&store, key::token(0)).await;
        table.close().await.unwrap();
        stored
    })
}

#[tokio::test]
async fn tokens_change_only_while_no_base_is_lent() {
    let world = World::new().await;
    let tenant = world.lend().await;
    assert!(!tenant.table.tokens().any());
    let then = gives_back(&world, tenant);
    create(&world.owner, 1).await;
    assert_eq!(then.await.unwrap(), None, "the tenant was gone before the token was stored");
    let made = get_one(&world.shared.store(), key::token(0)).await;
    let tenant = world.lend().await;
    assert!(tenant.table.tokens().any());
    let then = gives_back(&world, tenant);
    let revoked = world.owner.tokens().revoke(TokenId(1), world.owner.now(), None).await.unwrap().unwrap();
    assert!(revoked.revoked_at.is_some());
    assert_eq!(then.await.unwrap(), made, "the tenant was gone before the token was revoked");
    let tenant = world.lend().await;
    assert!(tenant.table.tokens().get(TokenId(1)).unwrap().revoked_at.is_some());
    // What changes nothing ends no lease.
    world.owner.tokens().revoke(TokenId(1), world.owner.now(), None).await.unwrap();
    assert!(world.is_lent());
}

#[tokio::test]
async fn housekeeping_leaves_a_lent_base_to_its_tenant() {
    let world = World::new().await;
    let base = world.owners_base().await;
    for n in 0..3 {
        upsert(&base, n..n + 1).await;
    }
    drop(base);
    let tenant = world.lend().await;
    world.clock.fetch_add(1_000 * HOUR, Ordering::Relaxed);
    let store = world.shared.store();
    assert_eq!(commits(&store).await, 3);
    world.owner.maintain().await.unwrap();
    assert!(world.is_lent() && !world.owner.is_untidy());
    assert_eq!((commits(&store).await, world.shared.refused()), (3, 0));
    tenant.table.maintain().await.unwrap();
    assert_eq!((commits(&store).await, world.shared.refused()), (0, 0));
    // Its base stays open.
    assert_eq!(tenant.table.status().await.bases.len(), 1);
    let gone = tenant.gives_back();
    let base = world.owners_base().await;
    gone.await.unwrap();
    assert_eq!(base.view().await.revision(), 3);
    assert_sound(&store).await;
}

#[tokio::test]
async fn housekeeping_takes_a_base_back_whose_tenant_nobody_can_tell() {
    let world = World::new().await;
    let tenant = world.lend().await;
    world.owner.maintain().await.unwrap();
    assert!(world.is_lent());
    let Tenant { table, lent } = tenant;
    drop(lent);
    let closes = tokio::spawn(async move { table.close().await.unwrap() });
    world.owner.maintain().await.unwrap();
    assert!(!world.is_lent());
    closes.await.unwrap();
}

#[tokio::test]
async fn bases_are_listed_as_they_are_at_their_tenants() {
    let world = World::new().await;
    let tenant = world.lend().await;
    let base = tenant.base().await;
    let revision = upsert(&base, 0..4).await.revision;
    let listed = world.owner.list_bases(None, false, 9).await.unwrap();
    assert_eq!(listed.iter().map(|base| base.number).collect::<Vec<_>>(), [LENT, OTHER]);
    let members: u64 = Status::ALL.map(|status| listed[0].counts.get(status)).into_iter().sum();
    assert_eq!((listed[0].revision, members), (revision, 4));
    // Another base is created and found meanwhile.
    let settings = crate::model::samples::unguarded("lent");
    assert_eq!(world.owner.find_or_create_base(settings, None).await.unwrap().base.number, LENT);
    world.owner.create_base(crate::model::samples::unguarded("third"), None).await.unwrap();
    assert!(world.is_lent());
}

#[tokio::test]
async fn a_tenant_refuses_what_only_the_owner_may_do() {
    let world = World::new().await;
    create(&world.owner, 1).await;
    let tenant = world.lend().await;
    let refused =
        |error: Option<TableError>| matches!(error, Some(TableError::Engine(EngineError::NotOwner(_))));
    let table = &tenant.table;
    let settings = || crate::model::samples::unguarded("new");
    assert!(refused(table.base(OTHER).await.err()));
    assert!(refused(table.create_base(settings(), None).await.err()));
    assert!(refused(table.find_or_create_base(settings(), None).await.err()));
    assert!(refused(table.lend(LENT).await.err()));
    assert!(refused(table.check_owner().err()) && world.owner.check_owner().is_ok());
    let rename = SettingsRequest { share_accounts: Some(true), ..SettingsRequest::default() };
    assert!(refused(tenant.base().await.change_settings(rename).await.err()));
    // The use of a token is noted, and not stored.
    table.tokens().live(TokenId(1)).unwrap().used(Timestamp::from_micros(HOUR));
    table.close().await.unwrap();
    assert_eq!(get_one(&world.shared.store(), key::token_use(0)).await, None);
    assert!(world.shared.strange().is_empty());
}
