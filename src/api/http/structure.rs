//! Finds all faults in the structure of a body: unknown, missing and repeated fields, and values of a wrong
//! type.
//!
//! Parsing a body stops at its first fault, which is fast and enough for programs. For people, a rejected
//! body is compared with the schema that documents its call, so that they can correct all faults at once.
//! **Only faults of structure are reported here**: the model checks values, and reports all their faults too.
//! Only the keywords that our schemas use are supported; others are ignored, because the first fault is known
//! already.

use std::collections::BTreeSet;

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;

use super::json::TWICE;
use super::tree::{Entries, Tree, double};
use crate::model::limits::VIOLATIONS_MAX;
use crate::model::{Reason, Refusal, Violation};

/// Largest body, in bytes, whose faults are all found. For a larger body only the first fault is reported.
const LOOKED_THROUGH_BYTES: usize = 1024 * 1024;

/// Adds to `refusal`, the first fault of `bytes`, all further faults in the structure of a `T`.
pub fn explain<T: JsonSchema>(bytes: &[u8], refusal: Refusal) -> Refusal {
    let [first] = &refusal.violations[..] else { return refusal };
    let is_json =
        matches!(refusal.reason, Reason::FieldInvalid | Reason::FieldRequired | Reason::UnknownField);
    if !is_json || bytes.len() > LOOKED_THROUGH_BYTES {
        return refusal;
    }
    let Ok(tree) = serde_json::from_slice::<Tree>(bytes) else { return refusal };
    let schema = SchemaGenerator::default().into_root_schema_for::<T>().to_value();
    let mut found = Found { schema: &schema, faults: Vec::new() };
    found.look(&schema, &tree, "");
    let mut faults = found.faults;
    // The first fault stays first, and gives the reason.
    let same = faults.iter().position(|fault| fault.field == first.field);
    // The path in which a parser shows a strange name may be cut, and the first that is given twice is the
    // one that it met.
    let is_twice = |fault: &Violation| first.description == TWICE && fault.description == TWICE;
    match same.or_else(|| faults.iter().position(is_twice)) {
        Some(place) => faults.get_mut(..=place).unwrap_or_default().rotate_right(1),
        None => faults.insert(0, first.clone()),
    }
    faults.truncate(VIOLATIONS_MAX);
    Refusal { violations: faults, ..refusal }
}

struct Found<'a> {
    /// The whole document, to which parts refer.
    schema: &'a Value,
    faults: Vec<Violation>,
}

impl Found<'_> {
    fn look(&mut self, schema: &Value, tree: &Tree, path: &str) {
        if self.faults.len() >= VIOLATIONS_MAX {
            return;
        }
        let schema = self.resolved(schema);
        let (schema, or_null) = match alternative(schema) {
            Some(other) => (self.resolved(other), true),
            None => (schema, false),
        };
        if or_null && *tree == Tree::Null {
            return;
        }
        let types: Vec<&str> = match schema.get("type") {
            Some(Value::String(kind)) => vec![kind],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !types.is_empty() && !types.iter().any(|kind| is_of(tree, kind)) {
            let wanted: Vec<&str> =
                types.iter().filter(|kind| **kind != "null").map(|kind| in_words(kind)).collect();
            let sent = match tree {
                Tree::Number(_) if types.contains(&"integer") => "a fraction",
                other => kind_of(other),
            };
            self.add(path, format!("must be {}, not {sent}", wanted.join(" or ")));
            return;
        }
        match tree {
            Tree::Object(entries) => self.look_at_fields(schema, entries, path),
            Tree::List(items) => {
                if let Some(of_items) = schema.get("items") {
                    for (index, item) in items.iter().enumerate() {
                        self.look(of_items, item, &format!("{path}[{index}]"));
                    }
                }
            }
            Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) => {}
        }
    }

    fn look_at_fields(&mut self, schema: &Value, Entries(entries): &Entries, path: &str) {
        let under = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let known = schema.get("properties").and_then(Value::as_object);
        // Names that must match a rule, such as keys of attributes. The model checks them.
        let ruled = schema.get("patternProperties").and_then(Value::as_object);
        let ruled = ruled.and_then(|rules| rules.values().next());
        let others = ruled.or_else(|| schema.get("additionalProperties"));
        let mut seen = BTreeSet::new();
        for (name, value) in entries {
            if !seen.insert(name) {
                self.add(&under(name), TWICE.to_owned());
                continue;
            }
            match (known.and_then(|known| known.get(name)), others) {
                (Some(field), _) => self.look(field, value, &under(name)),
                (None, Some(Value::Bool(false))) => {
                    self.add(&under(name), "is not a field of this call".to_owned());
                }
                (None, Some(of_others)) => self.look(of_others, value, &under(name)),
                (None, None) => {}
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !entries.iter().any(|(sent, _)| sent == name) {
                self.add(&under(name), "is required".to_owned());
            }
        }
    }

    /// The part of the document that `schema` refers to, or itself.
    fn resolved<'s>(&self, schema: &'s Value) -> &'s Value
    where
        Self: 's,
    {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#'));
        target.and_then(|pointer| self.schema.pointer(pointer)).unwrap_or(schema)
    }

    fn add(&mut self, path: &str, description: String) {
        self.faults.push(Violation::new(path, description));
    }
}

