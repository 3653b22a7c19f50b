//! The jobs of a store, as they are in memory, and reading the others.

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use crate::engine::{Batch, Direction, Engine, Key, commit_caught_up};
use crate::model::{BaseNumber, Job, JobNumber, JobState};
use crate::stored::job as stored;
use crate::table::TableError;
use crate::table::idempotency::Idempotency;
use crate::table::jobs::limits::{JobLimits, weight};
use crate::table::jobs::older;
use crate::table::shared::clock::Clock;

/// Jobs read at once.
const READ_AT_ONCE: usize = 500;

/// The jobs of a store.
pub struct Jobs {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) idempotency: Arc<Idempotency>,
    pub(super) clock: Clock,
    pub(super) limits: JobLimits,
    pub(super) memory: Mutex<Memory>,
    /// Held while a record is changed or deleted, so that one change follows another.
    pub(super) changing: Arc<tokio::sync::Mutex<()>>,
    /// Notified when a job may have to be run.
    pub(super) wake: Notify,
}

/// What is in memory.
#[derive(Default)]
pub(super) struct Memory {
    /// The jobs that have not ended, in the order in which they were accepted.
    pub open: BTreeMap<(JobNumber, BaseNumber), Open>,
    /// The uploads under way.
    pub uploads: HashSet<(BaseNumber, JobNumber)>,
    /// The highest number that was used.
    pub last: JobNumber,
    /// The bytes that all jobs and uploads count for.
    pub bytes: u64,
    /// How many jobs have ended in each state since the store opened.
    pub ended: BTreeMap<&'static str, u64>,
}

/// The counters of the jobs of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobsStatus {
    /// The bytes that all jobs and uploads count for.
    pub bytes: u64,
    /// The bytes that they may count for.
    pub room_bytes: u64,
    /// The jobs in each state that have not ended.
    pub open: BTreeMap<&'static str, u64>,
    /// The jobs that have ended in each state since the store opened.
    pub ended: BTreeMap<&'static str, u64>,
}

/// A job that has not ended.
pub(super) struct Open {
    /// Its record as it is stored.
    pub stored: Arc<Job>,
    /// What callers see: the record, or its progress since then.
    pub shown: watch::Sender<Arc<Job>>,
    /// Whether its runner is to stop it.
    pub is_cancelled: bool,
}

impl Jobs {
    /// Loads the jobs of the store in `engine`.
    pub async fn load(
        engine: Arc<dyn Engine>,
        idempotency: Arc<Idempotency>,
        clock: Clock,
        limits: JobLimits,
    ) -> Result<Arc<Self>, TableError> {
        let mut memory = Memory::default();
        let mut range = stored::jobs();
        loop {
            let found = engine.scan(range.clone(), Direction::Forward, READ_AT_ONCE).await?;
            let Some((last, _)) = found.last() else { break };
            range.start = Bound::Excluded(last.clone());
            let mut batch = Batch::default();
            for (key, value) in found {
                let Some((base, number)) = stored::job_number(&key) else { continue };
                memory.last = memory.last.max(number);
                // A damaged record is found by `check`; its job is not run.
                match stored::decode(base, number, &value) {
                    Ok(job) if stored::is_older(&value) => {
                        let job = if stored::lacks_kinds(&value) { older::raised(job) } else { job };
                        batch.put(key.clone(), stored::encode(&job));
                        batch.checks.push((key, Some(value)));
                        memory.load(job);
                    }
                    Ok(job) => memory.load(job),
                    Err(error) => tracing::error!(base = base.0, job = number.0, %error, "a job is damaged"),
                }
            }
            if !batch.puts.is_empty() {
                commit_caught_up(&*engine, batch).await?;
            }
        }
        memory.note_cancelled(&engine).await?;
        let none = Self::none(engine, idempotency, clock, limits);
        *none.memory() = memory;
        Ok(none)
    }

    /// No jobs, for a process that has only one base on lease: the owner of the store does them all.
    pub fn none(
        engine: Arc<dyn Engine>,
        idempotency: Arc<Idempotency>,
        clock: Clock,
        limits: JobLimits,
    ) -> Arc<Self> {
        let (memory, changing, wake) = (Mutex::default(), Arc::default(), Notify::new());
        Arc::new(Self { engine, idempotency, clock, limits, memory, changing, wake })
    }

    /// Whether a base has a job that waits, is planned, is applied or is being received.
    pub fn is_busy(&self, base: BaseNumber) -> bool {
        let is_receiving = self.memory().uploads.iter().any(|(of, _)| *of == base);
        is_receiving || self.unfinished().iter().any(|(of, _)| *of == base)
    }

    /// The counters of the jobs.
    #[must_use]
    pub fn status(&self) -> JobsStatus {
        let memory = self.memory();
        let mut open = BTreeMap::new();
        for job in memory.open.values() {
            *open.entry(job.stored.state.as_str()).or_default() += 1;
        }
        let (bytes, room_bytes) = (memory.bytes, self.limits.room_bytes);
        JobsStatus { bytes, room_bytes, open, ended: memory.ended.clone() }
    }

    /// The job with this number, with its progress.
    pub async fn get(&self, base: BaseNumber, number: JobNumber) -> Result<Option<Job>, TableError> {
        if let Some(open) = self.memory().open.get(&(number, base)) {
            return Ok(Some(Job::clone(&open.shown.borrow())));
        }
        self.read(base, number).await
    }

