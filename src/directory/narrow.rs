//! Narrows a list before any record is read: which rows can match, by sets and lookups alone.
//!
//! A filter becomes an expression over bitmaps, evaluated chunk by chunk of 65,536 rows. The rows that come out are
//! never too few. Where they are exactly those that match, no record needs to be checked, `skip` is rank and select,
//! and the total is a count of bits.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Error;
use crate::model::{Condition, Email, Field, Filter, Member, Operand, Operator, Ref, Row, WorkerId};
use crate::table::{Chunk, MemberKey, SetField, Sets, View};

/// Bits of a row that say its place in its chunk.
const CHUNK_BITS: u32 = 16;

/// The rows that can match a filter.
pub struct Narrowed {
    rows: Rows,
    /// Whether they are exactly the rows that match.
    pub exact: bool,
}

/// An expression over bitmaps of rows. Every result is a subset of the rows that hold a member.
enum Rows {
    All,
    Set(SetField, String),
    /// Rows by chunk.
    These(BTreeMap<u64, Chunk>),
    /// Keys that are still to be looked up; none are left once the narrowing is done.
    Keys(Vec<MemberKey>),
    And(Vec<Rows>),
    Or(Vec<Rows>),
    Not(Box<Rows>),
}

/// The rows that can match `filter` in `view`.
pub async fn narrow(view: &View<'_>, filter: &Filter) -> Result<Narrowed, Error> {
    let mut narrowed = by_filter(view.sets(), filter);
    let mut keys = Vec::new();
    collect_keys(&mut narrowed.rows, &mut keys);
    for rows in keys {
        let Rows::Keys(keys) = rows else { continue };
        let found = view.find(keys).await?;
        // A filter looks at the ref that a member has, and not at those that it had.
        let is_own = |key: &MemberKey, member: &Member| match key {
            MemberKey::Ref(value) => member.profile.ref_.as_ref() == Some(value),
            MemberKey::Row(_) | MemberKey::Email(_) | MemberKey::WorkerId(_) => true,
        };
        let found = keys.iter().zip(found).filter_map(|(key, found)| Some((key, found?)));
        let own: Vec<Row> =
            found.filter(|(key, (_, member))| is_own(key, member)).map(|(_, (row, _))| row).collect();
        *rows = these(own.into_iter());
    }
    Ok(narrowed)
}

impl Narrowed {
    /// The rows of one chunk, by their places in it.
    pub fn chunk<'a>(&'a self, sets: &'a Sets, number: u64) -> Cow<'a, Chunk> {
        self.rows.chunk(sets, number)
    }

    /// How many rows there are, over all chunks.
    pub fn count(&self, sets: &Sets) -> u64 {
        match &self.rows {
            Rows::Set(field, value) => sets.count(*field, value).unwrap_or(0),
            rows => sets.chunks().into_iter().map(|number| rows.chunk(sets, number).len()).sum(),
        }
    }
}

impl Rows {
    fn chunk<'a>(&'a self, sets: &'a Sets, number: u64) -> Cow<'a, Chunk> {
        match self {
            Self::All => sets.live(number),
            // A set that can be narrowed by is indexed; the view keeps it so.
            Self::Set(field, value) => sets.rows(*field, value, number).unwrap_or_default(),
            Self::These(chunks) => match chunks.get(&number) {
                Some(rows) => Cow::Owned(rows & sets.live(number).as_ref()),
                None => Cow::default(),
            },
            Self::Keys(_) => Cow::default(),
            Self::And(parts) => intersect(parts, sets, number),
            Self::Or(parts) => {
                let union = |all: Chunk, part: &Self| all | part.chunk(sets, number).as_ref();
                Cow::Owned(parts.iter().fold(Chunk::new(), union))
            }
            Self::Not(part) => Cow::Owned(sets.live(number).as_ref() - part.chunk(sets, number).as_ref()),
        }
    }
}

fn intersect<'a>(parts: &'a [Rows], sets: &'a Sets, number: u64) -> Cow<'a, Chunk> {
    let Some((first, others)) = parts.split_first() else { return sets.live(number) };
    let mut all = first.chunk(sets, number);
    for part in others {
        if all.is_empty() {
            break;
        }
        all = Cow::Owned(all.as_ref() & part.chunk(sets, number).as_ref());
    }
    all
}

fn by_filter(sets: &Sets, filter: &Filter) -> Narrowed {
    match filter {
        Filter::True => exactly(Rows::All),
        Filter::And(parts) => {
            let (rows, exact) = by_parts(sets, parts);
            // What narrows nothing only costs time.
            let rows = rows.into_iter().filter(|rows| !matches!(rows, Rows::All)).collect();
            Narrowed { rows: Rows::And(rows), exact }
        }
        Filter::Or(parts) => {
            let (rows, exact) = by_parts(sets, parts);
            if rows.iter().any(|rows| matches!(rows, Rows::All)) {
                return Narrowed { rows: Rows::All, exact };
            }
            Narrowed { rows: Rows::Or(rows), exact }
        }
        Filter::Condition(condition) => {
            by_condition(sets, condition).map_or(Narrowed { rows: Rows::All, exact: false }, exactly)
        }
    }
}

