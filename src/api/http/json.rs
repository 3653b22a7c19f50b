//! JSON in: strict, and every fault with its path and without its value.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::error::Category;
use serde_path_to_error::Track;

use crate::model::{Change, Reason, Refusal};

/// What is wrong with a field that stands twice in its object.
pub const TWICE: &str = "is given twice";

/// The value that the object in `bytes` is.
pub fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Refusal> {
    parse_with(bytes, std::marker::PhantomData::<Object<T>>).map(|object| object.0)
}

/// The value that `seed` makes of `bytes`.
pub fn parse_with<'a, S: DeserializeSeed<'a>>(bytes: &'a [u8], seed: S) -> Result<S::Value, Refusal> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let mut track = Track::new();
    let parsed = seed.deserialize(serde_path_to_error::Deserializer::new(&mut json, &mut track));
    match parsed {
        Ok(value) => match json.end() {
            Ok(()) => Ok(value),
            Err(fault) => Err(refuse(String::new(), &fault)),
        },
        Err(fault) => Err(refuse(track.path().to_string(), &fault)),
    }
}

/// serde tells faults of type apart by text alone. What it shows of a value is cut out: it may be personal.
fn refuse(path: String, fault: &serde_json::Error) -> Refusal {
    let path = known(&path);
    let place = format!("line {}, column {}", fault.line(), fault.column());
    match fault.classify() {
        Category::Eof if (fault.line(), fault.column()) == (1, 0) => {
            Refusal::field(Reason::MessageMalformed, path, "is empty; it has to be JSON")
        }
        Category::Syntax | Category::Eof | Category::Io => {
            let text = fault.to_string();
            let what = if text.contains("recursion limit") {
                "is nested too deep"
            } else if text.contains("number out of range") {
                "has a number that is out of range"
            } else if text.contains("unicode") || text.contains("surrogate") {
                "has a string that is not valid UTF-8"
            } else {
                "is not JSON"
            };
            Refusal::field(Reason::MessageMalformed, path, format!("{what} ({place})"))
        }
        Category::Data => data(path, &fault.to_string()),
    }
}

/// The part of a path that has names: what cannot be read has none, and shows as `?`.
fn known(path: &str) -> String {
    let names = path.split('.').take_while(|name| !name.is_empty() && *name != "?");
    names.collect::<Vec<_>>().join(".")
}

fn data(path: String, text: &str) -> Refusal {
    let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
    if let Some(name) = named(text, "missing field `") {
        return Refusal::field(Reason::FieldRequired, under(&path, name), "is required");
    }
    if let Some(name) = named(text, "unknown field `") {
        return Refusal::field(Reason::UnknownField, under(&path, name), "is not a field of this call");
    }
    if let Some(name) = named(text, "duplicate field `") {
        return Refusal::field(Reason::FieldInvalid, under(&path, name), TWICE);
    }
    let description = match text.rsplit_once(", expected ") {
        Some((what, expected)) => match what.strip_prefix("invalid type: ").and_then(sent) {
            Some(sent) => format!("must be {}, not {sent}", wanted(expected)),
            None => format!("must be {}", wanted(expected)),
        },
        None => text.to_owned(),
    };
    Refusal::field(Reason::FieldInvalid, path, description)
}

/// What serde says that it found, without the value, in the words of JSON.
fn sent(what: &str) -> Option<&'static str> {
    let words = [
        ("null", "null"),
        ("boolean", "a boolean"),
        ("integer", "a number"),
        ("floating point", "a number"),
        ("string", "a string"),
        ("sequence", "an array"),
        ("map", "an object"),
    ];
    words.into_iter().find(|(word, _)| what.starts_with(word)).map(|(_, sent)| sent)
}

/// What serde says that it wanted, in the words of JSON.
fn wanted(what: &str) -> &str {
    match what {
        "a boolean" => "true or false",
        "a sequence" => "an array",
        "a map" => "an object",
        "u8" | "u16" | "u32" | "u64" | "i64" | "usize" => "a whole number",
        other => other,
    }
}

fn named<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.split('`').next()
}

