//! Changes of audiences, each planned in a batch of its own.

use crate::model::Outcome;
use crate::stored::idempotency::RequestResult;
use crate::table::idempotency::Progress;
use crate::table::plan::Plan;
use crate::table::plan::audience_request::{AudienceReply, AudienceRequest, AudienceWhat};
use crate::table::shared::budget::Permit;
use crate::table::write::job::Job;
use crate::table::write::lane::once::fail;
use crate::table::write::publisher::{Planned, WaitingReply};
use crate::table::write::reply::ReplySender;

/// Plans a change of an audience, in a batch of its own.
pub(super) async fn change(
    plan: &mut Plan<'_>,
    request: AudienceRequest,
    reply: ReplySender<AudienceReply>,
    permit: Permit,
    planned: &mut Planned,
) -> usize {
    let again = |request, reply, permit| Job::Audience { request: Box::new(request), reply, permit };
    let changed = match plan.change_audience(&request.what).await {
        Ok(Ok(changed)) => changed,
        Ok(Err(refusal)) => {
            let job = Box::new(again(request, reply, permit));
            planned.replies.push(WaitingReply::Refused(job, refusal.into()));
            return 1;
        }
        Err(error) => {
            fail(again(request, reply, permit), error, planned);
            return 1;
        }
    };
    let revision = plan.end_request();
    let Some((audience, members)) = plan.audience(changed.audience).await else { return 1 };
    if let Some(claim) = request.claim {
        match request.what {
            AudienceWhat::AddRows { .. } | AudienceWhat::RemoveRows { .. } => {
                plan.store_rows(&claim, &mut Progress::default(), &changed.rows, true);
            }
            AudienceWhat::Create { .. }
            | AudienceWhat::Update { .. }
            | AudienceWhat::Archive { .. }
            | AudienceWhat::Unarchive { .. } => plan.store(&claim, RequestResult::Audience(changed.audience)),
        }
        planned.claims.push(claim);
    }
    let taken = changed.rows.iter().filter(|row| row.outcome == Outcome::Updated).count().max(1);
    let reply_to = AudienceReply { audience, members, rows: changed.rows, revision };
    planned.replies.push(WaitingReply::Audience(reply, Box::new(reply_to), permit));
    taken
}
