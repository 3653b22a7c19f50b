//! A row that was sent as a message, as a line of NDJSON: the form in which lists are stored.

use serde_json::{Map, Value, json};

use crate::api::grpc::v1;
use crate::model::{Reason, Refusal};

/// Appends the line of a row.
pub fn write(row: &v1::MemberInput, lines: &mut Vec<u8>) -> Result<(), Refusal> {
    for (field, is_sent) in
        [("clear_fields", !row.clear_fields.is_empty()), ("if_revision", row.if_revision.is_some())]
    {
        if is_sent {
            let text = "cannot be sent in a full list";
            return Err(Refusal::field(Reason::FieldInvalid, format!("members.{field}"), text));
        }
    }
    let text = |value: &Option<String>| value.clone().map(Value::String);
    let fields = [
        ("id", text(&row.id)),
        ("ref", text(&row.r#ref)),
        ("email", text(&row.email)),
        ("first_name", text(&row.first_name)),
        ("last_name", text(&row.last_name)),
        ("phone", text(&row.phone)),
        ("worker_id", text(&row.worker_id)),
        ("tier", text(&row.tier)),
        ("status", text(&row.status)),
        ("dob", text(&row.dob)),
        ("gender", text(&row.gender)),
        ("role", text(&row.role)),
        ("company", text(&row.company)),
        ("enable_payroll", row.enable_payroll.map(Value::Bool)),
        ("account_details", row.account_details.as_ref().map(account)),
        ("attributes", row.attributes.clone().map(object)),
    ];
    let object: Map<String, Value> =
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    lines.extend_from_slice(Value::Object(object).to_string().as_bytes());
    lines.push(b'\n');
    Ok(())
}

fn account(details: &v1::AccountDetails) -> Value {
    let mut account = Map::new();
    if let Some(uk) = &details.uk {
        let holder = &uk.account_holder;
        account.insert(
            "uk".to_owned(),
            json!({ "account_holder": holder, "sort_code": uk.sort_code, "account_number": uk.account_number }),
        );
    }
    if let Some(eu) = &details.eu {
        account.insert("eu".to_owned(), json!({ "account_holder": eu.account_holder, "iban": eu.iban }));
    }
    Value::Object(account)
}

fn object(fields: prost_types::Struct) -> Value {
    Value::Object(fields.fields.into_iter().map(|(key, value)| (key, plain(value))).collect())
}

fn plain(value: prost_types::Value) -> Value {
    use prost_types::value::Kind;
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::NumberValue(number)) => json!(number),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(plain).collect(),
        Some(Kind::StructValue(fields)) => object(fields),
    }
}
