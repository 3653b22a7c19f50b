//! The attribute schema of a memberbase: which attributes its members may have, and of which type.

use std::collections::BTreeMap;

use crate::model::attribute::{AttributeValue, Attributes, check_key};
use crate::model::error::{Reason, Refusal, RowError, Violations};
use crate::model::limits::ATTRIBUTES_MAX_KEYS;
use crate::model::time::{Date, Timestamp};
use crate::model::violation::Rule;

/// The type of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttributeType {
    /// A string.
    String,
    /// A number.
    Number,
    /// A truth value.
    Boolean,
    /// An instant, compared by value and shown in UTC.
    Date,
    /// A list of strings.
    Array,
}

impl AttributeType {
    /// Every type, each at its [`AttributeType::index`].
    pub const ALL: [Self; 5] = [Self::String, Self::Number, Self::Boolean, Self::Date, Self::Array];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Array => "array",
        }
    }

    /// The type of that word.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(Rule::must_be(Reason::FieldInvalid, "one of string, number, boolean, date, array"))
    }

    /// Its place in [`AttributeType::ALL`]; stored, so it never changes.
    pub fn index(self) -> u8 {
        match self {
            Self::String => 0,
            Self::Number => 1,
            Self::Boolean => 2,
            Self::Date => 3,
            Self::Array => 4,
        }
    }

    /// The type at that place.
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }

    /// The value as this type keeps it. Dates come as text.
    fn take(self, value: AttributeValue) -> Result<AttributeValue, Rule> {
        let what = match (self, value) {
            (Self::String, value @ AttributeValue::Text(_))
            | (Self::Number, value @ AttributeValue::Number(_))
            | (Self::Boolean, value @ AttributeValue::Bool(_))
            | (Self::Date, value @ AttributeValue::Date(_))
            | (Self::Array, value @ AttributeValue::List(_)) => return Ok(value),
            (Self::Date, AttributeValue::Text(text)) => match instant(&text) {
                Some(at) => return Ok(AttributeValue::Date(at)),
                None => "a date such as 2026-02-03T04:05:06Z or 2026-02-03, as the attribute schema says",
            },
            (Self::String, _) => "a string, as the attribute schema says",
            (Self::Number, _) => "a number, as the attribute schema says",
            (Self::Boolean, _) => "true or false, as the attribute schema says",
            (Self::Date, _) => "a date, as the attribute schema says",
            (Self::Array, _) => "an array of strings, as the attribute schema says",
        };
        Err(Rule::must_be(Reason::AttributeMismatch, what))
    }
}

/// The instant that a text names: an RFC 3339 time, or a date, which is its midnight in UTC.
pub fn instant(text: &str) -> Option<Timestamp> {
    match Date::parse(text) {
        Ok(_) => Timestamp::parse(&format!("{text}T00:00:00Z")).ok(),
        Err(_) => Timestamp::parse(text).ok(),
    }
}

/// The types by their keys.
pub type AttributeTypes = BTreeMap<String, AttributeType>;

/// A schema, once it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeSchema {
    /// What may be written.
    pub types: AttributeTypes,
    /// When a schema was first set.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The types that a caller sent, by their keys.
pub fn parse_types(sent: impl IntoIterator<Item = (String, String)>) -> Result<AttributeTypes, Refusal> {
    let mut faults = Violations::default();
    let mut types = AttributeTypes::new();
    for (key, word) in sent {
        let field = format!("schema.{key}");
        let known = faults.check(field.as_str(), check_key(&key));
        let kind = faults.check(format!("{field}.type"), AttributeType::parse(&word));
        if let (Some(()), Some(kind)) = (known, kind) {
            types.insert(key, kind);
        }
    }
    if types.len() > ATTRIBUTES_MAX_KEYS {
        let description = format!("must have at most {ATTRIBUTES_MAX_KEYS} keys, not {}", types.len());
        faults.add(Reason::FieldInvalid, "schema", description);
    }
    faults.finish(types)
}

/// The keys of `before` that `after` lacks, or knows by another type: values of theirs would be orphans.
pub fn narrowed<'a>(before: &'a AttributeTypes, after: &AttributeTypes) -> Vec<&'a str> {
    let differs = |(key, kind): &(&String, &AttributeType)| after.get(*key) != Some(*kind);
    before.iter().filter(differs).map(|(key, _)| key.as_str()).collect()
}

