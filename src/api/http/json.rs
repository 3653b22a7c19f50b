//! Parses JSON strictly, and reports a fault with its path and without the faulty value.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_path_to_error::{Path, Segment};

use crate::model::faulty_json::{self, Fault, Faulty, Kind};
use crate::model::{Change, Reason, Refusal};

/// The fault of a field that its object has twice.
pub const TWICE: &str = "is given twice";

/// Parses the object in `bytes`.
pub fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Refusal> {
    parse_with(bytes, std::marker::PhantomData::<Object<T>>).map(|object| object.0)
}

/// Parses `bytes` with `seed`.
pub fn parse_with<'a, S: DeserializeSeed<'a> + Clone>(bytes: &'a [u8], seed: S) -> Result<S::Value, Refusal> {
    let open = || serde_json::Deserializer::from_slice(bytes);
    faulty_json::read(open, seed).map_err(|faulty| refuse(bytes, *faulty))
}

fn refuse(bytes: &[u8], Faulty { path, fault, error }: Faulty) -> Refusal {
    let path = known(&path);
    match fault {
        Fault::Missing(name) => Refusal::field(Reason::FieldRequired, under(&path, &name), "is required"),
        Fault::Unknown(name) => {
            Refusal::field(Reason::UnknownField, under(&path, &name), "is not a field of this call")
        }
        Fault::Twice(name) => Refusal::field(Reason::FieldInvalid, under(&path, &name), TWICE),
        Fault::Kind { sent: Some(sent), wanted } => {
            let description = format!("must be {wanted}, not {}", in_words(sent));
            Refusal::field(Reason::FieldInvalid, path, description)
        }
        Fault::Kind { sent: None, wanted } | Fault::Value { wanted, .. } => {
            Refusal::field(Reason::FieldInvalid, path, format!("must be {wanted}"))
        }
        Fault::Other(text) => Refusal::field(Reason::FieldInvalid, path, text),
        Fault::Syntax => Refusal::field(Reason::MessageMalformed, path, syntax(bytes, &error)),
    }
}

/// The fault of a text that is not JSON, or that exceeds what the parser supports.
fn syntax(bytes: &[u8], error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    if error.is_eof() && (line, column) == (1, 0) {
        return "is empty; it must be JSON".to_owned();
    }
    let what = if error.is_eof() { "is not JSON" } else { unreadable(up_to(bytes, line, column)) };
    format!("{what} (line {line}, column {column})")
}

/// The bytes up to a place that serde_json names, with its last one.
fn up_to(bytes: &[u8], line: usize, column: usize) -> &[u8] {
    let mut starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let start = line.checked_sub(2).and_then(|nth| starts.nth(nth)).unwrap_or(0);
    bytes.get(..start.saturating_add(column)).unwrap_or(bytes)
}

/// Why the parser rejects the last byte of `read`. The grammar of JSON allows any number, any depth, and any
/// bytes in strings; so where the grammar finds nothing wrong, one of these is too much.
fn unreadable(read: &[u8]) -> &'static str {
    let grammar = serde_json::from_slice::<IgnoredAny>(read);
    if grammar.is_err_and(|error| !error.is_eof()) {
        return "is not JSON";
    }
    let (mut in_string, mut is_escaped) = (false, false);
    for byte in read {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            _ => {}
        }
    }
    match read.last() {
        Some(b'"') => "has a string that is not valid UTF-8",
        _ if in_string => "has a string that is not valid UTF-8",
        Some(b'[' | b'{') => "is nested too deep",
        _ => "has a number that is out of range",
    }
}

/// The part of a path whose names are known: a part that cannot be read has no name.
fn known(path: &Path) -> String {
    let mut known = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => known.push_str(&format!("[{index}]")),
            Segment::Map { key: name } | Segment::Enum { variant: name } if !name.is_empty() => {
                let dot = if known.is_empty() { "" } else { "." };
                known.push_str(&format!("{dot}{name}"));
            }
            Segment::Map { .. } | Segment::Enum { .. } | Segment::Unknown => break,
        }
    }
    known
}

/// The name of a kind of value in JSON.
fn in_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::Bool => "a boolean",
        Kind::Number => "a number",
        Kind::Text => "a string",
        Kind::List => "an array",
        Kind::Object => "an object",
    }
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
    /// It is absent.
    #[default]
    Absent,
    /// It is `null`.
    Null,
    /// It has a value.
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

/// An absent field keeps its value; `null` clears it.
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

/// A structure that must be sent as an object. serde alone would also accept an array of its values.
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
        assert_eq!(fault("").2, "is empty; it must be JSON");
        assert_eq!(fault("  ").2, "is not JSON (line 1, column 2)");
    }

    #[test]
    fn a_text_that_is_not_json_is_distinguished_from_one_with_too_many_values() {
        let part = |value: &str| format!("{{\"name\": \"a\",\n\"parts\": [{{\"count\": {value}}}]}}");
        for (value, what) in [
            ("1e400", "has a number that is out of range (line 2, column 25)"),
            ("\"\\udc00\"", "has a string that is not valid UTF-8"),
            ("\"\\x\"", "is not JSON"),
            ("\"[\n\"", "is not JSON"),
            ("01", "is not JSON"),
            ("nulx", "is not JSON"),
        ] {
            let text = fault(&part(value)).2;
            assert!(text.starts_with(what), "{value}: {text}");
        }
        let unreadable =
            |bytes: &[u8]| parse_with(bytes, std::marker::PhantomData::<Tree>).unwrap_err().message();
        let text = unreadable(b"[\"\\\"[\xff\"]");
        assert!(text.contains("has a string that is not valid UTF-8 (line 1, column "), "{text}");
        let deep = |last: &str| unreadable(format!("{}{last}", "[".repeat(127)).as_bytes());
        assert!(deep("[").contains("is nested too deep (line 1, column 128)"), "{}", deep("["));
        assert!(deep("}").contains("is not JSON"));
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
