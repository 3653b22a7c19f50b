//! Why JSON cannot be read: the fault as a value, and the path to it.
//!
//! serde reports faults of types as English text. [`read`] reads JSON that has a fault a second time, through a
//! deserializer whose errors are [`Fault`]s: visitors say what they reject by the functions of [`de::Error`], and the
//! deserializer says what it was asked for. Nobody reads a text of serde or serde_json. JSON without a fault is read once,
//! and nothing follows its path.
//!
//! - The sent value is not in a fault: it may be personal.
//! - A visitor that wants something of its own, such as an array of objects, calls `deserialize_any`; then its own words say
//!   what it wants.

mod typed;

use std::fmt::{self, Display};

use serde::de::{self, DeserializeSeed, Expected, Unexpected};
use serde_json::de::{Deserializer, Read};
use serde_path_to_error::{Path, Track};

use self::typed::{Slot, Typed};

/// A kind of JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    Text,
    /// An array.
    List,
    /// An object.
    Object,
}

/// What is wrong.
#[derive(Debug)]
pub enum Fault {
    /// The object lacks this field.
    Missing(String),
    /// The object has no field of this name.
    Unknown(String),
    /// The object has this field more than once.
    Twice(String),
    /// The value has another kind than it must have.
    Kind {
        /// The kind that it has.
        sent: Option<Kind>,
        /// What it must be.
        wanted: Wanted,
    },
    /// The value has the right kind, and is not acceptable.
    Value {
        /// The kind that it has.
        sent: Option<Kind>,
        /// What it must be.
        wanted: Wanted,
    },
    /// What a visitor says in its own words.
    Other(String),
    /// The text is not JSON, or has what serde_json cannot hold.
    Syntax,
}

/// What a value must be, in words that follow "must be".
#[derive(Debug)]
pub enum Wanted {
    /// What the deserializer was asked for.
    Asked(&'static str),
    /// In the words of a visitor.
    Words(String),
}

/// A fault, and the path to it.
#[derive(Debug)]
pub struct Faulty {
    /// Where.
    pub path: Path,
    /// What.
    pub fault: Fault,
    /// The error of serde_json, which has the place in the text.
    pub error: serde_json::Error,
}

/// The value that `seed` makes of all the JSON that `open` opens.
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
            // Something follows the value.
            Ok(_) => Box::new(Faulty { path: Track::new().path(), fault: Fault::Syntax, error }),
        }
    })
}

/// What begins the text of an error that [`twice`] makes.
const TWICE: &str = "given twice: ";

/// The error of a visitor that finds a key for the second time, where keys are not known beforehand.
pub fn twice<E: de::Error>(key: &str) -> E {
    E::custom(format_args!("{TWICE}{key}"))
}

impl Kind {
    fn of(sent: Unexpected<'_>) -> Option<Self> {
        match sent {
            Unexpected::Unit | Unexpected::Option => Some(Self::Null),
            Unexpected::Bool(_) => Some(Self::Bool),
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => Some(Self::Number),
            Unexpected::Str(_) | Unexpected::Char(_) => Some(Self::Text),
            Unexpected::Seq => Some(Self::List),
            Unexpected::Map => Some(Self::Object),
            _ => None,
        }
    }
}

impl Fault {
    /// The fault of a value that the deserializer was asked for as `asked`.
    fn of_asked(self, asked: Option<&'static str>) -> Self {
        match (self, asked) {
            (Self::Kind { sent, wanted: Wanted::Words(_) }, Some(asked)) => {
                Self::Kind { sent, wanted: Wanted::Asked(asked) }
            }
            (Self::Value { sent, wanted: Wanted::Words(_) }, Some(asked)) => {
                Self::Value { sent, wanted: Wanted::Asked(asked) }
            }
            (fault, _) => fault,
        }
    }
}

impl Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked(words) => words,
            Self::Words(words) => words,
        })
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(text: T) -> Self {
        let text = text.to_string();
        match text.strip_prefix(TWICE) {
            Some(key) => Self::Twice(key.to_owned()),
            None => Self::Other(text),
        }
    }

    fn invalid_type(sent: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::Kind { sent: Kind::of(sent), wanted: Wanted::Words(wanted.to_string()) }
    }

    fn invalid_value(sent: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::Value { sent: Kind::of(sent), wanted: Wanted::Words(wanted.to_string()) }
    }

    fn invalid_length(_: usize, wanted: &dyn Expected) -> Self {
        Self::Value { sent: None, wanted: Wanted::Words(wanted.to_string()) }
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::Unknown(field.to_owned())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field.to_owned())
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Twice(field.to_owned())
    }
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

    #[test]
    fn a_key_that_a_visitor_finds_twice_is_a_fault_of_its_own() {
        let fault: Fault = twice("a`b");
        assert!(matches!(fault, Fault::Twice(key) if key == "a`b"));
    }
}
