//! Attributes: the data that a memberbase stores about a member beyond the profile.
//!
//! Each value has the type that the caller sent. A schema (`schema`) then requires a type for each key.

use std::borrow::Cow;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::model::limits::{
    ATTRIBUTE_KEY_MAX_BYTES, ATTRIBUTE_LIST_MAX_ITEMS, ATTRIBUTE_TEXT_MAX_BYTES, UNSAFE_INTEGER,
};
use crate::model::refusal::error::Reason;
use crate::model::refusal::violation::{Fault, Rule};
use crate::model::value::time::Timestamp;

/// Texts up to this length, in bytes, serve as the names of their sets.
pub(super) const SET_NAME_MAX_BYTES: usize = 128;

/// The value of an attribute. For values from input use the constructors with the same names in lower case.
#[derive(Clone, PartialEq)]
pub enum AttributeValue {
    /// A string, possibly empty, of at most 4096 bytes.
    Text(String),
    /// A number: finite, never -0, and below 2^53 in magnitude.
    Number(f64),
    /// A truth value.
    Bool(bool),
    /// At most 100 strings.
    List(Vec<String>),
    /// An instant. Callers send it as a string; it becomes an instant if the schema has the type `date` for
    /// its key.
    Date(Timestamp),
}

/// Numbers are never NaN, so equality is reflexive.
impl Eq for AttributeValue {}

impl AttributeValue {
    /// A string.
    pub fn text(text: impl Into<String>) -> Result<Self, Rule> {
        checked_text(text.into()).map(Self::Text)
    }

    /// A number.
    pub fn number(number: f64) -> Result<Self, Rule> {
        checked_number(number).map(Self::Number)
    }

    /// A truth value.
    pub fn bool(value: bool) -> Self {
        Self::Bool(value)
    }

    /// A list of strings.
    pub fn list(items: Vec<String>) -> Result<Self, Rule> {
        if items.len() > ATTRIBUTE_LIST_MAX_ITEMS {
            let fault = Fault::TooManyItems { limit: ATTRIBUTE_LIST_MAX_ITEMS, actual: items.len() };
            return Err(Rule::new(Reason::AttributeInvalid, fault));
        }
        items.into_iter().map(checked_text).collect::<Result<_, _>>().map(Self::List)
    }
}

/// Shows only the type, because attributes may be personal.
impl std::fmt::Debug for AttributeValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Number(_) => f.write_str("Number"),
            Self::Bool(_) => f.write_str("Bool"),
            Self::List(items) => write!(f, "List({} items)", items.len()),
            Self::Date(_) => f.write_str("Date"),
        }
    }
}

impl AttributeValue {
    /// The value as the name of a set. Equal values have the same name, different values have different
    /// names, and lists have no name.
    pub fn set_name(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) if text.len() <= SET_NAME_MAX_BYTES => Some(Cow::Borrowed(text)),
            // This name is longer than any text that is its own name.
            Self::Text(text) => {
                let end = (0..=SET_NAME_MAX_BYTES).rev().find(|end| text.is_char_boundary(*end));
                let head = end.and_then(|end| text.get(..end)).unwrap_or_default();
                let sum: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
                Some(Cow::Owned(format!("{head} {sum}")))
            }
            // 0 and -0 are equal.
            Self::Number(number) => Some(Cow::Owned((number + 0.0).to_string())),
            Self::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            Self::Date(at) => Some(Cow::Owned(at.micros().to_string())),
            Self::List(_) => None,
        }
    }

    /// Whether `sent`, a value from a caller, equals this one. A caller sends a date as text.
    pub fn is_sent_as(&self, sent: &Self) -> bool {
        match (self, sent) {
            (Self::Date(at), Self::Text(text)) => crate::model::value::time::instant(text) == Some(*at),
            (stored, sent) => stored == sent,
        }
    }
}

/// The attributes of a member: each key once, in byte order of the keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes(Vec<(String, AttributeValue)>);

