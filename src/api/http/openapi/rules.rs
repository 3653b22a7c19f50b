//! Rules about which fields of an object must be given together.

use schemars::Schema;
use serde_json::{Value, json};

/// Requires exactly one of these fields; `null` counts as absent.
pub fn one_of(schema: &mut Schema, fields: &[&str]) {
    let given: Vec<Value> = fields.iter().map(|field| given(field)).collect();
    schema.insert("oneOf".to_owned(), given.into());
}

/// Requires at least one of these fields; `null` counts as absent.
pub fn any_of(schema: &mut Schema, fields: &[&str]) {
    let given: Vec<Value> = fields.iter().map(|field| given(field)).collect();
    schema.insert("anyOf".to_owned(), given.into());
}

/// The schema of an object that has this field with a value other than `null`.
pub fn given(field: &str) -> Value {
    json!({ "required": [field], "properties": { field: { "not": { "type": "null" } } } })
}
