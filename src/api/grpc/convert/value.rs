//! Filters on the wire to the neutral tree that the model parses.

use prost_types::{ListValue, Value, value::Kind};

use crate::api::grpc::v1;
use crate::model::{RawFilter, RawRegex, RawValue};

/// The key of the condition that members are in an audience.
const AUDIENCE: &str = "audience";

/// The filters, as sent, and that members are in an audience, if there is one.
pub fn filters_in(filters: Vec<v1::Filter>, audience_id: String) -> Vec<RawFilter> {
    let is_given = !audience_id.is_empty();
    let eq = Some(RawValue::Text(audience_id));
    let of_audience = RawFilter { key: Some(AUDIENCE.to_owned()), eq, ..RawFilter::default() };
    self::filters(filters).into_iter().chain(is_given.then_some(of_audience)).collect()
}

/// The filters, as sent.
pub fn filters(filters: Vec<v1::Filter>) -> Vec<RawFilter> {
    filters.into_iter().map(filter).collect()
}

/// Filters as they were sent, on the wire again.
pub fn filters_to_wire(filters: &[RawFilter]) -> Vec<v1::Filter> {
    filters.iter().map(filter_to_wire).collect()
}

fn filter_to_wire(raw: &RawFilter) -> v1::Filter {
    let one = |value: &Option<RawValue>| value.as_ref().map(value_to_wire);
    let list = |values: &Option<Vec<RawValue>>| {
        values.as_ref().map(|values| ListValue { values: values.iter().map(value_to_wire).collect() })
    };
    let parts = |parts: &Option<Vec<RawFilter>>| parts.as_deref().map(filters_to_wire).unwrap_or_default();
    v1::Filter {
        key: raw.key.clone().unwrap_or_default(),
        eq: one(&raw.eq),
        ne: one(&raw.ne),
        gt: one(&raw.gt),
        gte: one(&raw.gte),
        lt: one(&raw.lt),
        lte: one(&raw.lte),
        r#in: list(&raw.in_),
        nin: list(&raw.nin),
        exists: raw.exists,
        prefix: raw.prefix.clone(),
        regex: raw.regex.as_ref().map(|regex| v1::Regex {
            pattern: regex.pattern.clone(),
            case_insensitive: regex.case_insensitive,
        }),
        and: parts(&raw.and),
        or: parts(&raw.or),
    }
}

fn value_to_wire(value: &RawValue) -> Value {
    let kind = match value {
        // No stored filter has an object, because no key takes one.
        RawValue::Null | RawValue::Object => Kind::NullValue(0),
        RawValue::Bool(value) => Kind::BoolValue(*value),
        RawValue::Number(number) => Kind::NumberValue(*number),
        RawValue::Text(text) => Kind::StringValue(text.clone()),
        RawValue::List(values) => {
            Kind::ListValue(ListValue { values: values.iter().map(value_to_wire).collect() })
        }
    };
    Value { kind: Some(kind) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_come_back_as_they_were_sent() {
        let text = |text: &str| Some(Value { kind: Some(Kind::StringValue(text.to_owned())) });
        let list =
            |texts: &[&str]| Some(ListValue { values: texts.iter().filter_map(|one| text(one)).collect() });
        let key = |key: &str| v1::Filter { key: key.to_owned(), ..Default::default() };
        let regex = v1::Regex { pattern: "a+".to_owned(), case_insensitive: true };
        let number = Some(Value { kind: Some(Kind::NumberValue(1.5)) });
        let parts = vec![
            v1::Filter { eq: text("a"), ..key("tier") },
            v1::Filter { ne: Some(Value { kind: Some(Kind::BoolValue(true)) }), ..key("enable_payroll") },
            v1::Filter { gt: number.clone(), ..key("attributes.x") },
            v1::Filter { gte: number.clone(), ..key("attributes.x") },
            v1::Filter { lt: number.clone(), ..key("attributes.x") },
            v1::Filter { lte: number, ..key("attributes.x") },
            v1::Filter { r#in: list(&["a", "b"]), ..key("ref") },
            v1::Filter { nin: list(&[]), ..key("ref") },
            v1::Filter { exists: Some(false), ..key("role") },
            v1::Filter { prefix: Some("a".to_owned()), ..key("role") },
            v1::Filter { regex: Some(regex), ..key("role") },
        ];
        let or = v1::Filter { or: parts.clone(), ..Default::default() };
        let sent = vec![v1::Filter { and: vec![or, key("x")], ..Default::default() }, key("y")];
        assert_eq!(filters_to_wire(&filters(sent.clone())), sent);
    }
}
