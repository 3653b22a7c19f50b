//! Filters from the command line: conditions as people write them, `tier=Gold`, or the JSON of the contract,
//! `[{"key": "tier", "eq": "Gold"}]`.
//!
//! ```text
//! condition = key operator value        spaces around the operator do not count
//! key       = letters, digits, `_`, `-`, `.`; the name of a field, or attributes.<key>
//! operator  = `=` `!=` `>` `>=` `<` `<=`, and `^=`: begins with
//! value     = the rest; for enable_payroll true or false, for attributes a number, true or false if it reads as one, else
//!             text. In double quotes, as in JSON, it is text whatever it reads as
//! ```
//!
//! What a filter means is the server's to judge. Here it only has to have the shape of one, so that nothing that somebody
//! wrote is dropped on the way.

use serde_json::{Map, Value, json};

use crate::api::grpc::v1;
use crate::model::ProfileField;

use super::{Error, json};

/// How filters are written, for who wrote something else.
const HINT: &str = r#"write a condition such as tier=Gold, or JSON such as {"key": "tier", "eq": "Gold"}"#;
/// The operators of conditions. One that another begins with comes after it.
const OPERATORS: [&str; 7] = ["!=", ">=", "<=", "^=", "=", ">", "<"];
/// What the keys of attributes begin with.
const ATTRIBUTE: &str = "attributes.";
/// The one field that is neither text nor written as one.
const BOOLEAN: &str = "enable_payroll";
/// Fields that are not of the profile.
const OTHER_FIELDS: [&str; 4] = ["id", "status", "created_at", "updated_at"];

/// One filter or, in JSON, a list of them.
pub fn parse(text: &str) -> Result<Vec<v1::Filter>, Error> {
    let text = text.trim();
    let parsed = if text.starts_with(['{', '[']) {
        let value = serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"));
        value.and_then(list)
    } else {
        condition(text).map(|filter| vec![filter])
    };
    parsed.map_err(|reason| Error::Usage(format!("--filter {text}: {reason}; {HINT}")))
}