/// `name` under `path`, unless the path ends with it already.
fn under(path: &str, name: &str) -> String {
    let ends = path.strip_suffix(name).is_some_and(|head| head.is_empty() || head.ends_with('.'));
    if path.is_empty() {
        name.to_owned()
    } else if ends {
        path.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// A field that may be absent, `null`, or have a value.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Given<T> {
    /// It is not there.
    #[default]
    Absent,
    /// It is `null`.
    Null,
    /// It is there.
    Value(T),
}

impl<T> Given<T> {
    /// The same with another value.
    pub fn map<U>(self, other: impl FnOnce(T) -> U) -> Given<U> {
        match self {
            Self::Absent => Given::Absent,
            Self::Null => Given::Null,
            Self::Value(value) => Given::Value(other(value)),
        }
    }
}

/// What is absent stays as it is; `null` clears.
impl<T> From<Given<T>> for Change<T> {
    fn from(given: Given<T>) -> Self {
        match given {
            Given::Absent => Self::Keep,
            Given::Null => Self::Clear,
            Given::Value(value) => Self::Set(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

/// A structure that is written as an object. serde alone would take an array of its values just as well.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<T: JsonSchema> JsonSchema for Object<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Fields(std::marker::PhantomData))
    }
}

/// A key of an object.
pub type Name<'a> = Cow<'a, str>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::http::tree::Tree;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only whether it parses matters")]
    struct Outer {
        name: String,
        #[serde(default)]
        parts: Vec<Object<Inner>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only whether it parses matters")]
    struct Inner {
        count: u32,
    }

    fn fault(text: &str) -> (Reason, String, String) {
        let refusal = parse::<Outer>(text.as_bytes()).unwrap_err();
        let first = refusal.violations.into_iter().next().unwrap();
        (refusal.reason, first.field, first.description)
    }

    #[test]
    fn a_body_without_anything_is_called_empty() {
        assert_eq!(fault("").2, "is empty; it has to be JSON");
        assert_eq!(fault("  ").2, "is not JSON (line 1, column 2)");
    }

    #[test]
    fn every_fault_names_its_field() {
        let cases = [
            (r#"{}"#, Reason::FieldRequired, "name"),
            (r#"{"name": 5}"#, Reason::FieldInvalid, "name"),
            (r#"{"name": null}"#, Reason::FieldInvalid, "name"),
            (r#"{"name": "a", "colour": 1}"#, Reason::UnknownField, "colour"),
            (r#"{"name": "a", "name": "b"}"#, Reason::FieldInvalid, "name"),
            (
                r#"{"name": "a", "parts": [{"count": 1}, {"count": "x"}]}"#,
                Reason::FieldInvalid,
                "parts[1].count",
            ),
            (r#"{"name": "a", "parts": [{}]}"#, Reason::FieldRequired, "parts[0].count"),
            (r#"{"name": "a", "parts": [{"count": 1, "size": 2}]}"#, Reason::UnknownField, "parts[0].size"),
            (r#"{"name": "a", "parts": [{"count": 1, "count": 2}]}"#, Reason::FieldInvalid, "parts[0].count"),
            (r#"{"name": "a", "parts": [{"count": 1e400}]}"#, Reason::MessageMalformed, "parts[0].count"),
            (r#"["a"]"#, Reason::FieldInvalid, ""),
            (r#"{"name": "a", "parts": [[1]]}"#, Reason::FieldInvalid, "parts[0]"),
            (r#""#, Reason::MessageMalformed, ""),
            (r#"{"name": "a"} x"#, Reason::MessageMalformed, ""),
            (r#"{"name": "\ud800"}"#, Reason::MessageMalformed, "name"),
        ];
        for (text, reason, field) in cases {
            let (found, path, _) = fault(text);
            assert_eq!((found, path.as_str()), (reason, field), "{text}");
        }
    }

    #[test]
    fn every_message_begins_with_words() {
        for text in
            ["", "nul", "{", "[]", "5", r#"{"name": "a"} x"#, "{5: 1}", r#"{"name": "a", 5: 1}"#, "{]"]
        {
            let message = parse::<Outer>(text.as_bytes()).unwrap_err().message();
            assert!(message.starts_with("the body "), "{text}: {message}");
        }
        let message =
            parse::<Outer>(br#"{"name": "a", "parts": [{"count": 1, 5: 2}]}"#).unwrap_err().message();
        assert!(message.starts_with("parts[0]"), "{message}");
    }

    #[test]
    fn no_fault_shows_a_value() {
        for text in [r#"{"name": "a", "parts": "secret"}"#, r#"{"name": ["secret"]}"#] {
            let (_, _, description) = fault(text);
            assert!(!description.contains("secret"), "{description}");
        }
    }

    #[test]
    fn deep_nesting_and_bytes_that_are_no_text_are_refused() {
        let deep = "[".repeat(100_000);
        assert!(
            parse_with(deep.as_bytes(), std::marker::PhantomData::<Tree>)
                .unwrap_err()
                .message()
                .contains("nested too deep")
        );
        let bytes = b"{\"name\": \"\xff\xfe\"}";
        assert!(parse::<Outer>(bytes).unwrap_err().message().contains("UTF-8"));
    }
}
