//! Clips: deals that a member saved.

use super::name::{ForeignText, random_id};
use crate::model::limits::{CREATIVE_CONTENT_MAX_BYTES, UNSAFE_INTEGER};
use crate::model::refusal::error::Reason;
use crate::model::refusal::violation::{Fault, Rule};
use crate::model::value::time::Timestamp;

random_id!(
    /// The id of a clip: `dclip_` and 26 characters.
    ClipId, "dclip_"
);

/// A deal that a member saved, once per creative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clip {
    /// Its id.
    pub id: ClipId,
    /// The creative that the member saw; unique among the member's clips.
    pub creative_id: ForeignText,
    /// The details from the caller.
    pub details: ClipDetails,
    /// When it was first saved.
    pub created_at: Timestamp,
    /// When its details last changed.
    pub updated_at: Timestamp,
}

/// The details of a clip, all optional.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClipDetails {
    /// The deal behind the creative.
    pub deal_id: Option<ForeignText>,
    /// The variant that the member was shown.
    pub variant_id: Option<ForeignText>,
    /// The form of the creative, such as `banner`.
    pub format: Option<ForeignText>,
    /// The content of the creative.
    pub content: Option<JsonObject>,
    /// When the deal was redeemed.
    pub redeemed_at: Option<Timestamp>,
}

impl Clip {
    /// The clip after another save, whose details replace the old ones.
    pub(super) fn merge(&self, repeat: &Self) -> Self {
        let (old, new) = (&self.details, &repeat.details);
        let details = ClipDetails {
            deal_id: new.deal_id.as_ref().or(old.deal_id.as_ref()).cloned(),
            variant_id: new.variant_id.as_ref().or(old.variant_id.as_ref()).cloned(),
            format: new.format.as_ref().or(old.format.as_ref()).cloned(),
            content: new.content.as_ref().or(old.content.as_ref()).cloned(),
            redeemed_at: new.redeemed_at.or(old.redeemed_at),
        };
        Self { details, ..self.clone() }
    }
}

/// A JSON object of limited size, as text without insignificant spaces and with its fields sorted by name.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonObject(String);

impl JsonObject {
    /// Parses a JSON object.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text)
            .map_err(|_| Rule::must_be(Reason::FieldInvalid, "a JSON object, nested at most 127 levels"))?;
        let object = serde_json::Value::Object(object);
        if !has_safe_numbers(&object) {
            return Err(Rule::must_be(
                Reason::FieldInvalid,
                "a JSON object whose numbers are below 2^53 in magnitude; send larger ones as strings",
            ));
        }
        let written = object.to_string();
        if written.len() > CREATIVE_CONTENT_MAX_BYTES {
            let fault = Fault::TooManyBytes { limit: CREATIVE_CONTENT_MAX_BYTES, actual: written.len() };
            return Err(Rule::new(Reason::FieldInvalid, fault));
        }
        Ok(Self(written))
    }

    /// An object that was parsed before it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether all doors can represent every number in `value`.
fn has_safe_numbers(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Number(number) => number.as_f64().is_some_and(|number| number.abs() < UNSAFE_INTEGER),
        Value::Array(items) => items.iter().all(has_safe_numbers),
        Value::Object(fields) => fields.values().all(has_safe_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

impl std::fmt::Debug for JsonObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JsonObject({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_of_a_limited_size_are_content() {
        assert_eq!(
            JsonObject::parse(" { \"b\": [1, 2.5], \"a\": null } ").unwrap().as_str(),
            r#"{"a":null,"b":[1,2.5]}"#
        );
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(CREATIVE_CONTENT_MAX_BYTES));
        for text in [
            "",
            "[]",
            "1",
            "null",
            "{",
            "{\"a\":1e400}",
            "{\"a\":[-9007199254740992]}",
            "{} {}",
            &deep,
            &large,
        ] {
            assert_eq!(JsonObject::parse(text).unwrap_err().reason(), Reason::FieldInvalid);
        }
    }

    #[test]
    fn an_id_comes_back() {
        let id = ClipId(7);
        assert!(id.to_string().starts_with("dclip_"));
        assert_eq!(ClipId::parse(&id.to_string()), Ok(id));
    }
}
