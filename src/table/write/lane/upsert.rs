//! Upserts that are applied slice by slice: PARTIAL ones, and those that are first checked as a whole
//! ([`WriteMode::Whole`]).

use std::sync::Arc;

use crate::model::Row;
use crate::table::plan::Plan;
use crate::table::write::job::{Job, UpsertJob};
use crate::table::write::lane::Lane;
use crate::table::write::limits::BATCH_ROWS;
use crate::table::write::publisher::{Planned, WaitingReply};
use crate::table::{RowOutcome, UpsertReply, WriteMode};

impl Lane {
    pub(super) async fn plan_slice(
        &mut self,
        plan: &mut Plan<'_>,
        mut job: Box<UpsertJob>,
        room: usize,
        planned: &mut Planned,
    ) -> usize {
        if let Some(failure) = job.failure.get().cloned() {
            Job::Upsert(job).refuse(failure);
            return 0;
        }
        let first = job.outcomes.len();
        let last = job.rows.len().min(first + room);
        let slice = job.rows.get(first..last).unwrap_or_default();
        match plan.upsert_while_room(slice, &job.options).await {
            Ok(outcomes) => job.outcomes.extend(outcomes),
            Err(error) => {
                planned.failure = Some(error.clone());
                Job::Upsert(job).refuse(error);
                return last - first;
            }
        }
        let before = plan.revision();
        let revision = plan.end_request();
        let is_complete = job.outcomes.len() == job.rows.len();
        // Its progress is stored in the batch with its changes: a repeat after a crash continues from the
        // stored progress, so one must never be stored without the other.
        if let Some((claim, progress)) = &mut job.claim
            && (is_complete || revision > before)
            && claim.stores(&job.outcomes)
        {
            plan.store_rows(claim, progress, &job.outcomes, is_complete);
        }
        if is_complete {
            let job = *job;
            planned.claims.extend(job.claim.map(|(claim, _)| claim));
            let reply = UpsertReply { outcomes: job.outcomes, revision };
            planned.replies.push(WaitingReply::Upsert(job.reply, reply, job.failure, job.permit));
        } else {
            planned.unfinished.push(Arc::clone(&job.failure));
            self.put_back(job);
        }
        last - first
    }

    /// Puts a request with rows left back into the queue. It goes to the end, but before the next request of
    /// its series, because rows that were sent later must not be applied earlier. A [`WriteMode::Whole`]
    /// request stays first.
    fn put_back(&mut self, job: Box<UpsertJob>) {
        let end = self.queue.len();
        let place = match job.mode {
            WriteMode::Whole => 0,
            WriteMode::Partial | WriteMode::Atomic | WriteMode::ValidateOnly => {
                let series = job.series.as_ref();
                let next = series.and_then(|series| self.queue.iter().position(|other| other.is_of(series)));
                next.unwrap_or(end)
            }
        };
        self.queue.insert(place, Job::Upsert(job));
    }

    /// Plans all rows of a request without writing anything. If all are good, the request is applied next,
    /// slice by slice; nothing is planned in between, so the rows are still good.
    pub(super) async fn check_whole(
        &mut self,
        plan: &mut Plan<'_>,
        mut job: Box<UpsertJob>,
        planned: &mut Planned,
    ) -> usize {
        // A repeat after a crash has only those rows left that were not applied before it.
        let left = job.rows.get(job.outcomes.len()..).unwrap_or_default();
        let rows = left.len();
        planned.discard = true;
        let first_new = plan.next_row();
        match plan.foresee(left, &job.options, BATCH_ROWS, || job.check_wanted()).await {
            Ok(mut rest) if rest.iter().any(RowOutcome::is_failed) => {
                let mut job = *job;
                rest.iter_mut().for_each(RowOutcome::abort);
                let rest = rest.into_iter().map(|outcome| outcome.unwritten(first_new));
                let outcomes = std::mem::take(&mut job.outcomes).into_iter().chain(rest).collect();
                planned.claims.extend(job.claim.take().map(|(claim, _)| claim));
                let reply = UpsertReply { outcomes, revision: self.head.revision };
                planned.replies.push(WaitingReply::Upsert(job.reply, reply, job.failure, job.permit));
            }
            Ok(_) => {
                job.is_checked = true;
                // It was checked against earlier batches, so it fails if one of them does.
                planned.unfinished.push(Arc::clone(&job.failure));
                self.put_back(job);
            }
            Err(error) => {
                planned.failure = Some(error.clone());
                Job::Upsert(job).refuse(error);
            }
        }
        rows
    }
}

impl RowOutcome {
    /// The outcome of a row that was planned and not written. Removes the places of members that the request
    /// would have created: all from `first_new` on.
    pub(in crate::table) fn unwritten(mut self, first_new: Row) -> Self {
        let is_there = |row: &Row| *row < first_new;
        if let Some(error) = &mut self.error {
            error.taken_by = error.taken_by.filter(is_there);
        }
        Self { row: self.row.filter(is_there), ..self }
    }
}
