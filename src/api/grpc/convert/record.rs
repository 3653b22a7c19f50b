//! Records of members on the wire.

use prost_types::{ListValue, Struct, Value, value::Kind};
use serde_json::{Map, Number};

use super::{instant, timestamp};
use crate::api::grpc::v1;
use crate::directory::{ClipInput, TransactionInput};
use crate::model::limits::SAFE_INTEGER_MAX;
use crate::model::record::{Clip, Currency, JsonObject, StampCollection, Transaction};
use crate::model::{ForeignText, Reason, RecordCounts, Refusal};

/// A clip as its caller sent it.
pub fn clip_input(request: v1::SaveClipRequest) -> ClipInput {
    ClipInput {
        creative_id: request.creative_id,
        deal_id: request.deal_id,
        variant_id: request.variant_id,
        deal_creative_format: request.deal_creative_format,
        deal_creative_content: request.deal_creative_content.map(|content| to_json(content).to_string()),
        redeemed_at: request.redeemed_at.map(instant),
    }
}

/// The events, as sent.
pub fn events(events: Vec<v1::TransactionEvent>) -> Vec<TransactionInput> {
    let event = |event: v1::TransactionEvent| TransactionInput {
        authed_at: event.authed_at.map(instant),
        cleared_at: event.cleared_at.map(instant),
        reverted_at: event.reverted_at.map(instant),
        member_id: event.member_id,
        external_id: event.external_id,
        auth_code: event.auth_code,
        network: event.network,
        bin: event.bin,
        merchant_id: event.merchant_id,
        statement_descriptor: event.statement_descriptor,
        amount: event.amount,
        currency: event.currency,
    };
    events.into_iter().map(event).collect()
}

/// A clip of the member `member_id`.
pub fn clip(member_id: String, clip: Clip) -> v1::Clip {
    let details = clip.details;
    v1::Clip {
        id: clip.id.to_string(),
        member_id,
        creative_id: clip.creative_id.into_string(),
        deal_id: details.deal_id.map(ForeignText::into_string),
        variant_id: details.variant_id.map(ForeignText::into_string),
        deal_creative_format: details.format.map(ForeignText::into_string),
        deal_creative_content: details.content.as_ref().map(content),
        created_at: Some(timestamp(clip.created_at)),
        updated_at: Some(timestamp(clip.updated_at)),
        redeemed_at: details.redeemed_at.map(timestamp),
    }
}

/// A stamp collection of the member `member_id`.
pub fn stamps(member_id: String, stamps: StampCollection) -> v1::StampCollection {
    v1::StampCollection {
        id: stamps.id.to_string(),
        member_id,
        loyalty_program_id: stamps.loyalty_program_id.into_string(),
        external_id: stamps.external_id.into_string(),
        stamps: stamps.stamps,
        created_at: Some(timestamp(stamps.created_at)),
        updated_at: Some(timestamp(stamps.updated_at)),
    }
}

/// A transaction of the member `member_id`.
pub fn transaction(member_id: String, transaction: Transaction) -> v1::Transaction {
    v1::Transaction {
        member_id,
        external_id: transaction.external_id.into_string(),
        auth_code: transaction.auth_code.into_string(),
        network: transaction.network.as_str().to_owned(),
        bin: transaction.bin.into_string(),
        merchant_id: transaction.merchant_id.into_string(),
        statement_descriptor: transaction.statement_descriptor.map(ForeignText::into_string),
        amount: transaction.amount,
        currency: transaction.currency.map(Currency::into_string),
        authed_at: Some(timestamp(transaction.authed_at)),
        cleared_at: transaction.cleared_at.map(timestamp),
        reverted_at: transaction.reverted_at.map(timestamp),
        created_at: Some(timestamp(transaction.created_at)),
        updated_at: Some(timestamp(transaction.updated_at)),
    }
}

/// Counts.
pub fn counts(counts: RecordCounts) -> v1::RecordCounts {
    v1::RecordCounts {
        clips: counts.clips,
        stamp_collections: counts.stamp_collections,
        transactions: counts.transactions,
    }
}

/// The refusal of an unknown kind of records.
pub fn unknown_kind(index: usize) -> Refusal {
    let description = "must be one of clip, stamp_collection, transaction";
    Refusal::field(Reason::FieldInvalid, format!("kinds[{index}]"), description)
}

/// The content of a creative. The stored text is always an object.
fn content(object: &JsonObject) -> Struct {
    let parsed: Map<String, serde_json::Value> = serde_json::from_str(object.as_str()).unwrap_or_default();
    to_struct(parsed)
}

fn to_struct(object: Map<String, serde_json::Value>) -> Struct {
    Struct { fields: object.into_iter().map(|(key, value)| (key, to_value(value))).collect() }
}

fn to_value(value: serde_json::Value) -> Value {
    let kind = match value {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(value),
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        serde_json::Value::String(text) => Kind::StringValue(text),
        serde_json::Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.into_iter().map(to_value).collect() })
        }
        serde_json::Value::Object(object) => Kind::StructValue(to_struct(object)),
    };
    Value { kind: Some(kind) }
}

fn to_json(object: Struct) -> serde_json::Value {
    serde_json::Value::Object(
        object.fields.into_iter().map(|(key, value)| (key, value_to_json(value))).collect(),
    )
}

fn value_to_json(value: Value) -> serde_json::Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(value)) => value.into(),
        Some(Kind::NumberValue(number)) => number_to_json(number),
        Some(Kind::StringValue(text)) => text.into(),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(value_to_json).collect(),
        Some(Kind::StructValue(object)) => to_json(object),
    }
}

/// A number in JSON: whole numbers without `.0`, and null for a number that JSON cannot express.
fn number_to_json(number: f64) -> serde_json::Value {
    let whole = (number.fract() == 0.0).then(|| format!("{number:.0}").parse::<i64>().ok()).flatten();
    match whole.filter(|whole| whole.unsigned_abs() <= SAFE_INTEGER_MAX) {
        Some(whole) => whole.into(),
        None => Number::from_f64(number).map_or(serde_json::Value::Null, serde_json::Value::Number),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn content_comes_back_as_it_was() {
        let value =
            json!({"a": [1, 2.5, -3, "x", true, null], "b": {"c": 9_007_199_254_740_991_i64}, "d": 1e-300});
        let object = JsonObject::parse(&value.to_string()).unwrap();
        assert_eq!(to_json(content(&object)), value);
    }
}
