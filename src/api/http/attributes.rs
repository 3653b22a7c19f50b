//! Attributes as JSON: how they are sent, and how they are shown.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::json::Name;
use super::tree::{Tree, double};
use crate::model::faulty_json::twice;
use crate::model::{AttributeValue, Attributes, RawAttribute, Reason, Rule};

/// An object of attributes as sent: every key once; `null` clears the attribute.
#[derive(Debug, Default)]
pub struct Sent(Vec<(String, Tree)>);

impl Sent {
    /// Whether it has this key.
    pub fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(sent, _)| sent == key)
    }

    /// The attributes, for the parser of rows.
    pub fn raw(self) -> impl Iterator<Item = RawAttribute> {
        self.0.into_iter().map(|(key, value)| match value {
            Tree::Null => (key, None),
            value => (key, Some(attribute(value))),
        })
    }
}

impl<'de> Deserialize<'de> for Sent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Sent;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sent, A::Error> {
                let mut seen = BTreeSet::new();
                let mut entries = Vec::new();
                while let Some((key, value)) = map.next_entry::<Name<'de>, Tree>()? {
                    if !seen.insert(key.clone()) {
                        return Err(twice(&key));
                    }
                    entries.push((key.into_owned(), value));
                }
                Ok(Sent(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// The value of an attribute.
pub fn attribute(value: Tree) -> Result<AttributeValue, Rule> {
    let refused =
        || Rule::must_be(Reason::AttributeInvalid, "a string, a number, a boolean or an array of strings");
    match value {
        Tree::Text(text) => AttributeValue::text(text),
        Tree::Number(number) => AttributeValue::number(double(&number)),
        Tree::Bool(value) => Ok(AttributeValue::bool(value)),
        Tree::List(items) => {
            let items = items.into_iter().map(|item| match item {
                Tree::Text(text) => Ok(text),
                _ => Err(refused()),
            });
            AttributeValue::list(items.collect::<Result<_, _>>()?)
        }
        Tree::Null | Tree::Object(_) => Err(refused()),
    }
}

/// Writes attributes as an object.
pub fn attributes<S: Serializer>(attributes: &Attributes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(attributes.iter().map(|(key, value)| (key, Shown(value))))
}

/// The value of an attribute as it is shown; whole numbers are written without a fraction.
pub struct Shown<'a>(pub &'a AttributeValue);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            AttributeValue::Text(text) => serializer.serialize_str(text),
            AttributeValue::Bool(value) => serializer.serialize_bool(*value),
            AttributeValue::List(items) => serializer.collect_seq(items),
            AttributeValue::Date(at) => serializer.collect_str(at),
            AttributeValue::Number(number) => match whole(*number) {
                Some(whole) => serializer.serialize_i64(whole),
                None => serializer.serialize_f64(*number),
            },
        }
    }
}

/// A stored number as an integer, if it is whole. All stored numbers are under 2^53.
fn whole(number: f64) -> Option<i64> {
    if number.fract() == 0.0 { format!("{number:.0}").parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_no_fraction() {
        let json = |number| serde_json::to_string(&Shown(&AttributeValue::number(number).unwrap())).unwrap();
        assert_eq!(json(5.0), "5");
        assert_eq!(json(-9_007_199_254_740_991.0), "-9007199254740991");
        assert_eq!(json(0.1), "0.1");
        assert_eq!(json(-0.0), "0");
    }
}
