//! `ListMemberChanges`.

use tonic::{Request, Response, Status};

use super::selector::selector;
use crate::api::grpc::access::enter;
use crate::api::grpc::convert::{history, list};
use crate::api::grpc::replies::reply;
use crate::api::grpc::v1;
use crate::api::untaken;
use crate::directory::{Gate, MemberChanges};

/// One page of the history of a member.
pub async fn list(
    gate: &Gate,
    request: Request<v1::ListMemberChangesRequest>,
) -> Result<Response<v1::ListMemberChangesResponse>, Status> {
    let directory = enter(gate).await?;
    let request = request.into_inner();
    let v1::ListMemberChangesRequest {
        id,
        r#ref,
        email,
        worker_id,
        member_base_id,
        pagination,
        min_revision,
    } = request;
    let selector = selector(&directory, v1::MemberKey { id, r#ref, email, worker_id }, member_base_id)?;
    let wanted = MemberChanges { selector, page: list::page(pagination, Vec::new()), min_revision };
    let page = directory.list_member_changes(wanted).await?;
    untaken::keep(page.room);
    let (base, sealer) = (page.base, directory.sealer());
    let info = list::page_info(page.changes.len(), page.cursor);
    let changes = page.changes.into_iter().map(|change| history::change(change, base, sealer));
    Ok(reply(v1::ListMemberChangesResponse {
        changes: changes.collect(),
        page: Some(info),
        end: history::end(page.end).into(),
        member_id: sealer.member_id(base, page.row),
        revision: page.revision,
    }))
}
