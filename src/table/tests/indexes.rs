//! Indexed attributes: the sets always agree with the members, whenever the index was made and whatever was
//! stored.

mod building;
mod narrowing;

use std::collections::BTreeSet;

use super::*;
use crate::engine::faulty::Faulty;
use crate::model::schema::{AttributeType, WantedSchema};
use crate::model::{AttributeValue, Attributes};
use crate::table::open::AudienceBuild;
use crate::table::tests::audiences::BY_THE_LANE;

#[derive(Debug, Clone)]
enum Move {
    /// Sets or clears values of members.
    Write(Vec<(u16, Option<u8>)>),
    Delete(u16),
    /// Which of the two attributes are indexed.
    Index {
        text: bool,
        number: bool,
    },
    Checkpoint,
    Reopen,
    Crash,
}

fn moves() -> impl Strategy<Value = Move> {
    let write = proptest::collection::vec((0_u16..40, proptest::option::weighted(0.8, 0_u8..4)), 1..30)
        .prop_map(Move::Write);
    let index = (any::<bool>(), any::<bool>()).prop_map(|(text, number)| Move::Index { text, number });
    prop_oneof![
        4 => write,
        1 => (0_u16..40).prop_map(Move::Delete),
        3 => index,
        1 => Just(Move::Checkpoint),
        1 => Just(Move::Reopen),
        1 => Just(Move::Crash)
    ]
}

pub(super) fn attributed(n: u16, value: Option<u8>) -> MemberRow {
    let mut row = plain_row(n);
    let attributes = &mut row.patch.attributes;
    match value {
        Some(value) => {
            attributes.set("text", AttributeValue::text(format!("value {value}")).unwrap()).unwrap();
            attributes.set("number", AttributeValue::number(f64::from(value) / 3.0).unwrap()).unwrap();
        }
        None => ["text", "number"].into_iter().for_each(|key| attributes.clear(key).unwrap()),
    }
    row
}

/// The schema of the tests, with indexes on `keys`.
pub(super) fn schema(keys: &[&str]) -> WantedSchema {
    let types = [("text".to_owned(), AttributeType::String), ("number".to_owned(), AttributeType::Number)];
    WantedSchema {
        types: types.into(),
        indexed: keys.iter().map(|key| (*key).to_owned()).collect::<BTreeSet<_>>(),
    }
}

impl Subject {
    pub(super) async fn index(&self, keys: &[&str]) {
        let request = SettingsRequest { schema: Some(schema(keys)), ..SettingsRequest::default() };
        self.base.change_settings(request).await.unwrap();
    }

    /// Compares every set of every indexed attribute with the members.
    pub(super) async fn check_indexes(&self, keys: &[&str]) {
        let _quiet = self.base.without_checkpoints().await;
        crate::table::audit::tests::assert_sound(&self.engine).await;
        let view = self.base.view().await;
        let all: Vec<Row> = (0..view.next_row().0).map(Row).collect();
        let members = view.members(&all).await.unwrap();
        for key in ["text", "number"] {
            let Some((field, _)) = view.sets().attribute(key) else {
                assert!(!keys.contains(&key), "{key} is not indexed");
                continue;
            };
            assert!(keys.contains(&key), "{key} is indexed");
            if view.sets().built_below(field).is_some() {
                // Until it is complete, nobody sees it.
                assert!(view.sets().values(field).is_none() && view.sets().count(field, "value 1").is_none());
                continue;
            }
            let name =
                |attributes: &Attributes| attributes.get(key).map(|v| v.set_name().unwrap().into_owned());
            let mut expected: BTreeMap<String, Vec<u32>> = BTreeMap::new();
            for (row, member) in &members {
                if let Some(name) = name(&member.attributes) {
                    expected.entry(name).or_default().push(u32::try_from(row.0).unwrap());
                }
            }
            let values: Vec<String> = view.sets().values(field).unwrap().map(str::to_owned).collect();
            assert_eq!(values, expected.keys().cloned().collect::<Vec<_>>());
            for (value, rows) in expected {
                assert_eq!(view.sets().count(field, &value), Some(u64::try_from(rows.len()).unwrap()));
                let found = view.sets().of_value(field, &value).unwrap();
                assert_eq!(found.chunk(0).into_iter().flatten().collect::<Vec<_>>(), rows, "{key} = {value}");
            }
        }
    }
}

