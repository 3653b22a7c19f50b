//! `MemberService`.

use prost::Message;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::idempotency::{begin, marked_reply};
use super::selector::selector;
use super::{edit, export, history, import, stream, undelete, upsert};
use crate::api::grpc::access::enter;
use crate::api::grpc::convert::key::one_key;
use crate::api::grpc::convert::member::ToWire;
use crate::api::grpc::convert::written::WrittenMembers;
use crate::api::grpc::convert::{list, record, value};
use crate::api::grpc::deadline::deadline;
use crate::api::grpc::replies::{pull, reply};
use crate::api::grpc::v1;
use crate::api::grpc::v1::member_service_server::MemberService;
use crate::api::{error, untaken};
use crate::directory::{
    Directory, Expected, Gate, Items, Key, KeyResult, MemberCount, MemberList, MemberPage, Selector,
};
use crate::model::limits::BATCH_GET_MAX_KEYS;
use crate::model::{BorrowedMember, Refusal, Violations};

/// The service.
pub struct Members {
    /// Identifies and admits callers.
    pub gate: Gate,
    /// Ends streams between two messages.
    pub stopping: CancellationToken,
    /// The streams of writers.
    pub writers: stream::Writers,
}

/// Gets one member.
pub async fn get(
    directory: &Directory,
    request: v1::GetMemberRequest,
) -> Result<v1::GetMemberResponse, Status> {
    let (selector, min_revision) = asked_for(directory, request)?;
    let (base, row, member, revision) = directory.get_member(selector, min_revision).await?;
    let member = ToWire::new(directory.sealer(), base).member(row, member);
    Ok(v1::GetMemberResponse { member: Some(member), revision })
}

/// Gets one member: the bytes of the reply, after `before`. The member is written from where it was read.
pub async fn get_written(
    directory: &Directory,
    request: v1::GetMemberRequest,
    before: &[u8],
) -> Result<Vec<u8>, Status> {
    let (selector, min_revision) = asked_for(directory, request)?;
    let sealer = directory.sealer();
    let write = |base, row, member: &BorrowedMember<'_>, revision| {
        let base_id = sealer.base_id(base);
        let mut written = WrittenMembers::new(sealer, base, &base_id, before);
        written.add(row, member);
        let mut bytes = written.into_bytes();
        // The fields of a message are written in the order of their numbers, and the member is the first.
        v1::GetMemberResponse { member: None, revision }.encode_raw(&mut bytes);
        bytes
    };
    Ok(directory.get_member_as(selector, min_revision, write).await?)
}

