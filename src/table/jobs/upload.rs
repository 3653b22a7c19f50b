//! The input of a job that is to be.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::engine::Batch;
use crate::model::limits::OPEN_JOBS_MAX;
use crate::model::{BaseNumber, Job, JobNumber, Reason, Refusal};
use crate::stored::job::{self as stored, JobPart, PLAIN_MAX_BYTES};
use crate::table::TableError;
use crate::table::jobs::limits::weight;
use crate::table::jobs::state::Jobs;
use crate::tasks;

/// Values in one batch.
const VALUES_AT_ONCE: usize = 16;

/// An input that arrives. Dropping it leaves values without a job, which are removed in the background.
pub struct Upload {
    jobs: Arc<Jobs>,
    base: BaseNumber,
    number: JobNumber,
    /// Bytes that no value holds yet.
    rest: Vec<u8>,
    /// Full values that are not stored yet.
    ready: Vec<Vec<u8>>,
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
        let number = JobNumber(now.max(memory.last.0 + 1));
        memory.last = number;
        memory.uploads.insert((base, number));
        drop(memory);
        Ok(Upload {
            jobs: Arc::clone(self),
            base,
            number,
            rest: Vec::new(),
            ready: Vec::new(),
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

    /// The bytes received so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Stores the next bytes.
    pub async fn push(&mut self, mut bytes: &[u8]) -> Result<(), TableError> {
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.take_room(more)?;
        self.bytes = self.bytes.saturating_add(more);
        self.hash.update(bytes);
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PLAIN_MAX_BYTES - self.rest.len()));
            self.rest.extend_from_slice(now);
            bytes = later;
            if self.rest.len() == PLAIN_MAX_BYTES {
                self.ready.push(std::mem::take(&mut self.rest));
            }
            if self.ready.len() == VALUES_AT_ONCE {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Makes the job: with its record, which says what was received. `batch` has what else must be durable
    /// with it.
    pub async fn accept(mut self, mut job: Job, mut batch: Batch) -> Result<Job, TableError> {
        if !self.rest.is_empty() {
            self.ready.push(std::mem::take(&mut self.rest));
        }
        self.flush().await?;
        job.base = self.base;
        job.number = self.number;
        job.input.bytes = self.bytes;
        job.input.chunks = self.stored;
        job.input.sha256 = self.hash.clone().finalize().into();
        self.take_room(weight(&job).saturating_sub(self.counted))?;
        let key = stored::job(job.base, job.number);
        batch.checks.push((key.clone(), None));
        batch.put(key, stored::encode(&job));
        self.is_accepted = true;
        let jobs = Arc::clone(&self.jobs);
        // The upload is dropped after the record is durable or has failed.
        tasks::to_the_end("job", async move {
            let upload = self;
            let stored = jobs.engine.commit(batch).await;
            let mut memory = jobs.memory();
            // After a failure the record may exist all the same, so the values stay. If it does not exist, the
            // housekeeping removes them.
            memory.uploads.remove(&(upload.base, upload.number));
            stored?;
            memory.follow(job.clone());
            drop(memory);
            jobs.wake.notify_waiters();
            Ok(job)
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), TableError> {
        if self.ready.is_empty() {
            return Ok(());
        }
        let values = std::mem::take(&mut self.ready);
        self.jobs.put_values(self.base, self.number, JobPart::Input, self.stored, &values).await?;
        self.stored += u64::try_from(values.len()).unwrap_or(u64::MAX);
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
        // Without a runtime the process is ending, and the next housekeeping removes the values.
        if tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        drop(tasks::for_caller(async move {
            if let Err(error) = jobs.delete_values(base, number, None).await {
                tracing::warn!(base = base.0, %error, "an interrupted upload is removed later");
            }
            let mut memory = jobs.memory();
            memory.uploads.remove(&(base, number));
            memory.bytes = memory.bytes.saturating_sub(bytes);
        }));
    }
}
