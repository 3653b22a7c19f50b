//! Filters as people write them: a condition in each line, or the JSON of the contract.

use serde::Deserialize;
use serde_json::Value;

use crate::api::http::console::failure::Failure;
use crate::api::http::filter::{Filter, raw};
use crate::api::http::json::{self, Object};
use crate::model::RawFilter;
use crate::model::filter::written::{Place, condition};

/// Longest filter, in bytes.
const TEXT_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filters {
    filters: Vec<Object<Filter>>,
}

/// The filter that a person wrote; empty for an empty text.
pub fn read(text: &str) -> Result<Vec<RawFilter>, Failure> {
    let text = text.trim();
    if text.len() > TEXT_BYTES {
        return Err(Failure::form(format!("The filter has more than {TEXT_BYTES} bytes.")));
    }
    let list = match text.chars().next() {
        None => return Ok(Vec::new()),
        Some('[') => text.to_owned(),
        Some('{') => format!("[{text}]"),
        Some(_) => lines(text)?,
    };
    let body = format!("{{\"filters\": {list}}}");
    let Filters { filters } = json::parse(body.as_bytes())?;
    Ok(raw(Some(filters)))
}

/// Conditions, one in each line, as a list in JSON.
fn lines(text: &str) -> Result<String, Failure> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let conditions = lines.map(|line| {
        condition(Place::Lines, line).map_err(|fault| {
            let how =
                "write a condition such as tier=Gold, or JSON such as {\"key\": \"tier\", \"eq\": \"Gold\"}";
            Failure::form(format!("The condition {line:?} {fault}; {how}."))
        })
    });
    Ok(Value::Array(conditions.collect::<Result<_, _>>()?).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RawValue;

    fn refused(text: &str) -> String {
        read(text).unwrap_err().shown().into_string()
    }

    #[test]
    fn a_filter_is_lines_of_conditions_or_json() {
        let gold = RawFilter {
            key: Some("tier".to_owned()),
            eq: Some(RawValue::Text("Gold".to_owned())),
            ..RawFilter::default()
        };
        let payroll = RawFilter {
            key: Some("enable_payroll".to_owned()),
            eq: Some(RawValue::Bool(true)),
            ..RawFilter::default()
        };
        assert_eq!(read(" \n ").unwrap(), []);
        assert_eq!(read("tier = Gold\r\n\r\nenable_payroll=true\r\n").unwrap(), [gold.clone(), payroll]);
        for json in [r#"{"key": "tier", "eq": "Gold"}"#, r#" [{"key": "tier", "eq": "Gold"}] "#] {
            assert_eq!(read(json).unwrap(), std::slice::from_ref(&gold));
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert!(refused("tier=Gold\ntier:Gold").contains("tier:Gold"));
        assert!(refused("tier=Gold and status=active").contains("in a line of its own"));
        assert!(refused(r#"{"key": "tier", "equals": "Gold"}"#).contains("filters[0].equals"));
        assert!(refused("[").contains("JSON"));
        assert!(refused(&"a".repeat(TEXT_BYTES + 1)).contains("bytes"));
    }
}
