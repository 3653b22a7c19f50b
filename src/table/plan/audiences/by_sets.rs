//! Evaluating new filters by sets alone, where all their conditions are over fields that have sets.
//!
//! No member is read, so the request that brings the filter does it at once, whatever the size of the base.
//! What is being built for other audiences goes on.

use std::collections::BTreeMap;

use crate::model::AudienceNumber;
use crate::model::filter::{Condition, Field, Filter, Operand, Operator};
use crate::model::schema::AttributeType;
use crate::stored::header::Header;
use crate::table::index::audiences::Definitions;
use crate::table::index::published::Published;
use crate::table::index::sets::{Chunk, RowSet, SetField, union};
use crate::table::plan::batch::Plan;

/// Rows by chunk.
type Rows = BTreeMap<u64, Chunk>;

impl Plan<'_> {
    /// Who will be in the audiences that are to be built, as far as sets of the current state tell it. None
    /// of the others uses one of these.
    pub(super) async fn known_by_sets(&self) -> BTreeMap<AudienceNumber, RowSet> {
        let definitions = self.audiences.definitions();
        if definitions.next().is_none() {
            return BTreeMap::new();
        }
        let open = self.open;
        let published = open.published.read().await;
        if !self.has_sets_of(&published) {
            return BTreeMap::new();
        }
        let (living, known) = (Rows::new(), BTreeMap::new());
        let mut by_sets = BySets { plan: self, published: &published, definitions, living, known };
        by_sets.living = by_sets.present(SetField::Status).unwrap_or_default();
        by_sets.evaluate()
    }

    /// Whether the published sets are those of the current state, except for moves of rows.
    fn has_sets_of(&self, published: &Published) -> bool {
        let revision = published.header.revision;
        let mut later = self.in_flight.iter().filter(|layer| layer.header.revision > revision);
        let is_same = |header: &Header| header.schema == published.header.schema;
        later.all(|layer| layer.built.is_empty() && is_same(&layer.header))
            && self.layer.built.is_empty()
            && is_same(&self.layer.header)
    }
}

/// The evaluation of filters by sets.
struct BySets<'a> {
    plan: &'a Plan<'a>,
    published: &'a Published,
    definitions: &'a Definitions,
    /// The rows that have a member.
    living: Rows,
    /// Who will be in the audiences that were evaluated so far.
    known: BTreeMap<AudienceNumber, Rows>,
}

