//! Filters on the wire to the neutral tree that the model parses.

use prost_types::{ListValue, Value, value::Kind};

use crate::api::grpc::v1;
use crate::model::{RawFilter, RawRegex, RawValue};

/// The filters, as sent.
pub fn filters(filters: Vec<v1::Filter>) -> Vec<RawFilter> {
    filters.into_iter().map(filter).collect()
}

/// The depth of the tree is bounded by prost, which decodes 100 levels of messages at most.
fn filter(filter: v1::Filter) -> RawFilter {
    RawFilter {
        key: (!filter.key.is_empty()).then_some(filter.key),
        eq: filter.eq.map(value),
        ne: filter.ne.map(value),
        gt: filter.gt.map(value),
        gte: filter.gte.map(value),
        lt: filter.lt.map(value),
        lte: filter.lte.map(value),
        in_: filter.r#in.map(list),
        nin: filter.nin.map(list),
        exists: filter.exists,
        prefix: filter.prefix,
        regex: filter
            .regex
            .map(|regex| RawRegex { pattern: regex.pattern, case_insensitive: regex.case_insensitive }),
        and: nonempty(filter.and),
        or: nonempty(filter.or),
    }
}

/// On the wire an empty list and none are the same.
fn nonempty(parts: Vec<v1::Filter>) -> Option<Vec<RawFilter>> {
    (!parts.is_empty()).then(|| filters(parts))
}

fn list(list: ListValue) -> Vec<RawValue> {
    list.values.into_iter().map(value).collect()
}

fn value(value: Value) -> RawValue {
    match value.kind {
        None | Some(Kind::NullValue(_)) => RawValue::Null,
        Some(Kind::BoolValue(value)) => RawValue::Bool(value),
        Some(Kind::NumberValue(number)) => RawValue::Number(number),
        Some(Kind::StringValue(text)) => RawValue::Text(text),
        Some(Kind::ListValue(values)) => RawValue::List(list(values)),
        Some(Kind::StructValue(_)) => RawValue::Object,
    }
}
