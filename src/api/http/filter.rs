//! Filters as JSON: the neutral tree that the model parses.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::http::attributes::Shown;
use crate::api::http::json::{Given, Object};
use crate::api::http::openapi::values;
use crate::api::http::tree::{Tree, double};
use crate::model::limits::{FILTER_IN_MAX_VALUES, REGEX_MAX_BYTES};
use crate::model::{AttributeValue, RawFilter, RawRegex, RawValue};

/// An entry of `filters`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    key: Option<String>,
    #[serde(default)]
    #[schemars(with = "Option<values::Any>")]
    eq: Given<Tree>,
    #[serde(default)]
    #[schemars(with = "Option<values::Any>")]
    ne: Given<Tree>,
    #[serde(default)]
    #[schemars(with = "Option<values::Any>")]
    gt: Given<Tree>,
    #[serde(default)]
    #[schemars(with = "Option<values::Any>")]
    gte: Given<Tree>,
    #[serde(default)]
    #[schemars(with = "Option<values::Any>")]
    lt: Given<Tree>,
    #[serde(default)]
    #[schemars(with = "Option<values::Any>")]
    lte: Given<Tree>,
    #[serde(rename = "in")]
    #[schemars(with = "Option<Vec<values::Any>>", length(max = FILTER_IN_MAX_VALUES))]
    in_: Option<Vec<Tree>>,
    #[schemars(with = "Option<Vec<values::Any>>", length(max = FILTER_IN_MAX_VALUES))]
    nin: Option<Vec<Tree>>,
    exists: Option<bool>,
    prefix: Option<String>,
    regex: Option<Object<Regex>>,
    and: Option<Vec<Object<Filter>>>,
    or: Option<Vec<Object<Filter>>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Regex {
    /// Not anchored. A pattern that could take too long for a single member is refused, such as `a{1,500}!`
    /// on an attribute.
    #[schemars(length(max = REGEX_MAX_BYTES))]
    pattern: String,
    #[serde(default)]
    case_insensitive: bool,
}

/// The filters, as sent. Their depth is bounded by the parser.
pub fn raw(filters: Option<Vec<Object<Filter>>>) -> Vec<RawFilter> {
    filters.unwrap_or_default().into_iter().map(one).collect()
}

fn one(Object(filter): Object<Filter>) -> RawFilter {
    let regex = |Object(regex): Object<Regex>| RawRegex {
        pattern: regex.pattern,
        case_insensitive: regex.case_insensitive,
    };
    RawFilter {
        key: filter.key,
        eq: operand(filter.eq),
        ne: operand(filter.ne),
        gt: operand(filter.gt),
        gte: operand(filter.gte),
        lt: operand(filter.lt),
        lte: operand(filter.lte),
        in_: filter.in_.map(values),
        nin: filter.nin.map(values),
        exists: filter.exists,
        prefix: filter.prefix,
        regex: filter.regex.map(regex),
        and: filter.and.map(|parts| raw(Some(parts))),
        or: filter.or.map(|parts| raw(Some(parts))),
    }
}

/// `null` is an operand, if not a good one.
fn operand(given: Given<Tree>) -> Option<RawValue> {
    match given {
        Given::Absent => None,
        Given::Null => Some(RawValue::Null),
        Given::Value(tree) => Some(value(tree)),
    }
}

fn values(trees: Vec<Tree>) -> Vec<RawValue> {
    trees.into_iter().map(value).collect()
}

fn value(tree: Tree) -> RawValue {
    match tree {
        Tree::Null => RawValue::Null,
        Tree::Bool(value) => RawValue::Bool(value),
        Tree::Number(number) => RawValue::Number(double(&number)),
        Tree::Text(text) => RawValue::Text(text),
        Tree::List(list) => RawValue::List(values(list)),
        Tree::Object(_) => RawValue::Object,
    }
}

/// The filters as JSON, in the form in which they are sent.
pub fn shown(filters: &[RawFilter]) -> Vec<Map<String, Value>> {
    filters.iter().map(show).collect()
}

fn show(filter: &RawFilter) -> Map<String, Value> {
    let one = |operand: &Option<RawValue>| operand.as_ref().map(show_value);
    let many = |operands: &Option<Vec<RawValue>>| operands.as_deref().map(show_values);
    let parts = |parts: &Option<Vec<RawFilter>>| parts.as_deref().map(|parts| json!(shown(parts)));
    let regex =
        |regex: &RawRegex| json!({ "pattern": regex.pattern, "case_insensitive": regex.case_insensitive });
    let fields = [
        ("key", filter.key.as_ref().map(|key| json!(key))),
        ("eq", one(&filter.eq)),
        ("ne", one(&filter.ne)),
        ("gt", one(&filter.gt)),
        ("gte", one(&filter.gte)),
        ("lt", one(&filter.lt)),
        ("lte", one(&filter.lte)),
        ("in", many(&filter.in_)),
        ("nin", many(&filter.nin)),
        ("exists", filter.exists.map(Value::from)),
        ("prefix", filter.prefix.as_ref().map(|prefix| json!(prefix))),
        ("regex", filter.regex.as_ref().map(regex)),
        ("and", parts(&filter.and)),
        ("or", parts(&filter.or)),
    ];
    let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    given.collect()
}

fn show_values(values: &[RawValue]) -> Value {
    values.iter().map(show_value).collect()
}

fn show_value(value: &RawValue) -> Value {
    match value {
        RawValue::Null => Value::Null,
        RawValue::Bool(value) => json!(value),
        RawValue::Number(number) => json!(Shown(&AttributeValue::Number(*number))),
        RawValue::Text(text) => json!(text),
        RawValue::List(list) => show_values(list),
        RawValue::Object => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::http::json::parse;

    #[derive(Deserialize)]
    struct Sent {
        filters: Option<Vec<Object<Filter>>>,
    }

    #[test]
    fn a_filter_is_shown_as_it_was_sent() {
        let text = json!({"filters": [
            {"key": "tier", "in": ["Gold", "Silver"]},
            {"or": [
                {"key": "attributes.size", "gte": 5, "lt": 7.5},
                {"and": [{"key": "email", "exists": false}, {"key": "role", "prefix": "Q"}]},
                {"key": "company", "regex": {"pattern": "^x", "case_insensitive": true}},
                {"key": "attributes.vip", "ne": true},
            ]},
        ]});
        let sent: Sent = parse(text.to_string().as_bytes()).unwrap();
        assert_eq!(json!({ "filters": shown(&raw(sent.filters)) }), text);
    }
}
