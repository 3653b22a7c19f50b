//! Reads one filter, or a list of them.

use serde_json::{Map, Value};

use crate::api::grpc::v1;

use crate::cli::{Error, json};
use crate::model::filter::written::{Place, condition};

/// How to write filters, for error texts.
const HINT: &str = r#"write a condition such as tier=Gold, or JSON such as {"key": "tier", "eq": "Gold"}"#;

/// One filter or, in JSON, a list of them.
pub fn parse(text: &str) -> Result<Vec<v1::Filter>, Error> {
    let text = text.trim();
    let parsed = if text.starts_with(['{', '[']) {
        let value = serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"));
        value.and_then(list)
    } else {
        condition(Place::CommandLine, text).and_then(list)
    };
    parsed.map_err(|reason| Error::Usage(format!("--filter {text}: {reason}; {HINT}")))
}

/// The filters of all `--filter` arguments.
pub fn parse_all(texts: &[String]) -> Result<Vec<v1::Filter>, Error> {
    Ok(texts.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>()?.concat())
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
