//! The lane: all writes to a base pass through it, one after another.
//!
//! The lane takes waiting requests together, up to [`BATCH_ROWS`] rows, plans them in order and hands the
//! batch to the engine. It plans the next batch while the publisher waits for this one to become durable. A
//! PARTIAL request of many rows, or a delete of many members, is cut into slices that take turns with other
//! requests. ATOMIC requests and short VALIDATE_ONLY ones are planned as a whole, in a batch of their own.
//! Long VALIDATE_ONLY ones never come here (`validate`).
//!
//! Replies travel with the batches, in order, including those of requests that changed nothing: no reply is
//! sent before everything that it was planned on is durable. After a failure the lane drops its plans and
//! starts again from what is published.
//!
//! A base waits only in its lane: for a checkpoint, if its overlay is too large (`pressure`), and for room
//! for another batch in flight. It waits before it appends, so it never holds up other bases.
//!
//! While it plans many rows the lane yields now and then, because its thread serves calls too. This does not
//! affect the plan: only the lane plans what is written, and what happens meanwhile does not change the state
//! that it plans on. At these points it gives up a request that is planned as a whole if the caller has left
//! or the deadline has passed; nothing of the request is written yet.

mod audiences;
mod build;
mod indexing;
mod narrowing;
mod once;
mod step;
mod sums;
mod upsert;
mod whole;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use crate::compute::{self, Size};
use crate::model::GuardCounts;
use crate::model::limits::ATOMIC_MAX_BYTES;
use crate::stored::header::Header;
use crate::table::index::audiences::{Build, Definitions};
use crate::table::index::layer::Layer;
use crate::table::open::OpenBase;
use crate::table::plan::Plan;
use crate::table::shared::room::Room;
use crate::table::write::in_flight::InFlight;
use crate::table::write::indexing::Indexing;
use crate::table::write::job::Job;
use crate::table::write::limits::BATCH_ROWS;
use crate::table::write::narrowing::Narrowing;
use crate::table::write::pressure::{Debt, wait_for_checkpoint};
use crate::table::write::publisher::{Planned, ToPublish, WaitingReply};
use crate::table::{TableError, WriteMode};

/// After a batch of so many rows the next one is likely to be as long, and its plan takes milliseconds. For
/// shorter ones it costs more to let the publisher go first than it saves.
const LONG_ROWS: usize = 128;

/// How long the lane waits, without requests, until it builds again after something failed.
const BUILD_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The lane of one base.
pub struct Lane {
    open: Arc<OpenBase>,
    jobs: mpsc::Receiver<Job>,
    publisher: mpsc::Sender<ToPublish>,
    queue: VecDeque<Job>,
    /// Layers of batches that are not yet known to be published, oldest first.
    in_flight: Vec<Arc<Layer>>,
    room: Room,
    /// The header after everything that was planned.
    head: Header,
    /// The audiences after everything that was planned.
    definitions: Arc<Definitions>,
    /// What is built of new filters of audiences.
    build: Build,
    /// Which indexes are built.
    indexing: Indexing,
    /// Changes of the schema that wait until members are counted.
    narrowing: Narrowing,
    /// Whether something failed. Building goes on with the next request, or after [`BUILD_AGAIN_AFTER`].
    is_stuck: bool,
    /// What the guard has allowed requests in the queue, and is not planned yet.
    reserved: GuardCounts,
    /// How long it has to rest because a checkpoint is behind.
    debt: Debt,
    /// What the guard has allowed the durable job under way, and is not planned yet. It counts for all other
    /// requests.
    job_left: GuardCounts,
}

impl Lane {
    /// A lane that begins at `head`.
    pub fn new(
        open: Arc<OpenBase>,
        jobs: mpsc::Receiver<Job>,
        publisher: mpsc::Sender<ToPublish>,
        head: Header,
        (definitions, build): (Arc<Definitions>, Build),
        indexing: Indexing,
    ) -> Self {
        let room = Room::new(&open.parts.in_flight);
        let (queue, in_flight) = (VecDeque::new(), Vec::new());
        let (reserved, job_left) = (GuardCounts::default(), GuardCounts::default());
        Self {
            open,
            jobs,
            publisher,
            queue,
            in_flight,
            room,
            head,
            definitions,
            build,
            indexing,
            narrowing: Narrowing::default(),
            is_stuck: false,
            debt: Debt::default(),
            reserved,
            job_left,
        }
    }

