//! Filters, as the neutral tree that the model parses.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::http::json::{Given, Object};
use crate::api::http::openapi::values;
use crate::api::http::tree::{Tree, double};
use crate::model::limits::{FILTER_IN_MAX_VALUES, REGEX_MAX_BYTES};
use crate::model::{RawFilter, RawRegex, RawValue};

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