/// `after` as the schema keeps it. What did not change since `before` is not judged again.
pub fn typed(
    schema: Option<&AttributeSchema>,
    before: &Attributes,
    after: Attributes,
) -> Result<Attributes, RowError> {
    if after.is_empty() || after == *before {
        return Ok(after);
    }
    let mut faults = Violations::default();
    let mut entries = Vec::with_capacity(after.len());
    for (key, value) in after.into_entries() {
        if before.get(&key) == Some(&value) {
            entries.push((key, value));
            continue;
        }
        let kind = schema.and_then(|schema| schema.types.get(&key));
        let unknown = || Rule::must_be(Reason::AttributeMismatch, "a key of the attribute schema");
        let taken = kind.ok_or_else(unknown).and_then(|kind| kind.take(value));
        if let Some(value) = faults.check(format!("attributes.{key}"), taken) {
            entries.push((key, value));
        }
    }
    faults.finish(Attributes::from_stored(entries))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::attribute::AttributePatch;

    fn attributes(pairs: Vec<(&str, AttributeValue)>) -> Attributes {
        let mut patch = AttributePatch::default();
        pairs.into_iter().for_each(|(key, value)| patch.set(key, value).unwrap());
        Attributes::default().patched(&patch, false)
    }

    fn schema(pairs: &[(&str, &str)]) -> AttributeSchema {
        let sent = pairs.iter().map(|(key, word)| ((*key).to_owned(), (*word).to_owned()));
        let at = Timestamp::from_micros(0);
        AttributeSchema { types: parse_types(sent).unwrap(), created_at: at, updated_at: at }
    }

    #[test]
    fn each_type_takes_its_values_and_no_others() {
        let values = || {
            [
                AttributeValue::text("x").unwrap(),
                AttributeValue::number(1.0).unwrap(),
                AttributeValue::bool(true),
                AttributeValue::Date(Timestamp::from_micros(5)),
                AttributeValue::list(vec!["x".into()]).unwrap(),
            ]
        };
        for (place, kind) in AttributeType::ALL.into_iter().enumerate() {
            let schema = schema(&[("k", kind.as_str())]);
            for (other, value) in values().into_iter().enumerate() {
                let taken = typed(Some(&schema), &Attributes::default(), attributes(vec![("k", value)]));
                assert_eq!(taken.is_ok(), place == other, "{kind:?} {other}");
            }
        }
    }

    #[test]
    fn dates_are_kept_as_instants_however_they_are_written() {
        let schema = schema(&[("at", "date")]);
        let take = |text: &str| {
            let sent = attributes(vec![("at", AttributeValue::text(text).unwrap())]);
            typed(Some(&schema), &Attributes::default(), sent)
        };
        let midnight = take("2026-02-03").unwrap();
        assert_eq!(take("2026-02-03T01:00:00+01:00").unwrap(), midnight);
        assert!(take("2026-02-30").is_err() && take("tomorrow").is_err());
    }

    #[test]
    fn what_the_schema_does_not_know_is_refused_with_its_path_unless_it_was_there_before() {
        let old = attributes(vec![("old", AttributeValue::bool(true))]);
        let both = attributes(vec![("old", AttributeValue::bool(true)), ("new", AttributeValue::bool(true))]);
        assert_eq!(typed(None, &old, old.clone()), Ok(old.clone()));
        let refusal = typed(None, &old, both).unwrap_err();
        assert_eq!((refusal.reason, refusal.violations.len()), (Reason::AttributeMismatch, 1));
        assert_eq!(refusal.violations[0].field, "attributes.new");
    }

    #[test]
    fn keys_that_go_or_change_their_type_are_told() {
        let before = schema(&[("a", "string"), ("b", "number"), ("c", "date")]).types;
        let after = schema(&[("a", "string"), ("b", "string"), ("d", "date")]).types;
        assert_eq!(narrowed(&before, &after), ["b", "c"]);
        assert!(parse_types([("a b".to_owned(), "string".to_owned())]).is_err());
        assert!(parse_types([("a".to_owned(), "text".to_owned())]).is_err());
    }
}