fn condition(text: &str) -> Result<v1::Filter, String> {
    let end = text.find(|c| !is_of_key(c)).unwrap_or(text.len());
    let (key, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let rest = rest.trim_start();
    let operator = OPERATORS.into_iter().find(|operator| rest.starts_with(operator));
    let value = operator.and_then(|operator| rest.strip_prefix(operator)).map(str::trim);
    let (Some(operator), Some(value)) = (operator, value) else {
        let is_pattern = rest.starts_with(['~', '!']);
        return Err(if is_pattern { no_pattern(key) } else { "is not a condition".to_owned() });
    };
    if key.is_empty() || value.is_empty() {
        return Err(format!("has no {}", if key.is_empty() { "field" } else { "value" }));
    }
    if !value.starts_with('"') {
        plain(key, operator, value)?;
    }
    let mut filter = v1::Filter { key: key.to_owned(), ..Default::default() };
    let value = operand(key, value);
    match (operator, value) {
        ("=", value) => filter.eq = Some(json::to_wire(value)),
        ("!=", value) => filter.ne = Some(json::to_wire(value)),
        (">", value) => filter.gt = Some(json::to_wire(value)),
        (">=", value) => filter.gte = Some(json::to_wire(value)),
        ("<", value) => filter.lt = Some(json::to_wire(value)),
        ("<=", value) => filter.lte = Some(json::to_wire(value)),
        (_, Value::String(prefix)) => filter.prefix = Some(prefix),
        (_, number) => filter.prefix = Some(number.to_string()),
    }
    Ok(filter)
}

/// Refuses a value without quotes that is probably meant as something else, and would find nobody without a word.
fn plain(key: &str, operator: &str, value: &str) -> Result<(), String> {
    if let Some(word) = second_condition(value).or_else(|| joined_condition(value)) {
        return Err(format!(
            "is two conditions with `{word}` between them; give --filter once for each (all must hold), or JSON with \
             \"and\" or \"or\"; a value that has such words stands in double quotes"
        ));
    }
    if value.len() > 1 && value.starts_with('\'') && value.ends_with('\'') {
        return Err(
            "has a value in single quotes, which would be part of it; leave them out, or write double ones"
                .to_owned(),
        );
    }
    let more = value.chars().next().filter(|first| matches!(first, '=' | '<' | '>' | '~'));
    match more {
        None if operator == "=" && value.contains('|') => {
            let values: Vec<&str> = value.split('|').map(str::trim).collect();
            let json = json!({"key": key, "in": values});
            Err(format!(
                "has a value with `|`; one of several values is {json}, and a value that has it stands in double quotes"
            ))
        }
        None => Ok(()),
        Some('=') if operator == "=" => Err(
            "has two equals signs where one is meant; a value that begins with one stands in double quotes"
                .to_owned(),
        ),
        Some('~') => Err(no_pattern(key)),
        Some(more) => Err(format!(
            "has `{operator}{more}`, which is no operator: there are {}; a value that begins with `{more}` stands in \
             double quotes",
            OPERATORS.join(" ")
        )),
    }
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

/// Whether `character` may stand in a key.
fn is_of_key(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.')
}

/// What the value of a condition stands for.
fn operand(key: &str, text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(quoted @ Value::String(_)) => quoted,
        Ok(value @ (Value::Number(_) | Value::Bool(_))) if key.starts_with(ATTRIBUTE) => value,
        Ok(value @ Value::Bool(_)) if key == BOOLEAN => value,
        _ => Value::String(text.to_owned()),
    }
}

fn list(value: Value) -> Result<Vec<v1::Filter>, String> {
    match value {
        Value::Array(filters) => filters.into_iter().map(filter).collect(),
        one @ Value::Object(_) => Ok(vec![filter(one)?]),
        other => Err(format!("expected an object or a list of objects, found {other}")),
    }
}

fn filter(value: Value) -> Result<v1::Filter, String> {
    let Value::Object(fields) = value else { return Err(format!("expected an object, found {value}")) };
    let mut filter = v1::Filter::default();
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("key", Value::String(key)) => filter.key = key,
            ("eq", value) => filter.eq = Some(json::to_wire(value)),
            ("ne", value) => filter.ne = Some(json::to_wire(value)),
            ("gt", value) => filter.gt = Some(json::to_wire(value)),
            ("gte", value) => filter.gte = Some(json::to_wire(value)),
            ("lt", value) => filter.lt = Some(json::to_wire(value)),
            ("lte", value) => filter.lte = Some(json::to_wire(value)),
            ("in", Value::Array(values)) => filter.r#in = Some(json::list_to_wire(values)),
            ("nin", Value::Array(values)) => filter.nin = Some(json::list_to_wire(values)),
            ("exists", Value::Bool(exists)) => filter.exists = Some(exists),
            ("prefix", Value::String(prefix)) => filter.prefix = Some(prefix),
            ("regex", Value::Object(fields)) => filter.regex = Some(regex(fields)?),
            ("and", value @ Value::Array(_)) => filter.and = list(value)?,
            ("or", value @ Value::Array(_)) => filter.or = list(value)?,
            (name, value) => return Err(format!("{name:?} is unknown or does not take {value}")),
        }
    }
    Ok(filter)
}

