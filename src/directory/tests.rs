//! Compares lists with a naive implementation: filter all members, reverse, skip, take.

#![allow(clippy::cast_possible_wrap, clippy::cast_possible_truncation, reason = "small numbers in tests")]

mod costly;
mod indexing;
mod lease;
mod origins;
mod plain;
mod same_members;
mod sessions;
mod tokens;
mod under_load;

use std::sync::Arc;

use super::{Directory, Gate, MemberList, RawPage};
use crate::engine::memory::MemoryEngine;
use crate::model::origin::Door;
use crate::model::schema::SentDefinition;
use crate::model::token::AccessLevel;
use crate::model::{
    BaseNumber, Change, Effort, Fold, Member, MemberRow, MemberView, Name, NoAudiences, Origin, RawFilter,
    RawSort, RawValue, Ref, Row, Status, Tier, Timestamp,
};
use crate::table::{DeleteRequest, Table, TableConfig, UpsertRequest, WriteMode};

/// Enough for two chunks of sets.
const MEMBERS: u64 = 70_000;
const LISTS: usize = 60;
const TIERS: [&str; 3] = ["gold", "silver", "bronze"];
const STATUSES: [&str; 3] = ["active", "invited", "inactive"];

/// Numbers that look random and never change (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.roll(from.len() as u64)).unwrap()]
    }
}

fn row(i: u64) -> MemberRow {
    let mut dice = Dice(i);
    let mut row =
        MemberRow { status: Some(Status::parse(dice.pick(&STATUSES)).unwrap()), ..MemberRow::default() };
    row.patch.ref_ = Change::Set(Ref::parse(format!("r{i}")).unwrap());
    if dice.roll(4) > 0 {
        row.patch.tier = Change::Set(Tier::parse(dice.pick(&TIERS)).unwrap());
    }
    if dice.roll(3) > 0 {
        row.patch.company = Change::Set(Name::parse(dice.pick(&TIERS)).unwrap());
    }
    row
}

/// A store in memory, and a memberbase in it.
async fn store() -> (Arc<Table>, BaseNumber) {
    let clock = Arc::new(|| Timestamp::from_micros(1_700_000_000_000_000));
    let table = Table::open(Arc::new(MemoryEngine::new()), clock, TableConfig::default()).await.unwrap();
    let settings = crate::model::samples::unguarded("Test");
    let number = table.create_base(settings, None).await.unwrap().number;
    (table, number)
}

async fn enter(table: Arc<Table>) -> Directory {
    let gate = Gate::new(table, Door::Grpc);
    gate.enter(gate.identify(None).await.unwrap(), AccessLevel::Admin).await.unwrap()
}

fn upsert(rows: Vec<MemberRow>) -> UpsertRequest {
    UpsertRequest {
        rows: rows.into_iter().map(Ok).collect(),
        options: Default::default(),
        mode: WriteMode::Partial,
        claim: None,
        deadline: None,
        origin: Origin::default(),
    }
}

/// A memberbase with this schema and these members, all of which are accepted.
async fn directory_over(
    schema: impl IntoIterator<Item = (String, SentDefinition)>,
    rows: Vec<MemberRow>,
) -> (Directory, BaseNumber, Vec<(Row, Member)>) {
    let (table, number) = store().await;
    let base = table.base(number).await.unwrap();
    let directory = enter(table).await;
    directory.set_schema(number, schema).await.unwrap();
    let all: Vec<Row> = (0..rows.len() as u64).map(Row).collect();
    let reply = base.upsert(upsert(rows)).await.unwrap();
    let refused: Vec<_> = reply.outcomes.iter().filter_map(|outcome| outcome.error.as_ref()).collect();
    assert!(refused.is_empty(), "{refused:?}");
    let members = base.view().await.members(&all).await.unwrap();
    (directory, number, members)
}

/// A memberbase with gaps, and all its members.
async fn directory() -> (Directory, BaseNumber, Vec<(Row, Member)>) {
    let (table, number) = store().await;
    let base = table.base(number).await.unwrap();
    base.upsert(upsert((0..MEMBERS).map(row).collect())).await.unwrap();
    let rows = (0..MEMBERS).filter(|row| row % 7 == 3).map(Row).collect();
    base.delete(DeleteRequest { rows, ..DeleteRequest::default() }).await.unwrap();
    let all: Vec<Row> = (0..MEMBERS).map(Row).collect();
    let members = base.view().await.members(&all).await.unwrap();
    (enter(table).await, number, members)
}

