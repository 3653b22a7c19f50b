//! Writes filters as the JSON of the contract.

use serde_json::{Map, Value, json};

use crate::api::grpc::v1;
use crate::cli::json::from_wire;

/// A filter, without what it does not have.
pub fn to_json(filter: &v1::Filter) -> Value {
    let one = |value: &Option<prost_types::Value>| value.clone().map(from_wire);
    let list = |list: &Option<prost_types::ListValue>| {
        list.as_ref().map(|list| list.values.iter().cloned().map(from_wire).collect())
    };
    let parts = |parts: &[v1::Filter]| (!parts.is_empty()).then(|| parts.iter().map(to_json).collect());
    let fields = [
        ("key", (!filter.key.is_empty()).then(|| Value::from(filter.key.as_str()))),
        ("eq", one(&filter.eq)),
        ("ne", one(&filter.ne)),
        ("gt", one(&filter.gt)),
        ("gte", one(&filter.gte)),
        ("lt", one(&filter.lt)),
        ("lte", one(&filter.lte)),
        ("in", list(&filter.r#in)),
        ("nin", list(&filter.nin)),
        ("exists", filter.exists.map(Value::from)),
        ("prefix", filter.prefix.as_deref().map(Value::from)),
        ("regex", filter.regex.as_ref().map(regex)),
        ("and", parts(&filter.and)),
        ("or", parts(&filter.or)),
    ];
    let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect::<Map<_, _>>())
}

fn regex(regex: &v1::Regex) -> Value {
    if regex.case_insensitive {
        json!({ "pattern": regex.pattern, "case_insensitive": true })
    } else {
        json!({ "pattern": regex.pattern })
    }
}
