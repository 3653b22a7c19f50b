//! What decides who is in which audience: the filters of all audiences, made for evaluating them together.
//!
//! - Every condition is there once, however many filters have it.
//! - Each field knows the audiences that look at it, so a write evaluates only audiences that look at a field
//!   that it changes.
//! - Conditions that ask whether a text is equal to some others are found by the text, all of a field at
//!   once.
//! - An audience stands after those that it names.

use std::collections::HashMap;
use std::hash::Hasher;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;

use crate::model::filter::{Condition, Field, Filter, Operand, Operator};
use crate::model::{Audience, AudienceFilter, AudienceNumber, Audiences, Fold};
use crate::table::index::audiences::mask::Mask;
use crate::table::index::audiences::scratch::Scratch;

/// The filters of all audiences that are not archived.
#[derive(Debug)]
pub struct World {
    pub(super) audiences: Vec<Ruled>,
    places: HashMap<AudienceNumber, usize, RandomState>,
    pub(super) conditions: Vec<Asked>,
    pub(super) fields: Vec<Looked>,
    pub(super) fold: Fold,
    pub(super) every_field: Mask,
    pub(super) every_audience: Mask,
    /// What an evaluation leaves for the next one: memory, and the states of regular expressions.
    idle: Mutex<Option<Scratch>>,
}

/// An audience.
#[derive(Debug)]
pub(super) struct Ruled {
    pub number: AudienceNumber,
    /// `None` if it matches nobody.
    pub rule: Option<Rule>,
    /// The audiences that name it, by their places.
    pub users: Vec<usize>,
}

/// A filter, with places instead of conditions and audiences.
#[derive(Debug)]
pub(super) enum Rule {
    All(Vec<Rule>),
    Any(Vec<Rule>),
    /// A condition holds, or does not hold if `negated`.
    Asks {
        condition: usize,
        negated: bool,
    },
    /// The member is in one of these audiences, or in none of them if `negated`.
    IsIn {
        places: Vec<usize>,
        negated: bool,
    },
}

/// A condition.
#[derive(Debug)]
pub(super) struct Asked {
    pub condition: Condition,
    /// The place of its field.
    pub field: usize,
    /// Whether it is found by the text of its field.
    pub by_text: bool,
}

/// A field that audiences look at.
#[derive(Debug)]
pub(super) struct Looked {
    pub field: Field,
    /// The audiences that look at it themselves.
    pub users: Mask,
    /// The conditions that are found by its text.
    pub by_text: Mask,
    /// The conditions that hold for a text.
    pub texts: HashMap<Box<str>, Vec<usize>, RandomState>,
}

impl World {
    /// The world of these audiences, each with the filter that `filter` returns for it.
    pub fn new<'a>(
        audiences: &'a Audiences,
        fold: Fold,
        filter: impl Fn(&'a Audience) -> &'a AudienceFilter,
    ) -> Self {
        let order: Vec<_> =
            audiences.in_order().into_iter().filter(|audience| !audience.is_archived()).collect();
        let places = order.iter().enumerate().map(|(place, audience)| (audience.number, place)).collect();
        let mut making = Making { places, ..Making::default() };
        let mut ruled: Vec<Ruled> = Vec::with_capacity(order.len());
        for (place, audience) in order.iter().enumerate() {
            making.place = place;
            making.named.clear();
            let rule = filter(audience).filter().map(|filter| making.rule(filter));
            for named in making.named.drain(..) {
                let users = ruled.get_mut(named).map(|named: &mut Ruled| &mut named.users);
                users
                    .into_iter()
                    .filter(|users| users.last() != Some(&place))
                    .for_each(|users| users.push(place));
            }
            ruled.push(Ruled { number: audience.number, rule, users: Vec::new() });
        }
        let Making { places, conditions, fields, looks, .. } = making;
        let mut fields: Vec<Looked> = fields
            .into_iter()
            .map(|field| Looked {
                field,
                users: Mask::none(ruled.len()),
                by_text: Mask::none(conditions.len()),
                texts: HashMap::default(),
            })
            .collect();
        for (field, place) in looks {
            if let Some(field) = fields.get_mut(field) {
                field.users.set(place);
            }
        }
        for (place, asked) in conditions.iter().enumerate().filter(|(_, asked)| asked.by_text) {
            let Some(field) = fields.get_mut(asked.field) else { continue };
            field.by_text.set(place);
            for text in texts_of(&asked.condition.op).into_iter().flatten() {
                field.texts.entry(text.into()).or_default().push(place);
            }
        }
        let (every_field, every_audience) = (Mask::all(fields.len()), Mask::all(ruled.len()));
        let idle = Mutex::new(None);
        Self { audiences: ruled, places, conditions, fields, fold, every_field, every_audience, idle }
    }

