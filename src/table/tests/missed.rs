//! An engine that misses a block for a moment, which the sets know better.

use super::*;
use crate::engine::faulty::Faulty;
use crate::stored::key;
use crate::table::audit::tests::assert_sound;

/// Looks after the first one.
const LOOKS: u32 = 3;

/// A base with one member, over an engine that can miss its block.
async fn one_member() -> (Arc<Faulty>, Arc<Table>, Arc<Base>) {
    let engine = Arc::new(Faulty::new(Arc::new(MemoryEngine::new())));
    let clock: Clock = Arc::new(|| Timestamp::from_micros(1));
    let table = Table::open(Arc::clone(&engine) as _, clock, TableConfig::default()).await.unwrap();
    let made = table.create_base(crate::model::samples::unguarded("first"), None).await.unwrap();
    let base = table.base(made.number).await.unwrap();
    assert_eq!(write(&base, 1).await, (Outcome::Created, Some(Row(0))));
    (engine, table, base)
}

/// Writes the member with this tier.
async fn write(base: &Base, tier: u8) -> (Outcome, Option<Row>) {
    let row = member_row(&SmallRow {
        ref_: Some(1),
        email: Some(Some(1)),
        worker_id: None,
        tier: Some(tier),
        status: None,
        if_revision: None,
        found_by_id: None,
    });
    let (options, mode, origin) = (UpsertOptions::default(), WriteMode::Partial, Origin::default());
    let request = UpsertRequest { rows: vec![Ok(row)], options, mode, claim: None, deadline: None, origin };
    let outcome = base.upsert(request).await.unwrap().outcomes.remove(0);
    (outcome.outcome, outcome.row)
}

#[tokio::test(start_paused = true)]
async fn a_read_that_misses_a_block_for_a_moment_finds_its_members() {
    let (engine, _table, base) = one_member().await;
    for times in [1, LOOKS] {
        engine.miss(key::block(base.number(), 0, 0), times);
        let view = base.view().await;
        assert_eq!(view.members(&[Row(0)]).await.unwrap().len(), 1);
        assert_eq!(engine.still_missed(), 0);
    }
    // A member that the cache does not have.
    engine.miss(key::block(base.number(), 0, 0), 1);
    let found = base.view().await.find(&[MemberKey::Row(Row(0)), MemberKey::Row(Row(1))]).await.unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
    assert_eq!(engine.still_missed(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_misses_a_block_for_a_moment_loses_no_member() {
    let (engine, _table, base) = one_member().await;
    for (tier, times) in [(2, 1), (3, LOOKS)] {
        engine.miss(key::block(base.number(), 0, 0), times);
        assert_eq!(write(&base, tier).await, (Outcome::Updated, Some(Row(0))));
        assert_eq!(engine.still_missed(), 0);
    }
    drop(base);
    let inner: Arc<dyn Engine> = engine;
    assert_sound(&inner).await;
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_block_is_gone_for_good_is_left_out() {
    let (engine, _table, base) = one_member().await;
    engine.miss(key::block(base.number(), 0, 0), u32::MAX);
    assert_eq!(base.view().await.members(&[Row(0)]).await.unwrap(), []);
}
