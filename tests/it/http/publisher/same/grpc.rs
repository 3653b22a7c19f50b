//! The calls of the Publisher door through gRPC.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::attribute_service_client::AttributeServiceClient;
use memberbase::api::grpc::v1::record_service_client::RecordServiceClient;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Timestamp};
use serde_json::Value;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::harness::{Members, Server};

/// A client.
pub struct Grpc {
    members: Members,
    attributes: AttributeServiceClient<Channel>,
    records: RecordServiceClient<Channel>,
}

impl Grpc {
    pub fn new(server: &Server) -> Self {
        Self {
            members: server.members(),
            attributes: AttributeServiceClient::new(server.channel()),
            records: RecordServiceClient::new(server.channel()),
        }
    }

    /// Makes the equivalent gRPC call and returns its refusal.
    pub async fn call(&self, call: &str, body: &Value) -> Result<(), Status> {
        let (mut attributes, mut records) = (self.attributes.clone(), self.records.clone());
        match call {
            "member/bulk-upsert" => self.upsert(body).await,
            "member/bulk-delete" => {
                let request = v1::BulkDeleteMembersRequest {
                    member_base_id: text(body, "member_base_id"),
                    member_ids: texts(body, "member_ids"),
                    refs: texts(body, "refs"),
                    ..Default::default()
                };
                self.members.clone().bulk_delete_members(request).await.map(drop)
            }
            "attribute.schema/set" => attributes.set_attribute_schema(schema(body)).await.map(drop),
            "member.attributes/set" => {
                let attribute = |entry: &Value| v1::MemberAttribute {
                    member_id: text(entry, "member_id"),
                    attribute_key: text(entry, "attribute_key"),
                    value: Some(value(&entry["value"])),
                };
                let request = v1::SetMemberAttributesRequest {
                    member_base_id: text(body, "member_base_id"),
                    attributes: body["attributes"].as_array().unwrap().iter().map(attribute).collect(),
                    ..Default::default()
                };
                attributes.set_member_attributes(request).await.map(drop)
            }
            "member.attributes/delete" => {
                let request = v1::DeleteMemberAttributesRequest {
                    member_base_id: text(body, "member_base_id"),
                    member_ids: texts(body, "member_ids"),
                    attribute_keys: texts(body, "attribute_keys"),
                    ..Default::default()
                };
                attributes.delete_member_attributes(request).await.map(drop)
            }
            "wallet.clip/save" => records.save_clip(clip(body)).await.map(drop),
            "wallet.clip/delete" => {
                let request = v1::DeleteClipRequest {
                    member_id: text(body, "member_id"),
                    creative_id: given(body, "creative_id"),
                    ..Default::default()
                };
                records.delete_clip(request).await.map(drop)
            }
            "stamp-collection/create" => {
                let request = v1::CreateStampCollectionRequest {
                    member_id: text(body, "member_id"),
                    loyalty_program_id: text(body, "loyalty_program_id"),
                    external_id: text(body, "external_id"),
                    ..Default::default()
                };
                records.create_stamp_collection(request).await.map(drop)
            }
            "stamp-collection/add-stamps" => {
                let request = v1::AddStampsRequest {
                    member_id: text(body, "member_id"),
                    external_id: given(body, "external_id"),
                    stamps: body["stamps"].as_i64().unwrap(),
                    ..Default::default()
                };
                records.add_stamps(request).await.map(drop)
            }
            "transaction/ingest" => {
                let events = body["events"].as_array().unwrap().iter().map(event).collect();
                let request = v1::IngestTransactionsRequest { events, ..Default::default() };
                records.ingest_transactions(request).await.map(drop)
            }
            other => panic!("no case has {other}"),
        }
    }

    /// All rows as one commit; the refusal is that of the first bad row.
    async fn upsert(&self, body: &Value) -> Result<(), Status> {
        let request = v1::BulkUpsertMembersRequest {
            member_base_id: text(body, "member_base_id"),
            members: body["members"].as_array().unwrap().iter().map(row).collect(),
            mode: v1::BulkMode::Atomic.into(),
            ..Default::default()
        };
        let reply = self.members.clone().bulk_upsert_members(request).await?.into_inner();
        let errors = reply.results.iter().filter_map(|result| result.error.as_ref());
        match errors.map(|error| error.reason.as_str()).find(|reason| *reason != "BATCH_REJECTED") {
            Some(reason) => {
                Err(memberbase::api::error::foreign(Code::InvalidArgument, reason, "a row is bad"))
            }
            None => Ok(()),
        }
    }
}

fn row(row: &Value) -> v1::MemberInput {
    v1::MemberInput {
        r#ref: given(row, "ref"),
        email: given(row, "email"),
        first_name: given(row, "first_name"),
        phone: given(row, "phone"),
        worker_id: given(row, "worker_id"),
        tier: given(row, "tier"),
        status: given(row, "status"),
        role: given(row, "role"),
        company: given(row, "company"),
        dob: given(row, "dob"),
        enable_payroll: row.get("enable_payroll").map(|value| value.as_bool().unwrap()),
        attributes: row.get("attributes").map(object),
        ..Default::default()
    }
}

fn schema(body: &Value) -> v1::SetAttributeSchemaRequest {
    let types = body["schema"].as_object().unwrap().iter();
    let types = types.map(|(key, kind)| {
        (key.clone(), v1::AttributeDefinition { r#type: text(kind, "type"), ..Default::default() })
    });
    v1::SetAttributeSchemaRequest {
        member_base_id: text(body, "member_base_id"),
        schema: types.collect(),
        ..Default::default()
    }
}

fn clip(body: &Value) -> v1::SaveClipRequest {
    v1::SaveClipRequest {
        member_id: text(body, "member_id"),
        creative_id: text(body, "creative_id"),
        deal_id: given(body, "deal_id"),
        variant_id: given(body, "variant_id"),
        deal_creative_format: given(body, "deal_creative_format"),
        deal_creative_content: body.get("deal_creative_content").map(object),
        redeemed_at: time(body, "redeemed_at"),
        ..Default::default()
    }
}

fn event(body: &Value) -> v1::TransactionEvent {
    v1::TransactionEvent {
        member_id: text(body, "member_id"),
        external_id: text(body, "external_id"),
        auth_code: text(body, "auth_code"),
        network: text(body, "network"),
        bin: text(body, "bin"),
        merchant_id: text(body, "merchant_id"),
        amount: body.get("amount").map(|amount| amount.as_i64().unwrap()),
        authed_at: time(body, "authed_at"),
        cleared_at: time(body, "cleared_at"),
        ..Default::default()
    }
}

fn given(body: &Value, field: &str) -> Option<String> {
    body.get(field).map(|value| value.as_str().unwrap().to_owned())
}

fn text(body: &Value, field: &str) -> String {
    given(body, field).unwrap_or_default()
}

fn texts(body: &Value, field: &str) -> Vec<String> {
    let items = body.get(field).and_then(Value::as_array).into_iter().flatten();
    items.map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn time(body: &Value, field: &str) -> Option<Timestamp> {
    given(body, field).map(|text| text.parse().unwrap())
}

fn object(value: &Value) -> Struct {
    Struct {
        fields: value
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, item)| (key.clone(), self::value(item)))
            .collect(),
    }
}

fn value(json: &Value) -> prost_types::Value {
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => Kind::ListValue(ListValue { values: items.iter().map(value).collect() }),
        Value::Object(_) => Kind::StructValue(object(json)),
    };
    prost_types::Value { kind: Some(kind) }
}
