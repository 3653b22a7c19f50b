//! Any JSON, as it was sent. Objects keep every name in its place, even a name that occurs twice, so that
//! faults can be reported. [`serde_json::Value`] would keep only the last.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// Any JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// `null`
    Null,
    /// A boolean.
    Bool(bool),
    /// A number; integers are exact.
    Number(Number),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// An object.
    Object(Entries),
}

/// The fields of an object, in the order of the text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entries(pub Vec<(String, Tree)>);

/// The double nearest to a number; exact under 2^53.
pub fn double(number: &Number) -> f64 {
    // A number is a 64-bit integer or a double.
    number.as_f64().unwrap_or(f64::NAN)
}

struct Reader;

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        // JSON cannot express NaN.
        Ok(Number::from_f64(value).map_or(Tree::Null, Tree::Number))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Tree::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Tree, A::Error> {
        entries(map).map(Tree::Object)
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entries, A::Error> {
                entries(map)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

fn entries<'de, A: MapAccess<'de>>(mut map: A) -> Result<Entries, A::Error> {
    let mut entries = Vec::new();
    while let Some(entry) = map.next_entry()? {
        entries.push(entry);
    }
    Ok(Entries(entries))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::api::http::json::parse_with;

    fn parse(text: &str) -> Tree {
        parse_with(text.as_bytes(), std::marker::PhantomData::<Tree>).unwrap()
    }

    #[test]
    fn names_that_stand_twice_are_kept_in_their_places() {
        let Tree::Object(Entries(fields)) = parse(r#"{"b": 1, "a": {"c": [null, true]}, "b": "x"}"#) else {
            panic!()
        };
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["b", "a", "b"]);
        let inner = Entries(vec![("c".to_owned(), Tree::List(vec![Tree::Null, Tree::Bool(true)]))]);
        assert_eq!((&fields[1].1, &fields[2].1), (&Tree::Object(inner), &Tree::Text("x".to_owned())));
    }

    proptest! {
        #[test]
        fn a_double_that_was_printed_is_read_as_it_was(number in any::<f64>().prop_filter("JSON has it", |n| n.is_finite())) {
            let Tree::Number(parsed) = parse(&format!("{number:?}")) else { panic!() };
            prop_assert_eq!(double(&parsed).to_bits(), number.to_bits());
        }
    }

    #[test]
    fn integers_are_exact_and_doubles_the_nearest() {
        for (text, number) in
            [("9007199254740993", "9007199254740993"), ("-7", "-7"), ("1e3", "1000.0"), ("0.1", "0.1")]
        {
            let Tree::Number(parsed) = parse(text) else { panic!() };
            assert_eq!(parsed.to_string(), number);
        }
    }
}
