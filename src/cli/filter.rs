//! Filters from the command line: the JSON of the contract, `[{"key": "tier", "eq": "gold"}]`.
//!
//! What a filter means is the server's to judge. Here it only has to have the shape of one, so that nothing that somebody
//! wrote is dropped on the way.

use serde_json::{Map, Value};

use crate::api::grpc::v1;

use super::{Error, json};

/// One filter or a list of them. No text is no filter.
pub fn parse(text: &str) -> Result<Vec<v1::Filter>, Error> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| Error::Usage(format!("--filter is not JSON: {error}")))?;
    list(value).map_err(|reason| Error::Usage(format!("--filter: {reason}")))
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
    fn what_is_no_filter_is_refused_by_name() {
        for (text, named) in [
            (r#"{"key": "ref", "equals": "a"}"#, "equals"),
            (r#"{"key": "ref", "in": "a"}"#, "in"),
            (r#"{"key": "ref", "regex": {"patern": "a"}}"#, "patern"),
            ("3", "3"),
            ("[", "not JSON"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
