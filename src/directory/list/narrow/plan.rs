//! From a filter to an expression over bitmaps.

use std::borrow::Cow;
use std::collections::HashMap;

use super::rows::{Narrowed, Rows, Sources, these};
use crate::model::search::{TokenRange, word_ranges};
use crate::model::{AudienceNumber, Condition, Email, Field, Filter, Operand, Operator, Ref, Row, WorkerId};
use crate::table::{AudienceMembers, MemberKey, SetField, Sets, View, WordRows};

/// An expression whose keys are still to be looked up.
pub struct Plan {
    rows: Rows,
    exact: bool,
    sources: Sources,
    keys: Vec<MemberKey>,
    memberships: AudienceMembers,
    words: Vec<TokenRange>,
}

impl Plan {
    /// The plan of `filter` for the sets of this view.
    pub fn of(view: &View<'_>, filter: &Filter) -> Self {
        let sets = view.sets();
        let mut planner = Planner {
            view,
            sets,
            sources: Sources::of(sets.living()),
            values: HashMap::new(),
            presences: HashMap::new(),
            audiences: HashMap::new(),
            words: Vec::new(),
        };
        let Planned { mut rows, exact } = planner.filter(filter);
        let mut keys = Vec::new();
        collect_keys(&mut rows, &mut keys);
        let names_audiences = !planner.audiences.is_empty();
        let memberships = if names_audiences { view.memberships() } else { AudienceMembers::default() };
        Self { rows, exact, sources: planner.sources, keys, words: planner.words, memberships }
    }

    /// The keys to look up.
    pub fn keys(&self) -> &[MemberKey] {
        &self.keys
    }

    /// The words to look up, by their tokens.
    pub fn words(&self) -> &[TokenRange] {
        &self.words
    }

    /// The narrowed rows, given the row that was found for each key, and the rows for each of the words, at
    /// `revision`.
    pub fn finish(mut self, found: Vec<Option<Row>>, words: Vec<WordRows>, revision: u64) -> Narrowed {
        put_found(&mut self.rows, &mut found.into_iter());
        self.sources.set_words(words);
        Narrowed::new(self.rows, self.sources, self.exact, revision, self.memberships)
    }
}

/// Rows, and whether they are exactly those that match.
struct Planned {
    rows: Rows,
    exact: bool,
}

/// Takes the sets that the filter names, each once.
struct Planner<'a> {
    view: &'a View<'a>,
    sets: &'a Sets,
    sources: Sources,
    values: HashMap<(SetField, String), usize>,
    presences: HashMap<SetField, usize>,
    audiences: HashMap<AudienceNumber, usize>,
    words: Vec<TokenRange>,
}

