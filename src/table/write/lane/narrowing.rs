//! The counting of members for changes of the attribute schema, between other batches, in the same way as
//! indexes are built (`indexing`). Nothing of it is stored or published: after a restart the caller asks
//! again.

use std::sync::Arc;
use std::time::Instant;

use crate::table::plan::{Fit, Plan};
use crate::table::read::summary::BaseSummary;
use crate::table::shared::budget::Permit;
use crate::table::write::job::Job;
use crate::table::write::lane::{Lane, once};
use crate::table::write::publisher::{Planned, WaitingReply};
use crate::table::write::reply::ReplySender;
use crate::table::{SettingsRequest, TableError};

impl Lane {
    /// Whether members are to be counted now. Not while a request is applied whose rows are all found good:
    /// nothing may come in between.
    pub(super) fn has_to_count(&self) -> bool {
        let is_applied = matches!(self.queue.front(), Some(Job::Upsert(job)) if job.is_checked);
        self.narrowing.is_under_way() && !self.is_stuck && !is_applied
    }

    /// Plans a change of the base itself, or lets it wait until members are counted.
    pub(super) async fn change_settings(
        &mut self,
        plan: &mut Plan<'_>,
        request: Box<SettingsRequest>,
        reply: ReplySender<BaseSummary>,
        permit: Permit,
        planned: &mut Planned,
    ) -> usize {
        if request.schema.is_some() && self.narrowing.is_under_way() {
            self.narrowing.wait(Job::Settings { request, reply, permit });
            return 0;
        }
        match plan.fit(request.schema.as_ref()).await {
            Ok(Fit::Uncounted(count)) => {
                self.narrowing.begin(Job::Settings { request, reply, permit }, count);
                0
            }
            Ok(Fit::Fits) => once::change_settings(plan, request, reply, permit, planned).await,
            Ok(Fit::Refused(refusal)) => {
                let job = Box::new(Job::Settings { request, reply, permit });
                planned.replies.push(WaitingReply::Refused(job, refusal));
                1
            }
            Err(error) => {
                once::fail(Job::Settings { request, reply, permit }, error, planned);
                1
            }
        }
    }

    /// Counts on. Once everybody is counted, the requests that waited are planned next.
    pub(super) async fn count_on(&mut self) {
        if !self.has_to_count() {
            return;
        }
        let Some(count) = self.narrowing.count().cloned() else { return };
        if self.head.deleted_at.is_some() {
            let jobs = self.narrowing.give_up();
            self.queue_first(jobs);
            return;
        }
        if !self.narrowing.first().is_some_and(is_wanted) {
            self.refuse_first(TableError::DeadlinePassed);
            return;
        }
        let open = Arc::clone(&self.open);
        let in_flight = std::mem::take(&mut self.in_flight);
        let mut plan = Plan::new(&open, &in_flight, self.head.clone(), (open.parts.clock)());
        let counted = plan.count_on(count, open.parts.audience_build.blocks).await;
        drop(plan);
        self.in_flight = in_flight;
        // Others get their turn, even if nothing had to be read.
        tokio::task::yield_now().await;
        match counted {
            Ok(count) => {
                let is_complete = count.is_complete();
                self.narrowing.advance(count);
                if is_complete {
                    let jobs = self.narrowing.take();
                    self.queue_first(jobs);
                }
            }
            Err(error) => {
                tracing::warn!(base = open.number.0, %error, "members could not be counted for a schema");
                self.refuse_first(error);
            }
        }
    }

    /// Refuses the request whose members are counted. The others go back into the queue.
    fn refuse_first(&mut self, error: TableError) {
        let mut jobs = self.narrowing.give_up();
        if let Some(job) = jobs.pop_front() {
            job.refuse(error);
        }
        self.queue_first(jobs);
    }
}

/// Whether the reply is still wanted.
fn is_wanted(job: &Job) -> bool {
    let has_left = matches!(job, Job::Settings { reply, .. } if reply.is_closed());
    !has_left && !job.expired(Instant::now())
}