fn text(value: impl Into<String>) -> RawValue {
    RawValue::Text(value.into())
}

fn refs(dice: &mut Dice) -> Vec<RawValue> {
    (0..dice.roll(40)).map(|_| text(format!("r{}", dice.roll(MEMBERS)))).collect()
}

/// A filter on fields that sets answer, that lookups answer, and that need a check of each member.
fn filter(dice: &mut Dice, depth: u64) -> RawFilter {
    let mut filter = RawFilter::default();
    match dice.roll(if depth == 0 { 8 } else { 12 }) {
        0 => (filter.key, filter.eq) = (Some("tier".into()), Some(text(dice.pick(&TIERS)))),
        1 => (filter.key, filter.ne) = (Some("tier".into()), Some(text(dice.pick(&TIERS)))),
        2 => (filter.key, filter.exists) = (Some("tier".into()), Some(dice.roll(2) == 0)),
        3 => {
            let values = vec![text(dice.pick(&STATUSES)), text(dice.pick(&STATUSES))];
            (filter.key, filter.in_) = (Some("status".into()), Some(values));
        }
        4 => (filter.key, filter.nin) = (Some("status".into()), Some(vec![text(dice.pick(&STATUSES))])),
        5 => (filter.key, filter.in_) = (Some("ref".into()), Some(refs(dice))),
        6 => (filter.key, filter.nin) = (Some("ref".into()), Some(refs(dice))),
        7 => (filter.key, filter.eq) = (Some("company".into()), Some(text(dice.pick(&TIERS)))),
        8 | 9 => filter.and = Some(filters(dice, depth - 1)),
        _ => filter.or = Some(filters(dice, depth - 1)),
    }
    filter
}

fn filters(dice: &mut Dice, depth: u64) -> Vec<RawFilter> {
    (0..=dice.roll(2)).map(|_| filter(dice, depth)).collect()
}

#[tokio::test]
async fn lists_show_what_a_naive_reading_shows() {
    let (directory, base, members) = directory().await;
    let mut dice = Dice(42);
    for _ in 0..LISTS {
        let filters = if dice.roll(10) == 0 { Vec::new() } else { filters(&mut dice, 2) };
        let parsed = directory.member_filter(filters.clone(), base).unwrap().filter;
        let is_match = |(row, member): &&(Row, Member)| {
            let view = MemberView { row: *row, member, fold: Fold::NEWEST, audiences: &NoAudiences };
            parsed.matches(&view, &mut Effort::default())
        };
        let matches = members.iter().filter(is_match);
        let mut expected: Vec<Row> = matches.map(|(row, _)| *row).collect();
        let count = expected.len() as u64;
        let descending = dice.roll(2) == 0;
        if descending {
            expected.reverse();
        }
        let skip = dice.roll(300);
        let limit = 1 + dice.roll(5_000);
        let direction = if descending { "desc" } else { "asc" };
        let sorts = vec![RawSort { key: "id".into(), direction: Some(direction.into()) }];
        let mut page = RawPage { limit: Some(limit as i64), cursor: None, skip: Some(skip as i64), sorts };
        let mut found = Vec::new();
        loop {
            let list = MemberList {
                base,
                filters: filters.clone(),
                page: page.clone(),
                search: None,
                total: true,
                ends: false,
                min_revision: None,
            };
            let part = directory.list_members(list).await.unwrap();
            assert!(part.members.len() as u64 <= limit);
            assert!(
                part.total.is_none_or(|total| total == count),
                "{:?} of {count}: {filters:?}",
                part.total
            );
            found.extend(part.members.into_iter().map(|(row, _)| row));
            page = RawPage { cursor: part.cursor, skip: None, ..page };
            if page.cursor.is_none() {
                break;
            }
        }
        let expected: Vec<Row> = expected.into_iter().skip(usize::try_from(skip).unwrap()).collect();
        assert!(found == expected, "{} found, {} expected: {filters:?}", found.len(), expected.len());
    }
}
