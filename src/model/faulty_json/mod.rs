//! Why JSON cannot be read: the fault as a value, and the path to it.
//!
//! serde reports wrong types as English text. [`read`] reads faulty JSON a second time, through a
//! deserializer whose errors are [`Fault`]s: visitors report what they reject through the functions of
//! [`serde::de::Error`], and the deserializer adds which kind of value the visitor requested. No code parses
//! the texts of serde or serde_json. JSON without a fault is read once, without tracking its path.
//!
//! - A fault never contains the sent value, because that may be personal.
//! - A visitor with a special form, such as an array of objects, calls `deserialize_any`; then its own words
//!   describe what the value must be.

mod fault;
mod typed;

use serde::de::DeserializeSeed;
use serde_json::de::{Deserializer, Read};
use serde_path_to_error::{Path, Track};

pub use self::fault::{Fault, Kind, Wanted, twice};
use self::typed::{Slot, Typed};

/// A fault, and the path to it.
#[derive(Debug)]
pub struct Faulty {
    /// The path to the value.
    pub path: Path,
    /// The fault.
    pub fault: Fault,
    /// The error of serde_json, which has the line and column.
    pub error: serde_json::Error,
}

/// Reads the whole JSON that `open` opens as the value that `seed` makes of it.
pub fn read<'de, R: Read<'de>, S: DeserializeSeed<'de> + Clone>(
    open: impl Fn() -> Deserializer<R>,
    seed: S,
) -> Result<S::Value, Box<Faulty>> {
    let mut json = open();
    let value = seed.clone().deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    value.map_err(|error| {
        let (slot, mut json, mut track) = (Slot::default(), open(), Track::new());
        let typed = Typed::new(&mut json, &slot);
        match seed.deserialize(serde_path_to_error::Deserializer::new(typed, &mut track)) {
            Err(fault) => Box::new(Faulty { path: track.path(), fault, error }),
            // More text follows the value.
            Ok(_) => Box::new(Faulty { path: Track::new().path(), fault: Fault::Syntax, error }),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;

    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Yes,
        No,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Part {
        count: u32,
        is_large: Option<bool>,
        names: Option<Vec<String>>,
        word: Option<Word>,
        any: Option<Value>,
    }

    fn fault(text: &str) -> (String, String) {
        let open = || serde_json::Deserializer::from_str(text);
        let faulty = read(open, PhantomData::<Part>).unwrap_err();
        (faulty.path.to_string(), faulty.fault.to_string())
    }

    #[test]
    fn json_without_a_fault_is_read() {
        let text = r#"{"count": 1, "names": ["a"], "word": "no", "any": {"x": [null]}}"#;
        let part = read(|| serde_json::Deserializer::from_str(text), PhantomData::<Part>).unwrap();
        assert_eq!((part.count, part.word), (1, Some(Word::No)));
    }

    #[test]
    fn a_fault_is_a_value_with_a_path() {
        for (text, path, expected) in [
            (r#"{}"#, ".", r#"Missing("count")"#),
            (r#"{"count": 1, "colour": 2}"#, "colour", r#"Unknown("colour")"#),
            (r#"{"count": 1, "count": 2}"#, ".", r#"Twice("count")"#),
            (r#"{"count": "x"}"#, "count", r#"Kind { sent: Some(Text), wanted: Asked("a whole number") }"#),
            (r#"{"count": -1}"#, "count", r#"Value { sent: Some(Number), wanted: Asked("a whole number") }"#),
            (r#"{"count": null}"#, "count", r#"Kind { sent: Some(Null), wanted: Asked("a whole number") }"#),
            (
                r#"{"count": 1, "is_large": [1]}"#,
                "is_large",
                r#"Kind { sent: Some(List), wanted: Asked("true or false") }"#,
            ),
            (
                r#"{"count": 1, "names": {}}"#,
                "names",
                r#"Kind { sent: Some(Object), wanted: Asked("an array") }"#,
            ),
            (
                r#"{"count": 1, "any": [{}, 5], "names": ["a", 5]}"#,
                "names[1]",
                r#"Kind { sent: Some(Number), wanted: Asked("a string") }"#,
            ),
            (r#"{"count": 1} x"#, ".", "Syntax"),
            (r#"{"count": 1"#, "?", "Syntax"),
            (r#"{"count": 1, "any": [1e400]}"#, "any[0]", "Syntax"),
        ] {
            assert_eq!(fault(text), (path.to_owned(), expected.to_owned()), "{text}");
        }
    }
}
