//! The input of a job that is to be.
//!
//! Its values are stored while the next ones arrive: [`Upload::push`] waits only while more than
//! [`STORED_AT_ONCE`] batches are on their way, and [`Upload::finish`] for all of them.

use std::collections::VecDeque;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use crate::engine::{Batch, EngineError};
use crate::model::limits::{JOB_RECORD_MAX_BYTES, OPEN_JOBS_MAX};
use crate::model::{BaseNumber, Job, JobInput, JobNumber, JobState, Reason, Refusal};
use crate::stored::idempotency::RequestResult;
use crate::stored::job::{self as stored, JobPart, PLAIN_MAX_BYTES};
use crate::table::TableError;
use crate::table::idempotency::Claim;
use crate::table::jobs::limits::weight;
use crate::table::jobs::state::Jobs;
use crate::tasks;

/// Values in one batch.
const VALUES_AT_ONCE: usize = 16;
/// Batches that are stored at once.
const STORED_AT_ONCE: usize = 4;

/// An input that arrives. Dropping it before it is accepted removes what was stored of it, in the background.
pub struct Upload {
    jobs: Arc<Jobs>,
    base: BaseNumber,
    number: JobNumber,
    /// Bytes that no value holds yet.
    rest: Vec<u8>,
    /// Full values that are not stored yet.
    ready: Vec<Vec<u8>>,
    /// Batches that are being stored, in the order of their values.
    storing: VecDeque<JoinHandle<Result<(), TableError>>>,
    /// The values that were given to a batch.
    stored: u64,
    bytes: u64,
    /// The room that it has taken, in bytes.
    counted: u64,
    hash: Sha256,
    is_accepted: bool,
}

impl Jobs {
    /// Begins a job of a base, which gets the next number.
    pub fn begin(self: &Arc<Self>, base: BaseNumber) -> Result<Upload, TableError> {
        let now = u64::try_from((self.clock)().micros()).unwrap_or_default();
        let mut memory = self.memory();
        if memory.open.len() + memory.uploads.len() >= OPEN_JOBS_MAX {
            return Err(Refusal::new(Reason::TooManyJobs).into());
        }
        // The clock may have been set back, also after a restore.
        let number = JobNumber(now.max(memory.last.0.saturating_add(1)));
        memory.last = number;
        memory.uploads.insert((base, number));
        drop(memory);
        Ok(Upload {
            jobs: Arc::clone(self),
            base,
            number,
            rest: Vec::new(),
            ready: Vec::new(),
            storing: VecDeque::new(),
            stored: 0,
            bytes: 0,
            counted: 0,
            hash: Sha256::new(),
            is_accepted: false,
        })
    }
}

impl Upload {
    /// The number that the job gets.
    pub fn number(&self) -> JobNumber {
        self.number
    }

    /// Stores the next bytes.
    pub async fn push(&mut self, mut bytes: &[u8]) -> Result<(), TableError> {
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.take_room(more)?;
        self.bytes = self.bytes.saturating_add(more);
        self.hash.update(bytes);
        while !bytes.is_empty() {
            if self.rest.is_empty() {
                self.rest.reserve_exact(PLAIN_MAX_BYTES);
            }
            let (now, later) = bytes.split_at(bytes.len().min(PLAIN_MAX_BYTES - self.rest.len()));
            self.rest.extend_from_slice(now);
            bytes = later;
            if self.rest.len() == PLAIN_MAX_BYTES {
                self.ready.push(std::mem::take(&mut self.rest));
            }
            if self.ready.len() == VALUES_AT_ONCE {
                self.flush();
                self.stored_up_to(STORED_AT_ONCE).await?;
            }
        }
        Ok(())
    }

    /// What was received so far.
    pub fn input(&self) -> JobInput {
        JobInput {
            bytes: self.bytes,
            chunks: self.stored,
            sha256: self.hash.clone().finalize().into(),
            ..JobInput::default()
        }
    }

    /// Stores what no value holds yet, so that all that was received can be read. Nothing may be pushed after
    /// it.
    pub async fn finish(&mut self) -> Result<(), TableError> {
        if !self.rest.is_empty() {
            self.ready.push(std::mem::take(&mut self.rest));
        }
        self.flush();
        self.stored_up_to(0).await
    }

