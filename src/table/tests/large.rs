//! Changes that are too large for one value or one batch are written in pieces.

use super::*;
use crate::engine::faulty::{Fault, Faulty};
use crate::engine::{Batch, Direction, KeyRange};
use crate::model::AttributeValue;
use crate::model::schema::{AttributeType, WantedSchema};
use crate::stored::commit::{CommitPart, MAX_PART_BYTES};
use crate::stored::index::IndexState;
use crate::stored::{key, set_key};
use crate::table::audit::tests::assert_sound;

/// Indexed attributes, each with a text of [`TEXT_BYTES`]: about as much as fits into a member.
const ATTRIBUTES: usize = 100;
const TEXT_BYTES: usize = 300;

fn large_row(n: u16, letter: &str) -> MemberRow {
    let mut row = plain_row(n);
    for i in 0..ATTRIBUTES {
        let text = AttributeValue::text(letter.repeat(TEXT_BYTES)).unwrap();
        row.patch.attributes.set(format!("key_{i}"), text).unwrap();
    }
    row
}

#[test]
fn a_change_of_very_many_indexed_values_is_one_commit_of_several_parts() {
    block_on(async {
        let mut subject = Subject::new().await;
        let keys = (0..ATTRIBUTES).map(|i| format!("key_{i}"));
        let wanted = WantedSchema {
            types: keys.clone().map(|key| (key, AttributeType::String)).collect(),
            indexed: keys.collect(),
        };
        let schema = SettingsRequest { schema: Some(wanted), ..SettingsRequest::default() };
        subject.base.change_settings(schema).await.unwrap();
        for letter in ["a", "b"] {
            let rows: Vec<MemberRow> = (0..2).map(|n| large_row(n, letter)).collect();
            let reply = subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
            assert!(reply.outcomes.iter().all(|outcome| !outcome.is_failed()), "{:?}", reply.outcomes);
        }
        let last = key::commits_from(subject.base.number(), 3);
        let parts = subject.engine.scan(last, Direction::Forward, 99).await.unwrap();
        assert!(parts.len() > 2, "{} parts", parts.len());
        assert!(parts.iter().all(|(_, part)| part.len() <= MAX_PART_BYTES));
        assert!(parts.iter().all(|(_, part)| CommitPart::open(part).unwrap().batch.is_some()));
        subject.crash().await;
        assert_sound(&subject.engine).await;
        let view = subject.base.view().await;
        let (field, _) = view.sets().attribute("key_7").unwrap();
        let value = AttributeValue::text("b".repeat(TEXT_BYTES)).unwrap();
        let (changes, _) = subject.history(1).await.unwrap();
        assert_eq!(changes.iter().map(|change| change.revision).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(view.sets().count(field, &value.set_name().unwrap()), Some(2));
        assert_eq!(view.sets().values(field).unwrap().count(), 1);
    });
}

/// A store with members in as many tiers as can have sets, all of them in the stored sets, and one more tier
/// after that.
async fn with_too_many_tiers() -> Arc<dyn Engine> {
    let subject = Subject::new().await;
    let in_tier = |n: u16, tier: u16| {
        let mut row = plain_row(n);
        row.patch.tier = Change::Set(Tier::parse(format!("tier {tier}")).unwrap());
        row
    };
    let rows: Vec<MemberRow> = (0..4_096).map(|n| in_tier(n, n)).collect();
    subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
    // Values that no member has any more do not count.
    let rows: Vec<MemberRow> = (0..100).map(|n| in_tier(n, n + 5_000)).collect();
    subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
    subject.base.checkpoint().await.unwrap();
    assert_eq!(subject.base.view().await.summary().unindexed, [""; 0]);
    subject.upsert(&[in_tier(5_000, 6_000)], UpsertOptions::default(), WriteMode::Partial).await;
    assert_eq!(subject.base.view().await.summary().unindexed, ["tier"]);
    subject.engine
}

/// Opens the store and writes a checkpoint, with a crash at an operation. Returns how many operations there
/// were.
async fn crashed_checkpoint(engine: &Arc<dyn Engine>, number: BaseNumber, at: u64) -> u64 {
    let faulty = Arc::new(Faulty::new(Arc::clone(engine)).fail_at(at, Fault::CrashAfter));
    let outer: Arc<dyn Engine> = Arc::clone(&faulty) as Arc<dyn Engine>;
    let run = async {
        let now: Clock = Arc::new(|| Timestamp::from_micros(1_000));
        let table = Table::open(outer, now, TableConfig::default()).await?;
        table.base(number).await?.checkpoint().await
    };
    let ended: Result<(), TableError> = run.await;
    assert_eq!(ended.is_err(), faulty.has_failed(), "{ended:?}");
    faulty.operations()
}

#[test]
fn the_sets_of_a_field_are_deleted_in_pieces_and_this_is_completed_after_a_crash() {
    block_on(async {
        let full = with_too_many_tiers().await;
        let pairs = full.scan(KeyRange::prefix(&[]), Direction::Forward, usize::MAX).await.unwrap();
        let number = BaseNumber(1);
        let tiers = set_key::sets_of(number, SetField::Tier.number());
        let store = async || {
            let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
            engine.commit(Batch { puts: pairs.clone(), ..Batch::default() }).await.unwrap();
            engine
        };
        let operations = crashed_checkpoint(&store().await, number, u64::MAX).await;
        assert!(operations > 20, "{operations} operations");
        // The last operations store that the field has no sets, and delete the pieces.
        for at in (operations - 19..=operations).step_by(3) {
            let engine = store().await;
            crashed_checkpoint(&engine, number, at).await;
            let clock = Arc::new(AtomicI64::new(1_000));
            let table = open(Arc::clone(&engine), &clock).await;
            let base = table.base(number).await.unwrap();
            assert_eq!(base.view().await.summary().unindexed, ["tier"]);
            // The checkpoint after the next change deletes what was left of the field.
            base.delete(DeleteRequest { rows: vec![Row(7)], ..DeleteRequest::default() }).await.unwrap();
            base.checkpoint().await.unwrap();
            assert_eq!(engine.scan(tiers.clone(), Direction::Forward, 1).await.unwrap(), []);
            assert_sound(&engine).await;
        }
    });
}

#[test]
fn tiers_have_sets_again_once_there_are_few_enough_whenever_the_checkpoint_crashes() {
    block_on(async {
        let full = with_too_many_tiers().await;
        let number = BaseNumber(1);
        let clock = Arc::new(AtomicI64::new(1_000));
        let table = open(Arc::clone(&full), &clock).await;
        let base = table.base(number).await.unwrap();
        // The sets of tiers are given up and deleted, and then there is one tier less.
        base.checkpoint().await.unwrap();
        assert_eq!(base.view().await.summary().unindexed, ["tier"]);
        base.delete(DeleteRequest { rows: vec![Row(7)], ..DeleteRequest::default() }).await.unwrap();
        assert_eq!(base.view().await.summary().unindexed, ["tier"]);
        drop((base, table));
        let pairs = full.scan(KeyRange::prefix(&[]), Direction::Forward, usize::MAX).await.unwrap();
        let store = async || {
            let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
            engine.commit(Batch { puts: pairs.clone(), ..Batch::default() }).await.unwrap();
            engine
        };
        let has_all = async |engine: &Arc<dyn Engine>| {
            let table = open(Arc::clone(engine), &Arc::new(AtomicI64::new(1_000))).await;
            let base = table.base(number).await.unwrap();
            let view = base.view().await;
            assert_eq!(view.summary().unindexed, [""; 0]);
            assert_eq!(view.sets().values(SetField::Tier).unwrap().count(), 4_096);
            assert_eq!(view.sets().count(SetField::Tier, "tier 6000"), Some(1));
            assert_eq!(view.sets().count(SetField::Tier, "tier 5007"), Some(0));
        };
        let operations = crashed_checkpoint(&store().await, number, u64::MAX).await;
        // The checkpoint first deletes chunks, then writes the new ones, and its last operation stores that
        // the field has sets again.
        let last = (operations - 4)..=operations;
        for at in (1..operations - 4).step_by(usize::try_from(operations / 6).unwrap()).chain(last) {
            let engine = store().await;
            crashed_checkpoint(&engine, number, at).await;
            assert_sound(&engine).await;
            has_all(&engine).await;
            // The next checkpoint succeeds whatever the crash left.
            crashed_checkpoint(&engine, number, u64::MAX).await;
            assert_sound(&engine).await;
            let stored = engine.get_many(&[key::index(number)]).await.unwrap().remove(0).unwrap();
            assert_eq!(IndexState::decode(&stored).unwrap().unindexed, []);
            has_all(&engine).await;
        }
    });
}
