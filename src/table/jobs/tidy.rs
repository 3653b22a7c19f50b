//! The housekeeping of jobs.

use std::ops::Bound;
use std::sync::Arc;

use crate::engine::{Batch, Direction, EngineError, Key, KeyRange, Value};
use crate::model::{BaseNumber, Job, JobEnd, JobState, Timestamp};
use crate::stored::{job as stored, key};
use crate::table::TableError;
use crate::table::jobs::state::Jobs;
use crate::tasks;

/// Jobs read at once.
const READ_AT_ONCE: usize = 500;

impl Jobs {
    /// Ends jobs that were held too long, and removes those that ended long ago, those of bases that do not
    /// exist any more, and data without a job.
    pub async fn tidy(self: &Arc<Self>, now: Timestamp) -> Result<(), TableError> {
        let (mut range, mut base) = (stored::jobs(), None);
        loop {
            let found = self.next(&mut range).await?;
            if found.is_empty() {
                break;
            }
            for (key, value, job) in found {
                let Some((number, _)) = stored::job_number(&key) else { continue };
                if base.is_none_or(|(known, _)| known != number) {
                    base = Some((number, self.has_base(number).await?));
                }
                let is_orphan = base.is_some_and(|(_, exists)| !exists);
                let is_over = job.as_ref().is_some_and(|job| self.is_over(job, now));
                if is_orphan || is_over {
                    self.remove(key, value, job).await?;
                } else if let Some(job) = job.filter(|job| self.is_held_too_long(job, now)) {
                    self.expire(&job, now).await?;
                }
            }
        }
        self.sweep().await
    }

    /// Removes all jobs of a base that is about to be purged.
    pub async fn remove_all_of(self: &Arc<Self>, base: BaseNumber) -> Result<(), TableError> {
        let mut range = stored::jobs_of(base, None);
        loop {
            let found = self.next(&mut range).await?;
            if found.is_empty() {
                return Ok(());
            }
            for (key, value, job) in found {
                self.remove(key, value, job).await?;
            }
        }
    }

    /// The next jobs of `range`, which then begins after them: the key, the stored record, and what it says
    /// unless it is damaged.
    async fn next(&self, range: &mut KeyRange) -> Result<Vec<(Key, Value, Option<Job>)>, TableError> {
        let found = self.engine.scan(range.clone(), Direction::Forward, READ_AT_ONCE).await?;
        if let Some((last, _)) = found.last() {
            range.start = Bound::Excluded(last.clone());
        }
        let read = |(key, value): (Key, Value)| {
            let number = stored::job_number(&key);
            let job = number.and_then(|(base, number)| stored::decode(base, number, &value).ok());
            (key, value, job)
        };
        Ok(found.into_iter().map(read).collect())
    }

    fn is_over(&self, job: &Job, now: Timestamp) -> bool {
        job.state.is_final() && age(job, now) > self.limits.retention_micros
    }

    fn is_held_too_long(&self, job: &Job, now: Timestamp) -> bool {
        job.state == JobState::Held && age(job, now) > self.limits.hold_micros
    }

    async fn has_base(&self, base: BaseNumber) -> Result<bool, TableError> {
        let head = self.engine.get_many(&[key::header(base)]).await?.pop().flatten();
        Ok(head.is_some())
    }

    async fn expire(self: &Arc<Self>, job: &Job, now: Timestamp) -> Result<(), TableError> {
        let expired = self.change(job.base, job.number, |job| {
            // Somebody may have decided meanwhile.
            if !self.is_held_too_long(job, now) {
                return Err(());
            }
            job.state = JobState::Rejected;
            job.end = Some(JobEnd::new("EXPIRED", "nobody decided about the plan in time"));
            Ok(())
        });
        expired.await.map(drop)
    }

    /// Removes a job with its data, unless it was changed since it was read.
    async fn remove(self: &Arc<Self>, key: Key, value: Value, job: Option<Job>) -> Result<(), TableError> {
        let Some((base, number)) = stored::job_number(&key) else { return Ok(()) };
        let turn = Arc::clone(&self.changing).lock_owned().await;
        let jobs = Arc::clone(self);
        let is_removed = tasks::to_the_end("job", async move {
            let batch =
                Batch { checks: vec![(key.clone(), Some(value))], deletes: vec![key], ..Batch::default() };
            let removed = match jobs.engine.commit(batch).await {
                Ok(_) => true,
                Err(EngineError::Conflict) => false,
                Err(error) => return Err(TableError::from(error)),
            };
            if let Some(job) = job.filter(|_| removed) {
                jobs.memory().forget(&job);
            }
            drop(turn);
            Ok(removed)
        });
        if is_removed.await? { self.delete_values(base, number, None).await } else { Ok(()) }
    }

    /// Removes data that belong to no job and to no upload.
    async fn sweep(&self) -> Result<(), TableError> {
        let mut range = stored::values_of();
        loop {
            let found = self.engine.scan(range.clone(), Direction::Forward, 1).await?;
            let Some((key, _)) = found.first() else { return Ok(()) };
            let Some((base, number, ..)) = stored::job_parts(key) else {
                range.start = Bound::Excluded(key.clone());
                continue;
            };
            // In this order: an upload is under way until its record can be read.
            let is_uploading = self.memory().uploads.contains(&(base, number));
            if !is_uploading {
                let record = self.engine.get_many(&[stored::job(base, number)]).await?.pop().flatten();
                if record.is_none() {
                    self.delete_values(base, number, None).await?;
                }
            }
            range.start = stored::after_values(base, number);
        }
    }
}

/// How long a job has been in its state, in microseconds.
fn age(job: &Job, now: Timestamp) -> i64 {
    now.micros().saturating_sub(job.changed_at.micros())
}
