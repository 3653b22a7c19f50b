//! Converts JSON as people write it to and from messages on the wire.

use prost_types::value::Kind;
use serde_json::{Map, Value, json};

use crate::api::grpc::v1;

/// A JSON value as `google.protobuf.Value`. Numbers become doubles, as everywhere on this wire.
pub fn to_wire(value: Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(value),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(values) => Kind::ListValue(list_to_wire(values)),
        Value::Object(fields) => Kind::StructValue(object_to_wire(fields)),
    };
    prost_types::Value { kind: Some(kind) }
}

pub fn list_to_wire(values: Vec<Value>) -> prost_types::ListValue {
    prost_types::ListValue { values: values.into_iter().map(to_wire).collect() }
}

pub fn object_to_wire(fields: Map<String, Value>) -> prost_types::Struct {
    prost_types::Struct { fields: fields.into_iter().map(|(key, value)| (key, to_wire(value))).collect() }
}

/// `google.protobuf.Value` as JSON.
pub fn from_wire(value: prost_types::Value) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::NumberValue(number)) => from_number(number),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(from_wire).collect(),
        Some(Kind::StructValue(fields)) => object_from_wire(fields),
    }
}

pub fn object_from_wire(fields: prost_types::Struct) -> Value {
    Value::Object(fields.fields.into_iter().map(|(key, value)| (key, from_wire(value))).collect())
}

/// Whole numbers without `.0`, as people write them.
fn from_number(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0
        && number.abs() < EXACT
        && let Ok(whole) = format!("{number:.0}").parse::<i64>()
    {
        return Value::from(whole);
    }
    json!(number)
}

/// A member with the field names of the contract, without fields that have no value.
pub fn member(member: v1::Member) -> Value {
    let account = member.account_details.map(account);
    let attributes =
        member.attributes.filter(|attributes| !attributes.fields.is_empty()).map(object_from_wire);
    let fields = [
        ("id", Some(Value::String(member.id))),
        ("member_base_id", Some(Value::String(member.member_base_id))),
        ("ref", member.r#ref.map(Value::String)),
        ("email", member.email.map(Value::String)),
        ("first_name", member.first_name.map(Value::String)),
        ("last_name", member.last_name.map(Value::String)),
        ("phone", member.phone.map(Value::String)),
        ("worker_id", member.worker_id.map(Value::String)),
        ("tier", member.tier.map(Value::String)),
        ("status", Some(Value::String(member.status))),
        ("dob", member.dob.map(Value::String)),
        ("gender", member.gender.map(Value::String)),
        ("role", member.role.map(Value::String)),
        ("company", member.company.map(Value::String)),
        ("enable_payroll", member.enable_payroll.map(Value::Bool)),
        ("account_details", account),
        ("attributes", attributes),
        ("created_at", member.created_at.map(|time| Value::String(time.to_string()))),
        ("updated_at", member.updated_at.map(|time| Value::String(time.to_string()))),
        ("revision", Some(Value::from(member.revision))),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn account(details: v1::AccountDetails) -> Value {
    let mut object = Map::new();
    if let Some(uk) = details.uk {
        object.insert(
            "uk".to_owned(),
            json!({
                "account_holder": uk.account_holder,
                "sort_code": uk.sort_code,
                "account_number": uk.account_number,
            }),
        );
    }
    if let Some(eu) = details.eu {
        object.insert("eu".to_owned(), json!({ "account_holder": eu.account_holder, "iban": eu.iban }));
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost_types::Value;
    use prost_types::value::Kind;
    use serde_json::json;

    use super::{from_wire, to_wire};

    proptest! {
        #[test]
        fn a_number_that_was_printed_is_read_as_it_was(number in any::<f64>().prop_filter("JSON has it", |n| n.is_finite())) {
            let printed = from_wire(Value { kind: Some(Kind::NumberValue(number)) }).to_string();
            prop_assert_eq!(to_wire(serde_json::from_str(&printed).unwrap()).kind, Some(Kind::NumberValue(number)));
        }
    }

    #[test]
    fn values_come_back_as_they_were() {
        let value = json!({"a": [1, 2.5, -3, "x", true, null], "b": {"c": 9007199254740991_i64}, "d": 1e300});
        assert_eq!(from_wire(to_wire(value.clone())), value);
    }
}
