//! What planning and applying a job have in common.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::model::{BaseNumber, Job, JobEnd, JobNumber, JobState};
use crate::table::{EngineError, Jobs, Table, TableError};

/// One job at work.
pub struct Work {
    pub table: Arc<Table>,
    pub base: BaseNumber,
    pub number: JobNumber,
    pub stopping: CancellationToken,
}

/// Why the work on a job stopped before its end.
#[derive(Debug)]
pub enum Halt {
    /// The server stops; the job goes on at the next start.
    Stopping,
    /// Somebody cancelled the job.
    Cancelled,
    /// The job cannot succeed: a reason and a message.
    Failed(String, String),
    /// Something failed that may pass.
    Later(TableError),
}

impl From<TableError> for Halt {
    fn from(error: TableError) -> Self {
        match error {
            TableError::BaseNotFound | TableError::BaseDeleted => {
                Self::Failed("MEMBER_BASE_NOT_FOUND".to_owned(), "the memberbase was deleted".to_owned())
            }
            TableError::Refused(refusal) => {
                Self::Failed(refusal.reason.as_str().to_owned(), refusal.to_string())
            }
            TableError::Closing | TableError::Engine(EngineError::Closed) => Self::Stopping,
            error if error.is_lasting() => {
                tracing::error!(%error, "a job failed because stored data cannot be read");
                Self::Failed("STORAGE_CORRUPT".to_owned(), "stored data cannot be read".to_owned())
            }
            error => Self::Later(error),
        }
    }
}

impl Work {
    pub fn jobs(&self) -> &Arc<Jobs> {
        self.table.jobs()
    }

    /// The job as it is stored; `None` if it is gone or cannot be read.
    pub async fn job(&self) -> Option<Job> {
        match self.jobs().get(self.base, self.number).await {
            Ok(job) => job,
            Err(error) => {
                tracing::error!(base = self.base.0, job = self.number.0, %error, "a job cannot be read");
                None
            }
        }
    }

    /// Whether to go on.
    pub fn check(&self) -> Result<(), Halt> {
        if self.stopping.is_cancelled() {
            return Err(Halt::Stopping);
        }
        if self.jobs().is_cancelled(self.base, self.number) {
            return Err(Halt::Cancelled);
        }
        Ok(())
    }

    /// Changes the job.
    pub async fn change(&self, change: impl FnOnce(&mut Job) + Send) -> Result<Job, Halt> {
        let changed = self.jobs().change(self.base, self.number, |job| {
            change(job);
            Ok::<(), std::convert::Infallible>(())
        });
        match changed.await? {
            Some(Ok(job)) => Ok(job),
            None => Err(Halt::Failed("JOB_NOT_FOUND".to_owned(), "the job is gone".to_owned())),
        }
    }

    /// Ends the job in a state that is not applied further.
    pub async fn end(&self, state: JobState, end: JobEnd) -> Result<(), Halt> {
        let changed = self.change(|job| {
            job.state = state;
            job.end = Some(end);
        });
        changed.await.map(drop)
    }
}