/// The member that a request asks for, and the revision from which on it may be shown.
fn asked_for(
    directory: &Directory,
    request: v1::GetMemberRequest,
) -> Result<(Selector, Option<u64>), Status> {
    let v1::GetMemberRequest { id, r#ref, email, worker_id, member_base_id, min_revision, .. } = request;
    let key = v1::MemberKey { id, r#ref, email, worker_id };
    Ok((selector(directory, key, member_base_id)?, min_revision))
}

/// Lists members: the bytes of the reply, after `before`.
pub async fn list_written(
    directory: &Directory,
    request: v1::ListMembersRequest,
    before: &[u8],
) -> Result<Vec<u8>, Status> {
    let (sealer, list) = (directory.sealer(), asked(directory, request)?);
    let (base, base_id) = (list.base, sealer.base_id(list.base));
    let new = || WrittenMembers::new(sealer, base, &base_id, before);
    let (members, rest) = apart(directory.list_members_into(list, new).await?);
    let mut bytes = members.into_bytes();
    // The fields of a message are written in the order of their numbers, and the members are the first.
    rest.encode_raw(&mut bytes);
    Ok(bytes)
}

/// The page that a request asks for.
fn asked(directory: &Directory, request: v1::ListMembersRequest) -> Result<MemberList, Status> {
    Ok(MemberList {
        base: directory.base_number(&request.member_base_id, "member_base_id")?,
        filters: value::filters_in(request.filters, request.audience_id),
        page: list::page(request.pagination, request.sorts),
        search: Some(request.search).filter(|text| !text.is_empty()),
        total: request.include_total,
        ends: false,
        min_revision: request.min_revision,
    })
}

/// The members of a page, and the rest of the reply.
fn apart<I>(page: MemberPage<I>) -> (I, v1::ListMembersResponse) {
    untaken::keep(page.room);
    let rest = v1::ListMembersResponse {
        members: Vec::new(),
        page: Some(list::page_info(page.count, page.cursor)),
        total: page.total,
        total_is_minimum: page.total_is_minimum,
        revision: page.revision,
    };
    (page.members, rest)
}

#[tonic::async_trait]
impl MemberService for Members {
    async fn bulk_upsert_members(
        &self,
        request: Request<v1::BulkUpsertMembersRequest>,
    ) -> Result<Response<v1::BulkUpsertMembersResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let deadline = deadline(&request);
        Ok(upsert::bulk_upsert(directory, request.into_inner(), deadline).await?.into())
    }

    type ImportMembersStream = import::ChunkReplies;

    async fn import_members(
        &self,
        request: Request<Streaming<v1::ImportMembersRequest>>,
    ) -> Result<Response<import::ChunkReplies>, Status> {
        let directory = enter(&self.gate).await?;
        let deadline = deadline(&request);
        let stopping = self.stopping.clone();
        Ok(Response::new(import::start(directory, request.into_inner(), deadline, stopping)))
    }

    type UpsertMembersStream = stream::RowAnswers;

    async fn upsert_members(
        &self,
        request: Request<Streaming<v1::UpsertMembersRequest>>,
    ) -> Result<Response<stream::RowAnswers>, Status> {
        let directory = enter(&self.gate).await?;
        let deadline = deadline(&request);
        let stopping = self.stopping.clone();
        let writers = self.writers.clone();
        Ok(stream::start(directory, request.into_inner(), writers, deadline, stopping))
    }

    type ExportMembersStream = export::Pages;

    async fn export_members(
        &self,
        request: Request<v1::ExportMembersRequest>,
    ) -> Result<Response<export::Pages>, Status> {
        let directory = enter(&self.gate).await?;
        let (replies, ends) = pull::parts(&directory, &self.stopping, &request);
        let request = request.into_inner();
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        let filters = value::filters_in(request.filters, request.audience_id);
        let export = directory.export(base, filters, request.min_revision).await?;
        Ok(pull::stream(export::start(directory, base, export, replies, ends)))
    }

    async fn get_member(
        &self,
        request: Request<v1::GetMemberRequest>,
    ) -> Result<Response<v1::GetMemberResponse>, Status> {
        let directory = enter(&self.gate).await?;
        Ok(reply(get(&directory, request.into_inner()).await?))
    }

    async fn batch_get_members(
        &self,
        request: Request<v1::BatchGetMembersRequest>,
    ) -> Result<Response<v1::BatchGetMembersResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let request = request.into_inner();
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        let keys = batch_keys(request.keys).map_err(|refusal| error::refused(&refusal))?;
        let batch = directory.batch_get(base, keys, request.min_revision).await?;
        untaken::keep(batch.room);
        let to_wire = ToWire::new(directory.sealer(), base);
        let results = batch.results.into_iter().enumerate().map(|(index, result)| {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let empty = v1::BatchGetResult { index, ..v1::BatchGetResult::default() };
            match result {
                KeyResult::Found(row, member) => {
                    v1::BatchGetResult { member: Some(Box::new(to_wire.member(row, *member))), ..empty }
                }
                KeyResult::Missing => v1::BatchGetResult { missing: true, ..empty },
                KeyResult::Omitted => v1::BatchGetResult { omitted: true, ..empty },
            }
        });
        Ok(reply(v1::BatchGetMembersResponse { results: results.collect(), revision: batch.revision }))
    }

    async fn list_members(
        &self,
        request: Request<v1::ListMembersRequest>,
    ) -> Result<Response<v1::ListMembersResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let list = asked(&directory, request.into_inner())?;
        let to_wire = ToWire::new(directory.sealer(), list.base);
        let (members, rest) = apart(directory.list_members(list).await?);
        Ok(reply(v1::ListMembersResponse { members: to_wire.members(members), ..rest }))
    }

    async fn count_members(
        &self,
        request: Request<v1::CountMembersRequest>,
    ) -> Result<Response<v1::CountMembersResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let request = request.into_inner();
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        let counted = directory
            .count_members(MemberCount {
                base,
                filters: value::filters_in(request.filters, request.audience_id),
                group_by: Some(request.group_by).filter(|key| !key.is_empty()),
                min_revision: request.min_revision,
            })
            .await?;
        Ok(reply(v1::CountMembersResponse {
            total: counted.total,
            groups: counted.groups.into_iter().map(list::group).collect(),
            revision: counted.revision,
        }))
    }

    async fn list_member_changes(
        &self,
        request: Request<v1::ListMemberChangesRequest>,
    ) -> Result<Response<v1::ListMemberChangesResponse>, Status> {
        history::list(&self.gate, request).await
    }

    async fn create_member(
        &self,
        request: Request<v1::CreateMemberRequest>,
    ) -> Result<Response<v1::CreateMemberResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let deadline = deadline(&request);
        Ok(edit::create(directory, request.into_inner(), deadline).await?.into())
    }

    async fn update_member(
        &self,
        request: Request<v1::UpdateMemberRequest>,
    ) -> Result<Response<v1::UpdateMemberResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let deadline = deadline(&request);
        Ok(edit::update(directory, request.into_inner(), deadline).await?.into())
    }

    async fn replace_member(
        &self,
        request: Request<v1::ReplaceMemberRequest>,
    ) -> Result<Response<v1::ReplaceMemberResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let deadline = deadline(&request);
        Ok(edit::replace(directory, request.into_inner(), deadline).await?.into())
    }

    async fn rename_member(
        &self,
        request: Request<v1::RenameMemberRequest>,
    ) -> Result<Response<v1::RenameMemberResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let deadline = deadline(&request);
        Ok(edit::rename(directory, request.into_inner(), deadline).await?.into())
    }

    async fn activate_member(
        &self,
        request: Request<v1::ActivateMemberRequest>,
    ) -> Result<Response<v1::ActivateMemberResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let deadline = deadline(&request);
        Ok(edit::activate(directory, request.into_inner(), deadline).await?.into())
    }

    async fn offboard_member(
        &self,
        request: Request<v1::OffboardMemberRequest>,
    ) -> Result<Response<v1::OffboardMemberResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let deadline = deadline(&request);
        Ok(edit::offboard(directory, request.into_inner(), deadline).await?.into())
    }

    async fn bulk_delete_members(
        &self,
        request: Request<v1::BulkDeleteMembersRequest>,
    ) -> Result<Response<v1::BulkDeleteMembersResponse>, Status> {
        let (directory, request, deadline) = begin(&self.gate, request).await?;
        let directory = directory.expecting(Expected::removals(request.expect_removals));
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        let deleted = directory.bulk_delete(base, &request.member_ids, request.refs, deadline).await?;
        Ok(marked_reply(
            &directory,
            v1::BulkDeleteMembersResponse {
                deleted: deleted.deleted,
                revision: deleted.revision,
                records: Some(record::counts(deleted.records)),
                revisions: deleted.revisions,
            },
        ))
    }

    async fn undelete_members(
        &self,
        request: Request<v1::UndeleteMembersRequest>,
    ) -> Result<Response<v1::UndeleteMembersResponse>, Status> {
        undelete::undelete(&self.gate, request).await
    }
}

fn batch_keys(keys: Vec<v1::MemberKey>) -> Result<Vec<Key>, Refusal> {
    let mut faults = Violations::default();
    let mut parsed = Vec::with_capacity(keys.len().min(BATCH_GET_MAX_KEYS));
    for (index, key) in keys.into_iter().enumerate() {
        match one_key(key, "") {
            Ok(key) => parsed.push(key),
            Err(refusal) => faults.extend(refusal.under(&format!("keys[{index}]"))),
        }
    }
    faults.finish(parsed)
}
