//! `AttributeService`.

use tonic::{Request, Response, Status};

use super::idempotency::{begin, marked_reply};
use crate::api::error;
use crate::api::grpc::access::enter;
use crate::api::grpc::convert::{guard, input, list, member, timestamp};
use crate::api::grpc::replies::reply;
use crate::api::grpc::v1;
use crate::api::grpc::v1::attribute_service_server::AttributeService;
use crate::directory::{AttributeDeletion, AttributeEntry, Gate, ShownSchema};
use crate::model::Row;
use crate::model::schema::{AttributeType, SentDefinition};

/// The service.
pub struct Attributes(pub Gate);

#[tonic::async_trait]
impl AttributeService for Attributes {
    async fn set_attribute_schema(
        &self,
        request: Request<v1::SetAttributeSchemaRequest>,
    ) -> Result<Response<v1::SetAttributeSchemaResponse>, Status> {
        let (directory, request, _) = begin(&self.0, request).await?;
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        let definition =
            |sent: v1::AttributeDefinition| SentDefinition { kind: sent.r#type, indexed: sent.indexed };
        let sent = request.schema.into_iter().map(|(key, sent)| (key, definition(sent)));
        let schema = directory.set_schema(base, sent).await?;
        let attribute_schema = Some(to_wire(directory.sealer().base_id(base), schema));
        Ok(marked_reply(&directory, v1::SetAttributeSchemaResponse { attribute_schema }))
    }

    async fn get_attribute_schema(
        &self,
        request: Request<v1::GetAttributeSchemaRequest>,
    ) -> Result<Response<v1::GetAttributeSchemaResponse>, Status> {
        let directory = enter(&self.0).await?;
        let base = directory.base_number(&request.get_ref().member_base_id, "member_base_id")?;
        let schema = directory.get_schema(base).await?;
        let attribute_schema = Some(to_wire(directory.sealer().base_id(base), schema));
        Ok(reply(v1::GetAttributeSchemaResponse { attribute_schema }))
    }

    async fn set_member_attributes(
        &self,
        request: Request<v1::SetMemberAttributesRequest>,
    ) -> Result<Response<v1::SetMemberAttributesResponse>, Status> {
        let (directory, request, _) = begin(&self.0, request).await?;
        let expected = guard::expected(request.expect, None);
        let directory = directory.expecting(expected.map_err(|refusal| error::refused(&refusal))?);
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        let entries = request.attributes.into_iter().map(|entry| AttributeEntry {
            member_id: entry.member_id,
            key: entry.attribute_key,
            value: input::given_attribute(entry.value),
        });
        let updated = directory.set_attributes(base, entries.collect()).await?;
        Ok(marked_reply(&directory, v1::SetMemberAttributesResponse { updated }))
    }

    async fn delete_member_attributes(
        &self,
        request: Request<v1::DeleteMemberAttributesRequest>,
    ) -> Result<Response<v1::DeleteMemberAttributesResponse>, Status> {
        let (directory, request, _) = begin(&self.0, request).await?;
        let expected = guard::expected(request.expect, None);
        let directory = directory.expecting(expected.map_err(|refusal| error::refused(&refusal))?);
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        // On the wire an empty list and none are the same.
        let given = |list: Vec<String>| Some(list).filter(|list| !list.is_empty());
        let which = AttributeDeletion {
            member_ids: given(request.member_ids),
            keys: given(request.attribute_keys),
            all: request.delete_all,
        };
        let deleted = directory.delete_attributes(base, which).await?;
        Ok(marked_reply(&directory, v1::DeleteMemberAttributesResponse { deleted }))
    }

    async fn list_member_attributes(
        &self,
        request: Request<v1::ListMemberAttributesRequest>,
    ) -> Result<Response<v1::ListMemberAttributesResponse>, Status> {
        let directory = enter(&self.0).await?;
        let request = request.into_inner();
        let page = list::page(request.pagination, Vec::new());
        let found = directory.list_attributes(&request.member_id, page).await?;
        let info = list::page_info(found.attributes.len(), found.cursor);
        let attributes = found.attributes.into_iter().map(|(attribute_key, value)| v1::MemberAttribute {
            member_id: request.member_id.clone(),
            attribute_key,
            value: Some(member::attribute(value)),
        });
        Ok(reply(v1::ListMemberAttributesResponse { attributes: attributes.collect(), page: Some(info) }))
    }
}

fn to_wire(member_base_id: String, shown: ShownSchema) -> v1::AttributeSchema {
    let ShownSchema { schema, indexing, rows } = shown;
    let Some(schema) = schema else { return v1::AttributeSchema { member_base_id, ..Default::default() } };
    let definition = |(key, kind): (&String, &AttributeType)| {
        let indexed = schema.indexes.contains_key(key);
        (key.clone(), v1::AttributeDefinition { r#type: kind.as_str().to_owned(), indexed })
    };
    let progress = |(key, done): (String, Row)| (key, v1::IndexProgress { done: done.0, total: rows.0 });
    v1::AttributeSchema {
        member_base_id,
        schema: schema.types.iter().map(definition).collect(),
        created_at: Some(timestamp(schema.created_at)),
        updated_at: Some(timestamp(schema.updated_at)),
        indexing: indexing.into_iter().map(progress).collect(),
    }
}