    /// Whether it has no audience.
    pub fn is_empty(&self) -> bool {
        self.audiences.is_empty()
    }

    /// A mask of these audiences.
    pub fn mask(&self, numbers: impl IntoIterator<Item = AudienceNumber>) -> Mask {
        let mut mask = Mask::none(self.audiences.len());
        numbers.into_iter().filter_map(|number| self.places.get(&number)).for_each(|place| mask.set(*place));
        mask
    }

    /// A mask of all audiences.
    pub fn everyone(&self) -> &Mask {
        &self.every_audience
    }

    pub(super) fn take_scratch(&self) -> Scratch {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        idle.unwrap_or_else(|| Scratch::new(self.conditions.len(), self.audiences.len(), self.fields.len()))
    }

    pub(super) fn put_scratch(&self, scratch: Scratch) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(scratch);
    }
}

/// A world in the making.
#[derive(Default)]
struct Making {
    places: HashMap<AudienceNumber, usize, RandomState>,
    conditions: Vec<Asked>,
    known: HashMap<Vec<u8>, usize, RandomState>,
    fields: Vec<Field>,
    /// Fields with the audiences that look at them.
    looks: Vec<(usize, usize)>,
    /// The place of the current audience.
    place: usize,
    /// The audiences that it names.
    named: Vec<usize>,
}

impl Making {
    fn rule(&mut self, filter: &Filter) -> Rule {
        match filter {
            Filter::True => Rule::All(Vec::new()),
            // No audience has a search; it would match nobody.
            Filter::Search(_) => Rule::Any(Vec::new()),
            Filter::And(parts) => Rule::All(parts.iter().map(|part| self.rule(part)).collect()),
            Filter::Or(parts) => Rule::Any(parts.iter().map(|part| self.rule(part)).collect()),
            Filter::Condition(condition) if condition.field == Field::Audience => self.is_in(&condition.op),
            Filter::Condition(condition) => self.asks(condition),
        }
    }

    fn is_in(&mut self, op: &Operator) -> Rule {
        let (operands, negated) = match op {
            Operator::Eq(operand) => (std::slice::from_ref(operand), false),
            Operator::Ne(operand) => (std::slice::from_ref(operand), true),
            Operator::In(operands) => (operands.as_slice(), false),
            Operator::NotIn(operands) => (operands.as_slice(), true),
            // Parsing lets no other operators through.
            _ => (&[][..], false),
        };
        let mut places = Vec::with_capacity(operands.len());
        for operand in operands {
            let Operand::Audience(number) = operand else { continue };
            places.extend(self.places.get(number).copied());
        }
        self.named.extend(&places);
        Rule::IsIn { places, negated }
    }

    fn asks(&mut self, condition: &Condition) -> Rule {
        let (condition, negated) = positive(condition);
        let mut bytes = Bytes::default();
        Filter::Condition(condition.clone()).digest(&mut bytes);
        let field = self.field(&condition.field);
        if self.looks.last() != Some(&(field, self.place)) {
            self.looks.push((field, self.place));
        }
        let next = self.conditions.len();
        let place = *self.known.entry(bytes.0).or_insert(next);
        if place == next {
            let by_text = texts_of(&condition.op).is_some();
            self.conditions.push(Asked { condition, field, by_text });
        }
        Rule::Asks { condition: place, negated }
    }

    fn field(&mut self, field: &Field) -> usize {
        match self.fields.iter().position(|known| known == field) {
            Some(place) => place,
            None => {
                self.fields.push(field.clone());
                self.fields.len() - 1
            }
        }
    }
}

/// The condition without a negation, and whether it was negated.
fn positive(condition: &Condition) -> (Condition, bool) {
    let (op, negated) = match &condition.op {
        Operator::Ne(operand) => (Operator::Eq(operand.clone()), true),
        Operator::NotIn(operands) => (Operator::In(operands.clone()), true),
        Operator::Exists(false) => (Operator::Exists(true), true),
        op => (op.clone(), false),
    };
    (Condition { field: condition.field.clone(), op }, negated)
}

/// The texts of which one must be equal; `None` for other conditions.
fn texts_of(op: &Operator) -> Option<Vec<&str>> {
    let operands = match op {
        Operator::Eq(operand) => std::slice::from_ref(operand),
        Operator::In(operands) => operands,
        _ => return None,
    };
    fn text(operand: &Operand) -> Option<&str> {
        match operand {
            Operand::Text(text) => Some(text),
            _ => None,
        }
    }
    operands.iter().map(text).collect()
}

/// A "hasher" that keeps what is written to it.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}
