//! Changing jobs: by callers and by the runner.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use crate::engine::Batch;
use crate::model::limits::JOB_MESSAGE_MAX_BYTES;
use crate::model::{BaseNumber, Job, JobEnd, JobNumber, JobState, Reason, Refusal};
use crate::stored::job::{self as stored, JobPart};
use crate::table::TableError;
use crate::table::jobs::state::Jobs;
use crate::table::plan::step_request::StepWrites;
use crate::tasks;

impl Jobs {
    /// Changes a job as `change` says, or not at all if it refuses. `None` if there is no such job. The time
    /// of a change of state is set here.
    pub async fn change<E: Send>(
        self: &Arc<Self>,
        base: BaseNumber,
        number: JobNumber,
        change: impl FnOnce(&mut Job) -> Result<(), E> + Send,
    ) -> Result<Option<Result<Job, E>>, TableError> {
        let turn = Arc::clone(&self.changing).lock_owned().await;
        let open = self.memory().open.get(&(number, base)).map(|open| Arc::clone(&open.stored));
        let before = match open {
            Some(stored) => Job::clone(&stored),
            None => match self.read(base, number).await? {
                Some(stored) => stored,
                None => return Ok(None),
            },
        };
        let mut after = before.clone();
        if let Err(refusal) = change(&mut after) {
            return Ok(Some(Err(refusal)));
        }
        self.stamp(&before, &mut after)?;
        self.store(turn, &before, after.clone()).await?;
        Ok(Some(Ok(after)))
    }

    /// Ends a job that waits or is held. A job that is planned or applied is asked to stop; its runner ends
    /// it. Does nothing with a job that has ended.
    pub async fn cancel(self: &Arc<Self>, base: BaseNumber, number: JobNumber) -> Result<(), TableError> {
        let ended = self.change(base, number, |job| match job.state {
            JobState::Pending | JobState::Held => {
                cancel(job);
                Ok(())
            }
            JobState::Planning | JobState::Running => {
                if let Some(open) = self.memory().open.get_mut(&(number, base)) {
                    open.is_cancelled = true;
                }
                Err(())
            }
            JobState::Succeeded | JobState::Failed | JobState::Rejected | JobState::Cancelled => Err(()),
        });
        ended.await?;
        self.wake.notify_waiters();
        Ok(())
    }

    /// Whether the runner of a job is to stop it.
    pub fn is_cancelled(&self, base: BaseNumber, number: JobNumber) -> bool {
        self.memory().open.get(&(number, base)).is_some_and(|open| open.is_cancelled)
    }

    /// What a step stores about its job: the record after it, and what the step did, in as many values as
    /// `after.cursor.step` is ahead of `before`. Call [`Jobs::stepped`] once the step is durable.
    pub fn step_writes(before: &Job, after: &Job, results: &[Vec<u8>]) -> StepWrites {
        let (base, number) = (after.base, after.number);
        let key = stored::job(base, number);
        let mut puts = vec![(key.clone(), stored::encode(after).into())];
        for (n, result) in (before.cursor.step..).zip(results) {
            puts.push((stored::value(base, number, JobPart::Results, n), stored::pack(result).into()));
        }
        StepWrites { checks: vec![(key, Some(stored::encode(before).into()))], puts }
    }

    /// Notes that a step has stored this record.
    pub fn stepped(&self, after: Job) {
        self.memory().follow(after);
        self.wake.notify_waiters();
    }

    /// Checks a change, and sets its time. A job that was asked to stop is not held, but ends.
    fn stamp(&self, before: &Job, after: &mut Job) -> Result<(), TableError> {
        if after.state == JobState::Held && self.is_cancelled(after.base, after.number) {
            cancel(after);
        }
        if before.state != after.state {
            if !before.state.may_become(after.state) {
                let (from, to) = (before.state.as_str(), after.state.as_str());
                let text = format!("cannot go from {from} to {to}");
                return Err(Refusal::field(Reason::JobState, "state", text).into());
            }
            after.changed_at = (self.clock)();
        }
        if let Some(end) = &mut after.end {
            let fits = |most: &usize| end.message.is_char_boundary(*most);
            let most = (0..=JOB_MESSAGE_MAX_BYTES.min(end.message.len())).rev().find(fits);
            end.message.truncate(most.unwrap_or_default());
        }
        Ok(())
    }

    /// Stores a changed record, if the stored one is still `before`.
    async fn store(
        self: &Arc<Self>,
        turn: OwnedMutexGuard<()>,
        before: &Job,
        after: Job,
    ) -> Result<(), TableError> {
        let jobs = Arc::clone(self);
        let key = stored::job(after.base, after.number);
        let mut batch = Batch::default();
        batch.checks.push((key.clone(), Some(stored::encode(before).into())));
        batch.put(key, stored::encode(&after));
        tasks::to_the_end("job", async move {
            jobs.engine.commit(batch).await?;
            jobs.memory().follow(after);
            drop(turn);
            jobs.wake.notify_waiters();
            Ok(())
        })
        .await
    }
}

/// Ends a job that has written nothing since its plan was made.
fn cancel(job: &mut Job) {
    job.state = JobState::Cancelled;
    job.end = Some(JobEnd::new("CANCELLED", "the job was cancelled before it was applied"));
}
