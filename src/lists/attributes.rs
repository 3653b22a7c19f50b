//! The attributes of a row.

use serde_json::Value;

use crate::model::{AttributeValue, RawAttribute, Reason, Rule};

/// The attributes that a row names. As an iterator they are changes, as [`crate::model::RawRow`] takes them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowAttributes {
    /// Whether the list has all attributes together, in a column or key `attributes`. Then a row also says
    /// which attributes its member does not have.
    pub is_whole: bool,
    /// The keys, each with its value. `None` is an empty cell of a column for this attribute alone; a null
    /// that the row writes out is a value.
    pub values: Vec<(String, Option<Value>)>,
}

impl IntoIterator for RowAttributes {
    type Item = RawAttribute;
    type IntoIter = std::iter::Map<
        std::vec::IntoIter<(String, Option<Value>)>,
        fn((String, Option<Value>)) -> RawAttribute,
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.values.into_iter().map(|(key, value)| (key, value.and_then(value_of)))
    }
}

/// The value of an attribute; `None` for null, which clears it.
fn value_of(value: Value) -> Option<Result<AttributeValue, Rule>> {
    let refused =
        || Rule::must_be(Reason::AttributeInvalid, "a string, a number, a boolean or an array of strings");
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => Ok(AttributeValue::bool(value)),
        Value::Number(number) => number.as_f64().ok_or_else(refused).and_then(AttributeValue::number),
        Value::String(text) => AttributeValue::text(text),
        Value::Array(items) => {
            let items = items.into_iter().map(|item| match item {
                Value::String(text) => Ok(text),
                _ => Err(refused()),
            });
            items.collect::<Result<_, _>>().and_then(AttributeValue::list)
        }
        Value::Object(_) => Err(refused()),
    })
}
