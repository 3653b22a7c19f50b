//! Upserts: PARTIAL ones slice by slice, ATOMIC and VALIDATE_ONLY ones as a whole, and those that are checked as a whole
//! before they are applied slice by slice.

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
        // How far it has come is kept with what it changes: what comes next builds on it, and so must not stand without it.
        if let Some((claim, progress)) = &mut job.claim
            && (is_complete || revision > before)
            && claim.keeps(&job.outcomes)
        {
            plan.keep_rows(claim, progress, &job.outcomes, is_complete);
        }
        if is_complete {
            let job = *job;
            planned.claims.extend(job.claim.map(|(claim, _)| claim));
            let reply = UpsertReply { outcomes: job.outcomes, revision };
            planned.answers.push(WaitingReply::Upsert(job.reply, reply, job.failure, job.permit));
        } else {
            planned.unfinished.push(Arc::clone(&job.failure));
            self.put_back(job);
        }
        last - first
    }

    /// A request that takes turns goes to the end of the queue, but not behind what comes after it in its series: rows that
    /// were sent later must not be applied before. One that stands for itself stays first.
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

    /// Plans all rows of a request without writing anything. If all are good, it is next, slice by slice: nothing is
    /// planned in between, so they are good then too.
    pub(super) async fn check_whole(
        &mut self,
        plan: &mut Plan<'_>,
        mut job: Box<UpsertJob>,
        planned: &mut Planned,
    ) -> usize {
        // After a crash only the rows that were not applied before it are left.
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
                planned.answers.push(WaitingReply::Upsert(job.reply, reply, job.failure, job.permit));
            }
            Ok(_) => {
                job.is_checked = true;
                // If what it was checked against fails, it is not good.
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
    /// The outcome of a row that was planned and not written. Members that it, or a row before it, would have created have no
    /// place: `first_new` is the first that is not taken.
    pub(in crate::table) fn unwritten(mut self, first_new: Row) -> Self {
        let is_there = |row: &Row| *row < first_new;
        if let Some(error) = &mut self.error {
            error.taken_by = error.taken_by.filter(is_there);
        }
        Self { row: self.row.filter(is_there), ..self }
    }
}
