//! Requests that one batch does, together with others. What became of one that names itself is kept by the same batch.

use std::sync::Arc;

use crate::model::{MemberRecord, Outcome, RecordCounts};
use crate::schema::request::Answer as Kept;
use crate::table::budget::Permit;
use crate::table::job::{Job, Reply};
use crate::table::plan::{Doomed, Plan};
use crate::table::publisher::{Answer, Planned};
use crate::table::requests::NamedRequest;
use crate::table::store::BaseSummary;
use crate::table::{
    AttributesReply, AttributesRequest, DeleteReply, DeleteRequest, EditReply, EditRequest, Edited,
    RecordChange, RecordOutcome, RecordsReply, RecordsRequest, SettingsRequest, TableError,
};

/// Ends a request that was planned: notes what is kept of it, if it has a name, and answers the revision.
fn end(
    plan: &mut Plan<'_>,
    named: Option<Arc<NamedRequest>>,
    kept: Option<Kept>,
    planned: &mut Planned,
) -> u64 {
    let revision = plan.end_request();
    if let Some(named) = named {
        if let Some(kept) = kept {
            plan.keep(&named, kept);
        }
        planned.named.push(named);
    }
    revision
}

fn fail<T>(reply: Reply<T>, error: TableError, planned: &mut Planned) {
    planned.failure = Some(error.clone());
    // The caller may be gone.
    drop(reply.send(Err(error)));
}

pub async fn edit(
    plan: &mut Plan<'_>,
    request: EditRequest,
    reply: Reply<EditReply>,
    permit: Permit,
    planned: &mut Planned,
) -> usize {
    match plan.edit(&request.what).await {
        Ok(edited) => {
            let kept = match &edited {
                Edited::Done { row, outcome, .. } => Some(Kept::Member(*row, *outcome)),
                Edited::Missing | Edited::Refused(_) => None,
            };
            let revision = end(plan, request.named, kept, planned);
            planned.answers.push(Answer::Edit(reply, EditReply { edited, revision }, permit));
        }
        Err(error) => fail(reply, error, planned),
    }
    1
}

pub async fn change_attributes(
    plan: &mut Plan<'_>,
    request: AttributesRequest,
    reply: Reply<AttributesReply>,
    permit: Permit,
    planned: &mut Planned,
) -> usize {
    let rows = request.changes.len();
    match plan.change_attributes(&request).await {
        Ok(answer) => {
            let is_done = !request.is_strict || answer.refused.is_empty();
            let kept = is_done.then_some(Kept::Changed(answer.values));
            let revision = end(plan, request.named, kept, planned);
            planned.answers.push(Answer::Attributes(reply, AttributesReply { revision, ..answer }, permit));
        }
        Err(error) => fail(reply, error, planned),
    }
    rows
}

pub async fn change_settings(
    plan: &mut Plan<'_>,
    mut request: SettingsRequest,
    reply: Reply<BaseSummary>,
    planned: &mut Planned,
) -> usize {
    if let Err(error) = try_settings(plan, &request).await {
        planned.answers.push(Answer::Refused(Job::Settings { request, reply }, error));
        return 1;
    }
    let kept = Kept::Base(plan.base());
    end(plan, request.named.take(), Some(kept), planned);
    let summary = plan.summary().await;
    planned.answers.push(Answer::Settings(reply, summary));
    1
}

async fn try_settings(plan: &mut Plan<'_>, request: &SettingsRequest) -> Result<(), TableError> {
    let Some(wanted) = &request.schema else { return Ok(plan.change_settings(request).await?) };
    plan.check_schema(wanted).await?;
    let before = plan.header().schema.clone();
    plan.change_settings(request).await?;
    plan.build_indexes(before.as_deref()).await
}

pub async fn delete(
    plan: &mut Plan<'_>,
    request: DeleteRequest,
    reply: Reply<DeleteReply>,
    permit: Permit,
    planned: &mut Planned,
) -> usize {
    let rows = request.rows.into_iter().map(Doomed::Row);
    let doomed: Vec<Doomed> = rows.chain(request.refs.into_iter().map(Doomed::Ref)).collect();
    match delete_all(plan, &doomed).await {
        Ok((deleted, records)) => {
            let revision = end(plan, request.named, Some(Kept::Deleted(deleted, records)), planned);
            planned.answers.push(Answer::Delete(reply, DeleteReply { deleted, records, revision }, permit));
        }
        Err(error) => fail(reply, error, planned),
    }
    doomed.len()
}

async fn delete_all(plan: &mut Plan<'_>, doomed: &[Doomed]) -> Result<(u64, RecordCounts), TableError> {
    plan.prefetch_doomed(doomed).await?;
    let (mut deleted, mut records) = (0, RecordCounts::default());
    for member in doomed {
        if let Some(gone) = plan.delete(member).await? {
            deleted += 1;
            records.add(gone);
        }
    }
    Ok((deleted, records))
}

pub async fn change_records(
    plan: &mut Plan<'_>,
    request: RecordsRequest,
    reply: Reply<RecordsReply>,
    permit: Permit,
    planned: &mut Planned,
) -> usize {
    match plan.change_records(&request.changes).await {
        Ok(outcomes) => {
            let kept = outcomes.as_deref().ok().map(|outcomes| of_records(&request.changes, outcomes));
            let revision = end(plan, request.named, kept, planned);
            planned.answers.push(Answer::Records(reply, RecordsReply { outcomes, revision }, permit));
        }
        Err(error) => fail(reply, error, planned),
    }
    request.changes.len()
}

/// What is kept of changes of records: of one, where to find it; of transactions, how many became what.
fn of_records(changes: &[RecordChange], outcomes: &[RecordOutcome]) -> Kept {
    let of_one = |change: &RecordChange, record: &MemberRecord, is_new| {
        let id = record.id()?;
        Some(Kept::Record { row: change.row(), kind: record.kind(), id, is_new })
    };
    let kept = match (changes, outcomes) {
        ([change], [RecordOutcome::Created(record)]) => of_one(change, record, true),
        ([change], [RecordOutcome::Updated(record) | RecordOutcome::Unchanged(record)]) => {
            of_one(change, record, false)
        }
        ([_], [RecordOutcome::Deleted]) => Some(Kept::Done),
        _ => None,
    };
    kept.unwrap_or_else(|| {
        let count = |outcome: Outcome| {
            let found = outcomes.iter().filter(|found| found.outcome() == outcome).count();
            u64::try_from(found).unwrap_or(u64::MAX)
        };
        let (created, updated) = (count(Outcome::Created), count(Outcome::Updated));
        Kept::Ingested { created, updated, unchanged: count(Outcome::Unchanged) }
    })
}

impl RecordOutcome {
    /// What happened, in one word.
    fn outcome(&self) -> Outcome {
        match self {
            Self::Created(_) => Outcome::Created,
            Self::Updated(_) => Outcome::Updated,
            Self::Unchanged(_) | Self::Deleted => Outcome::Unchanged,
        }
    }
}
