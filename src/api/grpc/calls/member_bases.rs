//! `MemberBaseService`.

use tonic::{Request, Response, Status};

use super::idempotency::{begin, marked_reply};
use crate::api::grpc::access::enter;
use crate::api::grpc::convert::{base, guard, list, value};
use crate::api::grpc::replies::reply;
use crate::api::grpc::v1;
use crate::api::grpc::v1::member_base_service_server::MemberBaseService;
use crate::directory::{BaseChange, BaseList, BaseSummary, CreatedBase, Directory, Expected, Gate};

/// The service.
pub struct MemberBases(pub Gate);

fn wire(directory: &Directory, summary: BaseSummary) -> Option<v1::MemberBase> {
    Some(base::to_wire(summary, directory.sealer()))
}

#[tonic::async_trait]
impl MemberBaseService for MemberBases {
    async fn create_member_base(
        &self,
        request: Request<v1::CreateMemberBaseRequest>,
    ) -> Result<Response<v1::CreateMemberBaseResponse>, Status> {
        let (directory, request, _) = begin(&self.0, request).await?;
        let change = BaseChange {
            name: Some(request.name),
            new_members: request.new_members,
            share_accounts: request.share_accounts,
            tiers: Some(request.tiers),
            removal_limit: request.removal_limit_percent.map(u64::from),
            tier_limits: guard::tier_limits(request.guard_limits.as_ref()),
            guard_limits: guard::limits(request.guard_limits),
        };
        let CreatedBase { base, is_new } = if request.unless_named {
            directory.find_or_create_base(change).await?
        } else {
            CreatedBase { base: directory.create_base(change).await?, is_new: true }
        };
        let member_base = wire(&directory, base);
        Ok(marked_reply(&directory, v1::CreateMemberBaseResponse { member_base, created: Some(is_new) }))
    }

    async fn get_member_base(
        &self,
        request: Request<v1::GetMemberBaseRequest>,
    ) -> Result<Response<v1::GetMemberBaseResponse>, Status> {
        let directory = enter(&self.0).await?;
        let number = directory.base_number(&request.get_ref().id, "id")?;
        let found = directory.get_base(number).await?;
        Ok(reply(v1::GetMemberBaseResponse { member_base: wire(&directory, found) }))
    }

    async fn list_member_bases(
        &self,
        request: Request<v1::ListMemberBasesRequest>,
    ) -> Result<Response<v1::ListMemberBasesResponse>, Status> {
        let directory = enter(&self.0).await?;
        let request = request.into_inner();
        let page = directory
            .list_bases(BaseList {
                filters: value::filters(request.filters),
                page: list::page(request.pagination, request.sorts),
                include_deleted: request.include_deleted,
            })
            .await?;
        let info = list::page_info(page.bases.len(), page.cursor);
        let sealer = directory.sealer();
        let member_bases = page.bases.into_iter().map(|summary| base::to_wire(summary, sealer)).collect();
        Ok(reply(v1::ListMemberBasesResponse { member_bases, page: Some(info) }))
    }

    async fn update_member_base(
        &self,
        request: Request<v1::UpdateMemberBaseRequest>,
    ) -> Result<Response<v1::UpdateMemberBaseResponse>, Status> {
        let (directory, request, deadline) = begin(&self.0, request).await?;
        let number = directory.base_number(&request.id, "id")?;
        let change = BaseChange {
            name: request.name,
            new_members: request.new_members,
            share_accounts: request.share_accounts,
            tiers: None,
            removal_limit: request.removal_limit_percent.map(u64::from),
            tier_limits: guard::tier_limits(request.guard_limits.as_ref()),
            guard_limits: guard::limits(request.guard_limits),
        };
        let changed = directory.update_base(number, change, deadline).await?;
        Ok(marked_reply(&directory, v1::UpdateMemberBaseResponse { member_base: wire(&directory, changed) }))
    }

    async fn list_tiers(
        &self,
        request: Request<v1::ListTiersRequest>,
    ) -> Result<Response<v1::ListTiersResponse>, Status> {
        let directory = enter(&self.0).await?;
        let number = directory.base_number(&request.get_ref().member_base_id, "member_base_id")?;
        let list = directory.tiers(number).await?;
        Ok(reply(v1::ListTiersResponse {
            tiers: list.tiers.into_iter().map(|(name, members)| v1::Tier { name, members }).collect(),
            fixed: list.is_fixed,
            revision: list.revision,
        }))
    }

    async fn set_tiers(
        &self,
        request: Request<v1::SetTiersRequest>,
    ) -> Result<Response<v1::SetTiersResponse>, Status> {
        let (directory, request, deadline) = begin(&self.0, request).await?;
        let number = directory.base_number(&request.member_base_id, "member_base_id")?;
        let change = BaseChange { tiers: Some(request.tiers), ..BaseChange::default() };
        let changed = directory.update_base(number, change, deadline).await?;
        Ok(marked_reply(&directory, v1::SetTiersResponse { member_base: wire(&directory, changed) }))
    }

    async fn delete_member_base(
        &self,
        request: Request<v1::DeleteMemberBaseRequest>,
    ) -> Result<Response<v1::DeleteMemberBaseResponse>, Status> {
        let (directory, request, deadline) = begin(&self.0, request).await?;
        let number = directory.base_number(&request.id, "id")?;
        let directory = directory.expecting(Expected::members(request.expect_members));
        let deleted = directory.delete_base(number, deadline).await?;
        Ok(marked_reply(&directory, v1::DeleteMemberBaseResponse { member_base: wire(&directory, deleted) }))
    }

    async fn undelete_member_base(
        &self,
        request: Request<v1::UndeleteMemberBaseRequest>,
    ) -> Result<Response<v1::UndeleteMemberBaseResponse>, Status> {
        let (directory, request, deadline) = begin(&self.0, request).await?;
        let number = directory.base_number(&request.id, "id")?;
        let restored = directory.undelete_base(number, deadline).await?;
        Ok(marked_reply(
            &directory,
            v1::UndeleteMemberBaseResponse { member_base: wire(&directory, restored) },
        ))
    }
}
