//! Indexes that the lane builds between other requests.

use super::*;
use crate::engine::Batch;
use crate::stored::index::{IndexState, decode_chunk, encode_chunk};
use crate::stored::{key, set_key};
use crate::table::SetField;
use crate::table::index::damage::Damage;

const MEMBERS: u16 = 3_000;

impl Subject {
    /// Waits until the lane has built all indexes.
    pub(super) async fn all_indexed(&self) {
        while !self.base.view().await.indexing().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    async fn stored_indexes(&self) -> IndexState {
        let stored = self.engine.get_many(&[key::index(self.base.number())]).await.unwrap();
        IndexState::decode(&stored[0].clone().unwrap()).unwrap()
    }

    /// Takes the row 7 out of what is stored of the text "value 1". Only building it again brings it back.
    async fn take_out_row_7_of(&self, field: SetField) {
        let chunk = set_key::set(self.base.number(), field.number(), "value 1", 0);
        let stored = self.engine.get_many(std::slice::from_ref(&chunk)).await.unwrap();
        let mut rows = decode_chunk(&stored[0].clone().unwrap()).unwrap();
        assert!(rows.remove(7));
        let mut batch = Batch::default();
        batch.put(chunk, encode_chunk(&rows));
        self.engine.commit(batch).await.unwrap();
    }

    async fn field(&self) -> SetField {
        self.base.view().await.sets().attribute("text").unwrap().0
    }

    /// The rows of "value 1".
    async fn rows_of_value(&self) -> Vec<u32> {
        let view = self.base.view().await;
        let (field, _) = view.sets().attribute("text").unwrap();
        view.sets().of_value(field, "value 1").unwrap().chunk(0).into_iter().flatten().collect()
    }
}

/// Three thousand members without an index. Everything is built by the lane, and only the test makes
/// checkpoints.
async fn subject() -> (Subject, Arc<Faulty>) {
    let mut subject = Subject::new().await;
    let cut = subject.restart(AudienceBuild { stored_rows: u64::MAX, ..BY_THE_LANE }).await;
    subject.index(&[]).await;
    let rows: Vec<MemberRow> = (0..MEMBERS).map(|n| attributed(n, Some(1))).collect();
    subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
    (subject, cut)
}

/// Of these, the lane has built some of an index when a checkpoint ends. After that, and after `then`, the
/// process dies.
async fn half_built(then: impl AsyncFn(&Subject)) -> (Subject, SetField) {
    for _ in 0..100 {
        let (subject, cut) = subject().await;
        subject.index(&["text"]).await;
        loop {
            let indexing = subject.base.view().await.indexing();
            if indexing.first().is_none_or(|(_, below)| *below >= Row(100)) {
                break;
            }
            tokio::task::yield_now().await;
        }
        subject.base.checkpoint().await.unwrap();
        then(&subject).await;
        let field = subject.field().await;
        subject.die(&cut).await;
        // Otherwise the lane was through already.
        if let [(number, below)] = subject.stored_indexes().await.indexing[..] {
            assert!(number == field.number() && below >= Row(100), "{below:?}");
            return (subject, field);
        }
    }
    panic!("the lane was always through before the process died");
}

#[test]
fn writes_go_on_while_an_index_is_built() {
    block_on(async {
        let (subject, _) = subject().await;
        subject.index(&["text"]).await;
        for n in 0..200 {
            let rows = [attributed(n * 13 % MEMBERS, Some(2)), attributed(MEMBERS + n, Some(3))];
            subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        }
        subject.all_indexed().await;
        subject.check_indexes(&["text"]).await;
    });
}

#[test]
fn another_index_waits_and_one_that_is_gone_is_forgotten() {
    block_on(async {
        let (subject, _) = subject().await;
        subject.index(&["text"]).await;
        subject.index(&["text", "number"]).await;
        subject.index(&["number"]).await;
        subject.all_indexed().await;
        subject.check_indexes(&["number"]).await;
        subject.index(&["number", "text"]).await;
        subject.all_indexed().await;
        subject.check_indexes(&["number", "text"]).await;
        subject.base.checkpoint().await.unwrap();
        assert_eq!(subject.stored_indexes().await.indexing, []);
        subject.check_indexes(&["number", "text"]).await;
    });
}

#[test]
fn after_a_crash_the_lane_goes_on_from_the_checkpoint() {
    block_on(async {
        let (mut subject, field) = half_built(async |_| ()).await;
        subject.take_out_row_7_of(field).await;
        crate::table::audit::tests::assert_finds(&subject.engine, |damage| {
            matches!(damage, Damage::SetMisses { row: 7, .. })
        })
        .await;
        subject.restart(BY_THE_LANE).await;
        subject.all_indexed().await;
        let expected: Vec<u32> = (0..MEMBERS.into()).filter(|row| *row != 7).collect();
        assert_eq!(subject.rows_of_value().await, expected);
    });
}

#[test]
fn writes_after_the_checkpoint_are_in_an_index_that_goes_on() {
    block_on(async {
        let write = async |subject: &Subject| {
            let rows =
                [attributed(7, Some(2)), attributed(MEMBERS - 1, Some(2)), attributed(MEMBERS, Some(1))];
            subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        };
        let (mut subject, _) = half_built(write).await;
        crate::table::audit::tests::assert_sound(&subject.engine).await;
        subject.restart(BY_THE_LANE).await;
        subject.all_indexed().await;
        subject.check_indexes(&["text"]).await;
        let last = u32::from(MEMBERS) - 1;
        let expected: Vec<u32> = (0..=MEMBERS.into()).filter(|row| *row != 7 && *row != last).collect();
        assert_eq!(subject.rows_of_value().await, expected);
    });
}

#[test]
fn an_index_that_no_checkpoint_knows_is_built_again() {
    block_on(async {
        let (mut subject, cut) = subject().await;
        subject.base.checkpoint().await.unwrap();
        subject.index(&["text"]).await;
        subject.die(&cut).await;
        let cut = subject.restart(BY_THE_LANE).await;
        subject.all_indexed().await;
        subject.check_indexes(&["text"]).await;
        subject.die(&cut).await;
    });
}

#[test]
fn an_index_with_too_many_values_is_given_up_while_it_is_built() {
    block_on(async {
        let (mut subject, _) = subject().await;
        let with = |n: u16| {
            let mut row = plain_row(n);
            row.patch.attributes.set("text", AttributeValue::text(format!("value {n}")).unwrap()).unwrap();
            row
        };
        let rows: Vec<MemberRow> = (0..4_200).map(with).collect();
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        subject.index(&["text"]).await;
        subject.all_indexed().await;
        assert_eq!(subject.base.view().await.summary().unindexed, ["attributes.text"]);
        subject.base.checkpoint().await.unwrap();
        subject.base.close().await.unwrap();
        subject.restart(BY_THE_LANE).await;
        assert_eq!(subject.base.view().await.summary().unindexed, ["attributes.text"]);
    });
}
