//! Rejects conditions that were probably meant as something that a condition cannot express.
//!
//! Taken literally they would find no members or, with `!=`, all of them, without any warning. So they are
//! rejected, and the error shows how to write what was probably meant. **Every value that is rejected here
//! can still be used**, in double quotes.

use serde_json::{Value, json};

use super::grammar::{ATTRIBUTE, OPERATORS, is_of_key, operand};
use super::place::Place;
use crate::model::row::field::ProfileField;

/// Fields that are not in the profile.
const OTHER_FIELDS: [&str; 5] = ["id", "status", "created_at", "updated_at", "audience"];
/// What people put between the values of a list.
const BETWEEN_VALUES: [char; 3] = [',', '|', ';'];

/// The error for a condition without a known operator.
pub(super) fn no_condition(key: &str, rest: &str) -> String {
    if rest.starts_with(['~', '!']) {
        return no_pattern(key);
    }
    let words: Vec<String> = rest.split_whitespace().map(str::to_lowercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let lists = |word: &str| rest.get(word.len()..).filter(|_| starts_with_word(rest, word));
    if let Some((operator, values)) = [("in", "in"), ("nin", "nin"), ("not in", "nin")]
        .iter()
        .find_map(|(word, operator)| Some((operator, lists(word)?)))
    {
        return format!("is not a condition; write a list of values as {}", list(key, operator, values));
    }
    match words.as_slice() {
        ["not", "exists"] | ["is", "null" | "empty" | "missing"] => {
            format!("is not a condition; {}", presence(key, false))
        }
        ["exists"] | ["is", "not", "null" | "empty" | "missing"] => {
            format!("is not a condition; {}", presence(key, true))
        }
        _ => "is not a condition".to_owned(),
    }
}

/// Whether `text` starts with `word`, in any case, as a whole word.
fn starts_with_word(text: &str, word: &str) -> bool {
    text.split_at_checked(word.len()).is_some_and(|(start, rest)| {
        start.eq_ignore_ascii_case(word) && !rest.starts_with(|c: char| is_of_key(c))
    })
}

/// Rejects an unquoted value that was probably meant as something else.
pub(super) fn check(place: Place, key: &str, operator: &str, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err(format!("has no value; {}", presence(key, operator == "!=")));
    }
    if let Some(word) = second_condition(value).or_else(|| joined_condition(value)) {
        let each = place.each();
        return Err(format!(
            "is two conditions joined by `{word}`; {each} (all must hold), or JSON with \"and\" or \"or\"; put a \
             value that contains such words in double quotes"
        ));
    }
    if value.len() > 1 && value.starts_with('\'') && value.ends_with('\'') {
        return Err(
            "has a value in single quotes, which would be part of it; leave them out, or use double quotes"
                .to_owned(),
        );
    }
    match value.chars().next().filter(|first| matches!(first, '=' | '<' | '>' | '~')) {
        None => several(place, key, operator, value)
            .or_else(|| wide(place, key, operator, value))
            .map_or(Ok(()), Err),
        Some('=') if operator == "=" => {
            Err("has two equals signs instead of one; put a value that begins with one in double quotes"
                .to_owned())
        }
        Some('~') => Err(no_pattern(key)),
        Some(more) => Err(format!(
            "has `{operator}{more}`, which is not an operator; operators are {}; put a value that begins \
             with `{more}` in double quotes",
            OPERATORS.join(" ")
        )),
    }
}

/// The error for a value that may be a list.
fn several(place: Place, key: &str, operator: &str, value: &str) -> Option<String> {
    let is_bracketed = value.starts_with('[') && value.ends_with(']');
    let sign = value.chars().find(|c| BETWEEN_VALUES.contains(c)).or(is_bracketed.then_some('['))?;
    let what = match operator {
        "=" => format!("to match one of several values, write {}", list(key, "in", value)),
        "!=" => format!("to match none of several values, write {}", list(key, "nin", value)),
        "^=" => {
            let begins = |prefix: &Value| json!({"key": key, "prefix": prefix});
            let any: Vec<Value> = values(key, value).iter().map(begins).collect();
            format!("to match one of several beginnings, write {}", json!({ "or": any }))
        }
        _ => "a comparison takes one value, and numbers have a decimal point".to_owned(),
    };
    Some(format!("has a value with `{sign}`; {what}; {}", by_the_letter(place, key, operator, value)))
}

