//! Runs the jobs of a store.
//!
//! - A memberbase runs one job at a time, in the order in which its jobs were accepted. All memberbases
//!   together run at most [`AT_ONCE`], because a plan takes memory and a core.
//! - A failure that may pass (the disk is full, a write failed) holds up only the job: it goes on from its
//!   cursor after a while. Any other failure ends the job as FAILED.
//! - When the runner stops, running jobs stop between two slices and go on at the next start.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::apply::apply;
use super::plan::plan;
use super::work::{Halt, Work};
use crate::model::{BaseNumber, JobEnd, JobState};
use crate::table::Table;
use crate::tasks;

/// Jobs that run at once.
const AT_ONCE: usize = 2;
/// The time before a job that failed for a while goes on; doubled each time.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(60);

/// The task that runs the jobs of a store.
pub struct Runner {
    stopping: CancellationToken,
    task: JoinHandle<()>,
}

impl Runner {
    /// Starts it. It ends when the table is no longer used.
    #[must_use]
    pub fn start(table: &Arc<Table>) -> Self {
        let stopping = CancellationToken::new();
        let task = tasks::vital("jobs", run(Arc::downgrade(table), stopping.clone()));
        Self { stopping, task }
    }

    /// Lets running jobs stop between two slices, and waits for them.
    pub async fn stop(self) {
        self.stopping.cancel();
        // A vital task is never cancelled, and ends the process if it panics.
        drop(self.task.await);
    }
}

/// Starts jobs whenever there may be one to start.
async fn run(table: Weak<Table>, stopping: CancellationToken) {
    let mut running: HashSet<BaseNumber> = HashSet::new();
    let mut at_work: FuturesUnordered<JoinHandle<BaseNumber>> = FuturesUnordered::new();
    loop {
        let Some(jobs) = table.upgrade().map(|table| Arc::clone(table.jobs())) else { return };
        let woken = jobs.woken();
        let waiting = if stopping.is_cancelled() { Vec::new() } else { jobs.unfinished() };
        if let Some(table) = table.upgrade() {
            table.plans_ahead().tidy(&waiting);
        }
        for (base, number) in waiting {
            let Some(table) = table.upgrade() else { return };
            if at_work.len() < AT_ONCE && running.insert(base) {
                let work = Work { table, base, number, stopping: stopping.clone() };
                at_work.push(tasks::vital("job", async move {
                    work_on(work).await;
                    base
                }));
            }
        }
        if stopping.is_cancelled() && at_work.is_empty() {
            return;
        }
        tokio::select! {
            Some(done) = at_work.next() => {
                // A vital task is never cancelled, and ends the process if it panics.
                if let Ok(base) = done {
                    running.remove(&base);
                }
            }
            () = woken => {}
            () = stopping.cancelled(), if !stopping.is_cancelled() => {}
        }
    }
}

/// Does one job to its end, or until it is held or the runner stops.
async fn work_on(work: Work) {
    let mut wait = RETRY_FIRST;
    work.table.plans_ahead().pass_over(work.base, work.number);
    loop {
        let Some(job) = work.job().await else { return };
        let halted = match job.state {
            JobState::Pending | JobState::Planning => plan(&work, job).await,
            JobState::Running => apply(&work).await,
            JobState::Held
            | JobState::Succeeded
            | JobState::Failed
            | JobState::Rejected
            | JobState::Cancelled => return,
        };
        let ended = match halted {
            Err(Halt::Cancelled) => {
                let end = JobEnd::new("CANCELLED", "the job was cancelled; what it had written stays");
                work.end(JobState::Cancelled, end).await
            }
            Err(Halt::Failed(reason, message)) => {
                work.end(JobState::Failed, JobEnd::new(reason, message)).await
            }
            halted => halted,
        };
        match ended {
            Ok(()) => wait = RETRY_FIRST,
            Err(Halt::Stopping) => return,
            // An end that cannot be stored waits too.
            Err(halt @ (Halt::Later(_) | Halt::Failed(..) | Halt::Cancelled)) => {
                tracing::warn!(base = work.base.0, job = work.number.0, ?halt, "a job waits and will go on");
                tokio::select! {
                    () = work.stopping.cancelled() => return,
                    () = tokio::time::sleep(wait) => {}
                }
                wait = (wait * 2).min(RETRY_MOST);
                if let Err(error) = work.jobs().reload(work.base, work.number).await {
                    tracing::warn!(base = work.base.0, job = work.number.0, %error, "a job cannot be read");
                }
            }
        }
    }
}
