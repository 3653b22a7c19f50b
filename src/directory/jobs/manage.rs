//! Getting, listing, watching, approving, rejecting and cancelling jobs.

use std::sync::Arc;

use tokio::sync::watch;

use crate::directory::{Directory, Error, Lacking};
use crate::model::limits::JOBS_PAGE_MAX;
use crate::model::token::AccessLevel;
use crate::model::{
    BaseNumber, Hold, IdError, Job, JobEnd, JobNumber, JobState, JobTask, PlanHash, Reason, Refusal,
};
use crate::table::{Jobs, RequestResult};

/// A part of the list of jobs.
#[derive(Debug)]
pub struct JobPage {
    /// The jobs, newest first.
    pub jobs: Vec<Job>,
    /// Where the next page starts; `None` at the end.
    pub cursor: Option<String>,
}

/// A job, each time that it changes.
pub struct JobWatch {
    changes: watch::Receiver<Arc<Job>>,
    /// The state that was returned last.
    shown: Option<JobState>,
}

impl JobWatch {
    /// The job as it is now, and then after each change. The last job that it returns is held or has ended, and
    /// after that `None`.
    pub async fn next(&mut self) -> Option<Arc<Job>> {
        if let Some(shown) = self.shown {
            // The newest state does not count here: nobody has seen it yet.
            let is_over = shown.is_final() || shown == JobState::Held;
            if is_over || self.changes.changed().await.is_err() {
                return None;
            }
        }
        let job = Arc::clone(&self.changes.borrow_and_update());
        self.shown = Some(job.state);
        Some(job)
    }
}

impl Directory {
    /// A job, by its id.
    pub async fn job(&self, id: &str) -> Result<Job, Error> {
        let (base, number) = self.job_number(id)?;
        let jobs = self.jobs(AccessLevel::Read, base).await?;
        jobs.get(base, number).await?.ok_or_else(not_found)
    }

