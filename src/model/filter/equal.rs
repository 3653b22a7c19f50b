//! Which stored value an operand equals: the one notion of equality for evaluation and for narrowing by
//! index.
//!
//! A condition on an attribute is decided in two ways: by comparing the stored value ([`Operand::compare`]),
//! and, if the attribute is indexed, by the set of the value that the operand equals
//! ([`Operand::stored_as`]). **Both are the same relation**: an operand equals a value of a type exactly if
//! the operand is stored as that value in that type. A test compares every kind of operand with every kind of
//! value.

use crate::model::attributes::attribute::AttributeValue;
use crate::model::attributes::schema::AttributeType;
use crate::model::filter::Operand;

impl Operand {
    /// The value of an attribute of type `kind` that equals this operand. `None` if there is no such value,
    /// and for lists: many lists equal an operand, since one equal string is enough.
    pub fn stored_as(&self, kind: AttributeType) -> Option<AttributeValue> {
        match (kind, self) {
            (AttributeType::String, Self::Text(text) | Self::Moment(text, _)) => {
                Some(AttributeValue::Text(text.clone()))
            }
            (AttributeType::Number, Self::Number(number)) => Some(AttributeValue::Number(*number)),
            (AttributeType::Boolean, Self::Bool(value)) => Some(AttributeValue::Bool(*value)),
            // A text that may be a date is a pair as a single operand; a list of operands holds both instead.
            (AttributeType::Date, Self::Instant(at) | Self::Moment(_, at)) => Some(AttributeValue::Date(*at)),
            (
                AttributeType::String
                | AttributeType::Number
                | AttributeType::Boolean
                | AttributeType::Date
                | AttributeType::Array,
                _,
            ) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::cmp::Ordering;

    use super::*;
    use crate::model::filter::Value;
    use crate::model::value::time::Timestamp;

    #[test]
    fn an_operand_equals_a_value_exactly_if_it_is_stored_as_it() {
        let at = Timestamp::parse("2026-02-03T00:00:00Z").unwrap();
        let texts = ["", "a", "true", "1", "2026-02-03"];
        let numbers = [0.0, -0.0, 1.0, 0.5, -9_007_199_254_740_991.0];
        let instants = [at, Timestamp::from_micros(0)];
        let mut operands = vec![Operand::Bool(true), Operand::Bool(false)];
        operands.extend(texts.map(|text| Operand::Text(text.to_owned())));
        operands.extend(numbers.map(Operand::Number));
        operands.extend(instants.map(Operand::Instant));
        operands.push(Operand::Moment("2026-02-03".to_owned(), at));
        let mut values = vec![AttributeValue::Bool(true), AttributeValue::Bool(false)];
        values.extend(texts.map(|text| AttributeValue::Text(text.to_owned())));
        values.extend(numbers.map(AttributeValue::Number));
        values.extend(instants.map(AttributeValue::Date));
        for operand in &operands {
            for value in &values {
                let (kind, shown) = match value {
                    AttributeValue::Text(text) => (AttributeType::String, Value::Text(Cow::Borrowed(text))),
                    AttributeValue::Number(number) => (AttributeType::Number, Value::Number(*number)),
                    AttributeValue::Bool(value) => (AttributeType::Boolean, Value::Bool(*value)),
                    AttributeValue::Date(at) => (AttributeType::Date, Value::Instant(*at)),
                    AttributeValue::List(_) => unreachable!("none stands above"),
                };
                let is_equal = operand.compare(&shown) == Some(Ordering::Equal);
                assert_eq!(
                    operand.stored_as(kind).as_ref() == Some(value),
                    is_equal,
                    "{operand:?} {shown:?}"
                );
            }
            assert_eq!(operand.stored_as(AttributeType::Array), None);
        }
    }
}
