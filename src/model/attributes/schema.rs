//! The attribute schema of a memberbase: which attributes its members may have, and their types.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::attributes::attribute::{AttributeValue, Attributes, SET_NAME_MAX_BYTES, check_key};
use crate::model::limits::ATTRIBUTES_MAX_KEYS;
use crate::model::refusal::error::{Reason, Refusal, RowError, Violations};
use crate::model::refusal::violation::Rule;
use crate::model::value::time::Timestamp;

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

    /// The type with this word.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(Rule::must_be(Reason::FieldInvalid, "one of string, number, boolean, date, array"))
    }

    /// The value of this type whose set has this name ([`AttributeValue::set_name`]), and whether that is
    /// only the beginning of a longer text.
    pub fn value_of_set(self, name: &str) -> Option<(AttributeValue, bool)> {
        let value = match self {
            Self::String if name.len() > SET_NAME_MAX_BYTES => {
                return Some((AttributeValue::Text(name.rsplit_once(' ')?.0.to_owned()), true));
            }
            Self::String => AttributeValue::Text(name.to_owned()),
            Self::Number => AttributeValue::Number(name.parse().ok()?),
            Self::Boolean => AttributeValue::Bool(name.parse().ok()?),
            Self::Date => AttributeValue::Date(Timestamp::from_micros(name.parse().ok()?)),
            Self::Array => return None,
        };
        Some((value, false))
    }

    /// Its index in [`AttributeType::ALL`]. It is stored, so it never changes.
    pub fn index(self) -> u8 {
        match self {
            Self::String => 0,
            Self::Number => 1,
            Self::Boolean => 2,
            Self::Date => 3,
            Self::Array => 4,
        }
    }

    /// The type with this index.
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }

    /// What a value of this type must be, in words that follow "must be".
    pub(in crate::model) fn wanted(self) -> &'static str {
        match self {
            Self::String => "a string, as the attribute schema says",
            Self::Number => "a number, as the attribute schema says",
            Self::Boolean => "true or false, as the attribute schema says",
            Self::Date => "a date such as 2026-02-03T04:05:06Z or 2026-02-03, as the attribute schema says",
            Self::Array => "an array of strings, as the attribute schema says",
        }
    }

    /// The value as it is stored under this type. A date is sent as text.
    fn take(self, value: AttributeValue) -> Result<AttributeValue, Rule> {
        match (self, value) {
            (Self::String, value @ AttributeValue::Text(_))
            | (Self::Number, value @ AttributeValue::Number(_))
            | (Self::Boolean, value @ AttributeValue::Bool(_))
            | (Self::Date, value @ AttributeValue::Date(_))
            | (Self::Array, value @ AttributeValue::List(_)) => Some(value),
            (Self::Date, AttributeValue::Text(text)) => {
                crate::model::value::time::instant(&text).map(AttributeValue::Date)
            }
            (Self::String | Self::Number | Self::Boolean | Self::Date | Self::Array, _) => None,
        }
        .ok_or(Rule::must_be(Reason::AttributeMismatch, self.wanted()))
    }
}

/// The types by their keys.
pub type AttributeTypes = BTreeMap<String, AttributeType>;

/// The stored number of a field that has sets. Attributes get theirs with their indexes, one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldNumber(pub u16);

/// The first number of an attribute's index; smaller ones belong to fields of the profile.
pub const FIRST_INDEX: FieldNumber = FieldNumber(16);

/// The index of an attribute: sets of the members by value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributeIndex {
    /// Its number in the memberbase.
    pub number: FieldNumber,
    /// The revision that made it. Older sets under its number belong to an earlier index.
    pub since: u64,
}

/// A requested schema, without its history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WantedSchema {
    /// The allowed keys and their types.
    pub types: AttributeTypes,
    /// The keys of `types` whose values are indexed.
    pub indexed: BTreeSet<String>,
}

/// The definition of one attribute, as a caller sent it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SentDefinition {
    /// The word for its type.
    pub kind: String,
    /// Whether it is indexed.
    pub indexed: bool,
}