impl Attributes {
    /// Takes attributes that were checked before they were stored, and sorts them if necessary.
    pub fn from_stored(entries: Vec<(String, AttributeValue)>) -> Self {
        Self(in_order(entries))
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&AttributeValue> {
        let place = self.place(key).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// Keys and values in order of the keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &AttributeValue)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Keys and values in order of the keys, by value.
    pub fn into_entries(self) -> Vec<(String, AttributeValue)> {
        self.0
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These attributes, or none of them if `replaces_all`, with the changes of `patch` applied.
    #[must_use]
    pub fn patched(&self, patch: &AttributePatch, replaces_all: bool) -> Self {
        let mut entries: BTreeMap<&str, &AttributeValue> =
            if replaces_all { BTreeMap::new() } else { self.iter().collect() };
        for (key, value) in patch.iter() {
            match value {
                Some(value) => entries.insert(key, value),
                None => entries.remove(key),
            };
        }
        Self(entries.into_iter().map(|(key, value)| (key.to_owned(), value.clone())).collect())
    }

    /// The number of keys whose values differ, or that only one of the two has.
    pub fn differences(&self, other: &Self) -> u64 {
        let changed = self.iter().filter(|(key, value)| other.get(key) != Some(*value)).count();
        let new = other.iter().filter(|(key, _)| self.get(key).is_none()).count();
        u64::try_from(changed + new).unwrap_or(u64::MAX)
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.as_str().cmp(key))
    }
}

/// The entries in byte order of their keys. If a key is there several times, its last value counts.
pub fn in_order<K: Ord, V>(entries: Vec<(K, V)>) -> Vec<(K, V)> {
    if entries.is_sorted_by(|(left, _), (right, _)| left < right) {
        return entries;
    }
    entries.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect()
}

/// Changes to attributes. Every key in it is valid. If a key is changed several times, the last change
/// counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AttributePatch {
    /// Whether the patch removes attributes that it does not set.
    pub replace_all: bool,
    changes: BTreeMap<String, Option<AttributeValue>>,
}

impl AttributePatch {
    /// Removes every attribute.
    pub fn clear_all() -> Self {
        Self { replace_all: true, changes: BTreeMap::new() }
    }

    /// Sets `key`.
    pub fn set(&mut self, key: impl Into<String>, value: AttributeValue) -> Result<(), Rule> {
        self.change(key.into(), Some(value))
    }

    /// Removes `key`; removing an absent one is not an error.
    pub fn clear(&mut self, key: impl Into<String>) -> Result<(), Rule> {
        self.change(key.into(), None)
    }

    /// Keys in order, each with its new value or `None` to remove it.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Option<&AttributeValue>)> {
        self.changes.iter().map(|(key, value)| (key.as_str(), value.as_ref()))
    }

    /// Keeps only the changes whose keys `wanted` accepts.
    pub fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.changes.retain(|key, _| wanted(key));
    }

    /// Whether the patch changes no attributes of any member.
    pub fn is_empty(&self) -> bool {
        !self.replace_all && self.changes.is_empty()
    }

    fn change(&mut self, key: String, value: Option<AttributeValue>) -> Result<(), Rule> {
        check_key(&key)?;
        self.changes.insert(key, value);
        Ok(())
    }
}

/// Whether `rule` is about a key, not about a value.
pub fn is_key_rule(rule: &Rule) -> bool {
    *rule.fault() == Fault::MustBe(KEY_RULE)
}

/// The rule of keys, in words that follow "must be".
const KEY_RULE: &str = "a key of 1 to 64 ASCII letters, digits, `_`, `.` or `-`";

/// Accepts a key of 1 to 64 ASCII letters, digits, `_`, `.` or `-`.
pub fn check_key(key: &str) -> Result<(), Rule> {
    let fits = (1..=ATTRIBUTE_KEY_MAX_BYTES).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    if fits { Ok(()) } else { Err(Rule::must_be(Reason::AttributeInvalid, KEY_RULE)) }
}