/// The schema of a value that may also be `null`, without the `null`.
fn alternative(schema: &Value) -> Option<&Value> {
    let one_of = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
    let is_null = |schema: &&Value| schema.get("type").and_then(Value::as_str) == Some("null");
    match &one_of[..] {
        [other, null] | [null, other] if is_null(&null) && !is_null(&other) => Some(other),
        _ => None,
    }
}

/// Whether a value has a type of JSON Schema. `5.0` is an integer.
fn is_of(tree: &Tree, kind: &str) -> bool {
    match (kind, tree) {
        ("integer", Tree::Number(number)) => double(number).fract() == 0.0,
        ("null", Tree::Null)
        | ("boolean", Tree::Bool(_))
        | ("number", Tree::Number(_))
        | ("string", Tree::Text(_))
        | ("array", Tree::List(_))
        | ("object", Tree::Object(_)) => true,
        _ => false,
    }
}

fn in_words(kind: &str) -> &str {
    match kind {
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "string" => "a string",
        "array" => "an array",
        "object" => "an object",
        other => other,
    }
}

/// The kind of a value, for the text of a fault.
fn kind_of(tree: &Tree) -> &'static str {
    match tree {
        Tree::Null => "null",
        Tree::Bool(_) => "a boolean",
        Tree::Number(_) => "a number",
        Tree::Text(_) => "a string",
        Tree::List(_) => "an array",
        Tree::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::api::http::integer::Integer;
    use crate::api::http::json::{Object, parse};

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only whether it parses matters")]
    struct Outer {
        name: String,
        is_open: Option<bool>,
        #[schemars(with = "Option<i64>")]
        size: Option<Integer>,
        parts: Option<Vec<Object<Inner>>>,
        first: Option<Object<Inner>>,
        more: Option<std::collections::BTreeMap<String, String>>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only whether it parses matters")]
    struct Inner {
        #[schemars(with = "i64")]
        count: Integer,
        tags: Option<Vec<String>>,
    }

    fn faults(text: &str) -> Vec<(String, String)> {
        let refusal = explain::<Outer>(text.as_bytes(), parse::<Outer>(text.as_bytes()).unwrap_err());
        refusal.violations.into_iter().map(|fault| (fault.field, fault.description)).collect()
    }

    #[test]
    fn every_fault_of_a_body_is_reported() {
        let text = r#"{"is_open": "secret", "size": 1.5, "colour": 1, "parts": [{"count": "5"}, {}, 7, {"count": 1,
            "tags": ["a", 5, null], "count": 2}], "first": {"count": null, "x": 1}, "more": {"a": "b", "c": []}}"#;
        let mut told = faults(text);
        assert_eq!(told[0].0, "is_open");
        told.sort();
        let expected = [
            ("colour", "is not a field of this call"),
            ("first.count", "must be a whole number, not null"),
            ("first.x", "is not a field of this call"),
            ("is_open", "must be true or false, not a string"),
            ("more.c", "must be a string, not an array"),
            ("name", "is required"),
            ("parts[0].count", "must be a whole number, not a string"),
            ("parts[1].count", "is required"),
            ("parts[2]", "must be an object, not a number"),
            ("parts[3].count", "is given twice"),
            ("parts[3].tags[1]", "must be a string, not a number"),
            ("parts[3].tags[2]", "must be a string, not null"),
            ("size", "must be a whole number, not a fraction"),
        ];
        let told: Vec<_> = told.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn a_name_with_a_rule_is_a_field_and_a_repeated_name_is_reported_once() {
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "only whether it parses matters")]
        struct Ruled {
            #[schemars(
                with = "std::collections::BTreeMap<crate::api::http::openapi::values::AttributeKey, String>"
            )]
            attributes: std::collections::BTreeMap<String, String>,
            size: i64,
        }
        let text = r#"{"attributes": {"a": "x", "b": 5, "not a key": "y"}, "size": "5", "a": 1}"#;
        let refusal = explain::<Ruled>(text.as_bytes(), parse::<Ruled>(text.as_bytes()).unwrap_err());
        let mut told: Vec<_> = refusal.violations.iter().map(|fault| fault.field.as_str()).collect();
        told.sort_unstable();
        assert_eq!(told, ["a", "attributes.b", "size"]);
    }

    #[test]
    fn a_text_that_is_not_json_or_too_large_has_its_first_fault() {
        assert_eq!(faults(r#"{"name": 5, "size": }"#).len(), 1);
        let large = format!(r#"{{"name": 5, "size": "{}"}}"#, "x".repeat(LOOKED_THROUGH_BYTES));
        assert_eq!(faults(&large).len(), 1);
        let many = format!(r#"{{"name": "a", "parts": [{}5]}}"#, "5,".repeat(10_000));
        assert_eq!(faults(&many).len(), VIOLATIONS_MAX);
    }
}