fn by_parts(sets: &Sets, parts: &[Filter]) -> (Vec<Rows>, bool) {
    let mut exact = true;
    let rows = parts
        .iter()
        .map(|part| {
            let narrowed = by_filter(sets, part);
            exact &= narrowed.exact;
            narrowed.rows
        })
        .collect();
    (rows, exact)
}

fn exactly(rows: Rows) -> Narrowed {
    Narrowed { rows, exact: true }
}

/// The rows that match `condition`, where an index knows them.
fn by_condition(sets: &Sets, condition: &Condition) -> Option<Rows> {
    let field = &condition.field;
    match &condition.op {
        Operator::Eq(operand) => equal(sets, field, std::slice::from_ref(operand)),
        Operator::In(operands) => equal(sets, field, operands),
        Operator::Ne(operand) => equal(sets, field, std::slice::from_ref(operand)).map(not),
        Operator::NotIn(operands) => equal(sets, field, operands).map(not),
        Operator::Exists(wanted) => present(sets, field).map(|rows| if *wanted { rows } else { not(rows) }),
        Operator::Gt(_)
        | Operator::Gte(_)
        | Operator::Lt(_)
        | Operator::Lte(_)
        | Operator::Prefix(_)
        | Operator::Regex(_) => None,
    }
}

/// The members whose `field` is one of `operands`.
fn equal(sets: &Sets, field: &Field, operands: &[Operand]) -> Option<Rows> {
    let texts = || {
        operands.iter().filter_map(|operand| match operand {
            Operand::Text(text) => Some(text.clone()),
            _ => None,
        })
    };
    match field {
        Field::Id => Some(these(operands.iter().filter_map(|operand| match operand {
            Operand::Row(row) => Some(*row),
            _ => None,
        }))),
        Field::Status => {
            let words = operands.iter().filter_map(|operand| match operand {
                Operand::Status(status) => Some(status.as_str().to_owned()),
                _ => None,
            });
            any_of(sets, SetField::Status, words)
        }
        Field::Tier => any_of(sets, SetField::Tier, texts()),
        Field::Attribute(key) => {
            let (field, kind) = sets.attribute(key)?;
            // An operand of another type equals no value of this one.
            let stored = operands.iter().filter_map(|operand| operand.stored_as(kind));
            let names = stored.filter_map(|value| value.set_name().map(Cow::into_owned));
            any_of(sets, field, names)
        }
        // No rule of these texts matters here: one that breaks it belongs to nobody.
        Field::Ref => Some(Rows::Keys(texts().map(|text| MemberKey::Ref(Ref::from_stored(text))).collect())),
        Field::Email => {
            Some(Rows::Keys(texts().map(|text| MemberKey::Email(Email::from_stored(text))).collect()))
        }
        Field::WorkerId => {
            Some(Rows::Keys(texts().map(|text| MemberKey::WorkerId(WorkerId::from_stored(text))).collect()))
        }
        _ => None,
    }
}

/// The members that have a value in `field`.
fn present(sets: &Sets, field: &Field) -> Option<Rows> {
    match field {
        Field::Id | Field::Status | Field::CreatedAt | Field::UpdatedAt => Some(Rows::All),
        Field::Tier => with_any_value(sets, SetField::Tier),
        Field::Attribute(key) => with_any_value(sets, sets.attribute(key)?.0),
        _ => None,
    }
}

fn with_any_value(sets: &Sets, field: SetField) -> Option<Rows> {
    let values: Vec<String> = sets.values(field)?.map(str::to_owned).collect();
    any_of(sets, field, values.into_iter())
}

fn any_of(sets: &Sets, field: SetField, values: impl Iterator<Item = String>) -> Option<Rows> {
    let mut parts = values
        .map(|value| sets.count(field, &value).map(|_| Rows::Set(field, value)))
        .collect::<Option<Vec<_>>>()?;
    match parts.len() {
        1 => parts.pop(),
        _ => Some(Rows::Or(parts)),
    }
}

fn not(rows: Rows) -> Rows {
    Rows::Not(Box::new(rows))
}

fn these(rows: impl Iterator<Item = Row>) -> Rows {
    let mut chunks: BTreeMap<u64, Chunk> = BTreeMap::new();
    for Row(row) in rows {
        let (chunk, place) = split(row);
        chunks.entry(chunk).or_default().insert(place);
    }
    Rows::These(chunks)
}

fn collect_keys<'a>(rows: &'a mut Rows, into: &mut Vec<&'a mut Rows>) {
    match rows {
        Rows::Keys(_) => into.push(rows),
        Rows::And(parts) | Rows::Or(parts) => parts.iter_mut().for_each(|part| collect_keys(part, into)),
        Rows::Not(part) => collect_keys(part, into),
        Rows::All | Rows::Set(..) | Rows::These(_) => {}
    }
}

/// A row's chunk and its place in it.
pub fn split(row: u64) -> (u64, u32) {
    let place = row & ((1 << CHUNK_BITS) - 1);
    (row >> CHUNK_BITS, u32::try_from(place).unwrap_or(u32::MAX))
}

/// The row at a place of a chunk.
pub fn join(chunk: u64, place: u32) -> Row {
    Row(chunk << CHUNK_BITS | u64::from(place))
}