/// Accepts any text within the limit. Unlike a name, an attribute may have several lines.
pub(in crate::model) fn checked_text(text: String) -> Result<String, Rule> {
    if text.len() > ATTRIBUTE_TEXT_MAX_BYTES {
        let fault = Fault::TooManyBytes { limit: ATTRIBUTE_TEXT_MAX_BYTES, actual: text.len() };
        return Err(Rule::new(Reason::AttributeInvalid, fault));
    }
    Ok(text)
}

/// Accepts a finite number that JSON cannot have rounded; -0 becomes 0.
pub(in crate::model) fn checked_number(number: f64) -> Result<f64, Rule> {
    if !number.is_finite() {
        return Err(Rule::must_be(Reason::AttributeInvalid, "a finite number"));
    }
    // Every number of this magnitude is an integer, and JSON may have rounded it.
    if number.abs() >= UNSAFE_INTEGER {
        let rule =
            "a number of magnitude less than 2^53; send larger ones as strings, because JSON rounds them";
        return Err(Rule::must_be(Reason::AttributeInvalid, rule));
    }
    Ok(number + 0.0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::model::samples;

    #[test]
    fn values_obey_their_limits() {
        assert!(AttributeValue::text("").is_ok());
        assert!(AttributeValue::text("two\nlines").is_ok());
        assert!(AttributeValue::text("x".repeat(4096)).is_ok());
        assert!(AttributeValue::text("x".repeat(4097)).is_err());
        assert!(AttributeValue::list(vec![String::new(); 100]).is_ok());
        assert!(AttributeValue::list(vec![String::new(); 101]).is_err());
        assert!(AttributeValue::list(vec!["x".repeat(4097)]).is_err());
    }

    #[test]
    fn numbers_that_json_rounds_are_refused_with_advice() {
        for number in [0.0, 1.5, -3.25e-300, 9_007_199_254_740_991.0, -9_007_199_254_740_991.0] {
            assert!(AttributeValue::number(number).unwrap() == AttributeValue::Number(number));
        }
        for number in [9_007_199_254_740_992.0, -9_007_199_254_740_992.0, 1e300] {
            let rule = AttributeValue::number(number).unwrap_err();
            assert!(rule.describe().contains("send larger ones as strings"), "{number}");
        }
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(AttributeValue::number(number).unwrap_err().describe(), "must be a finite number");
        }
        let zero = AttributeValue::number(-0.0);
        assert!(matches!(zero, Ok(AttributeValue::Number(zero)) if zero.is_sign_positive()));
    }

    #[test]
    fn keys_are_short_and_plain() {
        let longest = "k".repeat(64);
        for key in ["a", "A-1_b.c", ".", longest.as_str()] {
            assert_eq!(check_key(key), Ok(()), "{key}");
        }
        for key in ["", "a b", "é", "a/b", "a[0]", "a\n", &"k".repeat(65)] {
            assert_eq!(check_key(key).unwrap_err().reason(), Reason::AttributeInvalid, "{key}");
            assert!(AttributePatch::default().set(key, AttributeValue::bool(true)).is_err());
            assert!(AttributePatch::default().clear(key).is_err());
        }
    }

    #[test]
    fn stored_attributes_are_found_in_any_order() {
        let entry = |key: &str| (key.to_owned(), AttributeValue::text(key).unwrap());
        let attributes = Attributes::from_stored(vec![entry("b"), entry("a"), entry("b")]);
        assert_eq!(attributes.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["a", "b"]);
        assert!(attributes.get("a") == Some(&entry("a").1));
        assert_eq!(attributes.get("c"), None);
    }

    proptest! {
        #[test]
        fn a_patch_does_what_a_map_would(
            before in samples::attributes(),
            patch in samples::patch().prop_map(|patch| patch.attributes),
            replaces_all: bool,
        ) {
            let mut expected: BTreeMap<&str, &AttributeValue> = before.iter().collect();
            if replaces_all {
                expected.clear();
            }
            for (key, value) in patch.iter() {
                expected.remove(key);
                if let Some(value) = value {
                    expected.insert(key, value);
                }
            }
            let after = before.patched(&patch, replaces_all);
            prop_assert_eq!(after.iter().collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
        }
    }
}
