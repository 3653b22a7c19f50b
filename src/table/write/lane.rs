//! The lane: all writes to a base pass through it, one after another.
//!
//! It takes waiting requests together, up to [`BATCH_ROWS`] rows, plans them in order, hands the batch to the
//! engine and goes on planning while the publisher waits for it to become durable. A PARTIAL request of many
//! rows, or a delete of many members, is cut into slices that take turns with other requests; ATOMIC
//! requests, and VALIDATE_ONLY ones that are short, are planned whole and alone. Long VALIDATE_ONLY ones
//! never come here (`validate`).
//!
//! Answers travel with the batches, in order, also those of requests that changed nothing: none leaves before
//! everything it was planned on is durable. After a failure the lane drops its plans and starts again from
//! what is published.
//!
//! The lane is where a base waits: for the checkpoint that its overlay has outgrown, and for room for another
//! batch in flight. It does so before it appends, so that nothing of it stands in the way of other bases.
//!
//! Planning many rows lets others go first now and then, since the thread of a lane serves calls too. Nothing
//! gets in between: the lane alone plans what is written, and what it waits for meanwhile changes no answer.
//! A request that is planned as a whole is given up there if nobody wants its answer any more: nothing of it
//! is written yet.

mod once;
mod sums;
mod upsert;
mod whole;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use crate::compute::{self, Size};
use crate::model::limits::ATOMIC_MAX_BYTES;
use crate::stored::header::Header;
use crate::table::index::layer::Layer;
use crate::table::open::OpenBase;
use crate::table::plan::Plan;
use crate::table::shared::room::Room;
use crate::table::write::in_flight::InFlight;
use crate::table::write::job::Job;
use crate::table::write::limits::BATCH_ROWS;
use crate::table::write::publisher::{Planned, ToPublish, WaitingReply};
use crate::table::{TableError, WriteMode};

/// With more overlay entries than this many times the mark at which a checkpoint starts, writes wait for it.
const OVERLAY_PRESSURE: usize = 3;

/// The single file of a base's writes.
pub struct Lane {
    shared: Arc<OpenBase>,
    jobs: mpsc::Receiver<Job>,
    publisher: mpsc::Sender<ToPublish>,
    queue: VecDeque<Job>,
    /// Layers of batches that are not known to be published, oldest first.
    in_flight: Vec<Arc<Layer>>,
    room: Room,
    /// The header after everything planned.
    head: Header,
}

impl Lane {
    /// A lane that begins at `head`.
    pub fn new(
        shared: Arc<OpenBase>,
        jobs: mpsc::Receiver<Job>,
        publisher: mpsc::Sender<ToPublish>,
        head: Header,
    ) -> Self {
        let room = Room::new(&shared.in_flight);
        Self { shared, jobs, publisher, queue: VecDeque::new(), in_flight: Vec::new(), room, head }
    }

    /// Works until every handle of the base is gone and the queue is empty.
    pub async fn run(mut self) {
        while self.wait_for_jobs().await {
            if self.settle().await.is_err() {
                break;
            }
            let planned = self.plan_batch().await;
            if self.publisher.send(ToPublish::Planned(planned)).await.is_err() {
                break;
            }
        }
    }

    /// Waits until there is something to do; false once there never will be.
    async fn wait_for_jobs(&mut self) -> bool {
        if self.queue.is_empty() {
            match self.jobs.recv().await {
                Some(job) => self.queue.push_back(job),
                None => return false,
            }
            // Who is about to hand in goes first: what is planned together is made durable by one sync.
            tokio::task::yield_now().await;
        }
        self.wait_for_checkpoint().await;
        while let Ok(job) = self.jobs.try_recv() {
            self.queue.push_back(job);
        }
        true
    }

    /// Waits for a checkpoint to end while the overlay has outgrown its room.
    async fn wait_for_checkpoint(&self) {
        let shared = &self.shared;
        let is_due =
            || shared.overlay_entries() >= shared.checkpoint_entries.saturating_mul(OVERLAY_PRESSURE);
        if !is_due() {
            return;
        }
        let mut ended = shared.checkpoints.subscribe();
        // One may have ended before anybody listened for it.
        if is_due() {
            shared.checkpoint_due.notify_one();
            // One that failed makes no room, and waiting for the next would stop the base for as long as it
            // fails.
            drop(ended.changed().await);
        }
    }