    /// Runs until every handle of the base is dropped and the queue is empty.
    pub async fn run(mut self) {
        while self.wait_for_jobs().await {
            if self.settle().await.is_err() {
                break;
            }
            if self.build_on().await.is_err() || self.index_on().await.is_err() {
                break;
            }
            // Last, because what it puts in front of the queue has to be planned next.
            self.count_on().await;
            if self.queue.is_empty() {
                continue;
            }
            let (planned, rows) = self.plan_batch().await;
            if self.publisher.send(ToPublish::Planned(Box::new(planned))).await.is_err() {
                break;
            }
            if rows >= LONG_ROWS {
                self.let_publisher_begin().await;
            }
            self.debt.rest_after(rows, &self.open).await;
        }
    }

    /// Lets the publisher begin to wait for a batch of many rows. It was woken by this task, and a task that
    /// another one wakes runs on the same thread, after it: no other thread takes it over. Without this the
    /// batch would be shown, and its rows answered, only once half of the next batch is planned.
    async fn let_publisher_begin(&self) {
        if !self.queue.is_empty() || !self.jobs.is_empty() {
            tokio::task::yield_now().await;
        }
    }

    /// Waits for a request, or until there is something to build; false if no request can come any more.
    async fn wait_for_jobs(&mut self) -> bool {
        let is_at_work = || self.has_to_build() || self.has_to_index() || self.has_to_count();
        if self.queue.is_empty() && is_at_work() {
            match self.jobs.try_recv() {
                Ok(job) => self.queue.push_back(job),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return false,
            }
        } else if self.queue.is_empty() {
            let next = if self.is_stuck {
                tokio::time::timeout(BUILD_AGAIN_AFTER, self.jobs.recv()).await
            } else {
                Ok(self.jobs.recv().await)
            };
            self.is_stuck = false;
            match next {
                Ok(Some(job)) => self.queue.push_back(job),
                Ok(None) => return false,
                Err(_) => return true,
            }
            // Let callers that are about to queue a request do so: requests planned together need only one
            // sync.
            tokio::task::yield_now().await;
        }
        wait_for_checkpoint(&self.open).await;
        while let Ok(job) = self.jobs.try_recv() {
            self.queue.push_back(job);
        }
        true
    }

    /// Drops layers that are published. After a failure, drops all layers and starts again from what is
    /// published.
    async fn settle(&mut self) -> Result<(), Stopped> {
        if !self.open.failed.load(Ordering::Acquire) {
            let published = self.open.published_revision.load(Ordering::Acquire);
            self.in_flight.retain(|layer| layer.header.revision > published);
            return Ok(());
        }
        let (done, drained) = oneshot::channel();
        self.publisher.send(ToPublish::Restart(done)).await.map_err(|_| Stopped)?;
        drained.await.map_err(|_| Stopped)?;
        self.in_flight.clear();
        // If nothing can be written now, building at once would be in vain.
        self.is_stuck = true;
        let published = self.open.published.read().await;
        self.head = published.header.clone();
        self.definitions = Arc::clone(&published.definitions);
        // What was built may have included what failed.
        self.build = published.build.clone();
        self.indexing = Indexing::of(&published.sets);
        self.narrowing.restart();
        Ok(())
    }

