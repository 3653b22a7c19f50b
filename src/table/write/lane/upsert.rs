//! Upserts that are applied slice by slice: PARTIAL ones, and those that are first checked as a whole
//! ([`WriteMode::Whole`]).

use std::sync::Arc;

use crate::table::plan::{Allowance, Plan};
use crate::table::write::job::{Job, UpsertJob};
use crate::table::write::lane::Lane;
use crate::table::write::limits::BATCH_ROWS;
use crate::table::write::publisher::{Planned, WaitingReply};
use crate::table::{RowOutcome, TableError, UpsertReply, WriteMode};

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
        if job.allowance.is_none() {
            let left = job.rows.get(first..).unwrap_or_default();
            job.allowance = plan.allow_rows_at_once(left, &job.options);
            if job.allowance.is_none() && room < BATCH_ROWS {
                // Its removals can be counted only in a batch of which nothing else is planned.
                self.queue_again(0, Job::Upsert(job));
                return room;
            }
        }
        let allowance = match job.allowance {
            Some(allowance) => allowance,
            None => match job.judge(plan).await {
                Ok(allowance) => allowance,
                Err(error) => {
                    planned.failure = Some(error.clone());
                    Job::Upsert(job).refuse(error);
                    return room;
                }
            },
        };
        plan.allow(allowance);
        let last = job.rows.len().min(first + room);
        let slice = job.rows.get(first..last).unwrap_or_default();
        match plan.upsert_while_room(slice, &job.options).await {
            Ok(outcomes) => {
                job.outcomes.extend(outcomes);
                job.allowance = Some(plan.allowance());
            }
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
        self.queue_again(place, Job::Upsert(job));
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
        let rows = job.rows.len().saturating_sub(job.outcomes.len());
        planned.discard = true;
        let first_new = plan.next_row();
        match job.judge(plan).await {
            Ok(allowance) => {
                plan.allow(allowance);
                job.allowance = Some(allowance);
            }
            Err(error) => {
                planned.failure = Some(error.clone());
                Job::Upsert(job).refuse(error);
                return rows;
            }
        }
        let left = job.rows.get(job.outcomes.len()..).unwrap_or_default();
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

impl UpsertJob {
    /// Asks the guard how many members the rest of it may remove.
    pub(super) async fn judge(&self, plan: &Plan<'_>) -> Result<Allowance, TableError> {
        let left = self.rows.get(self.outcomes.len()..).unwrap_or_default();
        let is_rest = !self.outcomes.is_empty();
        plan.judge_rows(left, &self.options, BATCH_ROWS, is_rest, || self.check_wanted()).await
    }
}
