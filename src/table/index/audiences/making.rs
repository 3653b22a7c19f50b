//! Makes rules of filters.

use std::collections::HashMap;
use std::hash::Hasher;

use foldhash::fast::RandomState;

use crate::model::AudienceNumber;
use crate::model::filter::{Condition, Field, Filter, Operand, Operator};
use crate::table::index::audiences::asked::{Asked, How};
use crate::table::index::audiences::rule::Rule;

/// A world in the making. Every condition and every field is there once.
#[derive(Default)]
pub(super) struct Making {
    /// The places of audiences.
    pub places: HashMap<AudienceNumber, usize, RandomState>,
    pub conditions: Vec<Asked>,
    pub fields: Vec<Field>,
    known: HashMap<Vec<u8>, usize, RandomState>,
    /// The place of the current audience.
    place: usize,
    /// The audiences that it names.
    named: Vec<usize>,
}

impl Making {
    /// A world without conditions, of audiences at these places.
    pub fn new(places: HashMap<AudienceNumber, usize, RandomState>) -> Self {
        Self { places, ..Self::default() }
    }

    /// The rule of the audience at `place`, `None` if it matches nobody, and the places of the audiences that
    /// it names.
    pub fn audience(&mut self, place: usize, filter: Option<&Filter>) -> (Option<Rule>, Vec<usize>) {
        self.place = place;
        let rule = filter.map(|filter| self.rule(filter));
        (rule, std::mem::take(&mut self.named))
    }

    fn rule(&mut self, filter: &Filter) -> Rule {
        match filter {
            Filter::True => Rule::All(Vec::new()),
            // No audience has a search; it would match nobody.
            Filter::Search(_) => Rule::Any(Vec::new()),
            Filter::And(parts) => Rule::All(self.parts(parts)),
            Filter::Or(parts) => Rule::Any(self.parts(parts)),
            Filter::Condition(condition) if condition.field == Field::Audience => self.is_in(&condition.op),
            Filter::Condition(condition) => self.asks(condition),
        }
    }

    /// The parts, those last that take the longest.
    fn parts(&mut self, parts: &[Filter]) -> Vec<Rule> {
        let mut parts: Vec<&Filter> = parts.iter().collect();
        parts.sort_by_key(|part| part.regexes());
        parts.into_iter().map(|part| self.rule(part)).collect()
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
        let next = self.conditions.len();
        let place = *self.known.entry(bytes.0).or_insert(next);
        if place == next {
            let how = How::of(&condition);
            self.conditions.push(Asked { condition, field, how, users: Vec::new(), keyed: Vec::new() });
        }
        let users = self.conditions.get_mut(place).map(|asked| &mut asked.users);
        let users = users.into_iter().filter(|users| users.last() != Some(&self.place));
        users.for_each(|users| users.push(self.place));
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