    /// Makes the job, whose record says what was received. `claim` is that of its request, if it has a
    /// request id: its result is stored with the record, so that a repeat finds the same job.
    ///
    /// A job that is new is PENDING. The state, number and base of `job` are set here, and of its input what
    /// [`Upload::input`] has.
    pub async fn accept(mut self, mut job: Job, claim: Option<Arc<Claim>>) -> Result<Job, TableError> {
        self.finish().await?;
        let input = self.input();
        (job.base, job.number, job.state) = (self.base, self.number, JobState::Pending);
        job.input = JobInput { bytes: input.bytes, chunks: input.chunks, sha256: input.sha256, ..job.input };
        let record = stored::encode(&job);
        if record.len() > JOB_RECORD_MAX_BYTES {
            return Err(Refusal::new(Reason::FilterTooLarge).into());
        }
        self.take_room(weight(&job).saturating_sub(self.counted))?;
        let jobs = Arc::clone(&self.jobs);
        // The claim is held and the upload counts as under way until the record is durable or has failed.
        tasks::to_the_end("job", async move {
            let mut upload = self;
            let mut batch = Batch::default();
            let key = stored::job(job.base, job.number);
            batch.checks.push((key.clone(), None));
            batch.put(key, record);
            let kept = claim.as_deref().map(|claim| {
                let result = RequestResult::Job(job.number);
                jobs.idempotency.store(claim, (jobs.clock)(), None, result, &mut batch)
            });
            if let Err(error) = jobs.engine.commit(batch).await {
                // The record may exist all the same. Then the values stay, and the next start finds the job.
                upload.is_accepted = matches!(error, EngineError::CommitUnknown(_));
                if upload.is_accepted {
                    jobs.memory().uploads.remove(&(job.base, job.number));
                }
                return Err(error.into());
            }
            jobs.idempotency.count_stored(kept.unwrap_or_default());
            upload.is_accepted = true;
            let mut memory = jobs.memory();
            memory.uploads.remove(&(job.base, job.number));
            memory.accept(job.clone());
            drop(memory);
            jobs.wake.notify_waiters();
            Ok(job)
        })
        .await
    }

    /// Begins to store the values that are ready.
    fn flush(&mut self) {
        if self.ready.is_empty() {
            return;
        }
        let values = std::mem::take(&mut self.ready);
        let (jobs, base, number, first) = (Arc::clone(&self.jobs), self.base, self.number, self.stored);
        self.stored += u64::try_from(values.len()).unwrap_or(u64::MAX);
        self.storing.push_back(tasks::for_caller(async move {
            jobs.put_values(base, number, JobPart::Input, first, &values).await
        }));
    }

    /// Waits until at most so many batches are being stored.
    pub(super) async fn stored_up_to(&mut self, most: usize) -> Result<(), TableError> {
        while self.storing.len() > most
            && let Some(oldest) = self.storing.front_mut()
        {
            // A task that panicked has stored nothing.
            let stored = oldest.await.unwrap_or(Err(TableError::Closing));
            self.storing.pop_front();
            stored?;
        }
        Ok(())
    }

    /// Takes the room of the next bytes.
    fn take_room(&mut self, more: u64) -> Result<(), TableError> {
        let mut memory = self.jobs.memory();
        let bytes = memory.bytes.saturating_add(more);
        if bytes > self.jobs.limits.room_bytes {
            return Err(Refusal::new(Reason::JobRoom).into());
        }
        memory.bytes = bytes;
        drop(memory);
        self.counted = self.counted.saturating_add(more);
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.is_accepted {
            return;
        }
        let (jobs, base, number, bytes) = (Arc::clone(&self.jobs), self.base, self.number, self.counted);
        let storing = std::mem::take(&mut self.storing);
        // Without a runtime the process is ending, and the next housekeeping removes the values.
        if tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        drop(tasks::for_caller(async move {
            for batch in storing {
                // Stored or not, it is removed.
                let _ = batch.await;
            }
            // What is left is removed by the housekeeping.
            if let Err(error) = jobs.delete_values(base, number, None).await {
                tracing::warn!(base = base.0, %error, "an interrupted upload is removed later");
            }
            let mut memory = jobs.memory();
            memory.uploads.remove(&(base, number));
            memory.bytes = memory.bytes.saturating_sub(bytes);
        }));
    }
}
