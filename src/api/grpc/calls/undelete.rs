//! `UndeleteMembers`.

use tonic::{Request, Response, Status};

use super::idempotency::{begin, marked_reply};
use crate::api::grpc::convert::outcome::row_error;
use crate::api::grpc::v1;
use crate::compute::{self, Size};
use crate::directory::{Gate, RowOutcome, Undelete};
use crate::model::{Outcome, Reason};

/// Brings deleted members back.
pub async fn undelete(
    gate: &Gate,
    request: Request<v1::UndeleteMembersRequest>,
) -> Result<Response<v1::UndeleteMembersResponse>, Status> {
    let (directory, request, deadline) = begin(gate, request).await?;
    let base = directory.base_number(&request.member_base_id, "member_base_id")?;
    let v1::UndeleteMembersRequest { member_ids: ids, refs, deleted_at_revision: revision, .. } = request;
    let sent = Undelete { ids, refs, revision };
    let reply = directory.undelete_members(base, &sent, deadline).await?;
    let (size, results) = (Size::of_items(reply.outcomes.len()), Vec::with_capacity(reply.outcomes.len()));
    let mut ids = sent.ids.into_iter();
    let mut detailed = 0;
    let place = directory.clone();
    let id_of = move |row| place.sealer().member_id(base, row);
    let add = move |results: &mut Vec<v1::UndeleteResult>, found: RowOutcome| {
        let named = ids.next().unwrap_or_default();
        let id = found.row.map_or(named, &id_of);
        let outcome = to_wire(&found);
        let error = found.error.filter(|_| outcome == v1::UndeleteOutcome::Refused);
        let error = error.map(|error| {
            let holder = error.taken_by.map(&id_of);
            row_error(*error, holder, &mut detailed)
        });
        results.push(v1::UndeleteResult { id, outcome: outcome.into(), error });
    };
    let results = compute::fold(reply.outcomes, size, results, add).await;
    let message = v1::UndeleteMembersResponse { results, revision: reply.revision };
    Ok(marked_reply(&directory, message))
}

fn to_wire(found: &RowOutcome) -> v1::UndeleteOutcome {
    match (found.outcome, &found.error) {
        (Outcome::Unchanged, _) => v1::UndeleteOutcome::NotDeleted,
        (Outcome::Failed, Some(error)) if error.reason == Reason::MemberNotFound => {
            v1::UndeleteOutcome::NotFound
        }
        (Outcome::Failed, _) => v1::UndeleteOutcome::Refused,
        (Outcome::Created | Outcome::Updated | Outcome::Reactivated, _) => v1::UndeleteOutcome::Restored,
    }
}
