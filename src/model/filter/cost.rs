//! What a filter looks at, and the most that it can take for one member.

use std::collections::BTreeSet;

use crate::model::filter::effort::CONDITION;
use crate::model::filter::{Condition, Field, Filter, Operand, Operator};
use crate::model::id::AudienceNumber;

impl Filter {
    /// The fields whose values it looks at.
    pub fn fields(&self) -> BTreeSet<&Field> {
        let mut fields = BTreeSet::new();
        self.each(&mut |condition| {
            fields.insert(&condition.field);
        });
        fields
    }

    /// The audiences that it names.
    pub fn audiences(&self) -> BTreeSet<AudienceNumber> {
        let mut audiences = BTreeSet::new();
        let mut add = |operand: &Operand| {
            if let Operand::Audience(audience) = operand {
                audiences.insert(*audience);
            }
        };
        self.each(&mut |condition| match &condition.op {
            Operator::Eq(operand) | Operator::Ne(operand) => add(operand),
            Operator::In(operands) | Operator::NotIn(operands) => operands.iter().for_each(&mut add),
            Operator::Gt(_)
            | Operator::Gte(_)
            | Operator::Lt(_)
            | Operator::Lte(_)
            | Operator::Exists(_)
            | Operator::Prefix(_)
            | Operator::Regex(_) => {}
        });
        audiences
    }

    fn each<'a>(&'a self, visit: &mut impl FnMut(&'a Condition)) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.each(visit)),
            Self::Condition(condition) => visit(condition),
            Self::Search(_) | Self::True => {}
        }
    }
}

impl Condition {
    /// The most steps that it can take for one member, as [`Effort`](super::Effort) counts them.
    pub fn worst_steps(&self) -> u64 {
        match &self.op {
            Operator::Regex(pattern) => {
                pattern.weight().saturating_mul(self.field.text_max_bytes()).saturating_add(CONDITION)
            }
            Operator::Eq(_)
            | Operator::Ne(_)
            | Operator::In(_)
            | Operator::NotIn(_)
            | Operator::Gt(_)
            | Operator::Gte(_)
            | Operator::Lt(_)
            | Operator::Lte(_)
            | Operator::Exists(_)
            | Operator::Prefix(_) => CONDITION,
        }
    }
}
