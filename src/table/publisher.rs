//! The publisher of a base: waits for its batches to become durable, in order, shows each together with its index
//! changes, and only then lets the answers go.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use tokio::sync::{mpsc, oneshot};

use super::base::Shared;
use super::budget::Permit;
use super::job::{Job, Reply};
use super::layer::Layer;
use super::requests::NamedRequest;
use super::store::BaseSummary;
use super::{AttributesReply, DeleteReply, EditReply, RecordsReply, TableError, UpsertReply};
use crate::engine::Append;

/// With more overlay entries than this many times the mark at which a checkpoint starts, writes wait for it.
const OVERLAY_PRESSURE: usize = 3;

/// A batch on its way, with the answers that depend on it and on everything before it.
#[derive(Default)]
pub struct Planned {
    /// The batch, if anything changed.
    pub batch: Option<(Append, Arc<Layer>)>,
    /// Requests that end with it.
    pub answers: Vec<Answer>,
    /// Requests that go on after it, to be told if it fails.
    pub unfinished: Vec<Arc<OnceLock<TableError>>>,
    /// The requests among those that end with it that name themselves: their turns end just before they are answered.
    pub named: Vec<Arc<NamedRequest>>,
    /// Planning failed: nothing is written, and every request in it fails.
    pub failure: Option<TableError>,
    /// The plan was only a question (or an atomic request was refused): nothing is written.
    pub discard: bool,
}

/// An answer waiting for its batch.
pub enum Answer {
    /// To an upsert, unless an earlier slice of it failed.
    Upsert(Reply<UpsertReply>, UpsertReply, Option<Arc<OnceLock<TableError>>>, Permit),
    /// To a delete.
    Delete(Reply<DeleteReply>, DeleteReply, Permit),
    /// To a call about one member.
    Edit(Reply<EditReply>, EditReply, Permit),
    /// To a change of attributes.
    Attributes(Reply<AttributesReply>, AttributesReply, Permit),
    /// To changes of records.
    Records(Reply<RecordsReply>, RecordsReply, Permit),
    /// To a change of settings.
    Settings(Reply<BaseSummary>, BaseSummary),
    /// To a request that the base as planned does not take.
    Refused(Job, TableError),
}

impl Answer {
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

    /// Lets the answer go. The caller may have left; then nobody hears it.
    fn send(self, failure: Option<&TableError>) {
        match self {
            Self::Upsert(to, reply, earlier, _permit) => {
                let earlier = earlier.as_deref().and_then(OnceLock::get);
                drop(to.send(failure.or(earlier).map_or(Ok(reply), |error| Err(error.clone()))));
            }
            Self::Delete(to, reply, _permit) => {
                drop(to.send(failure.map_or(Ok(reply), |error| Err(error.clone()))))
            }
            Self::Edit(to, reply, _permit) => {
                drop(to.send(failure.map_or(Ok(reply), |error| Err(error.clone()))))
            }
            Self::Attributes(to, reply, _permit) => {
                drop(to.send(failure.map_or(Ok(reply), |error| Err(error.clone()))))
            }
            Self::Records(to, reply, _permit) => {
                drop(to.send(failure.map_or(Ok(reply), |error| Err(error.clone()))))
            }
            Self::Settings(to, reply) => drop(to.send(failure.map_or(Ok(reply), |error| Err(error.clone())))),
            Self::Refused(job, error) => job.refuse(failure.cloned().unwrap_or(error)),
        }
    }
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
    shared: Arc<Shared>,
    batches: mpsc::Receiver<ToPublish>,
    /// The failure on which everything up to the next restart was planned.
    failure: Option<TableError>,
}

impl Publisher {
    /// The publisher of a base.
    pub fn new(shared: Arc<Shared>, batches: mpsc::Receiver<ToPublish>) -> Self {
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
        if let (Some((append, layer)), None) = (planned.batch, &self.failure) {
            match append.await {
                Ok(durable) => {
                    let mut published = self.shared.published.write().await;
                    durable.publish();
                    self.shared.records.forget(
                        self.shared.number,
                        layer.blocks.keys().copied(),
                        published.header.next_row,
                    );
                    published.apply(&layer);
                    self.shared.advance(layer.header.revision);
                }
                Err(error) => {
                    tracing::warn!(base = self.shared.number.0, %error, "a batch of writes failed");
                    self.failure = Some(error.into());
                    self.shared.failed.store(true, Ordering::Release);
                }
            }
        }
        // A plan that failed by itself wrote nothing, and nothing was planned on it.
        let failure = self.failure.as_ref().or(planned.failure.as_ref());
        for unfinished in planned.unfinished {
            if let Some(failure) = failure {
                // Only the first failure is told.
                drop(unfinished.set(failure.clone()));
            }
        }
        // What became of them is there to be found, and whoever hears an answer may ask again at once.
        drop(planned.named);
        planned.answers.into_iter().for_each(|answer| answer.send(failure));
        self.relieve().await;
    }

    /// Rings for a checkpoint when one is due, and waits for it when the overlay has outgrown its room.
    async fn relieve(&self) {
        let shared = &self.shared;
        let mut ended = shared.checkpoints.subscribe();
        let entries = shared.published.read().await.overlay_entries();
        if entries >= shared.checkpoint_entries {
            shared.checkpoint_due.notify_one();
        }
        if entries >= shared.checkpoint_entries.saturating_mul(OVERLAY_PRESSURE) {
            // One that failed makes no room, and waiting for the next would stop the base for as long as it fails.
            drop(ended.changed().await);
        }
    }
}