/// The schema that a memberbase has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeSchema {
    /// The allowed keys and their types.
    pub types: AttributeTypes,
    /// The indexed keys and their indexes.
    pub indexes: BTreeMap<String, AttributeIndex>,
    /// The number of the newest index, if there ever was one. The next index gets the next free number, so a
    /// number is reused only after all others were used: by the 65,521st index of the memberbase.
    pub last_index: Option<FieldNumber>,
    /// When a schema was first set.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl AttributeSchema {
    /// Whether this schema already is the `wanted` one.
    pub fn is(&self, wanted: &WantedSchema) -> bool {
        self.types == wanted.types && self.indexes.keys().eq(&wanted.indexed)
    }

    /// The `wanted` schema, which replaces `before` from `revision` on. An index stays if the new schema has
    /// it with the same type.
    #[must_use]
    pub fn following(before: Option<&Self>, wanted: &WantedSchema, revision: u64, now: Timestamp) -> Self {
        let mut schema = Self {
            types: wanted.types.clone(),
            indexes: BTreeMap::new(),
            last_index: before.and_then(|before| before.last_index),
            created_at: before.map_or(now, |before| before.created_at),
            updated_at: now,
        };
        let keeps = |key: &String| {
            let before = before?;
            before.indexes.get(key).filter(|_| before.types.get(key) == schema.types.get(key)).copied()
        };
        schema.indexes = wanted.indexed.iter().filter_map(|key| Some((key.clone(), keeps(key)?))).collect();
        for key in &wanted.indexed {
            if !schema.indexes.contains_key(key) {
                let number = schema.free_index();
                schema.last_index = Some(number);
                let index = AttributeIndex { number, since: revision };
                schema.indexes.insert(key.clone(), index);
            }
        }
        schema
    }

    /// The next number that no index has. There is always one, since there are more numbers than keys.
    fn free_index(&self) -> FieldNumber {
        let after = |FieldNumber(number)| number.checked_add(1).map_or(FIRST_INDEX, FieldNumber);
        let mut number = self.last_index.map_or(FIRST_INDEX, after);
        while self.indexes.values().any(|index| index.number == number) {
            number = after(number);
        }
        number
    }
}

/// Parses the schema that a caller sent, by keys.
pub fn parse_schema(
    sent: impl IntoIterator<Item = (String, SentDefinition)>,
) -> Result<WantedSchema, Refusal> {
    let mut faults = Violations::default();
    let WantedSchema { mut types, mut indexed } = WantedSchema::default();
    for (key, sent) in sent {
        let field = format!("schema.{key}");
        let known = faults.check(field.as_str(), check_key(&key));
        let kind = faults.check(format!("{field}.type"), AttributeType::parse(&sent.kind));
        if sent.indexed && kind == Some(AttributeType::Array) {
            faults.add(Reason::FieldInvalid, format!("{field}.indexed"), "must not be true for an array");
        }
        if let (Some(()), Some(kind)) = (known, kind) {
            if sent.indexed {
                indexed.insert(key.clone());
            }
            types.insert(key, kind);
        }
    }
    if types.len() > ATTRIBUTES_MAX_KEYS {
        let description = format!("must have at most {ATTRIBUTES_MAX_KEYS} keys, not {}", types.len());
        faults.add(Reason::FieldInvalid, "schema", description);
    }
    faults.finish(WantedSchema { types, indexed })
}

/// The keys of `before` that `after` lacks or has with another type: their stored values would not fit any
/// more.
pub fn narrowed<'a>(before: &'a AttributeTypes, after: &AttributeTypes) -> Vec<&'a str> {
    let differs = |(key, kind): &(&String, &AttributeType)| after.get(*key) != Some(*kind);
    before.iter().filter(differs).map(|(key, _)| key.as_str()).collect()
}

/// What the key of a value must be, in words that follow "must be".
const KNOWN_KEY: &str = "a key of the attribute schema";
/// The same for a memberbase without a schema.
const NO_SCHEMA: &str = "a key of the attribute schema, but this memberbase has no schema yet: set one first";

/// Whether a fault that [`typed`] found is about a key, not about a value.
pub fn is_unknown_key(description: &str) -> bool {
    matches!(description.strip_prefix("must be "), Some(KNOWN_KEY | NO_SCHEMA))
}

