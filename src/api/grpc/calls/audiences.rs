//! `AudienceService`.

use tonic::{Request, Response, Status};

use super::idempotency::{begin, marked_reply};
use crate::api::error;
use crate::api::grpc::access::enter;
use crate::api::grpc::convert::member::ToWire;
use crate::api::grpc::convert::{audience, key, list, value};
use crate::api::grpc::replies::reply;
use crate::api::grpc::v1;
use crate::api::grpc::v1::audience_service_server::AudienceService;
use crate::directory::{AudienceChange, AudienceList, Directory, Gate, NewAudience, ShownAudience};
use crate::model::{Reason, Refusal};

/// The field of every request about one audience.
const ID: &str = "audience_id";

/// The service.
pub struct Audiences(pub Gate);

fn wire(directory: &Directory, shown: &ShownAudience) -> Option<v1::Audience> {
    Some(audience::to_wire(shown, directory.sealer()))
}

#[tonic::async_trait]
impl AudienceService for Audiences {
    async fn create_audience(
        &self,
        request: Request<v1::CreateAudienceRequest>,
    ) -> Result<Response<v1::CreateAudienceResponse>, Status> {
        let (directory, request, deadline) = begin(&self.0, request).await?;
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        let (name, filters) = (request.name, value::filters(request.filters));
        let created = directory.create_audience(base, NewAudience { name, filters, deadline }).await?;
        let audience = wire(&directory, &created);
        Ok(marked_reply(&directory, v1::CreateAudienceResponse { audience }))
    }

    async fn get_audience(
        &self,
        request: Request<v1::GetAudienceRequest>,
    ) -> Result<Response<v1::GetAudienceResponse>, Status> {
        let directory = enter(&self.0).await?;
        let (base, number) = directory.audience_number(&request.get_ref().audience_id, ID)?;
        let found = directory.get_audience(base, number).await?;
        Ok(reply(v1::GetAudienceResponse { audience: wire(&directory, &found) }))
    }

    async fn list_audiences(
        &self,
        request: Request<v1::ListAudiencesRequest>,
    ) -> Result<Response<v1::ListAudiencesResponse>, Status> {
        let directory = enter(&self.0).await?;
        let request = request.into_inner();
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        let include_archived = request.include_archived;
        let wanted = AudienceList { include_archived, page: list::page(request.pagination, request.sorts) };
        let page = directory.list_audiences(base, wanted).await?;
        let info = list::page_info(page.audiences.len(), page.cursor);
        let audiences = page.audiences.iter().filter_map(|shown| wire(&directory, shown)).collect();
        Ok(reply(v1::ListAudiencesResponse { audiences, page: Some(info) }))
    }

    async fn update_audience(
        &self,
        request: Request<v1::UpdateAudienceRequest>,
    ) -> Result<Response<v1::UpdateAudienceResponse>, Status> {
        let (directory, request, deadline) = begin(&self.0, request).await?;
        let (base, number) = directory.audience_number(&request.audience_id, ID)?;
        let filters = match (request.filters.is_empty(), request.clear_filters) {
            (true, false) => None,
            (_, false) => Some(value::filters(request.filters)),
            (true, true) => Some(Vec::new()),
            (false, true) => {
                let refusal = Refusal::field(Reason::FieldConflict, "clear_filters", "excludes filters");
                return Err(error::refused(&refusal));
            }
        };
        let change = AudienceChange { name: request.name, filters, deadline };
        let changed = directory.update_audience(base, number, change).await?;
        let audience = wire(&directory, &changed);
        Ok(marked_reply(&directory, v1::UpdateAudienceResponse { audience }))
    }

    async fn archive_audience(
        &self,
        request: Request<v1::ArchiveAudienceRequest>,
    ) -> Result<Response<v1::ArchiveAudienceResponse>, Status> {
        let (directory, request, deadline) = begin(&self.0, request).await?;
        let (base, number) = directory.audience_number(&request.audience_id, ID)?;
        let archived = directory.archive_audience(base, number, deadline).await?;
        let audience = wire(&directory, &archived);
        Ok(marked_reply(&directory, v1::ArchiveAudienceResponse { audience }))
    }

    async fn unarchive_audience(
        &self,
        request: Request<v1::UnarchiveAudienceRequest>,
    ) -> Result<Response<v1::UnarchiveAudienceResponse>, Status> {
        let (directory, request, deadline) = begin(&self.0, request).await?;
        let (base, number) = directory.audience_number(&request.audience_id, ID)?;
        let restored = directory.unarchive_audience(base, number, deadline).await?;
        let audience = wire(&directory, &restored);
        Ok(marked_reply(&directory, v1::UnarchiveAudienceResponse { audience }))
    }

    async fn add_audience_members(
        &self,
        request: Request<v1::AddAudienceMembersRequest>,
    ) -> Result<Response<v1::AddAudienceMembersResponse>, Status> {
        let (directory, request, deadline) = begin(&self.0, request).await?;
        let (base, number) = directory.audience_number(&request.audience_id, ID)?;
        let ids = &request.member_ids;
        let counts = directory.add_audience_members(base, number, ids, deadline).await?;
        let counts = Some(audience::counts(counts));
        Ok(marked_reply(&directory, v1::AddAudienceMembersResponse { counts }))
    }

    async fn remove_audience_members(
        &self,
        request: Request<v1::RemoveAudienceMembersRequest>,
    ) -> Result<Response<v1::RemoveAudienceMembersResponse>, Status> {
        let (directory, request, deadline) = begin(&self.0, request).await?;
        let (base, number) = directory.audience_number(&request.audience_id, ID)?;
        let ids = &request.member_ids;
        let counts = directory.remove_audience_members(base, number, ids, deadline).await?;
        let counts = Some(audience::counts(counts));
        Ok(marked_reply(&directory, v1::RemoveAudienceMembersResponse { counts }))
    }

    async fn preview_audience(
        &self,
        request: Request<v1::PreviewAudienceRequest>,
    ) -> Result<Response<v1::PreviewAudienceResponse>, Status> {
        let directory = enter(&self.0).await?;
        let request = request.into_inner();
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        let filters = value::filters(request.filters);
        let found = directory.preview_audience(base, filters, request.limit).await?;
        let members = ToWire::new(directory.sealer(), base).members(found.members);
        Ok(reply(v1::PreviewAudienceResponse { count: found.total, members }))
    }

    async fn explain_membership(
        &self,
        request: Request<v1::ExplainMembershipRequest>,
    ) -> Result<Response<v1::ExplainMembershipResponse>, Status> {
        let directory = enter(&self.0).await?;
        let request = request.into_inner();
        let (base, number) = directory.audience_number(&request.audience_id, ID)?;
        let key = key::one_key(request.key.unwrap_or_default(), "key");
        let key = key.map_err(|refusal| error::refused(&refusal))?;
        let explained = directory.explain_membership(base, number, key).await?;
        Ok(reply(audience::explained(explained, directory.sealer(), base)))
    }
}