fn regex(fields: Map<String, Value>) -> Result<v1::Regex, String> {
    let mut regex = v1::Regex::default();
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("pattern", Value::String(pattern)) => regex.pattern = pattern,
            ("case_insensitive", Value::Bool(insensitive)) => regex.case_insensitive = insensitive,
            (name, value) => return Err(format!("\"regex\": {name:?} is unknown or does not take {value}")),
        }
    }
    Ok(regex)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_operator_is_carried_over() {
        let text = r#"[{"key": "ref", "in": ["a", "b"]}, {"or": [{"key": "tier", "eq": "gold"},
            {"and": [{"key": "role", "exists": false}, {"key": "dob", "gte": "2000-01-01", "lt": "2001-01-01"}]},
            {"key": "email", "regex": {"pattern": "^m", "case_insensitive": true}}, {"key": "ref", "prefix": "x"},
            {"key": "a", "nin": [1]}, {"key": "b", "ne": true, "gt": 1, "lte": 2}]}]"#;
        let filters = parse(text).unwrap();
        assert_eq!(filters.len(), 2);
        assert_eq!(filters[0].r#in.as_ref().unwrap().values.len(), 2);
        assert_eq!(filters[1].or.len(), 6);
        assert_eq!(filters[1].or[1].and[0].exists, Some(false));
        assert!(filters[1].or[2].regex.as_ref().unwrap().case_insensitive);
    }

    #[test]
    fn conditions_are_read_as_people_write_them() {
        let one = |text: &str| parse(text).unwrap().remove(0);
        let json = |text: &str| parse(text).unwrap().remove(0);
        for (condition, filter) in [
            ("tier=Gold", r#"{"key": "tier", "eq": "Gold"}"#),
            (" tier != Gold & more ", r#"{"key": "tier", "ne": "Gold & more"}"#),
            ("worker_id=007", r#"{"key": "worker_id", "eq": "007"}"#),
            ("worker_id=7", r#"{"key": "worker_id", "eq": "7"}"#),
            ("dob>=2000-01-01", r#"{"key": "dob", "gte": "2000-01-01"}"#),
            ("dob<2001-01-01", r#"{"key": "dob", "lt": "2001-01-01"}"#),
            ("company^=Acme=", r#"{"key": "company", "prefix": "Acme="}"#),
            ("company=Smith and Sons", r#"{"key": "company", "eq": "Smith and Sons"}"#),
            (r#"company="a and b=c""#, r#"{"key": "company", "eq": "a and b=c"}"#),
            (r#"company="a,tier=c""#, r#"{"key": "company", "eq": "a,tier=c"}"#),
            (r#"tier="'Gold'""#, r#"{"key": "tier", "eq": "'Gold'"}"#),
            (r#"tier="a|b""#, r#"{"key": "tier", "eq": "a|b"}"#),
            (r#"tier="~a""#, r#"{"key": "tier", "eq": "~a"}"#),
            ("last_name=O'Neill", r#"{"key": "last_name", "eq": "O'Neill"}"#),
            ("company=Acme, Inc.", r#"{"key": "company", "eq": "Acme, Inc."}"#),
            ("company=Smith & Sons = more", r#"{"key": "company", "eq": "Smith & Sons = more"}"#),
            ("enable_payroll=true", r#"{"key": "enable_payroll", "eq": true}"#),
            ("attributes.age>41.5", r#"{"key": "attributes.age", "gt": 41.5}"#),
            ("attributes.on=false", r#"{"key": "attributes.on", "eq": false}"#),
            (r#"attributes.code="7""#, r#"{"key": "attributes.code", "eq": "7"}"#),
            ("attributes.team=Ops", r#"{"key": "attributes.team", "eq": "Ops"}"#),
        ] {
            assert_eq!(one(condition), json(filter), "{condition}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_by_name() {
        for (text, named) in [
            (r#"{"key": "ref", "equals": "a"}"#, "equals"),
            (r#"{"key": "ref", "in": "a"}"#, "in"),
            (r#"{"key": "ref", "regex": {"patern": "a"}}"#, "patern"),
            ("3", "tier=Gold"),
            ("[", "not JSON"),
            ("[", "tier=Gold"),
            ("tier:Gold", "tier=Gold"),
            ("tier", "tier=Gold"),
            ("tier=", "no value"),
            ("=Gold", "no field"),
            ("tier==Gold", "two equals signs"),
            ("tier == Gold", "two equals signs"),
            ("tier=Gold and status=active", "two conditions with `and`"),
            ("tier=Gold AND status = active", "two conditions with `AND`"),
            ("tier=Gold or tier=Silver", "two conditions with `or`"),
            ("tier=Gold,status=active", "two conditions with `,`"),
            ("tier=Gold, Status != active", "two conditions with `,`"),
            ("tier=Gold;attributes.age>4", "two conditions with `;`"),
            ("tier=Gold&status=active", "two conditions with `&`"),
            ("tier=Gold|tier=Silver", "two conditions with `|`"),
            ("tier=Gold|Silver", r#"{"in":["Gold","Silver"],"key":"tier"}"#),
            ("tier='Gold'", "single quotes"),
            ("tier=~Go", r#""regex":{"pattern":"…"}"#),
            ("tier=~ Go", "regular expressions"),
            ("tier~Go", "regular expressions"),
            ("tier !~ Go", "regular expressions"),
            ("tier<>Gold", "`<>`, which is no operator"),
            ("tier => Gold", "`=>`, which is no operator"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
