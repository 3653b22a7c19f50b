//! The publisher of a base: publishes its batches in order, and then sends the replies.
//!
//! - The publisher waits only for the engine and the view lock. If it waited for a checkpoint too, a batch
//!   that is durable and not published would hold up the writes of all bases.
//! - The publisher awaits every batch, even after an earlier one failed. A batch checks the header that it
//!   was planned on, so one that succeeds was planned on what is stored.
//! - If a batch that changes the base fails, everything that was planned on it fails too, until the lane
//!   restarts. Nothing is planned on a batch that only stores results of requests, nor on a plan that failed,
//!   so such failures affect nothing else.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot};

use crate::table::idempotency::Claim;
use crate::table::index::audiences::Piece;
use crate::table::index::published::Published;
use crate::table::index::sets::IndexPiece;
use crate::table::open::OpenBase;
use crate::table::plan::step_request::StepReply;
use crate::table::read::summary::BaseSummary;
use crate::table::shared::budget::Permit;
use crate::table::shared::metrics::RowSums;
use crate::table::write::in_flight::InFlight;
use crate::table::write::job::{Held, Job};
use crate::table::write::reply::{Failure, ReplySender};
use crate::table::{
    AttributesReply, AudienceReply, DeleteReply, EditReply, RecordsReply, TableError, UndeleteReply,
    UpsertReply,
};

/// A planned batch, with the replies that depend on it and on everything before it.
#[derive(Default)]
pub struct Planned {
    /// The batch, if there is anything to write.
    pub batch: Option<InFlight>,
    /// Replies to the requests that end with it.
    pub replies: Vec<WaitingReply>,
    /// Requests that continue after it; they fail if it fails.
    pub unfinished: Vec<Failure>,
    /// The claims of the requests that end with it; released just before the replies are sent.
    pub claims: Vec<Arc<Claim>>,
    /// The error if planning failed: nothing is written, and every request in the batch fails.
    pub failure: Option<TableError>,
    /// Whether nothing is written, because the request is only validated or an atomic request was refused.
    pub discard: bool,
}

/// A reply that waits for its batch.
pub enum WaitingReply {
    /// To an upsert, unless an earlier slice of it failed.
    Upsert(ReplySender<UpsertReply>, UpsertReply, Failure, Permit),
    /// To a delete, unless an earlier slice of it failed.
    Delete(ReplySender<DeleteReply>, DeleteReply, Failure, Permit),
    /// To a request that brings deleted members back.
    Undelete(ReplySender<UndeleteReply>, UndeleteReply, Held),
    /// To a call about one member.
    Edit(ReplySender<EditReply>, EditReply, Permit),
    /// To a step of a durable job.
    Step(ReplySender<StepReply>, StepReply, Permit),
    /// To a change of attributes, unless an earlier slice of it failed.
    Attributes(ReplySender<AttributesReply>, AttributesReply, Failure, Permit),
    /// To changes of records.
    Records(ReplySender<RecordsReply>, RecordsReply, Permit),
    /// To a change of an audience.
    Audience(ReplySender<AudienceReply>, Box<AudienceReply>, Permit),
    /// To a change of settings.
    Settings(ReplySender<BaseSummary>, BaseSummary),
    /// To a request that was refused in the planned state of the base.
    Refused(Box<Job>, TableError),
}

impl WaitingReply {
    /// How many rows the request had.
    pub fn rows(&self) -> usize {
        match self {
            Self::Upsert(_, reply, ..) => reply.outcomes.len(),
            Self::Undelete(_, reply, _) => reply.outcomes.len(),
            Self::Step(_, reply, _) => reply.outcomes.len(),
            Self::Records(_, reply, _) => reply.outcomes.as_ref().map_or(1, Vec::len),
            Self::Audience(_, reply, _) => reply.rows.len().max(1),
            Self::Attributes(..)
            | Self::Delete(..)
            | Self::Edit(..)
            | Self::Settings(..)
            | Self::Refused(..) => 1,
        }
    }

    /// Notes that the last batch of the request was handed to the engine.
    pub fn appended(&mut self) {
        let rows = self.rows();
        match self {
            Self::Upsert(to, ..) => to.appended(rows),
            Self::Delete(to, ..) => to.appended(rows),
            Self::Undelete(to, ..) => to.appended(rows),
            Self::Edit(to, ..) => to.appended(rows),
            Self::Step(to, ..) => to.appended(rows),
            Self::Attributes(to, ..) => to.appended(rows),
            Self::Records(to, ..) => to.appended(rows),
            Self::Audience(to, ..) => to.appended(rows),
            Self::Settings(to, _) => to.appended(rows),
            // It writes nothing.
            Self::Refused(..) => {}
        }
    }

