//! Making jobs.

use super::manage::not_found;
use crate::directory::access::view;
use crate::directory::handle::result_of_another_call;
use crate::directory::{Directory, Error};
use crate::model::limits::JOB_NAME_MAX_CHARS;
use crate::model::origin::Call;
use crate::model::token::AccessLevel;
use crate::model::{
    BaseNumber, GuardExpectation, Job, JobCursor, JobInput, JobNumber, JobState, JobTask, ListCounts, Parsed,
    RawFilter, Reason, Refusal, Timestamp,
};
use crate::table::RequestResult;

/// A delete by filter, as a caller asks for it.
#[derive(Debug)]
pub struct NewDelete {
    /// The memberbase.
    pub base: BaseNumber,
    /// Which members: those that match all of these.
    pub filters: Vec<RawFilter>,
    /// What the caller calls it.
    pub name: String,
    /// Whether the job ends after its plan.
    pub is_dry_run: bool,
    /// How many members are meant to be deleted.
    pub expect: GuardExpectation,
}

impl Directory {
    /// Starts a job that deletes all members that match.
    pub async fn delete_by_filter(&self, new: NewDelete) -> Result<Job, Error> {
        let NewDelete { base, filters, name, is_dry_run, expect } = new;
        if let Some(job) = self.earlier_job(base).await? {
            return Ok(job);
        }
        check_name(&name)?;
        if filters.is_empty() {
            let text = "is required; to delete all members, delete the memberbase";
            return Err(Refusal::field(Reason::FieldRequired, "filters", text).into());
        }
        let parsed = self.member_filter(filters.clone(), base)?;
        self.may_filter(base, &parsed).await?;
        let upload = self.jobs(AccessLevel::Write, base).await?.begin(base)?;
        let task = JobTask::DeleteByFilter { filters, expect };
        let job = Job { is_dry_run, ..self.new_job(base, task, name, Call::DELETE_BY_FILTER) };
        Ok(upload.accept(job, self.claim()).await?)
    }

    /// The job of an earlier request with the same request id.
    pub(super) async fn earlier_job(&self, base: BaseNumber) -> Result<Option<Job>, Error> {
        let Some(stored) = self.stored_result() else { return Ok(None) };
        let RequestResult::Job(number) = stored.result else { return Err(result_of_another_call()) };
        let jobs = self.jobs(AccessLevel::Write, base).await?;
        Ok(Some(jobs.get(base, number).await?.ok_or_else(not_found)?))
    }

    /// Rejects the filter of a job that the memberbase or the rights of the caller do not allow.
    pub(super) async fn may_filter(&self, number: BaseNumber, parsed: &Parsed) -> Result<(), Error> {
        self.guarded.check_filter(&parsed.filter)?;
        let base = self.guarded.base(AccessLevel::Read, number).await?;
        self.guarded.check_named(&parsed.named, &view(&base, None).await?)
    }

    /// The time at which a request of a base arrives: after all commits that there are, also if the clock
    /// went back since.
    pub(super) async fn arrival(&self, base: BaseNumber) -> Result<Timestamp, Error> {
        Ok(self.guarded.base(AccessLevel::Write, base).await?.view().await.now())
    }

    /// A job that waits for its turn.
    pub(super) fn new_job(&self, base: BaseNumber, task: JobTask, name: String, call: Call) -> Job {
        let now = self.now();
        Job {
            base,
            number: JobNumber::default(),
            task,
            name,
            is_dry_run: false,
            asks_first: false,
            origin: self.origin(call),
            sight: self.guarded.sight(),
            by_admin: self.guarded.is_admin(),
            state: JobState::Pending,
            input: JobInput::default(),
            plan: None,
            approved: None,
            planned_rows: 0,
            cursor: JobCursor::default(),
            done: ListCounts::default(),
            revisions: None,
            created_at: now,
            changed_at: now,
            planned_at: None,
            end: None,
        }
    }
}

/// Refuses a name that is too long.
pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    if name.chars().count() <= JOB_NAME_MAX_CHARS {
        return Ok(());
    }
    let text = format!("must have at most {JOB_NAME_MAX_CHARS} characters");
    Err(Refusal::field(Reason::FieldInvalid, "name", text))
}
