//! The publisher of a base: lands its batches in order, and only then lets the answers go.
//!
//! - It waits for nothing but the engine and the view lock: while it waited for a checkpoint, a batch that is durable and not
//!   shown would hold back what all bases write.
//! - Every batch lands, whatever failed before it. One that lands was planned on what is there, because it checks that.
//! - When a batch fails that changes the base, so does everything that was planned on it, up to the restart of the lane.
//!   When one fails that only keeps answers, or a plan fails by itself, nothing was planned on it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot};

use crate::table::idempotency::Claim;
use crate::table::open::OpenBase;
use crate::table::read::summary::BaseSummary;
use crate::table::shared::budget::Permit;
use crate::table::write::in_flight::InFlight;
use crate::table::write::job::Job;
use crate::table::write::reply::{Failure, ReplySender};
use crate::table::{AttributesReply, DeleteReply, EditReply, RecordsReply, TableError, UpsertReply};

/// A batch on its way, with the answers that depend on it and on everything before it.
#[derive(Default)]
pub struct Planned {
    /// The batch, if there is anything to write.
    pub batch: Option<InFlight>,
    /// Requests that end with it.
    pub answers: Vec<WaitingReply>,
    /// Requests that go on after it, to be told if it fails.
    pub unfinished: Vec<Failure>,
    /// The requests among those that end with it that name themselves: their turns end just before they are answered.
    pub claims: Vec<Arc<Claim>>,
    /// Planning failed: nothing is written, and every request in it fails.
    pub failure: Option<TableError>,
    /// The plan was only a question (or an atomic request was refused): nothing is written.
    pub discard: bool,
}

/// An answer waiting for its batch.
pub enum WaitingReply {
    /// To an upsert, unless an earlier slice of it failed.
    Upsert(ReplySender<UpsertReply>, UpsertReply, Failure, Permit),
    /// To a delete, unless an earlier slice of it failed.
    Delete(ReplySender<DeleteReply>, DeleteReply, Failure, Permit),
    /// To a call about one member.
    Edit(ReplySender<EditReply>, EditReply, Permit),
    /// To a change of attributes, unless an earlier slice of it failed.
    Attributes(ReplySender<AttributesReply>, AttributesReply, Failure, Permit),
    /// To changes of records.
    Records(ReplySender<RecordsReply>, RecordsReply, Permit),
    /// To a change of settings.
    Settings(ReplySender<BaseSummary>, BaseSummary),
    /// To a request that the base as planned does not take.
    Refused(Box<Job>, TableError),
}

impl WaitingReply {
    /// Rows that it answers for.
    pub fn rows(&self) -> usize {
        match self {
            Self::Upsert(_, reply, ..) => reply.outcomes.len(),
            Self::Records(_, reply, _) => reply.outcomes.as_ref().map_or(1, Vec::len),
            Self::Attributes(..)
            | Self::Delete(..)
            | Self::Edit(..)
            | Self::Settings(..)
            | Self::Refused(..) => 1,
        }
    }

    /// Lets the answer go.
    fn send(self, failure: Option<&TableError>) {
        match self {
            Self::Upsert(to, reply, earlier, _permit) => tell(to, reply, failure.or(earlier.get())),
            Self::Delete(to, reply, earlier, _permit) => tell(to, reply, failure.or(earlier.get())),
            Self::Edit(to, reply, _permit) => tell(to, reply, failure),
            Self::Attributes(to, reply, earlier, _permit) => tell(to, reply, failure.or(earlier.get())),
            Self::Records(to, reply, _permit) => tell(to, reply, failure),
            Self::Settings(to, reply) => tell(to, reply, failure),
            Self::Refused(job, error) => job.refuse(failure.cloned().unwrap_or(error)),
        }
    }
}

fn tell<T>(to: ReplySender<T>, reply: T, failure: Option<&TableError>) {
    // The caller may have left; then nobody hears it.
    drop(to.send(failure.map_or(Ok(reply), |error| Err(error.clone()))));
}

/// What the lane sends.
pub enum ToPublish {
    /// The next batch.
    Planned(Planned),
    /// The lane has heard of the failure and will plan afresh: everything before this has been answered.
    Restart(oneshot::Sender<()>),
}

/// Makes batches visible in order.
pub struct Publisher {
    shared: Arc<OpenBase>,
    batches: mpsc::Receiver<ToPublish>,
    /// The failure on which everything up to the next restart was planned.
    failure: Option<TableError>,
}

impl Publisher {
    /// The publisher of a base.
    pub fn new(shared: Arc<OpenBase>, batches: mpsc::Receiver<ToPublish>) -> Self {
        Self { shared, batches, failure: None }
    }

    /// Works until the lane ends.
    pub async fn run(mut self) {
        while let Some(next) = self.batches.recv().await {
            match next {
                ToPublish::Planned(planned) => self.publish(planned).await,
                ToPublish::Restart(done) => {
                    self.failure = None;
                    self.shared.failed.store(false, Ordering::Release);
                    // A lane that is gone needs no answer.
                    let _gone = done.send(());
                }
            }
        }
    }

    async fn publish(&mut self, planned: Planned) {
        let failure = match planned.batch {
            Some(batch) => self.land(batch).await.err(),
            // A plan that failed by itself wrote nothing, and nothing was planned on it.
            None => self.failure.clone().or(planned.failure),
        };
        let failure = failure.as_ref();
        for unfinished in planned.unfinished {
            if let Some(failure) = failure {
                // Only the first failure is told.
                drop(unfinished.set(failure.clone()));
            }
        }
        // What became of them is there to be found, and whoever hears an answer may ask again at once.
        drop(planned.claims);
        planned.answers.into_iter().for_each(|answer| answer.send(failure));
    }

    /// Lands a batch; what its callers are told if it fails is the failure that it was planned on, if there was one.
    async fn land(&mut self, batch: InFlight) -> Result<(), TableError> {
        let is_change = batch.is_change();
        let Err(error) = batch.land(&self.shared).await else { return Ok(()) };
        tracing::warn!(base = self.shared.number.0, %error, "a batch of writes failed");
        let failure = self.failure.clone().unwrap_or_else(|| error.into());
        if is_change && self.failure.is_none() {
            self.failure = Some(failure.clone());
            self.shared.failed.store(true, Ordering::Release);
        }
        Err(failure)
    }
}