/// `after` as it is stored under the schema. Values that did not change since `before` are not checked again.
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
        let wanted = if schema.is_some() { KNOWN_KEY } else { NO_SCHEMA };
        let unknown = || Rule::must_be(Reason::AttributeMismatch, wanted);
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
    use crate::model::attributes::attribute::AttributePatch;

    fn attributes(pairs: Vec<(&str, AttributeValue)>) -> Attributes {
        let mut patch = AttributePatch::default();
        pairs.into_iter().for_each(|(key, value)| patch.set(key, value).unwrap());
        Attributes::default().patched(&patch, false)
    }

    fn schema(pairs: &[(&str, &str)]) -> AttributeSchema {
        AttributeSchema::following(None, &wanted(pairs, &[]), 1, Timestamp::from_micros(0))
    }

    fn wanted(pairs: &[(&str, &str)], indexed: &[&str]) -> WantedSchema {
        let sent = pairs.iter().map(|(key, word)| {
            let definition = SentDefinition { kind: (*word).to_owned(), indexed: indexed.contains(key) };
            ((*key).to_owned(), definition)
        });
        parse_schema(sent).unwrap()
    }

    #[test]
    fn indexes_stay_until_they_or_their_types_change_and_numbers_are_not_used_again_soon() {
        let at = Timestamp::from_micros(0);
        let numbers = |schema: &AttributeSchema| -> Vec<(String, u16, u64)> {
            schema.indexes.iter().map(|(key, index)| (key.clone(), index.number.0, index.since)).collect()
        };
        let index = |key: &str, number, since| (key.to_owned(), number, since);
        let types = [("a", "string"), ("b", "number"), ("c", "date")];
        let first = AttributeSchema::following(None, &wanted(&types, &["a", "b"]), 3, at);
        assert_eq!(numbers(&first), [index("a", 16, 3), index("b", 17, 3)]);
        let second = AttributeSchema::following(Some(&first), &wanted(&types, &["b", "c"]), 4, at);
        assert_eq!(numbers(&second), [index("b", 17, 3), index("c", 18, 4)]);
        let other = [("b", "string"), ("c", "date")];
        let mut last = AttributeSchema::following(Some(&second), &wanted(&other, &["b", "c"]), 5, at);
        assert_eq!(numbers(&last), [index("b", 19, 5), index("c", 18, 4)]);
        last.last_index = Some(FieldNumber(u16::MAX));
        let round = AttributeSchema::following(Some(&last), &wanted(&types, &["a", "c"]), 6, at);
        assert_eq!(numbers(&round), [index("a", 16, 6), index("c", 18, 4)]);
    }

    #[test]
    fn arrays_are_not_indexed() {
        let sent = SentDefinition { kind: "array".into(), indexed: true };
        let refusal = parse_schema([("tags".to_owned(), sent)]).unwrap_err();
        assert_eq!(refusal.violations[0].field, "schema.tags.indexed");
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
    fn dates_are_stored_as_instants_in_any_notation() {
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
    fn an_unknown_key_is_refused_with_its_path_unless_it_was_there_before() {
        let old = attributes(vec![("old", AttributeValue::bool(true))]);
        let both = attributes(vec![("old", AttributeValue::bool(true)), ("new", AttributeValue::bool(true))]);
        assert_eq!(typed(None, &old, old.clone()), Ok(old.clone()));
        let refusal = typed(None, &old, both).unwrap_err();
        assert_eq!((refusal.reason, refusal.violations.len()), (Reason::AttributeMismatch, 1));
        assert_eq!(refusal.violations[0].field, "attributes.new");
    }

    #[test]
    fn keys_that_go_or_change_their_type_are_reported() {
        let before = schema(&[("a", "string"), ("b", "number"), ("c", "date")]).types;
        let after = schema(&[("a", "string"), ("b", "string"), ("d", "date")]).types;
        assert_eq!(narrowed(&before, &after), ["b", "c"]);
        for (key, kind) in [("a b", "string"), ("a", "text")] {
            let sent = SentDefinition { kind: kind.to_owned(), indexed: false };
            assert!(parse_schema([(key.to_owned(), sent)]).is_err());
        }
    }
}