    /// One page of the jobs of a memberbase, newest first; only those in one of `states`, unless it is empty.
    pub async fn list_jobs(
        &self,
        base: BaseNumber,
        states: &[JobState],
        limit: Option<i64>,
        cursor: Option<&str>,
    ) -> Result<JobPage, Error> {
        let limit = match limit {
            None => JOBS_PAGE_MAX,
            Some(limit) => usize::try_from(limit).ok().filter(|limit| *limit > 0).ok_or_else(|| {
                Refusal::field(Reason::PageLimitInvalid, "pagination.limit", "must be at least 1")
            })?,
        };
        let limit = limit.min(JOBS_PAGE_MAX);
        let before = match cursor.filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => match self.sealer().open_job(text) {
                Ok((of, number)) if of == base => Some(number),
                _ => {
                    let text = "is not a cursor of this list";
                    return Err(Refusal::field(Reason::CursorInvalid, "pagination.cursor", text).into());
                }
            },
        };
        let jobs = self.jobs(AccessLevel::Read, base).await?;
        let mut found = jobs.list(base, before, limit + 1, states).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let cursor = found.last().filter(|_| more).map(|job| self.sealer().job_id(base, job.number));
        Ok(JobPage { jobs: found, cursor })
    }

    /// Follows a job.
    pub async fn watch_job(&self, id: &str) -> Result<JobWatch, Error> {
        let (base, number) = self.job_number(id)?;
        let jobs = self.jobs(AccessLevel::Read, base).await?;
        let changes = jobs.watch(base, number).await?.ok_or_else(not_found)?;
        Ok(JobWatch { changes, shown: None })
    }

    /// Approves the plan of a held job, which is planned again.
    pub async fn approve_job(&self, id: &str, hash: &str) -> Result<Job, Error> {
        let (base, number) = self.job_number(id)?;
        if let Some(job) = self.earlier_job(base).await? {
            return Ok(job);
        }
        let Some(hash) = PlanHash::parse(hash) else {
            let text = "must be the 32 hexadecimal digits of the plan's hash";
            return Err(Refusal::field(Reason::FieldInvalid, "plan_hash", text).into());
        };
        let (actor, is_admin) = (self.guarded.actor(), self.guarded.is_admin());
        let lacks = |job: &Job| {
            let holds = job.plan.iter().flat_map(|plan| &plan.holds);
            let needs_admin = matches!(job.task, JobTask::Revert(_))
                || holds.into_iter().any(|hold| *hold != Hold::Requested);
            needs_admin && !is_admin
        };
        let held = self.job(id).await?;
        if lacks(&held) {
            return Err(Lacking::Level(AccessLevel::Admin).into());
        }
        self.decide(AccessLevel::Write, base, number, |job| {
            if job.state != JobState::Held {
                return Err(wrong_state(job, "approved"));
            }
            if job.plan.as_ref().is_none_or(|plan| plan.hash != hash) || lacks(job) {
                let text = "is not the hash of the job's present plan; look at the plan again";
                return Err(Refusal::field(Reason::PlanHash, "plan_hash", text));
            }
            job.approved = Some((hash, actor));
            job.state = JobState::Pending;
            job.end = None;
            Ok(())
        })
        .await
    }

    /// Rejects the plan of a held job, which ends.
    pub async fn reject_job(&self, id: &str) -> Result<Job, Error> {
        let (base, number) = self.job_number(id)?;
        if let Some(job) = self.earlier_job(base).await? {
            return Ok(job);
        }
        self.decide(AccessLevel::Write, base, number, |job| {
            if job.state != JobState::Held {
                return Err(wrong_state(job, "rejected"));
            }
            job.state = JobState::Rejected;
            let text = if job.has_begun() {
                "the plan was rejected; what the job had written before the store was restored stays"
            } else {
                "the plan was rejected"
            };
            job.end = Some(JobEnd::new("REJECTED", text));
            Ok(())
        })
        .await
    }

    /// Ends a job that has not ended; returns it once it has. A job that was cancelled already stays so.
    pub async fn cancel_job(&self, id: &str) -> Result<Job, Error> {
        let (base, number) = self.job_number(id)?;
        let jobs = Arc::clone(self.jobs(AccessLevel::Write, base).await?);
        let mut changes = jobs.watch(base, number).await?.ok_or_else(not_found)?;
        jobs.cancel(base, number).await?;
        let job = changes.wait_for(|job| job.state.is_final()).await.map_err(|_| Error::Stopping)?.clone();
        if job.state == JobState::Cancelled {
            Ok(Job::clone(&job))
        } else {
            Err(wrong_state(&job, "cancelled").into())
        }
    }

    async fn decide(
        &self,
        needs: AccessLevel,
        base: BaseNumber,
        number: JobNumber,
        change: impl FnOnce(&mut Job) -> Result<(), Refusal> + Send,
    ) -> Result<Job, Error> {
        let jobs = self.jobs(needs, base).await?;
        let job = jobs.change(base, number, change).await?.ok_or_else(not_found)??;
        self.store_result(None, RequestResult::Job(number)).await?;
        Ok(job)
    }

    /// The jobs of the store, for a caller with this level of access to `base`.
    pub(super) async fn jobs(&self, needs: AccessLevel, base: BaseNumber) -> Result<&Arc<Jobs>, Error> {
        self.guarded.jobs(needs, base).await
    }

    /// Decodes the id of a job. A caller whose token is bound to one memberbase gets the same error for every
    /// other well-formed id, so it does not learn which ids exist.
    pub(super) fn job_number(&self, id: &str) -> Result<(BaseNumber, JobNumber), Error> {
        if id.is_empty() {
            return Err(Refusal::field(Reason::FieldRequired, "id", "is required").into());
        }
        match self.sealer().open_job(id) {
            Ok((base, number)) if self.guarded.sees_base(base) => Ok((base, number)),
            Ok(_) => Err(Lacking::Base.into()),
            Err(IdError::Unknown) if self.guarded.bound_to().is_some() => Err(Lacking::Base.into()),
            Err(IdError::Unknown) => Err(not_found()),
            Err(fault) => Err(Refusal::field(Reason::IdMalformed, "id", fault.to_string()).into()),
        }
    }
}

/// The job does not exist, or the caller may not see it.
pub(super) fn not_found() -> Error {
    Refusal::new(Reason::JobNotFound).into()
}

/// The refusal of an action that the state of the job does not allow.
pub(super) fn wrong_state(job: &Job, done: &str) -> Refusal {
    let text = format!("is {} and cannot be {done}", job.state.as_str());
    Refusal::field(Reason::JobState, "id", text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::model::job_samples;

    fn in_state(state: JobState) -> Arc<Job> {
        Arc::new(Job { state, ..job_samples::job(BaseNumber(1), Timestamp::from_micros(1)) })
    }

    #[tokio::test]
    async fn a_watch_shows_how_the_job_ended_although_it_looks_late() {
        let sender = watch::Sender::new(in_state(JobState::Planning));
        let mut watch = JobWatch { changes: sender.subscribe(), shown: None };
        assert_eq!(watch.next().await.map(|job| job.state), Some(JobState::Planning));
        sender.send_replace(in_state(JobState::Running));
        sender.send_replace(in_state(JobState::Succeeded));
        drop(sender);
        assert_eq!(watch.next().await.map(|job| job.state), Some(JobState::Succeeded));
        assert!(watch.next().await.is_none());
    }
}