    /// Lets go of layers that are published; after a failure, of all of them.
    async fn settle(&mut self) -> Result<(), Stopped> {
        if !self.shared.failed.load(Ordering::Acquire) {
            let published = self.shared.published_revision.load(Ordering::Acquire);
            self.in_flight.retain(|layer| layer.header.revision > published);
            return Ok(());
        }
        let (done, drained) = oneshot::channel();
        self.publisher.send(ToPublish::Restart(done)).await.map_err(|_| Stopped)?;
        drained.await.map_err(|_| Stopped)?;
        self.in_flight.clear();
        self.head = self.shared.published.read().await.header.clone();
        Ok(())
    }

    /// Plans waiting requests as one batch and hands it to the engine.
    async fn plan_batch(&mut self) -> Planned {
        let shared = Arc::clone(&self.shared);
        let in_flight = std::mem::take(&mut self.in_flight);
        let mut plan = Plan::new(&shared, &in_flight, self.head.clone(), (shared.clock)());
        let mut planned = Planned::default();
        let mut room = BATCH_ROWS;
        while room > 0 && !plan.is_full() && planned.failure.is_none() {
            let Some(job) = self.queue.pop_front() else { break };
            if job.expired(Instant::now()) {
                job.refuse(TableError::DeadlinePassed);
                continue;
            }
            if job.stands_alone() {
                if room < BATCH_ROWS {
                    self.queue.push_front(job);
                    break;
                }
                room = 0;
            }
            let taken = self.plan_job(&mut plan, job, room, &mut planned).await;
            room = room.saturating_sub(taken.max(1));
        }
        let counted = plan.counted();
        let finished = if planned.failure.is_some() || planned.discard {
            None
        } else {
            compute::here(Size::large_if(plan.is_large()), || plan.finish()).await
        };
        self.in_flight = in_flight;
        if let Some((batch, layer)) = finished {
            let bytes = counted.unwrap_or_else(|| batch.bytes());
            if bytes > ATOMIC_MAX_BYTES {
                // Only of requests that stand alone: the others are closed before.
                let rows = planned.answers.iter().map(WaitingReply::rows).sum();
                planned.failure = Some(TableError::too_large(rows, bytes));
                return planned;
            }
            let layer = Arc::new(layer);
            let batch = InFlight::append(&shared, &self.room, batch, &self.head, Arc::clone(&layer)).await;
            if batch.is_change() {
                self.head = layer.header.clone();
                self.in_flight.push(layer);
            }
            planned.batch = Some(batch);
        }
        planned
    }

    /// Plans one request, or a slice of it; answers how many rows it took.
    async fn plan_job(&mut self, plan: &mut Plan<'_>, job: Job, room: usize, planned: &mut Planned) -> usize {
        let undeletes = matches!(&job, Job::Settings { request, .. } if request.deleted == Some(false));
        if plan.header().deleted_at.is_some() && !undeletes {
            planned.answers.push(WaitingReply::Refused(Box::new(job), TableError::BaseDeleted));
            return 0;
        }
        plan.act_for(job.origin(), job.sight());
        match job {
            Job::Upsert(job) if job.is_sliced() => self.plan_slice(plan, job, room, planned).await,
            Job::Upsert(job) if job.mode == WriteMode::Whole => self.check_whole(plan, job, planned).await,
            Job::Upsert(job) => whole::plan_whole(plan, job, planned).await,
            Job::Delete(job) => {
                let (taken, rest) = sums::delete(plan, job, room, planned).await;
                self.queue.extend(rest);
                taken
            }
            Job::Edit { request, reply, permit } => once::edit(plan, request, reply, permit, planned).await,
            Job::Attributes(job) => {
                let (taken, rest) = sums::attributes(plan, job, room, planned).await;
                self.queue.extend(rest);
                taken
            }
            Job::Records { request, reply, permit } => {
                once::change_records(plan, request, reply, permit, planned).await
            }
            Job::Settings { request, reply, permit } => {
                once::change_settings(plan, request, reply, permit, planned).await
            }
        }
    }
}

/// The publisher is gone: the base is closing.
struct Stopped;
