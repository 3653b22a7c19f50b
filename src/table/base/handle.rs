//! The handle of one open base, and the tasks that it starts.

use std::mem::take;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, RwLock, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::model::{BaseNumber, Fold, GuardState, MemberRow, Origin, RowError, UpsertOptions};
use crate::stored::job::{Reversal, Undo};
use crate::table::checkpoint;
use crate::table::index::replay;
use crate::table::open::{OpenBase, Parts};
use crate::table::plan::step_request::StepOps;
use crate::table::plan::{Prepared, changed_since, prepare_all};
use crate::table::read::deleted;
use crate::table::read::returned::Returned;
use crate::table::read::summary::BaseSummary;
use crate::table::read::view::View;
use crate::table::shared::budget::{Party, Permit};
use crate::table::write::indexing::Indexing;
use crate::table::write::job::{
    AttributesJob, DeleteJob, Held, Job, Series, StepJob, UndeleteJob, UpsertJob,
};
use crate::table::write::lane::Lane;
use crate::table::write::publisher::Publisher;
use crate::table::write::{reply, validate};
use crate::table::{
    ActionPlan, ActionsRequest, AttributesReply, AttributesRequest, AudienceReply, AudienceRequest,
    DeleteReply, DeleteRequest, EditReply, EditRequest, ListPlan, ListRequest, RecordsReply, RecordsRequest,
    RevertPlan, RevertRequest, SettingsRequest, StepReply, StepRequest, TableError, UndeleteReply,
    UndeleteRequest, UpsertReply, UpsertRequest, WriteMode,
};
use crate::tasks;

/// Requests in the queue of a lane; if it is full, callers wait to queue theirs.
const QUEUE: usize = 1024;
/// Batches planned ahead of the one that is being made durable.
const PLANNED_AHEAD: usize = 2;
/// Bytes of a row in addition to its fixed size: its texts and its place in a plan.
const ROW_TEXT_BYTES: usize = 512;

/// Additional bytes of a row in a request that is planned as a whole: its block, its changes of indexes, and
/// its commit.
const PLANNED_ROW_BYTES: usize = 4_096;

/// Bytes of a change of a record: the record, its keys and the previous record.
const RECORD_BYTES: usize = 2_048;

/// Bytes of a member that is added to an audience, or removed from it, by hand.
const HAND_BYTES: usize = 512;

/// Bytes of a change of the base: its tiers and its schema, or an audience.
const SETTINGS_BYTES: usize = 32 * 1024;

/// The reply to a queued request. Dropping it cancels nothing.
pub struct Pending<T>(oneshot::Receiver<Result<T, TableError>>);

impl<T> Pending<T> {
    /// The reply, once everything that it was planned on is durable.
    pub async fn answer(self) -> Result<T, TableError> {
        self.0.await.map_err(|_| TableError::Closing)?
    }
}

/// The bytes that the rows of a request take in memory.
fn bytes_of(request: &UpsertRequest) -> usize {
    let planned = match request.mode {
        WriteMode::Whole | WriteMode::ValidateOnly => PLANNED_ROW_BYTES,
        // At any time only a limited part of these is planned.
        WriteMode::Partial | WriteMode::Atomic => 0,
    };
    request.rows.len().saturating_mul(size_of::<MemberRow>() + ROW_TEXT_BYTES + planned)
}

/// An open base.
pub struct Base {
    pub(super) open: Arc<OpenBase>,
    /// Taken when the base closes.
    pub(super) jobs: RwLock<Option<mpsc::Sender<Job>>>,
    /// Lane and publisher.
    writing: Mutex<Vec<JoinHandle<()>>>,
    checkpoints: Mutex<Option<JoinHandle<()>>>,
    closing: watch::Sender<bool>,
}