    /// Plans waiting requests as one batch and hands it to the engine. Also returns how many rows it has.
    async fn plan_batch(&mut self) -> (Planned, usize) {
        let open = Arc::clone(&self.open);
        let in_flight = std::mem::take(&mut self.in_flight);
        let mut plan = Plan::new(&open, &in_flight, self.head.clone(), (open.parts.clock)());
        plan.keep(Arc::clone(&self.definitions), self.build.below());
        plan.keep_count(self.narrowing.for_batch());
        plan.know_tiers().await;
        let mut planned = Planned::default();
        let (mut room, mut rows) = (BATCH_ROWS, 0);
        while room > 0 && !plan.is_full() && planned.failure.is_none() {
            let Some(job) = self.queue.pop_front() else { break };
            self.reserved = self.reserved.minus(&job.reserved());
            if job.expired(Instant::now()) {
                job.refuse(TableError::DeadlinePassed);
                continue;
            }
            if job.stands_alone() {
                if room < BATCH_ROWS {
                    self.queue_again(0, job);
                    break;
                }
                room = 0;
            }
            let taken = self.plan_job(&mut plan, job, room, &mut planned).await;
            room = room.saturating_sub(taken.max(1));
            rows += taken.max(1);
        }
        open.parts.metrics.batch_rows.add(u64::try_from(rows).unwrap_or(u64::MAX));
        let counted = plan.counted();
        let valued = plan.take_count();
        let finished = if planned.failure.is_some() || planned.discard {
            None
        } else {
            compute::here(Size::large_if(plan.is_large()), || plan.finish()).await
        };
        self.in_flight = in_flight;
        if let Some((batch, layer)) = finished {
            let bytes = counted.unwrap_or_else(|| batch.bytes());
            if bytes > ATOMIC_MAX_BYTES {
                // Only a request that is alone in its batch can be this large: other batches are closed
                // earlier.
                let rows = planned.replies.iter().map(WaitingReply::rows).sum();
                planned.failure = Some(TableError::too_large(rows, bytes));
                return (planned, rows);
            }
            let layer = Arc::new(layer);
            let batch = InFlight::append(&open, &self.room, batch, &self.head, Arc::clone(&layer)).await;
            if batch.is_change() {
                self.head = layer.header.clone();
                self.follow(&layer);
                self.indexing.follow(&layer);
                self.narrowing.follow(valued);
                self.in_flight.push(layer);
            }
            planned.replies.iter_mut().for_each(WaitingReply::appended);
            planned.batch = Some(batch);
        }
        (planned, rows)
    }

    /// Puts requests in front of all others. The guard has allowed them nothing yet.
    fn queue_first(&mut self, jobs: VecDeque<Job>) {
        jobs.into_iter().rev().for_each(|job| self.queue.push_front(job));
    }

    /// Puts a request back into the queue, and reserves what it may still do.
    fn queue_again(&mut self, place: usize, job: Job) {
        self.reserved = self.reserved.plus(&job.reserved());
        self.queue.insert(place, job);
    }

    /// Plans one request, or a slice of it, and returns how many rows it took.
    async fn plan_job(&mut self, plan: &mut Plan<'_>, job: Job, room: usize, planned: &mut Planned) -> usize {
        let undeletes = matches!(&job, Job::Settings { request, .. } if request.deleted == Some(false));
        if plan.header().deleted_at.is_some() && !undeletes {
            if matches!(job, Job::Step(_)) {
                // The durable job fails by this, so it does nothing more.
                self.job_left = GuardCounts::default();
            }
            planned.replies.push(WaitingReply::Refused(Box::new(job), TableError::BaseDeleted));
            return 0;
        }
        plan.act_for(job.origin(), job.sight());
        let others = if matches!(job, Job::Step(_)) { GuardCounts::default() } else { self.job_left };
        plan.reserve(self.reserved.plus(&others));
        match job {
            Job::Upsert(job) if job.is_sliced() => self.plan_slice(plan, job, room, planned).await,
            Job::Upsert(job) if job.mode == WriteMode::Whole => self.check_whole(plan, job, planned).await,
            Job::Upsert(job) => whole::plan_whole(plan, job, planned).await,
            Job::Delete(job) => {
                let (taken, rest) = sums::delete(plan, job, room, planned).await;
                rest.into_iter().for_each(|job| self.queue_again(self.queue.len(), job));
                taken
            }
            Job::Undelete(job) => whole::undelete(plan, job, planned).await,
            Job::Step(job) => {
                let (taken, left) = step::plan_step(plan, job, planned).await;
                self.job_left = left.unwrap_or(self.job_left);
                taken
            }
            Job::Edit { request, reply, permit } => once::edit(plan, request, reply, permit, planned).await,
            Job::Attributes(job) => {
                let (taken, rest) = sums::attributes(plan, job, room, planned).await;
                rest.into_iter().for_each(|job| self.queue_again(self.queue.len(), job));
                taken
            }
            Job::Records { request, reply, permit } => {
                once::change_records(plan, request, reply, permit, planned).await
            }
            Job::Audience { request, reply, permit } => {
                audiences::change(plan, *request, reply, permit, planned).await
            }
            Job::Built => {
                plan.switch_to(&self.build).await;
                plan.end_request();
                1
            }
            Job::Settings { request, reply, permit } => {
                self.change_settings(plan, request, reply, permit, planned).await
            }
        }
    }
}

/// The publisher has ended, because the base is closing.
struct Stopped;