    /// Sends the reply, or the failure.
    fn send(self, failure: Option<&TableError>) {
        match self {
            Self::Upsert(to, reply, earlier, _permit) => tell(to, reply, failure.or(earlier.get())),
            Self::Delete(to, reply, earlier, _permit) => tell(to, reply, failure.or(earlier.get())),
            Self::Undelete(to, reply, _held) => tell(to, reply, failure),
            Self::Edit(to, reply, _permit) => tell(to, reply, failure),
            Self::Step(to, reply, _permit) => tell(to, reply, failure),
            Self::Attributes(to, reply, earlier, _permit) => tell(to, reply, failure.or(earlier.get())),
            Self::Records(to, reply, _permit) => tell(to, reply, failure),
            Self::Audience(to, reply, _permit) => tell(to, *reply, failure),
            Self::Settings(to, reply) => tell(to, reply, failure),
            Self::Refused(job, error) => job.refuse(failure.cloned().unwrap_or(error)),
        }
    }
}

fn tell<T>(to: ReplySender<T>, reply: T, failure: Option<&TableError>) {
    to.send(failure.map_or(Ok(reply), |error| Err(error.clone())));
}

/// What the lane sends.
pub enum ToPublish {
    /// The next batch.
    Planned(Box<Planned>),
    /// What the lane has built of new filters of audiences, as of the batches before it.
    Built(Piece),
    /// What the lane has built of new indexes, as of the batches before it.
    Indexed(IndexPiece),
    /// The lane will start again from what is published, once everything before this message has been replied
    /// to.
    Restart(oneshot::Sender<()>),
}

/// Publishes batches in order.
pub struct Publisher {
    open: Arc<OpenBase>,
    batches: mpsc::Receiver<ToPublish>,
    /// The failure of a batch on which everything until the next restart was planned.
    failure: Option<TableError>,
}

impl Publisher {
    /// The publisher of a base.
    pub fn new(open: Arc<OpenBase>, batches: mpsc::Receiver<ToPublish>) -> Self {
        Self { open, batches, failure: None }
    }

    /// Runs until the lane ends.
    pub async fn run(mut self) {
        while let Some(next) = self.batches.recv().await {
            match next {
                ToPublish::Planned(planned) => self.publish(*planned).await,
                ToPublish::Built(piece) => self.take_over(|published| published.build.extend(&piece)).await,
                ToPublish::Indexed(piece) => self.take_over(|published| published.sets.extend(&piece)).await,
                ToPublish::Restart(done) => {
                    self.failure = None;
                    self.open.failed.store(false, Ordering::Release);
                    // Sending fails if the lane has ended.
                    let _gone = done.send(());
                }
            }
        }
    }

    /// Takes over what the lane has built, unless something that it was planned on failed.
    async fn take_over(&self, show: impl FnOnce(&mut Published)) {
        if self.failure.is_some() {
            return;
        }
        let mut published = self.open.published.write().await;
        show(&mut published);
        if published.built_rows() >= self.open.parts.audience_build.stored_rows {
            self.open.checkpoint_due.notify_one();
        }
    }

    async fn publish(&mut self, planned: Planned) {
        let failure = match planned.batch {
            Some(batch) => self.land(batch).await.err(),
            // A plan that failed wrote nothing, and nothing was planned on it.
            None => self.failure.clone().or(planned.failure),
        };
        let failure = failure.as_ref();
        if failure.is_none() && !planned.discard {
            let mut sums = RowSums::default();
            planned.replies.iter().for_each(|reply| reply.count(&mut sums));
            self.open.parts.metrics.count(sums);
        }
        for unfinished in planned.unfinished {
            if let Some(failure) = failure {
                // Only the first failure counts; a second `set` does nothing.
                drop(unfinished.set(failure.clone()));
            }
        }
        // Their results can be found now. Release the claims before the replies: a caller may repeat at once.
        drop(planned.claims);
        planned.replies.into_iter().for_each(|reply| reply.send(failure));
    }

    /// Publishes a batch. If it fails, its requests get the failure that it was planned on, if there was one.
    async fn land(&mut self, batch: InFlight) -> Result<(), TableError> {
        let is_change = batch.is_change();
        let Err(error) = batch.land(&self.open).await else { return Ok(()) };
        tracing::warn!(base = self.open.number.0, %error, "a batch of writes failed");
        self.open.parts.metrics.batch_failures.inc();
        let failure = self.failure.clone().unwrap_or_else(|| error.into());
        if is_change && self.failure.is_none() {
            self.failure = Some(failure.clone());
            self.open.failed.store(true, Ordering::Release);
        }
        Err(failure)
    }
}