impl Base {
    /// Opens a base: loads header and sets, replays the commits after the watermark, and starts its tasks.
    pub(in crate::table) async fn open(number: BaseNumber, parts: Parts) -> Result<Arc<Self>, TableError> {
        let (fold, at_once) = (parts.hashes.fold(), parts.audience_build.at_once);
        let published = replay::load(&parts.engine, number, &parts.sealer, fold, at_once).await?;
        parts.member_cache.set_images(number, published.image_bytes());
        let header = published.header.clone();
        // Its last commit may have been made elsewhere.
        parts.latest.note(header.committed_at);
        let audiences = (Arc::clone(&published.definitions), published.build.clone());
        let indexing = Indexing::of(&published.sets);
        let (closing, closed) = watch::channel(false);
        let open = Arc::new(OpenBase::new(number, parts, published));
        let (jobs, queued) = mpsc::channel(QUEUE);
        let (planned, to_publish) = mpsc::channel(PLANNED_AHEAD);
        let lane = Lane::new(Arc::clone(&open), queued, planned, header, audiences, indexing);
        let writing = vec![
            tasks::vital("lane", lane.run()),
            tasks::vital("publisher", Publisher::new(Arc::clone(&open), to_publish).run()),
        ];
        let checkpoints = tasks::vital("checkpoint", checkpoint::run(Arc::clone(&open), closed));
        Ok(Arc::new(Self {
            open,
            jobs: RwLock::new(Some(jobs)),
            writing: Mutex::new(writing),
            checkpoints: Mutex::new(Some(checkpoints)),
            closing,
        }))
    }

    /// The base's number.
    #[must_use]
    pub fn number(&self) -> BaseNumber {
        self.open.number
    }

    /// Creates and changes members. [`WriteMode`](crate::table::WriteMode) says what happens when rows fail.
    pub async fn upsert(&self, mut request: UpsertRequest) -> Result<UpsertReply, TableError> {
        let permit = self.open.parts.budget.turn(self.party(), bytes_of(&request)).await?;
        let rows = self.prepared(take(&mut request.rows), &request.options, request.origin).await;
        if validate::is_beside(request.mode, rows.len()) {
            // Boxed, because a plan is large, and every upsert would be as large as this one.
            let reply = Box::pin(validate::validate(&self.open, request, rows)).await;
            drop(permit);
            return reply;
        }
        self.hand_in(request, rows, None, permit).await?.answer().await
    }

    /// Queues rows, for callers that send a series of requests: these are applied in the order of the calls.
    /// If there is no memory this waits, where [`Base::upsert`] may refuse the request.
    pub async fn begin_upsert(
        &self,
        mut request: UpsertRequest,
        series: &Series,
    ) -> Result<Pending<UpsertReply>, TableError> {
        let permit = self.open.parts.budget.wait(self.party(), bytes_of(&request)).await?;
        let rows = self.prepared(take(&mut request.rows), &request.options, request.origin).await;
        self.hand_in(request, rows, Some(series.clone()), permit).await
    }

    async fn prepared(
        &self,
        rows: Vec<Result<MemberRow, RowError>>,
        options: &UpsertOptions,
        origin: Origin,
    ) -> Vec<Result<Prepared, RowError>> {
        prepare_all(&self.open, rows, options, origin.door).await
    }

    async fn hand_in(
        &self,
        request: UpsertRequest,
        rows: Vec<Result<Prepared, RowError>>,
        series: Option<Series>,
        permit: Permit,
    ) -> Result<Pending<UpsertReply>, TableError> {
        let (reply, answer) = reply::channel();
        let job = UpsertJob::new(request, rows, series, reply, permit);
        if job.outcomes.len() > job.rows.len() {
            let text = "the stored result of the request has more rows than the request";
            return Err(TableError::Damaged(text.to_owned()));
        }
        self.submit(Job::upsert(job)).await?;
        Ok(Pending(answer))
    }

    /// Deletes members, in slices of up to 1,000, each one commit.
    pub async fn delete(&self, request: DeleteRequest) -> Result<DeleteReply, TableError> {
        let bytes = (request.rows.len() + request.refs.len()).saturating_mul(ROW_TEXT_BYTES);
        let permit = self.open.parts.budget.turn(self.party(), bytes).await?;
        let (reply, answer) = reply::channel();
        self.submit(Job::Delete(Box::new(DeleteJob::new(request, reply, permit)))).await?;
        answer.await.map_err(|_| TableError::Closing)?
    }

    /// Brings deleted members back, as one commit. One request of a base is searched and planned at a time.
    pub async fn undelete(&self, request: UndeleteRequest) -> Result<UndeleteReply, TableError> {
        let UndeleteRequest { which, sight, claim, deadline, origin } = request;
        let bytes = which.members().saturating_mul(PLANNED_ROW_BYTES);
        let permit = self.open.parts.budget.turn(self.party(), bytes).await?;
        let undeleting = Arc::clone(&self.open.undeleting).lock_owned().await;
        let held = Held { _permit: permit, _undeleting: undeleting };
        let sought = deleted::find(&self.open, &which, deadline).await?;
        let (reply, answer) = reply::channel();
        let job = UndeleteJob { sought, sight, deadline, origin, reply, held, claim };
        self.submit(Job::Undelete(Box::new(job))).await?;
        answer.await.map_err(|_| TableError::Closing)?
    }

