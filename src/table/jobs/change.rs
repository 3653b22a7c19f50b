//! Changing jobs: by callers and by the runner.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use crate::engine::Batch;
use crate::model::limits::JOB_MESSAGE_MAX_BYTES;
use crate::model::{BaseNumber, Job, JobEnd, JobNumber, JobState, Reason, Refusal};
use crate::stored::job::{self as stored, JobPart, PLAIN_MAX_BYTES, StepResults};
use crate::table::TableError;
use crate::table::jobs::state::Jobs;
use crate::table::plan::step_request::StepWrites;
use crate::tasks;

/// Rows of a piece of results: the fault of a row takes some hundred bytes, and never more than 4 KiB.
const ROWS_OF_PIECE: usize = 15;
/// Members of a piece of results: each takes up to eleven bytes.
const REMOVALS_OF_PIECE: usize = 5_000;

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
    /// it, also after a restart. Does nothing with a job that has ended.
    pub async fn cancel(self: &Arc<Self>, base: BaseNumber, number: JobNumber) -> Result<(), TableError> {
        if self.end_unless_at_work(base, number).await? {
            // Not in the record: a step that is under way stores the record, and checks what it was before.
            self.put_values(base, number, JobPart::Cancelled, 0, &[Vec::new()]).await?;
            if let Some(open) = self.memory().open.get_mut(&(number, base)) {
                open.is_cancelled = true;
            }
            // It may be held by now. From now on it is no longer held, but ends instead.
            self.end_unless_at_work(base, number).await?;
        }
        self.wake.notify_waiters();
        Ok(())
    }

    /// Ends a job that waits or is held. Returns whether it is planned or applied instead.
    async fn end_unless_at_work(
        self: &Arc<Self>,
        base: BaseNumber,
        number: JobNumber,
    ) -> Result<bool, TableError> {
        let ended = self.change(base, number, |job| match job.state {
            JobState::Pending | JobState::Held => {
                cancel(job);
                Ok(())
            }
            JobState::Planning | JobState::Running => Err(true),
            JobState::Succeeded | JobState::Failed | JobState::Rejected | JobState::Cancelled => Err(false),
        });
        Ok(matches!(ended.await?, Some(Err(true))))
    }

    /// Whether the runner of a job is to stop it.
    pub fn is_cancelled(&self, base: BaseNumber, number: JobNumber) -> bool {
        self.memory().open.get(&(number, base)).is_some_and(|open| open.is_cancelled)
    }

    /// What a step stores about its job: the record after it, and what the step did. Sets the cursor of
    /// `after` to the value after that. Call [`Jobs::stepped`] once the step is durable.
    pub fn step_writes(before: &Job, after: &mut Job, results: &StepResults) -> StepWrites {
        let (base, number) = (after.base, after.number);
        let mut puts = Vec::new();
        let mut step = before.cursor.step;
        for results in pieces(results) {
            let value = stored::pack(&stored::encode_step(&results));
            puts.push((stored::value(base, number, JobPart::Results, step), value.into()));
            step += 1;
        }
        after.cursor.step = step;
        let key = stored::job(base, number);
        puts.push((key.clone(), stored::encode(after).into()));
        StepWrites { checks: vec![(key, Some(stored::encode(before).into()))], puts }
    }

    /// Notes that a step has stored this record.
    pub fn stepped(&self, after: Job) {
        self.memory().follow(after);
        self.wake.notify_waiters();
    }

    /// Takes the stored record of a job into memory again, after a step of which it is not known whether it
    /// was written.
    pub async fn reload(&self, base: BaseNumber, number: JobNumber) -> Result<(), TableError> {
        let stored = self.engine.get_many(&[stored::job(base, number)]).await?.pop().flatten();
        if let Some(bytes) = stored {
            let job = stored::decode(base, number, &bytes)?;
            self.memory().follow(job);
        }
        Ok(())
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

/// The results of a step, in pieces that fit into a value each.
fn pieces(results: &StepResults) -> Vec<StepResults> {
    if results.rows.is_empty() && results.removals.is_empty() {
        return Vec::new();
    }
    if stored::encode_step(results).len() <= PLAIN_MAX_BYTES {
        return vec![results.clone()];
    }
    let revision = results.revision;
    let (rows, members): (Vec<_>, Vec<_>) =
        (results.rows.iter().cloned().collect(), results.removals.iter().copied().collect());
    let empty = StepResults { revision, ..StepResults::default() };
    let rows = rows.chunks(ROWS_OF_PIECE);
    let rows = rows.map(|part| StepResults { rows: part.iter().cloned().collect(), ..empty.clone() });
    let members = members.chunks(REMOVALS_OF_PIECE);
    let members =
        members.map(|part| StepResults { removals: part.iter().copied().collect(), ..empty.clone() });
    rows.chain(members).collect()
}
