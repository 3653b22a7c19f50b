//! Conditions as people write them, such as `tier=Gold`.
//!
//! ```text
//! condition = key operator value        spaces around the operator are ignored
//! key       = letters, digits, `_`, `-`, `.`; the name of a field, or attributes.<key>
//! operator  = `=` `!=` `>` `>=` `<` `<=`, and `^=`: begins with
//! value     = the rest: true or false for enable_payroll; for attributes a number, true or false if it
//!             reads as one, otherwise text. In double quotes, as in JSON, it is always text
//! ```
//!
//! This room only checks that a text has the form of a condition, so that no part of it is silently dropped,
//! and rejects conditions that were probably meant as something else. What a filter means is decided where it
//! is parsed.

mod grammar;
mod meant;
mod place;

use serde_json::{Value, json};

use self::grammar::{OPERATORS, is_of_key, operand};

pub use self::place::Place;

/// The filter of the contract, as JSON, that this condition stands for; otherwise what is wrong with it.
pub fn condition(place: Place, text: &str) -> Result<Value, String> {
    let text = text.trim();
    let end = text.find(|c| !is_of_key(c)).unwrap_or(text.len());
    let (key, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let rest = rest.trim_start();
    let operator = OPERATORS.into_iter().find(|operator| rest.starts_with(operator));
    let value = operator.and_then(|operator| rest.strip_prefix(operator)).map(str::trim);
    let (Some(operator), Some(value)) = (operator, value) else { return Err(meant::no_condition(key, rest)) };
    if key.is_empty() {
        return Err("has no field".to_owned());
    }
    if !matches!(serde_json::from_str(value), Ok(Value::String(_))) {
        meant::check(place, key, operator, value)?;
    }
    let value = operand(key, value);
    Ok(match (operator, value) {
        ("=", value) => json!({ "key": key, "eq": value }),
        ("!=", value) => json!({ "key": key, "ne": value }),
        (">", value) => json!({ "key": key, "gt": value }),
        (">=", value) => json!({ "key": key, "gte": value }),
        ("<", value) => json!({ "key": key, "lt": value }),
        ("<=", value) => json!({ "key": key, "lte": value }),
        (_, Value::String(prefix)) => json!({ "key": key, "prefix": prefix }),
        (_, other) => json!({ "key": key, "prefix": other.to_string() }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_becomes_the_json_of_the_contract() {
        for (text, filter) in [
            ("tier=Gold", json!({"key": "tier", "eq": "Gold"})),
            (" dob >= 2000-01-01 ", json!({"key": "dob", "gte": "2000-01-01"})),
            ("attributes.age<41.5", json!({"key": "attributes.age", "lt": 41.5})),
            ("attributes.code^=7", json!({"key": "attributes.code", "prefix": "7"})),
        ] {
            assert_eq!(condition(Place::Lines, text), Ok(filter), "{text}");
        }
    }

    #[test]
    fn what_is_advised_can_be_written_where_it_was_asked() {
        for (place, text, advice) in [
            (Place::CommandLine, "tier=a,b", "use double quotes: --filter 'tier=\"a,b\"'"),
            (Place::Lines, "tier=a,b", "use double quotes: tier=\"a,b\""),
            (Place::CommandLine, "tier=a and status=active", "give --filter once for each"),
            (Place::Lines, "tier=a and status=active", "write each in a line of its own"),
        ] {
            let fault = condition(place, text).unwrap_err();
            assert!(fault.contains(advice), "{text}: {fault}");
        }
        assert!(condition(Place::Lines, "tier=\"a,b\"").is_ok());
    }
}