    /// Does one step of a durable job, as one commit in a batch of its own. A base has one job at a time.
    pub async fn step(&self, request: StepRequest) -> Result<StepReply, TableError> {
        let StepRequest { ops, judging, is_last, write, origin, sight } = request;
        let bytes = ops.len().saturating_mul(size_of::<MemberRow>() + ROW_TEXT_BYTES);
        let permit = self.open.parts.budget.wait(self.party(), bytes).await?;
        // Held until the reply: whom a revert brings back stays deleted until then.
        let mut undeleting = None;
        let ops = match ops {
            StepOps::Rows(rows, options) => {
                StepOps::Rows(self.prepared(rows, &options, origin).await, options)
            }
            StepOps::Removals(rows, meant) => StepOps::Removals(rows, meant),
            StepOps::Deletes(rows, meant) => StepOps::Deletes(rows, meant),
            StepOps::Edits(edits) => StepOps::Edits(edits),
            StepOps::Reversals(mut reversals, returned) => {
                undeleting = self.keep_deleted(&mut reversals, &returned).await?;
                StepOps::Reversals(reversals, returned)
            }
        };
        let (reply, answer) = reply::channel();
        let job = StepJob { ops, judging, is_last, write: Some(write), origin, sight, reply, permit };
        self.submit(Job::Step(Box::new(job))).await?;
        let reply = Pending(answer).answer().await;
        drop(undeleting);
        reply
    }

    /// If a step of a revert brings members back, keeps away others who do so. Members who came back since
    /// the plan was made are left as they are.
    async fn keep_deleted(
        &self,
        reversals: &mut [Reversal],
        returned: &Mutex<Returned>,
    ) -> Result<Option<OwnedMutexGuard<()>>, TableError> {
        if !reversals.iter().any(|reversal| matches!(reversal.does, Undo::Returns { .. })) {
            return Ok(None);
        }
        let undeleting = Arc::clone(&self.open.undeleting).lock_owned().await;
        let mut returned = returned.lock().await;
        returned.read_on(&self.open).await?;
        for reversal in reversals {
            let came_back = reversal.row.is_some_and(|row| returned.has(row));
            if matches!(reversal.does, Undo::Returns { .. }) && came_back {
                reversal.does = Undo::Stays(changed_since());
            }
        }
        Ok(Some(undeleting))
    }

    /// Begins the plan of a revert. Keep the base until the plan ends.
    pub async fn plan_revert(&self, request: RevertRequest) -> Result<RevertPlan, TableError> {
        RevertPlan::begin(Arc::clone(&self.open), request).await
    }

    /// Begins the plan of a full list. Keep the base until the plan ends.
    pub async fn plan_list(&self, request: ListRequest) -> Result<ListPlan, TableError> {
        ListPlan::begin(Arc::clone(&self.open), request).await
    }

    /// Begins the plan of a batch of actions. Keep the base until the plan ends.
    pub async fn plan_actions(&self, request: ActionsRequest) -> Result<ActionPlan, TableError> {
        ActionPlan::begin(Arc::clone(&self.open), request).await
    }

    /// Creates or changes one member.
    pub async fn edit(&self, request: EditRequest) -> Result<EditReply, TableError> {
        let permit =
            self.open.parts.budget.turn(self.party(), size_of::<MemberRow>() + ROW_TEXT_BYTES).await?;
        let (reply, answer) = reply::channel();
        self.submit(Job::Edit { request: Box::new(request), reply, permit }).await?;
        answer.await.map_err(|_| TableError::Closing)?
    }

    /// Changes attributes of many members: as one commit if the request is strict, otherwise in slices like a
    /// delete.
    pub async fn change_attributes(&self, request: AttributesRequest) -> Result<AttributesReply, TableError> {
        let permit = self
            .open
            .parts
            .budget
            .turn(self.party(), request.changes.len().saturating_mul(ROW_TEXT_BYTES))
            .await?;
        let (reply, answer) = reply::channel();
        self.submit(Job::Attributes(Box::new(AttributesJob::new(request, reply, permit)))).await?;
        answer.await.map_err(|_| TableError::Closing)?
    }

