//! The lane: all writes to a base pass through it, one after another.
//!
//! It takes waiting requests together, up to [`BATCH_ROWS`] rows, plans them in order, hands the batch to the engine and
//! goes on planning while the publisher waits for it to become durable. A PARTIAL request of many rows is cut into
//! slices that take turns with other requests; ATOMIC and VALIDATE_ONLY requests are planned whole and alone.
//!
//! Answers travel with the batches, in order, also those of requests that changed nothing: none leaves before everything
//! it was planned on is durable. After a failure the lane drops its plans and starts again from what is published.
//!
//! The lane is where a base waits: for the checkpoint that its overlay has outgrown, and for room for another batch in
//! flight. It does so before it appends, so that nothing of it stands in the way of other bases.

mod once;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::base::Shared;
use super::in_flight::{InFlight, Room};
use super::job::{Job, UpsertJob};
use super::layer::Layer;
use super::plan::Plan;
use super::publisher::{Answer, Planned, ToPublish};
use super::{RowOutcome, TableError, UpsertReply, WriteMode};
use crate::engine::MAX_BATCH_BYTES;
use crate::model::Row;
use crate::model::limits::ATOMIC_MAX_ROWS;
use crate::schema::header::Header;

/// Rows of one batch, unless an atomic request has more.
pub const BATCH_ROWS: usize = 1000;

/// With more overlay entries than this many times the mark at which a checkpoint starts, writes wait for it.
const OVERLAY_PRESSURE: usize = 3;