    /// The record of a job as it is stored.
    pub(super) async fn read(&self, base: BaseNumber, number: JobNumber) -> Result<Option<Job>, TableError> {
        let stored = self.engine.get_many(&[stored::job(base, number)]).await?.pop().flatten();
        Ok(stored.map(|bytes| stored::decode(base, number, &bytes)).transpose()?)
    }

    /// Up to `limit` jobs of a base, newest first, older than `before`; only those in one of `states`, unless
    /// it is empty. A damaged job is left out and logged.
    pub async fn list(
        &self,
        base: BaseNumber,
        before: Option<JobNumber>,
        limit: usize,
        states: &[JobState],
    ) -> Result<Vec<Job>, TableError> {
        let mut range = stored::jobs_of(base, before);
        let mut jobs = Vec::new();
        loop {
            let found = self.engine.scan(range.clone(), Direction::Backward, READ_AT_ONCE).await?;
            let Some((last, _)) = found.last() else { return Ok(jobs) };
            range.end = Bound::Excluded(last.clone());
            for (key, value) in found {
                let Some((base, number)) = stored::job_number(&key) else { continue };
                let open =
                    self.memory().open.get(&(number, base)).map(|open| Job::clone(&open.shown.borrow()));
                let job = match open.map_or_else(|| stored::decode(base, number, &value), Ok) {
                    Ok(job) => job,
                    Err(error) => {
                        tracing::error!(base = base.0, job = number.0, %error, "a job is damaged");
                        continue;
                    }
                };
                if states.is_empty() || states.contains(&job.state) {
                    jobs.push(job);
                    if jobs.len() >= limit {
                        return Ok(jobs);
                    }
                }
            }
        }
    }

    /// Follows a job: each stored change, and progress that is not stored. The sender is gone once the job
    /// has ended.
    pub async fn watch(
        &self,
        base: BaseNumber,
        number: JobNumber,
    ) -> Result<Option<watch::Receiver<Arc<Job>>>, TableError> {
        if let Some(open) = self.memory().open.get(&(number, base)) {
            return Ok(Some(open.shown.subscribe()));
        }
        let job = self.get(base, number).await?;
        Ok(job.map(|job| watch::Sender::new(Arc::new(job)).subscribe()))
    }

    /// Shows progress to callers, without storing it. The next stored change takes its place.
    pub fn note_progress(&self, job: Job) {
        if let Some(open) = self.memory().open.get(&(job.number, job.base)) {
            open.shown.send_replace(Arc::new(job));
        }
    }

    /// The jobs to run: those that wait, are being planned or are being applied; oldest first.
    pub fn unfinished(&self) -> Vec<(BaseNumber, JobNumber)> {
        let memory = self.memory();
        let to_run = memory.open.iter().filter(|(_, open)| {
            let state = open.stored.state;
            matches!(state, JobState::Pending | JobState::Planning | JobState::Running)
        });
        to_run.map(|((number, base), _)| (*base, *number)).collect()
    }

    /// Resolves when there may be another job to run. Call it before [`Jobs::unfinished`].
    pub fn woken(&self) -> impl Future<Output = ()> + '_ {
        self.wake.notified()
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        // Nothing panics while it holds this lock.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn load(&mut self, job: Job) {
        self.bytes = self.bytes.saturating_add(weight(&job));
        if !job.state.is_final() {
            self.accept(job);
        }
    }

    /// Notes which jobs somebody has cancelled before the store was closed.
    async fn note_cancelled(&mut self, engine: &Arc<dyn Engine>) -> Result<(), TableError> {
        let mut jobs: Vec<_> = self.open.iter_mut().collect();
        for some in jobs.chunks_mut(READ_AT_ONCE) {
            let keys: Vec<Key> =
                some.iter().map(|((number, base), _)| stored::cancelled(*base, *number)).collect();
            let found = engine.get_many(&keys).await?;
            some.iter_mut().zip(found).for_each(|((_, open), wish)| open.is_cancelled = wish.is_some());
        }
        Ok(())
    }

    /// Takes a job that has not ended into memory. Its weight is counted already.
    pub fn accept(&mut self, job: Job) {
        let key = (job.number, job.base);
        let stored = Arc::new(job);
        let shown = watch::Sender::new(Arc::clone(&stored));
        self.open.insert(key, Open { stored, shown, is_cancelled: false });
    }

    /// Takes a stored change of a job into memory; forgets a job that has ended.
    pub fn follow(&mut self, job: Job) {
        let key = (job.number, job.base);
        let Some(open) = self.open.get_mut(&key) else { return };
        self.bytes = self.bytes.saturating_sub(weight(&open.stored)).saturating_add(weight(&job));
        open.stored = Arc::new(job);
        open.shown.send_replace(Arc::clone(&open.stored));
        if open.stored.state.is_final() {
            *self.ended.entry(open.stored.state.as_str()).or_default() += 1;
            self.open.remove(&key);
        }
    }

    /// Forgets a job whose record is deleted.
    pub fn forget(&mut self, job: &Job) {
        self.open.remove(&(job.number, job.base));
        self.bytes = self.bytes.saturating_sub(weight(job));
    }
}