/// The error for a value that is probably meant as a pattern or as null, or whose quotes are not closed.
fn wide(place: Place, key: &str, operator: &str, value: &str) -> Option<String> {
    let is_equality = matches!(operator, "=" | "!=");
    let what = if value.starts_with('"') {
        "has a value that begins with a double quote but is not a quoted JSON string".to_owned()
    } else if is_equality && value == "null" {
        format!("has the value null, which is not text; {}", presence(key, operator == "!="))
    } else if is_equality && value == "*" {
        format!("has the value `*`, which is not a pattern; {}", presence(key, operator == "="))
    } else if is_equality && !key.starts_with(ATTRIBUTE) && (value.starts_with('*') || value.ends_with('*')) {
        no_pattern(key)
    } else {
        return None;
    };
    Some(format!("{what}; {}", by_the_letter(place, key, operator, value)))
}

/// The filter for a list of values.
fn list(key: &str, operator: &str, text: &str) -> Value {
    json!({"key": key, operator: values(key, text)})
}

/// The values of a list, whatever brackets and separators it is written with.
fn values(key: &str, text: &str) -> Vec<Value> {
    let text =
        text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '{' | '}'));
    let values = text.split(BETWEEN_VALUES).map(|value| value.trim().trim_matches('\''));
    values.filter(|value| !value.is_empty()).map(|value| operand(key, value)).collect()
}

/// How to filter by whether a member has a value.
fn presence(key: &str, has_one: bool) -> String {
    let who = if has_one { "with a value" } else { "without a value" };
    format!("to find members {who}, write {}", json!({"key": key, "exists": has_one}))
}

/// How to write a condition with exactly this value.
fn by_the_letter(place: Place, key: &str, operator: &str, value: &str) -> String {
    let condition = place.quoted(&format!("{key}{operator}{}", json!(value)));
    format!("for exactly this value, use double quotes: {condition}")
}

/// The error for a condition that was probably meant as a pattern.
fn no_pattern(key: &str) -> String {
    let json = json!({"key": key, "regex": {"pattern": "…"}});
    format!(
        "has no operator for regular expressions; write one as {json}, or {key}^=… for values that begin \
         with a text"
    )
}

/// The sign before a second condition on a known field.
fn joined_condition(value: &str) -> Option<&str> {
    let is_field = |key: &str| {
        let known = ProfileField::ALL.into_iter().map(ProfileField::as_str);
        key.starts_with(ATTRIBUTE) || known.chain(OTHER_FIELDS).any(|known| known.eq_ignore_ascii_case(key))
    };
    value.match_indices([',', ';', '&', '|']).find_map(|(at, sign)| {
        let rest = value.get(at + sign.len()..)?.trim_start();
        let (key, behind) = rest.split_at_checked(rest.find(|c: char| !is_of_key(c))?)?;
        let is_operator = behind.trim_start().starts_with(['=', '!', '<', '>', '^']);
        (is_operator && is_field(key)).then_some(sign)
    })
}

/// The word before a second condition.
fn second_condition(value: &str) -> Option<&str> {
    let words: Vec<&str> = value.split_whitespace().collect();
    let joins =
        |word: &str| ["and", "or", "not", "&&", "||"].iter().any(|known| known.eq_ignore_ascii_case(word));
    let is_condition = |text: &str| {
        let end = text.find(|c: char| !is_of_key(c));
        end.is_some_and(|end| {
            end > 0 && text.get(end..).is_some_and(|rest| rest.starts_with(['=', '!', '<', '>', '^']))
        })
    };
    words.iter().enumerate().find_map(|(place, word)| {
        let rest = words.get(place + 1..)?.concat();
        (joins(word) && is_condition(&rest)).then_some(*word)
    })
}
