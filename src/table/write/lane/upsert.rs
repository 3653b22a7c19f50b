//! Upserts that are applied slice by slice: PARTIAL ones, and those that are first checked as a whole
//! ([`WriteMode::Whole`]).

use std::sync::Arc;

use crate::model::{Allowance, Outcome, RowError};
use crate::table::plan::{Expecting, Plan, Prepared, judge_counts};
use crate::table::write::job::{Job, Series, UpsertJob};
use crate::table::write::lane::Lane;
use crate::table::write::lane::once::fail;
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
        let last = job.rows.len().min(first + room);
        let allowance = match job.allow_slice(plan, room).await {
            Ok(Some(allowance)) => allowance,
            Ok(None) => {
                // It can be counted only in a batch of which nothing else is planned.
                self.queue_again(0, Job::Upsert(job));
                return room;
            }
            Err(error) => {
                fail(Job::Upsert(job), error, planned);
                return room;
            }
        };
        let is_judged = job.allowance.is_some();
        let state = plan.guard_state();
        let is_later = !job.slices.is_empty();
        plan.allow(if is_later { allowance.clone().later(state.clone()) } else { allowance.clone() });
        let slice = job.rows.get(first..last).unwrap_or_default();
        let outcomes = match plan.upsert_while_room(slice, &job.options).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                fail(Job::Upsert(job), error, planned);
                return last - first;
            }
        };
        if !is_judged {
            let (wanted, is_all) = (plan.changes(), outcomes.len() == slice.len());
            let allowance = judge_counts(&state, &wanted, job.expecting());
            if !is_all || allowance.left() != wanted {
                // Nothing of it is written. It is planned again, with what it is allowed.
                job.is_heavy = !is_all;
                job.allowance = is_all.then_some(allowance);
                planned.discard = true;
                // It was judged by earlier batches, so it fails if one of them does.
                planned.unfinished.push(Arc::clone(&job.failure));
                self.queue_again(0, Job::Upsert(job));
                return room;
            }
        }
        let created = outcomes.iter().filter(|outcome| outcome.outcome == Outcome::Created).count();
        self.open.note_created(created, outcomes.len());
        job.outcomes.extend(outcomes);
        job.allowance = is_judged.then(|| allowance.after(&plan.changes()));
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
            let reply = UpsertReply { outcomes: job.outcomes, revision, slices: job.slices };
            planned.replies.push(WaitingReply::Upsert(job.reply, reply, job.failure, job.permit));
        } else {
            job.slices.push((job.outcomes.len(), revision));
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
        match job.foresee(plan).await {
            Ok((mut rest, _)) if rest.iter().any(RowOutcome::is_failed) => {
                let mut job = *job;
                rest.iter_mut().for_each(RowOutcome::abort);
                let rest = rest.into_iter().map(|outcome| outcome.unwritten(first_new));
                let outcomes = std::mem::take(&mut job.outcomes).into_iter().chain(rest).collect();
                planned.claims.extend(job.claim.take().map(|(claim, _)| claim));
                let reply = UpsertReply::new(outcomes, self.head.revision);
                planned.replies.push(WaitingReply::Upsert(job.reply, reply, job.failure, job.permit));
            }
            Ok((_, allowance)) => {
                job.allowance = Some(allowance);
                job.is_checked = true;
                // It was checked against earlier batches, so it fails if one of them does.
                planned.unfinished.push(Arc::clone(&job.failure));
                self.put_back(job);
            }
            Err(error) => {
                fail(Job::Upsert(job), error, planned);
            }
        }
        rows
    }
}

impl UpsertJob {
    /// What the next slice of a request may do. A request that was not judged yet gets an allowance for all
    /// of it. If what its rows could do at most is too much, and they fit into one batch, the slice only
    /// counts, and the caller judges the request by what was counted. Only the first request of a batch can
    /// be judged like this, because the batch is dropped if it is refused; for another one this returns
    /// `None`.
    async fn allow_slice(
        &mut self,
        plan: &mut Plan<'_>,
        room: usize,
    ) -> Result<Option<Allowance>, TableError> {
        if self.allowance.is_some() {
            return Ok(self.allowance.clone());
        }
        let left = self.rows.get(self.outcomes.len()..).unwrap_or_default();
        self.allowance = plan.allow_rows_at_once(left, &self.options).await?;
        if self.allowance.is_none() && room >= BATCH_ROWS {
            if left.len() <= room && !self.is_heavy {
                return Ok(Some(Allowance::counting()));
            }
            self.allowance = Some(self.judge(plan).await?);
        }
        Ok(self.allowance.clone())
    }

    fn left(&self) -> &[Result<Prepared, RowError>] {
        self.rows.get(self.outcomes.len()..).unwrap_or_default()
    }

    /// What an admin expects of the rest of it.
    fn expecting(&self) -> Expecting<'_> {
        let budget = self.series.as_ref().map(Series::budget);
        Expecting { expected: self.options.expected, is_rest: !self.outcomes.is_empty(), budget }
    }

    /// What the rest of it may do, counted row by row unless less effort suffices.
    async fn judge(&self, plan: &mut Plan<'_>) -> Result<Allowance, TableError> {
        plan.judge_rows(self.left(), &self.options, self.expecting(), || self.check_wanted()).await
    }

    /// The outcomes that the rest of it would have, and what it may do.
    pub(super) async fn foresee(
        &self,
        plan: &mut Plan<'_>,
    ) -> Result<(Vec<RowOutcome>, Allowance), TableError> {
        let (left, expecting) = (self.left(), self.expecting());
        plan.foresee_judged(left, &self.options, BATCH_ROWS, expecting, || self.check_wanted()).await
    }
}