/// Follows the moves. Without `build`, indexes are built at once.
async fn follow(moves: Vec<Move>, build: Option<AudienceBuild>) {
    let mut subject = Subject::new().await;
    let mut cut = None;
    if let Some(build) = build {
        cut = Some(subject.restart(build).await);
    }
    let mut keys: Vec<&str> = vec!["text"];
    subject.index(&keys).await;
    for step in moves {
        match step {
            Move::Write(members) => {
                let rows: Vec<MemberRow> =
                    members.into_iter().map(|(n, value)| attributed(n, value)).collect();
                subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
            }
            Move::Delete(n) => {
                let delete = DeleteRequest { refs: vec![ref_of(n)], ..DeleteRequest::default() };
                subject.base.delete(delete).await.unwrap();
            }
            Move::Index { text, number } => {
                keys = [("text", text), ("number", number)]
                    .into_iter()
                    .filter(|(_, on)| *on)
                    .map(|(k, _)| k)
                    .collect();
                subject.index(&keys).await;
            }
            Move::Checkpoint => subject.base.checkpoint().await.unwrap(),
            Move::Reopen => {
                subject.base.close().await.unwrap();
                reopen(&mut subject, build, &mut cut).await;
            }
            Move::Crash => {
                if let Some(cut) = &cut {
                    subject.die(cut).await;
                }
                reopen(&mut subject, build, &mut cut).await;
            }
        }
        subject.check_indexes(&keys).await;
    }
    if let Some(cut) = &cut {
        subject.all_indexed().await;
        subject.check_indexes(&keys).await;
        subject.die(cut).await;
    }
    subject.crash().await;
    subject.check_indexes(&keys).await;
}

async fn reopen(subject: &mut Subject, build: Option<AudienceBuild>, cut: &mut Option<Arc<Faulty>>) {
    match build {
        Some(build) => *cut = Some(subject.restart(build).await),
        None => subject.crash().await,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn indexes_agree_with_the_members(steps in proptest::collection::vec(moves(), 1..16)) {
        block_on(follow(steps, None));
    }

    #[test]
    fn indexes_of_the_lane_agree_with_the_members(steps in proptest::collection::vec(moves(), 1..16)) {
        block_on(follow(steps, Some(BY_THE_LANE)));
    }
}

#[test]
fn an_index_with_too_many_values_is_given_up_until_it_is_made_again() {
    block_on(async {
        let mut subject = Subject::new().await;
        subject.index(&["text"]).await;
        let with = |n: u16, text: String| {
            let mut row = plain_row(n);
            row.patch.attributes.set("text", AttributeValue::text(text).unwrap()).unwrap();
            row
        };
        let rows: Vec<MemberRow> = (0..4_097).map(|n| with(n, format!("value {n}"))).collect();
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        let unindexed = |subject: &Subject| {
            let base = Arc::clone(&subject.base);
            async move { base.view().await.summary().unindexed }
        };
        assert_eq!(unindexed(&subject).await, ["attributes.text"]);
        subject.base.checkpoint().await.unwrap();
        subject.crash().await;
        assert_eq!(unindexed(&subject).await, ["attributes.text"]);
        let rows: Vec<MemberRow> = (0..4_097).map(|n| with(n, format!("value {}", n % 7))).collect();
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        assert_eq!(unindexed(&subject).await, ["attributes.text"]);
        subject.index(&[]).await;
        subject.index(&["text"]).await;
        assert_eq!(unindexed(&subject).await, [""; 0]);
        subject.check_indexes(&["text"]).await;
        subject.crash().await;
        subject.check_indexes(&["text"]).await;
    });
}

#[test]
fn schemas_and_indexes_skip_the_rows_that_a_new_timeline_jumps_over() {
    block_on(async {
        let mut subject = Subject::new().await;
        subject.index(&[]).await;
        let write = |range: std::ops::Range<u16>| range.map(|n| attributed(n, Some(1))).collect::<Vec<_>>();
        subject.upsert(&write(0..40), UpsertOptions::default(), WriteMode::Partial).await;
        subject.base.close().await.unwrap();
        timeline::begin_timeline(&subject.engine, Timestamp::from_micros(1_000)).await.unwrap();
        subject.crash().await;
        subject.upsert(&write(40..60), UpsertOptions::default(), WriteMode::Partial).await;
        subject.index(&["text"]).await;
        let view = subject.base.view().await;
        let (field, _) = view.sets().attribute("text").unwrap();
        assert!(view.next_row().0 > u64::from(u32::MAX));
        assert_eq!(view.sets().count(field, "value 1"), Some(60));
        drop(view);
        let nothing = SettingsRequest { schema: Some(WantedSchema::default()), ..SettingsRequest::default() };
        let refused = subject.base.change_settings(nothing).await.unwrap_err();
        assert!(matches!(&refused, TableError::SchemaInUse { members: 60, .. }), "{refused}");
        crate::table::audit::tests::assert_sound(&subject.engine).await;
    });
}