    /// Changes members' records, as one commit.
    pub async fn change_records(&self, request: RecordsRequest) -> Result<RecordsReply, TableError> {
        let bytes = request.changes.len().saturating_mul(RECORD_BYTES);
        let permit = self.open.parts.budget.turn(self.party(), bytes).await?;
        let (reply, answer) = reply::channel();
        self.submit(Job::Records { request: Box::new(request), reply, permit }).await?;
        answer.await.map_err(|_| TableError::Closing)?
    }

    /// Changes an audience: itself, or who is in it by hand.
    pub async fn change_audience(&self, request: AudienceRequest) -> Result<AudienceReply, TableError> {
        let rows = request.what.rows().len().saturating_mul(HAND_BYTES);
        let permit = self.open.parts.budget.turn(self.party(), SETTINGS_BYTES.saturating_add(rows)).await?;
        let (reply, answer) = reply::channel();
        self.submit(Job::Audience { request: Box::new(request), reply, permit }).await?;
        answer.await.map_err(|_| TableError::Closing)?
    }

    /// Changes the base itself, and returns the changed base.
    pub async fn change_settings(&self, request: SettingsRequest) -> Result<BaseSummary, TableError> {
        self.open.parts.check_owner()?;
        let permit = self.open.parts.budget.turn(self.party(), SETTINGS_BYTES).await?;
        let (reply, answer) = reply::channel();
        self.submit(Job::Settings { request: Box::new(request), reply, permit }).await?;
        answer.await.map_err(|_| TableError::Closing)?
    }

    /// The party whose share of the memory budget its requests use.
    fn party(&self) -> Party {
        Party::Base(self.open.number)
    }

    /// What the guard judges a request by, as of now. The lane judges it again.
    pub async fn guard_state(&self) -> GuardState {
        let published = self.open.published.read().await;
        let now = self.open.now(&published.header);
        GuardState { of_tiers: published.of_tiers(now), ..published.header.guard_state(now) }
    }

    /// A view of the base as it is now: everything read through the view is of one revision.
    pub async fn view(&self) -> View<'_> {
        View::new(&self.open, self.open.published.read().await)
    }

    /// The rule by which e-mail addresses are compared.
    #[must_use]
    pub fn fold(&self) -> Fold {
        self.open.parts.hashes.fold()
    }

    /// Writes the overlays into the stored indexes.
    pub(in crate::table) async fn checkpoint(&self) -> Result<(), TableError> {
        checkpoint::checkpoint(&self.open).await
    }

    /// Waits for a running checkpoint, and lets none begin before the guard is dropped.
    #[cfg(test)]
    pub(in crate::table) async fn without_checkpoints(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.open.checkpointing.lock().await
    }

    /// Whether somebody reads it at one revision, so that nothing can be published.
    #[cfg(test)]
    pub(in crate::table) fn is_held(&self) -> bool {
        self.open.published.try_write().is_err()
    }

    /// Whether the rows of the next requests are evaluated before the lane.
    #[cfg(test)]
    pub(in crate::table) fn is_filling(&self) -> bool {
        self.open.is_filling()
    }

    /// Refuses new requests, finishes the queued ones, ends the base's tasks, and writes a last checkpoint.
    pub(in crate::table) async fn close(&self) -> Result<(), TableError> {
        drop(self.jobs.write().await.take());
        // Lane and publisher end once the queue is empty; they may need checkpoints until then. No task is
        // ever cancelled, and a task that panics ends the process, so awaiting them cannot fail.
        for task in self.writing.lock().await.drain(..) {
            drop(task.await);
        }
        self.closing.send_replace(true);
        // Wait for its end: its writes could conflict with those of the next lane.
        if let Some(task) = self.checkpoints.lock().await.take() {
            drop(task.await);
        }
        let written = self.checkpoint().await;
        self.open.parts.member_cache.set_images(self.open.number, 0);
        written
    }

    async fn submit(&self, job: Job) -> Result<(), TableError> {
        let idempotency = &self.open.parts.idempotency;
        if let Some(claim) = job.claim()
            && !idempotency.is_as_found(claim).await?
        {
            return Err(TableError::RequestRunning);
        }
        // The sender is cloned so that no lock is held while the queue is full.
        let jobs = self.jobs.read().await.clone().ok_or(TableError::Closing)?;
        jobs.send(job).await.map_err(|_| TableError::Closing)
    }
}
