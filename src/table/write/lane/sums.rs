//! Deletes and changes of attributes, slice by slice. Each slice is one commit, and the reply sums up what
//! all slices did. A strict change of attributes is always a single slice.

use std::sync::Arc;

use crate::model::{Allowance, GuardCounts, GuardExpectation, Held};
use crate::table::plan::Plan;
use crate::table::write::job::{AttributesJob, DeleteJob, Job};
use crate::table::write::lane::once::fail;
use crate::table::write::publisher::{Planned, WaitingReply};
use crate::table::{AttributesReply, DeleteReply, TableError};

/// Plans up to `room` members of a delete. Returns how many it took, and the request if members are left.
pub async fn delete(
    plan: &mut Plan<'_>,
    mut job: Box<DeleteJob>,
    room: usize,
    planned: &mut Planned,
) -> (usize, Option<Job>) {
    if let Some(failure) = job.failure.get().cloned() {
        Job::Delete(job).refuse(failure);
        return (0, None);
    }
    // The guard need not count members if it allows even the deletion of every listed one.
    let most = u64::try_from(job.doomed.len().saturating_sub(job.gone.done)).unwrap_or(u64::MAX);
    let allowance = job.allowance.clone().or_else(|| plan.allowed_at_once(&GuardCounts::of_removals(most)));
    let Some(allowance) = allowance else { return judge(plan, job, room, planned).await };
    // Others may have created members since it was counted.
    plan.allow(allowance.clone().later(plan.guard_state()));
    let left = job.doomed.get(job.gone.done..).unwrap_or_default();
    let gone = match plan.delete_while_room(left.get(..room).unwrap_or(left)).await {
        Ok(gone) => gone,
        Err(error) => {
            fail(Job::Delete(job), error, planned);
            return (room, None);
        }
    };
    let taken = gone.done;
    job.gone.add(&gone);
    job.allowance = Some(allowance.after(&plan.changes()));
    let before = plan.revision();
    let revision = plan.end_request();
    if revision > before {
        job.note_commit(revision);
    }
    let (is_complete, result) = (job.is_complete(), job.result());
    if let Some((claim, tally)) = &mut job.claim
        && (is_complete || revision > before)
    {
        plan.store_tally(claim, tally, result);
    }
    if !is_complete {
        planned.unfinished.push(Arc::clone(&job.failure));
        return (taken, Some(Job::Delete(job)));
    }
    let DeleteJob { reply, permit, claim, gone, revisions, failure, .. } = *job;
    planned.claims.extend(claim.map(|(claim, _)| claim));
    let answer = DeleteReply { deleted: gone.members, records: gone.records, revision, revisions };
    planned.replies.push(WaitingReply::Delete(reply, answer, failure, permit));
    (taken, None)
}

/// Counts the members of a delete that exist, up to `room` at a time, and then asks the guard whether the
/// delete may begin.
async fn judge(
    plan: &mut Plan<'_>,
    mut job: Box<DeleteJob>,
    room: usize,
    planned: &mut Planned,
) -> (usize, Option<Job>) {
    let left = job.uncounted();
    let some: Vec<_> = left.get(..room).unwrap_or(left).to_vec();
    if let Err(error) = plan.count_doomed(&some, &mut job.counted).await {
        fail(Job::Delete(job), error, planned);
        return (room, None);
    }
    if job.uncounted().is_empty() {
        let members = job.counted.members();
        let is_expected = job.expect_removals == Some(members.saturating_add(job.gone.members));
        let wanted = job.counted.counts();
        let expected = GuardExpectation::of_removals(is_expected.then_some(members));
        match plan.guard_state().judge(&wanted, &expected) {
            Ok(allowance) => job.allowance = Some(allowance),
            Err(held) => {
                let job = Box::new(Job::Delete(job));
                planned.replies.push(WaitingReply::Refused(job, TableError::Guard(held)));
                return (some.len(), None);
            }
        }
    }
    // It was counted in the state after earlier batches, so it fails if one of them does.
    planned.unfinished.push(Arc::clone(&job.failure));
    (some.len(), Some(Job::Delete(job)))
}

/// Judges the rest of a deletion of attributes by the number of members that lose some. An expected number was
/// compared with that of the whole deletion before it began.
fn judge_deletion(plan: &Plan<'_>, job: &AttributesJob) -> Result<Allowance, Held> {
    let left = u64::try_from(job.wishes.len().saturating_sub(job.changes.done)).unwrap_or(u64::MAX);
    let clears = job.clears_in_all.unwrap_or(left);
    let wanted = GuardCounts { clears, ..GuardCounts::default() };
    let is_expected = job.expected.clears.is_some_and(|most| clears <= most);
    let expected = GuardExpectation { clears: is_expected.then_some(clears), ..job.expected };
    plan.guard_state().judge(&wanted, &expected)
}

/// Plans the changes of up to `room` members' attributes, or of all if the request is strict. Returns how
/// many members it took, and the request if members are left.
pub async fn attributes(
    plan: &mut Plan<'_>,
    mut job: Box<AttributesJob>,
    room: usize,
    planned: &mut Planned,
) -> (usize, Option<Job>) {
    if let Some(failure) = job.failure.get().cloned() {
        Job::Attributes(job).refuse(failure);
        return (0, None);
    }
    if !job.is_strict && job.allowance.is_none() {
        match judge_deletion(plan, &job) {
            Ok(allowance) => job.allowance = Some(allowance),
            Err(held) => {
                let job = Box::new(Job::Attributes(job));
                planned.replies.push(WaitingReply::Refused(job, TableError::Guard(held)));
                return (0, None);
            }
        }
    }
    if let Some(allowance) = job.allowance.clone() {
        let is_later = job.changes.done > 0;
        plan.allow(if is_later { allowance.later(plan.guard_state()) } else { allowance });
    }
    let left = job.wishes.get(job.changes.done..).unwrap_or_default();
    let changes = if job.is_strict {
        plan.change_all_attributes(left, &job.expected).await
    } else {
        plan.change_attributes_while_room(left.get(..room).unwrap_or(left)).await
    };
    job.allowance = job.allowance.take().map(|allowance| allowance.after(&plan.changes()));
    let changes = match changes {
        Ok(changes) => changes,
        // A strict change is judged before it changes anything.
        Err(held @ TableError::Guard(_)) => {
            planned.replies.push(WaitingReply::Refused(Box::new(Job::Attributes(job)), held));
            return (room, None);
        }
        Err(error) => {
            fail(Job::Attributes(job), error, planned);
            return (room, None);
        }
    };
    let taken = changes.done;
    let is_refused = job.is_strict && !changes.refused.is_empty();
    job.changes.add(changes);
    let before = plan.revision();
    let revision = plan.end_request();
    let (is_complete, result) = (job.is_complete(), job.result());
    if let Some((claim, tally)) = &mut job.claim
        && (is_complete || revision > before)
        && !is_refused
    {
        plan.store_tally(claim, tally, result);
    }
    if !is_complete {
        planned.unfinished.push(Arc::clone(&job.failure));
        return (taken, Some(Job::Attributes(job)));
    }
    let AttributesJob { reply, permit, claim, changes, failure, .. } = *job;
    planned.claims.extend(claim.map(|(claim, _)| claim));
    let answer = AttributesReply { values: changes.values, refused: changes.refused, revision };
    planned.replies.push(WaitingReply::Attributes(reply, answer, failure, permit));
    (taken, None)
}