impl Planner<'_> {
    fn filter(&mut self, filter: &Filter) -> Planned {
        match filter {
            Filter::True => exactly(Rows::All),
            Filter::And(parts) => {
                let (rows, exact) = self.parts(parts);
                // A part that narrows nothing only costs time.
                let rows = rows.into_iter().filter(|rows| !matches!(rows, Rows::All)).collect();
                Planned { rows: Rows::And(rows), exact }
            }
            Filter::Or(parts) => {
                let (rows, exact) = self.parts(parts);
                if rows.iter().any(|rows| matches!(rows, Rows::All)) {
                    return Planned { rows: Rows::All, exact };
                }
                Planned { rows: Rows::Or(rows), exact }
            }
            Filter::Search(text) => self.words(text.ranges()),
            Filter::Condition(Condition { field, op: Operator::Prefix(text) }) if has_words(field) => {
                Planned { exact: false, ..self.words(word_ranges(text)) }
            }
            Filter::Condition(condition) => {
                self.condition(condition).map_or(Planned { rows: Rows::All, exact: false }, exactly)
            }
        }
    }

    fn parts(&mut self, parts: &[Filter]) -> (Vec<Rows>, bool) {
        let mut exact = true;
        let mut all = Vec::with_capacity(parts.len());
        for part in parts {
            let planned = self.filter(part);
            exact &= planned.exact;
            all.push(planned.rows);
        }
        (all, exact)
    }

    /// The members that have a word in each of these ranges.
    fn words(&mut self, ranges: Vec<TokenRange>) -> Planned {
        let exact = ranges.iter().all(|range| range.is_exact);
        let places = ranges.into_iter().map(|range| {
            let known = self.words.iter().position(|known| *known == range);
            known.unwrap_or_else(|| {
                self.words.push(range);
                self.words.len() - 1
            })
        });
        let mut rows: Vec<Rows> = places.map(Rows::Words).collect();
        match rows.len() {
            0 => Planned { rows: Rows::All, exact: false },
            1 => Planned { rows: rows.remove(0), exact },
            _ => Planned { rows: Rows::And(rows), exact },
        }
    }

    /// The rows that match `condition`, if an index knows them.
    fn condition(&mut self, condition: &Condition) -> Option<Rows> {
        let field = &condition.field;
        match &condition.op {
            Operator::Eq(operand) => self.equal(field, std::slice::from_ref(operand)),
            Operator::In(operands) => self.equal(field, operands),
            Operator::Ne(operand) => self.equal(field, std::slice::from_ref(operand)).map(not),
            Operator::NotIn(operands) => self.equal(field, operands).map(not),
            Operator::Exists(wanted) => {
                self.present(field).map(|rows| if *wanted { rows } else { not(rows) })
            }
            Operator::Gt(_)
            | Operator::Gte(_)
            | Operator::Lt(_)
            | Operator::Lte(_)
            | Operator::Prefix(_)
            | Operator::Regex(_) => None,
        }
    }

    /// The members whose `field` is one of `operands`.
    fn equal(&mut self, field: &Field, operands: &[Operand]) -> Option<Rows> {
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
                self.any_of(SetField::Status, words)
            }
            Field::Tier => self.any_of(SetField::Tier, texts()),
            Field::Attribute(key) => {
                let (field, kind) = self.sets.attribute(key)?;
                // An operand of another type equals no value of this one.
                let stored = operands.iter().filter_map(|operand| operand.stored_as(kind));
                self.any_of(field, stored.filter_map(|value| value.set_name().map(Cow::into_owned)))
            }
            Field::Audience => Some(self.in_any_of(operands)),
            // These texts need no validation: no member has an invalid one.
            Field::Ref => Some(keys(texts().map(|text| MemberKey::Ref(Ref::from_stored(text))))),
            Field::Email => Some(keys(texts().map(|text| MemberKey::Email(Email::from_stored(text))))),
            Field::WorkerId => {
                Some(keys(texts().map(|text| MemberKey::WorkerId(WorkerId::from_stored(text)))))
            }
            _ => None,
        }
    }

    /// The members that have a value in `field`.
    fn present(&mut self, field: &Field) -> Option<Rows> {
        let field = match field {
            Field::Id | Field::Status | Field::CreatedAt | Field::UpdatedAt => return Some(Rows::All),
            Field::Tier => SetField::Tier,
            Field::Attribute(key) => self.sets.attribute(key)?.0,
            _ => return None,
        };
        if let Some(known) = self.presences.get(&field) {
            return Some(Rows::Present(*known));
        }
        let place = self.sources.add_presence(self.sets.of_all_values(field)?);
        self.presences.insert(field, place);
        Some(Rows::Present(place))
    }

    /// The members that are in one of the audiences.
    fn in_any_of(&mut self, audiences: &[Operand]) -> Rows {
        let mut parts = Vec::new();
        for audience in audiences {
            let Operand::Audience(audience) = audience else { continue };
            let (view, sources) = (self.view, &mut self.sources);
            let add = || sources.add_value(view.audience_rows(*audience));
            parts.push(Rows::Set(*self.audiences.entry(*audience).or_insert_with(add)));
        }
        any(parts)
    }

    /// The members that have one of `values` in `field`; `None` if the sets of the field were given up.
    fn any_of(&mut self, field: SetField, values: impl Iterator<Item = String>) -> Option<Rows> {
        let mut parts = Vec::new();
        for value in values {
            let set = self.sets.of_value(field, &value)?;
            // A value that no member has adds nothing.
            if set.is_empty() {
                continue;
            }
            let sources = &mut self.sources;
            let place = *self.values.entry((field, value)).or_insert_with(|| sources.add_value(set));
            parts.push(Rows::Set(place));
        }
        Some(any(parts))
    }
}

/// The rows of any of these parts.
fn any(mut parts: Vec<Rows>) -> Rows {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            parts.extend(last);
            Rows::Or(parts)
        }
    }
}

/// Whether search sets have the words of a field.
fn has_words(field: &Field) -> bool {
    matches!(
        field,
        Field::Ref
            | Field::Email
            | Field::FirstName
            | Field::LastName
            | Field::WorkerId
            | Field::Role
            | Field::Company
    )
}

fn exactly(rows: Rows) -> Planned {
    Planned { rows, exact: true }
}

fn not(rows: Rows) -> Rows {
    Rows::Not(Box::new(rows))
}

fn keys(keys: impl Iterator<Item = MemberKey>) -> Rows {
    Rows::Keys(keys.collect())
}

/// Moves the keys out of the expression, and leaves their number in it.
fn collect_keys(rows: &mut Rows, into: &mut Vec<MemberKey>) {
    match rows {
        Rows::Keys(keys) => {
            let count = keys.len();
            into.append(keys);
            *rows = Rows::Found(count);
        }
        Rows::And(parts) | Rows::Or(parts) => parts.iter_mut().for_each(|part| collect_keys(part, into)),
        Rows::Not(part) => collect_keys(part, into),
        Rows::All | Rows::Set(_) | Rows::Present(_) | Rows::Words(_) | Rows::These(_) | Rows::Found(_) => {}
    }
}

/// Puts the rows that were found in the place of their keys.
fn put_found(rows: &mut Rows, found: &mut impl Iterator<Item = Option<Row>>) {
    match rows {
        Rows::Found(count) => *rows = these(found.take(*count).flatten()),
        Rows::And(parts) | Rows::Or(parts) => parts.iter_mut().for_each(|part| put_found(part, found)),
        Rows::Not(part) => put_found(part, found),
        Rows::All | Rows::Set(_) | Rows::Present(_) | Rows::Words(_) | Rows::These(_) | Rows::Keys(_) => {}
    }
}
