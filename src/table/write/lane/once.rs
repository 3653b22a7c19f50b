//! Requests that fit into one batch, together with others. The batch also stores the result of a request with
//! a request id.
//!
//! A refusal leaves the plan unchanged. Any other error may occur after a part of the plan was changed, so
//! the whole plan fails.

use std::sync::Arc;

use crate::model::{MemberRecord, Outcome};
use crate::stored::idempotency::RequestResult;
use crate::table::idempotency::Claim;
use crate::table::plan::Plan;
use crate::table::read::summary::BaseSummary;
use crate::table::shared::budget::Permit;
use crate::table::write::job::Job;
use crate::table::write::publisher::{Planned, WaitingReply};
use crate::table::write::reply::ReplySender;
use crate::table::{
    EditReply, EditRequest, Edited, RecordChange, RecordOutcome, RecordsReply, RecordsRequest,
    SettingsRequest, TableError,
};

/// Ends a planned request: stores its result, if it has a request id, and returns the revision.
fn end(
    plan: &mut Plan<'_>,
    claim: Option<Arc<Claim>>,
    result: Option<RequestResult>,
    planned: &mut Planned,
) -> u64 {
    let revision = plan.end_request();
    if let Some(claim) = claim {
        if let Some(result) = result {
            plan.store(&claim, result);
        }
        planned.claims.push(claim);
    }
    revision
}

/// Fails the whole plan: nothing of it is written. The request is answered in the place of its batch: its caller
/// may repeat it at once, and has to find what its earlier slices stored.
pub(super) fn fail(job: Job, error: TableError, planned: &mut Planned) {
    planned.failure = Some(error.clone());
    planned.replies.push(WaitingReply::Refused(Box::new(job), error));
}

pub async fn edit(
    plan: &mut Plan<'_>,
    request: Box<EditRequest>,
    reply: ReplySender<EditReply>,
    permit: Permit,
    planned: &mut Planned,
) -> usize {
    plan.allow_one(&request.expected);
    let edited = plan.edit(&request.what).await;
    match (edited, plan.held()) {
        (Ok(Edited::Refused(_)), Some(held)) => {
            let job = Box::new(Job::Edit { request, reply, permit });
            planned.replies.push(WaitingReply::Refused(job, TableError::Guard(held)));
        }
        (Ok(edited), _) => {
            let result = match &edited {
                Edited::Done { row, outcome, .. } => Some(RequestResult::Member(*row, *outcome)),
                Edited::Missing | Edited::Refused(_) => None,
            };
            let revision = end(plan, request.claim, result, planned);
            planned.replies.push(WaitingReply::Edit(reply, EditReply { edited, revision }, permit));
        }
        (Err(error), _) => fail(Job::Edit { request, reply, permit }, error, planned),
    }
    1
}

/// Changes the base. Values of members are known to fit the schema, if it has one.
pub async fn change_settings(
    plan: &mut Plan<'_>,
    mut request: Box<SettingsRequest>,
    reply: ReplySender<BaseSummary>,
    permit: Permit,
    planned: &mut Planned,
) -> usize {
    match try_settings(plan, &request).await {
        Ok(Ok(())) => {}
        Ok(Err(refusal)) => {
            planned
                .replies
                .push(WaitingReply::Refused(Box::new(Job::Settings { request, reply, permit }), refusal));
            return 1;
        }
        Err(error) => {
            fail(Job::Settings { request, reply, permit }, error, planned);
            return 1;
        }
    }
    let result = RequestResult::Base(plan.base());
    end(plan, request.claim.take(), Some(result), planned);
    let summary = plan.summary().await;
    planned.replies.push(WaitingReply::Settings(reply, summary));
    1
}

/// Changes the base, or refuses the change and leaves the plan unchanged.
async fn try_settings(
    plan: &mut Plan<'_>,
    request: &SettingsRequest,
) -> Result<Result<(), TableError>, TableError> {
    let before = plan.header().schema.clone();
    if let Err(refusal) = plan.change_settings(request).await {
        return Ok(Err(refusal));
    }
    if request.schema.is_some() {
        plan.build_indexes(before.as_deref()).await?;
    }
    Ok(Ok(()))
}

pub async fn change_records(
    plan: &mut Plan<'_>,
    request: Box<RecordsRequest>,
    reply: ReplySender<RecordsReply>,
    permit: Permit,
    planned: &mut Planned,
) -> usize {
    let changes = request.changes.len();
    match plan.change_records(&request.changes).await {
        Ok(outcomes) => {
            let result = outcomes.as_deref().ok().map(|outcomes| of_records(&request.changes, outcomes));
            let revision = end(plan, request.claim, result, planned);
            planned.replies.push(WaitingReply::Records(reply, RecordsReply { outcomes, revision }, permit));
        }
        Err(error) => fail(Job::Records { request, reply, permit }, error, planned),
    }
    changes
}

/// The result to store for changes of records: for one record its place, for several transactions the number
/// of each outcome.
fn of_records(changes: &[RecordChange], outcomes: &[RecordOutcome]) -> RequestResult {
    let of_one = |change: &RecordChange, record: &MemberRecord, is_new| {
        let id = record.id()?;
        Some(RequestResult::Record { row: change.row(), kind: record.kind(), id, is_new })
    };
    let result = match (changes, outcomes) {
        ([change], [RecordOutcome::Created(record)]) => of_one(change, record, true),
        ([change], [RecordOutcome::Updated(record) | RecordOutcome::Unchanged(record)]) => {
            of_one(change, record, false)
        }
        ([_], [RecordOutcome::Deleted]) => Some(RequestResult::Done),
        _ => None,
    };
    result.unwrap_or_else(|| {
        let count = |outcome: Outcome| {
            let found = outcomes.iter().filter(|found| found.outcome() == outcome).count();
            u64::try_from(found).unwrap_or(u64::MAX)
        };
        let (created, updated) = (count(Outcome::Created), count(Outcome::Updated));
        RequestResult::Ingested { created, updated, unchanged: count(Outcome::Unchanged) }
    })
}

impl RecordOutcome {
    /// The kind of outcome.
    fn outcome(&self) -> Outcome {
        match self {
            Self::Created(_) => Outcome::Created,
            Self::Updated(_) => Outcome::Updated,
            Self::Unchanged(_) | Self::Deleted => Outcome::Unchanged,
        }
    }
}