/// The single file of a base's writes.
pub struct Lane {
    shared: Arc<Shared>,
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
        shared: Arc<Shared>,
        jobs: mpsc::Receiver<Job>,
        publisher: mpsc::Sender<ToPublish>,
        head: Header,
    ) -> Self {
        Self {
            shared,
            jobs,
            publisher,
            queue: VecDeque::new(),
            in_flight: Vec::new(),
            room: Room::new(),
            head,
        }
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
        let mut ended = shared.checkpoints.subscribe();
        let entries = shared.published.read().await.overlay_entries();
        if entries >= shared.checkpoint_entries.saturating_mul(OVERLAY_PRESSURE) {
            shared.checkpoint_due.notify_one();
            // One that failed makes no room, and waiting for the next would stop the base for as long as it fails.
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
        let finished = if planned.failure.is_some() || planned.discard { None } else { plan.finish() };
        self.in_flight = in_flight;
        if let Some((batch, layer)) = finished {
            let bytes = batch.bytes();
            if bytes > MAX_BATCH_BYTES {
                // Only of requests that stand alone: the others are closed before.
                let rows = planned.answers.iter().map(Answer::rows).sum();
                let limits = (ATOMIC_MAX_ROWS, MAX_BATCH_BYTES);
                let error =
                    TableError::AtomicTooLarge { rows, bytes, max_rows: limits.0, max_bytes: limits.1 };
                planned.failure = Some(error);
                return planned;
            }
            let layer = Arc::new(layer);
            let is_change = layer.header.revision > self.head.revision;
            if is_change {
                self.head = layer.header.clone();
                self.in_flight.push(Arc::clone(&layer));
            }
            planned.batch = Some(InFlight::append(&shared, &self.room, batch, layer, is_change).await);
        }
        planned
    }

    /// Plans one request, or a slice of it; answers how many rows it took.
    async fn plan_job(&mut self, plan: &mut Plan<'_>, job: Job, room: usize, planned: &mut Planned) -> usize {
        let undeletes = matches!(&job, Job::Settings { request, .. } if request.deleted == Some(false));
        if plan.header().deleted_at.is_some() && !undeletes {
            planned.answers.push(Answer::Refused(job, TableError::BaseDeleted));
            return 0;
        }
        plan.act_for(job.origin());
        match job {
            Job::Upsert(job) if job.is_sliced() => self.plan_slice(plan, job, room, planned).await,
            Job::Upsert(job) if job.mode == WriteMode::Whole => self.check_whole(plan, job, planned).await,
            Job::Upsert(job) => plan_whole(plan, job, planned).await,
            Job::Delete { request, reply, permit } => {
                once::delete(plan, request, reply, permit, planned).await
            }
            Job::Edit { request, reply, permit } => once::edit(plan, request, reply, permit, planned).await,
            Job::Attributes { request, reply, permit } => {
                once::change_attributes(plan, request, reply, permit, planned).await
            }
            Job::Records { request, reply, permit } => {
                once::change_records(plan, request, reply, permit, planned).await
            }
            Job::Settings { request, reply } => once::change_settings(plan, request, reply, planned).await,
        }
    }

    async fn plan_slice(
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
        if let Some((named, progress)) = &mut job.named
            && (is_complete || revision > before)
            && named.keeps(&job.outcomes)
        {
            plan.keep_rows(named, progress, &job.outcomes, is_complete);
        }
        if is_complete {
            let job = *job;
            planned.named.extend(job.named.map(|(named, _)| named));
            let reply = UpsertReply { outcomes: job.outcomes, revision };
            planned.answers.push(Answer::Upsert(job.reply, reply, Some(job.failure), job.permit));
        } else {
            planned.unfinished.push(Arc::clone(&job.failure));
            self.put_back(job);
        }
        last - first
    }

    /// A request that takes turns goes to the end of the queue; one that stands for itself stays first.
    fn put_back(&mut self, job: Box<UpsertJob>) {
        match job.mode {
            WriteMode::Whole => self.queue.push_front(Job::Upsert(job)),
            WriteMode::Partial | WriteMode::Atomic | WriteMode::ValidateOnly => {
                self.queue.push_back(Job::Upsert(job));
            }
        }
    }

    /// Plans all rows of a request without writing anything. If all are good, it is next, slice by slice: nothing is
    /// planned in between, so they are good then too.
    async fn check_whole(
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
        match plan.upsert_each(left, &job.options).await {
            Ok(mut rest) if rest.iter().any(RowOutcome::is_failed) => {
                let mut job = *job;
                rest.iter_mut().for_each(RowOutcome::abort);
                let rest = rest.into_iter().map(|outcome| outcome.unwritten(first_new));
                let outcomes = std::mem::take(&mut job.outcomes).into_iter().chain(rest).collect();
                planned.named.extend(job.named.take().map(|(named, _)| named));
                let reply = UpsertReply { outcomes, revision: self.head.revision };
                planned.answers.push(Answer::Upsert(job.reply, reply, None, job.permit));
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

/// The publisher is gone: the base is closing.
struct Stopped;

async fn plan_whole(plan: &mut Plan<'_>, job: Box<UpsertJob>, planned: &mut Planned) -> usize {
    let before = plan.revision();
    let first_new = plan.next_row();
    let outcomes = match job.mode {
        WriteMode::Atomic => plan.upsert_atomically(&job.rows, &job.options).await,
        WriteMode::Partial | WriteMode::Whole | WriteMode::ValidateOnly => {
            plan.upsert_each(&job.rows, &job.options).await
        }
    };
    let rows = job.rows.len();
    match outcomes {
        Ok(outcomes) => {
            let failed = outcomes.iter().any(RowOutcome::is_failed);
            let UpsertJob { mode, reply, permit, named, .. } = *job;
            planned.discard = mode == WriteMode::ValidateOnly || failed;
            let revision = if planned.discard { before } else { plan.end_request() };
            let outcomes = if planned.discard {
                outcomes.into_iter().map(|outcome| outcome.unwritten(first_new)).collect()
            } else {
                outcomes
            };
            if let Some((named, mut progress)) = named {
                if !planned.discard {
                    plan.keep_rows(&named, &mut progress, &outcomes, true);
                }
                planned.named.push(named);
            }
            planned.answers.push(Answer::Upsert(reply, UpsertReply { outcomes, revision }, None, permit));
        }
        Err(error) => {
            planned.failure = Some(error.clone());
            Job::Upsert(job).refuse(error);
        }
    }
    rows
}

impl RowOutcome {
    /// The outcome of a row that was planned and not written. Members that it, or a row before it, would have created have no
    /// place: `first_new` is the first that is not taken.
    fn unwritten(mut self, first_new: Row) -> Self {
        let is_there = |row: &Row| *row < first_new;
        if let Some(error) = &mut self.error {
            error.taken_by = error.taken_by.filter(is_there);
        }
        Self { row: self.row.filter(is_there), ..self }
    }
}