impl BySets<'_> {
    fn evaluate(mut self) -> BTreeMap<AudienceNumber, RowSet> {
        let definitions = self.definitions;
        // Each stands after those that it names.
        for audience in definitions.audiences().in_order() {
            let number = audience.number;
            if !definitions.is_pending(number) {
                continue;
            }
            let matched = match audience.filter.filter() {
                None => Some(Rows::new()),
                Some(filter) => self.filter(filter),
            };
            let Some(mut rows) = matched else {
                if audience.named().iter().any(|named| self.known.contains_key(named)) {
                    // It would have to follow at once.
                    return BTreeMap::new();
                }
                continue;
            };
            remove(&mut rows, &by_chunk(&definitions.hands.removed(number)));
            let mut picked = by_chunk(&definitions.hands.picked(number));
            keep(&mut picked, &self.living);
            add(&mut rows, &picked);
            self.known.insert(number, rows);
        }
        self.known.into_iter().map(|(number, rows)| (number, row_set(rows))).collect()
    }

    fn filter(&self, filter: &Filter) -> Option<Rows> {
        match filter {
            Filter::True => Some(self.living.clone()),
            Filter::Search(_) => None,
            Filter::And(parts) => {
                let mut all = self.living.clone();
                for part in parts {
                    keep(&mut all, &self.filter(part)?);
                }
                Some(all)
            }
            Filter::Or(parts) => {
                let mut any = Rows::new();
                for part in parts {
                    add(&mut any, &self.filter(part)?);
                }
                Some(any)
            }
            Filter::Condition(Condition { field, op }) => match op {
                Operator::Eq(operand) => self.equal(field, std::slice::from_ref(operand)),
                Operator::In(operands) => self.equal(field, operands),
                Operator::Ne(operand) => Some(self.not(&self.equal(field, std::slice::from_ref(operand))?)),
                Operator::NotIn(operands) => Some(self.not(&self.equal(field, operands)?)),
                Operator::Exists(true) => self.present(self.set_field(field)?.0),
                Operator::Exists(false) => Some(self.not(&self.present(self.set_field(field)?.0)?)),
                Operator::Gt(_)
                | Operator::Gte(_)
                | Operator::Lt(_)
                | Operator::Lte(_)
                | Operator::Prefix(_)
                | Operator::Regex(_) => None,
            },
        }
    }

    fn not(&self, rows: &Rows) -> Rows {
        let mut others = self.living.clone();
        remove(&mut others, rows);
        others
    }

    /// The sets of a field, and the type of its values if it is an attribute.
    fn set_field(&self, field: &Field) -> Option<(SetField, Option<AttributeType>)> {
        match field {
            Field::Status => Some((SetField::Status, None)),
            Field::Tier => Some((SetField::Tier, None)),
            Field::Attribute(key) => {
                let (field, kind) = self.published.sets.attribute(key)?;
                // Lists have no sets.
                (kind != AttributeType::Array).then_some((field, Some(kind)))
            }
            _ => None,
        }
    }

    /// The members whose `field` is one of `operands`.
    fn equal(&self, field: &Field, operands: &[Operand]) -> Option<Rows> {
        let mut rows = Rows::new();
        if *field == Field::Audience {
            for operand in operands {
                let Operand::Audience(number) = operand else { continue };
                match self.known.get(number) {
                    Some(known) => add(&mut rows, known),
                    None if self.definitions.is_pending(*number) => return None,
                    None => add(&mut rows, &by_chunk(&self.plan.rows_in(self.published, *number))),
                }
            }
            return Some(rows);
        }
        let (field, kind) = self.set_field(field)?;
        for operand in operands {
            let value = match (operand, kind) {
                (_, Some(kind)) => {
                    // An operand of another type equals no value of this one.
                    let stored = operand.stored_as(kind);
                    stored.as_ref().and_then(|value| value.set_name()).map(|name| name.into_owned())
                }
                (Operand::Status(status), None) => Some(status.as_str().to_owned()),
                (Operand::Text(text), None) => Some(text.clone()),
                (_, None) => None,
            };
            let Some(value) = value else { continue };
            let mut set = self.published.sets.of_value(field, &value)?;
            let moves = self.plan.moves_after(self.published);
            for change in moves.filter(|change| change.field == field && *change.value == *value) {
                set.shift(change.row, change.enters);
            }
            add(&mut rows, &by_chunk(&set));
        }
        Some(rows)
    }

    /// The members that have a value in `field`.
    fn present(&self, field: SetField) -> Option<Rows> {
        let sets = self.published.sets.of_all_values(field)?;
        let mut by_chunk: BTreeMap<u64, Vec<&Chunk>> = BTreeMap::new();
        for (chunk, rows) in sets.iter().flat_map(RowSet::chunks) {
            by_chunk.entry(chunk).or_default().push(rows);
        }
        let united = by_chunk.into_iter().map(|(chunk, rows)| (chunk, union(rows.into_iter())));
        let mut present = row_set(united.collect());
        // A row that gets another value leaves the set of the old one first.
        for change in self.plan.moves_after(self.published).filter(|change| change.field == field) {
            present.shift(change.row, change.enters);
        }
        Some(self::by_chunk(&present))
    }
}

fn row_set(rows: Rows) -> RowSet {
    let mut set = RowSet::default();
    rows.into_iter().for_each(|(chunk, rows)| set.load(chunk, rows, false));
    set
}

fn by_chunk(rows: &RowSet) -> Rows {
    rows.chunks().map(|(chunk, rows)| (chunk, rows.clone())).collect()
}

fn add(to: &mut Rows, rows: &Rows) {
    for (chunk, rows) in rows {
        *to.entry(*chunk).or_default() |= rows;
    }
}

fn keep(of: &mut Rows, rows: &Rows) {
    of.retain(|chunk, of| {
        rows.get(chunk).is_some_and(|rows| {
            *of &= rows;
            !of.is_empty()
        })
    });
}

fn remove(from: &mut Rows, rows: &Rows) {
    for (chunk, rows) in rows {
        if let Some(from) = from.get_mut(chunk) {
            *from -= rows;
        }
    }
}
