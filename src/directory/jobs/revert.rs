//! Starting a revert.

#[cfg(test)]
mod tests;

use super::manage::{not_found, wrong_state};
use super::start::check_name;
use crate::directory::{Directory, Error};
use crate::model::origin::Call;
use crate::model::token::{AccessLevel, TokenId};
use crate::model::{BaseNumber, Job, JobTask, Reason, Refusal, RevertOf, Timestamp};
use crate::table::RevertRequest;

/// A revert, as a caller asks for it.
#[derive(Debug)]
pub struct NewRevert {
    /// What it takes back.
    pub of: NewRevertOf,
    /// What the caller calls it.
    pub name: String,
    /// Whether the job ends after its plan.
    pub is_dry_run: bool,
    /// Whether it is held after its plan.
    pub asks_first: bool,
}

/// What a revert takes back.
#[derive(Debug)]
pub enum NewRevertOf {
    /// What this job did.
    Job(String),
    /// All changes of a memberbase from one revision to another, or to the present one.
    Revisions(BaseNumber, u64, Option<u64>),
    /// What the holder of a token did to a memberbase since a time, up to the request.
    Token(BaseNumber, TokenId, Timestamp),
}

impl Directory {
    /// Starts a job that takes changes back.
    pub async fn start_revert(&self, new: NewRevert) -> Result<Job, Error> {
        let base = match &new.of {
            NewRevertOf::Job(id) => self.job_number(id)?.0,
            NewRevertOf::Revisions(base, ..) | NewRevertOf::Token(base, ..) => *base,
        };
        let open = self.guarded.base(AccessLevel::Admin, base).await?;
        if let Some(job) = self.earlier_job(base).await? {
            return Ok(job);
        }
        check_name(&new.name)?;
        let view = open.view().await;
        let (newest, asked_at) = (view.revision(), view.now());
        drop(view);
        let (of, revisions) = self.what_to_revert(base, &new.of, newest).await?;
        let upload = self.jobs(AccessLevel::Admin, base).await?.begin(base)?;
        let job = self.new_job(base, JobTask::Revert(of), new.name, Call::REVERT);
        let (origin, sight) = (job.origin, job.sight);
        let request = RevertRequest { of, revisions, job: upload.number(), asked_at, origin, sight };
        // Refuses the call if the commit log no longer has all of it.
        drop(open.plan_revert(request).await?);
        let (is_dry_run, asks_first) = (new.is_dry_run, new.asks_first);
        // The request comes after all commits that there are, also if the clock went back since.
        let job = Job { is_dry_run, asks_first, created_at: asked_at, ..job };
        Ok(upload.accept(job, self.claim()).await?)
    }

    /// What is to be taken back, and the first and last revision of it, if they are known.
    async fn what_to_revert(
        &self,
        base: BaseNumber,
        of: &NewRevertOf,
        newest: u64,
    ) -> Result<(RevertOf, Option<(u64, u64)>), Error> {
        match *of {
            NewRevertOf::Job(ref id) => {
                let (_, number) = self.job_number(id)?;
                let jobs = self.jobs(AccessLevel::Admin, base).await?;
                let job = jobs.get(base, number).await?.ok_or_else(not_found)?;
                if !job.state.is_final() {
                    return Err(wrong_state(&job, "reverted before its end").into());
                }
                Ok((RevertOf::Job(number), job.revisions))
            }
            NewRevertOf::Revisions(_, first, last) => {
                let last = last.unwrap_or(newest);
                if first == 0 || first > last {
                    let text = "must be at least 1, and not after the last one";
                    return Err(Refusal::field(Reason::FieldInvalid, "first_revision", text).into());
                }
                if last > newest {
                    let text = format!("the memberbase is at revision {newest}");
                    return Err(Refusal::field(Reason::RevisionAhead, "last_revision", text).into());
                }
                Ok((RevertOf::Revisions(first, last), Some((first, last))))
            }
            NewRevertOf::Token(_, token, since) => {
                if !self.guarded.has_token(token) {
                    return Err(Error::TokenNotFound);
                }
                Ok((RevertOf::Token(token, since), None))
            }
        }
    }
}
