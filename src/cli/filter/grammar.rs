//! What conditions are made of.

use serde_json::Value;

/// The operators of conditions. One that another begins with comes after it.
pub const OPERATORS: [&str; 7] = ["!=", ">=", "<=", "^=", "=", ">", "<"];
/// What the keys of attributes begin with.
pub const ATTRIBUTE: &str = "attributes.";
/// The one field that is neither text nor written as one.
pub const BOOLEAN: &str = "enable_payroll";

/// Whether `character` may stand in a key.
pub fn is_of_key(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.')
}

/// What the value of a condition stands for.
pub fn operand(key: &str, text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(quoted @ Value::String(_)) => quoted,
        Ok(value @ (Value::Number(_) | Value::Bool(_))) if key.starts_with(ATTRIBUTE) => value,
        Ok(value @ Value::Bool(_)) if key == BOOLEAN => value,
        _ => Value::String(text.to_owned()),
    }
}
