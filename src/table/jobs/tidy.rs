//! The housekeeping of jobs.

use std::ops::Bound;
use std::sync::Arc;

use crate::engine::{Batch, Direction};
use crate::model::{BaseNumber, Job, JobEnd, JobNumber, JobState, Timestamp};
use crate::stored::job as stored;
use crate::table::TableError;
use crate::table::jobs::limits::weight;
use crate::table::jobs::state::Jobs;

/// Jobs read at once.
const READ_AT_ONCE: usize = 500;

impl Jobs {
    /// Ends jobs that were held too long, removes those that ended long ago, and values without a job.
    pub async fn tidy(self: &Arc<Self>, now: Timestamp) -> Result<(), TableError> {
        let mut range = stored::jobs();
        loop {
            let found = self.engine.scan(range.clone(), Direction::Forward, READ_AT_ONCE).await?;
            let Some((last, _)) = found.last() else { break };
            range.start = Bound::Excluded(last.clone());
            for (key, value) in found {
                let Some((base, number)) = stored::job_number(&key) else { continue };
                let Ok(job) = stored::decode(base, number, &value) else { continue };
                let age = now.micros().saturating_sub(job.changed_at.micros());
                if job.state == JobState::Held && age > self.limits.hold_micros {
                    self.expire(base, number).await?;
                } else if job.state.is_final() && age > self.limits.retention_micros {
                    self.remove(&job).await?;
                }
            }
        }
        self.sweep().await
    }

    async fn expire(self: &Arc<Self>, base: BaseNumber, number: JobNumber) -> Result<(), TableError> {
        let expired = self.change(base, number, |job| {
            if job.state != JobState::Held {
                return Err(());
            }
            job.state = JobState::Rejected;
            job.end = Some(JobEnd::new("EXPIRED", "nobody decided about the plan in time"));
            Ok(())
        });
        expired.await.map(drop)
    }

    async fn remove(&self, job: &Job) -> Result<(), TableError> {
        let deletes = vec![stored::job(job.base, job.number)];
        self.engine.commit(Batch { deletes, ..Batch::default() }).await?;
        self.delete_values(job.base, job.number, None).await?;
        let mut memory = self.memory();
        memory.bytes = memory.bytes.saturating_sub(weight(job));
        Ok(())
    }

    /// Removes values that belong to no job and to no upload.
    async fn sweep(&self) -> Result<(), TableError> {
        let mut range = stored::values_of();
        loop {
            let found = self.engine.scan(range.clone(), Direction::Forward, 1).await?;
            let Some((key, _)) = found.first() else { return Ok(()) };
            let Some((base, number, ..)) = stored::job_parts(key) else {
                range.start = Bound::Excluded(key.clone());
                continue;
            };
            let record = self.engine.get_many(&[stored::job(base, number)]).await?.pop().flatten();
            let is_uploading = self.memory().uploads.contains(&(base, number));
            if record.is_none() && !is_uploading {
                self.delete_values(base, number, None).await?;
            }
            range.start = stored::values(base, number, None).end;
            if let Bound::Excluded(end) = &range.start {
                range.start = Bound::Included(end.clone());
            }
        }
    }
}
