//! Conditions that are probably meant as something that no condition can say.
//!
//! Taken by the letter they would find nobody, or with `!=` everybody, without a word. So they are refused,
//! and the refusal shows what says it. **Whatever is refused here for its value can be written all the
//! same**, in double quotes.

use serde_json::{Value, json};

use crate::model::ProfileField;

use super::grammar::{ATTRIBUTE, OPERATORS, is_of_key, operand};

/// Fields that are not of the profile.
const OTHER_FIELDS: [&str; 4] = ["id", "status", "created_at", "updated_at"];
/// What people put between the values of a list.
const BETWEEN_VALUES: [char; 3] = [',', '|', ';'];

/// What is said to who wrote no operator that there is.
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
        return format!("is not a condition; a list of values is {}", list(key, operator, values));
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

/// Whether `text` starts with `word`, whatever its case, and no letter after it.
fn starts_with_word(text: &str, word: &str) -> bool {
    text.split_at_checked(word.len()).is_some_and(|(start, rest)| {
        start.eq_ignore_ascii_case(word) && !rest.starts_with(|c: char| is_of_key(c))
    })
}

/// Refuses a value without quotes that is probably meant as something else.
pub(super) fn check(key: &str, operator: &str, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err(format!("has no value; {}", presence(key, operator == "!=")));
    }
    if let Some(word) = second_condition(value).or_else(|| joined_condition(value)) {
        return Err(format!(
            "is two conditions with `{word}` between them; give --filter once for each (all must hold), or \
             JSON with \"and\" or \"or\"; a value that has such words stands in double quotes"
        ));
    }
    if value.len() > 1 && value.starts_with('\'') && value.ends_with('\'') {
        return Err(
            "has a value in single quotes, which would be part of it; leave them out, or write double ones"
                .to_owned(),
        );
    }
    match value.chars().next().filter(|first| matches!(first, '=' | '<' | '>' | '~')) {
        None => several(key, operator, value).or_else(|| wide(key, operator, value)).map_or(Ok(()), Err),
        Some('=') if operator == "=" => Err(
            "has two equals signs where one is meant; a value that begins with one stands in double quotes"
                .to_owned(),
        ),
        Some('~') => Err(no_pattern(key)),
        Some(more) => Err(format!(
            "has `{operator}{more}`, which is no operator: there are {}; a value that begins with `{more}` \
             stands in double quotes",
            OPERATORS.join(" ")
        )),
    }
}

/// What is said of a value that may be a list.
fn several(key: &str, operator: &str, value: &str) -> Option<String> {
    let is_bracketed = value.starts_with('[') && value.ends_with(']');
    let sign = value.chars().find(|c| BETWEEN_VALUES.contains(c)).or(is_bracketed.then_some('['))?;
    let what = match operator {
        "=" => format!("one of several values is {}", list(key, "in", value)),
        "!=" => format!("none of several values is {}", list(key, "nin", value)),
        "^=" => {
            let begins = |prefix: &Value| json!({"key": key, "prefix": prefix});
            let any: Vec<Value> = values(key, value).iter().map(begins).collect();
            format!("one of several beginnings is {}", json!({ "or": any }))
        }
        _ => "what is compared is one value, and numbers have a decimal point".to_owned(),
    };
    Some(format!("has a value with `{sign}`; {what}; {}", by_the_letter(key, operator, value)))
}

/// What is said of a value that stands for more than itself elsewhere, or is not closed.
fn wide(key: &str, operator: &str, value: &str) -> Option<String> {
    let is_equality = matches!(operator, "=" | "!=");
    let what = if value.starts_with('"') {
        "has a value that begins with a double quote and is not in double quotes as in JSON".to_owned()
    } else if is_equality && value == "null" {
        format!("has the value null, which is no text; {}", presence(key, operator == "!="))
    } else if is_equality && value == "*" {
        format!("has the value `*`, which is no pattern; {}", presence(key, operator == "="))
    } else if is_equality && !key.starts_with(ATTRIBUTE) && (value.starts_with('*') || value.ends_with('*')) {
        no_pattern(key)
    } else {
        return None;
    };
    Some(format!("{what}; {}", by_the_letter(key, operator, value)))
}

/// The filter for a list of values.
fn list(key: &str, operator: &str, text: &str) -> Value {
    json!({"key": key, operator: values(key, text)})
}

/// The values of a list, however it is written.
fn values(key: &str, text: &str) -> Vec<Value> {
    let text =
        text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '{' | '}'));
    let values = text.split(BETWEEN_VALUES).map(|value| value.trim().trim_matches('\''));
    values.filter(|value| !value.is_empty()).map(|value| operand(key, value)).collect()
}

/// How to ask who has a value, or has none.
fn presence(key: &str, has_one: bool) -> String {
    let who = if has_one { "who has one" } else { "who has none" };
    format!("{who} is {}", json!({"key": key, "exists": has_one}))
}

/// How to write a condition whose value is meant as it is. A shell takes double quotes away where there are
/// no others around.
fn by_the_letter(key: &str, operator: &str, value: &str) -> String {
    let condition = format!("{key}{operator}{}", json!(value));
    let around = if condition.contains('\'') { "" } else { "'" };
    format!("a value that is meant as it is stands in double quotes: --filter {around}{condition}{around}")
}

/// What is said to who wants a regular expression.
fn no_pattern(key: &str) -> String {
    let json = json!({"key": key, "regex": {"pattern": "…"}});
    format!(
        "has no operator for regular expressions; one is written as {json}, and {key}^=… finds what begins so"
    )
}

/// The sign before what reads as another condition on a field that there is.
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

/// The word before what reads as another condition.
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
