//! The parts of conditions.

use serde_json::Value;

/// The operators of conditions. An operator comes before those that are a prefix of it.
pub(super) const OPERATORS: [&str; 7] = ["!=", ">=", "<=", "^=", "=", ">", "<"];
/// The prefix of the keys of attributes.
pub(super) const ATTRIBUTE: &str = "attributes.";
/// The only field whose value is a boolean.
pub(super) const BOOLEAN: &str = "enable_payroll";

/// Whether `character` may be part of a key.
pub(super) fn is_of_key(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.')
}

/// The value that the text after the operator stands for.
pub(super) fn operand(key: &str, text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(quoted @ Value::String(_)) => quoted,
        Ok(value @ (Value::Number(_) | Value::Bool(_))) if key.starts_with(ATTRIBUTE) => value,
        Ok(value @ Value::Bool(_)) if key == BOOLEAN => value,
        _ => Value::String(text.to_owned()),
    }
}
