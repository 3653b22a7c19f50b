//! A batch of actions that arrives: it is stored piece by piece, and then planned as a whole.
//!
//! - The batch becomes a job only by [`BatchUpload::complete`], and only if no action has a fault. The job plans
//!   the actions again, and then applies them.
//! - While a batch arrives, however slowly, it takes no memory beyond some values. It is planned once it is
//!   whole, from what is stored.
//! - A repeat of a request that made a job only compares its actions with those of the job.

use sha2::{Digest, Sha256};

use super::action::Action;
use super::actions::Actions;
use crate::directory::{Directory, Error};
use crate::model::limits::VIOLATIONS_MAX;
use crate::model::origin::Call;
use crate::model::token::AccessLevel;
use crate::model::{
    BaseNumber, GuardExpectation, Job, JobInput, JobTask, ListFormat, Reason, Refusal, Status,
};
use crate::table::{ActionsRequest, EditWhat, Upload};

/// Actions that are planned together.
const ACTIONS: usize = 1_000;

/// A batch, as a caller announces it.
#[derive(Debug, Clone, Copy)]
pub struct NewBatch {
    /// The memberbase.
    pub base: BaseNumber,
    /// Whether the job ends after its plan.
    pub is_dry_run: bool,
    /// How many changes of each kind the actions are meant to make. From an admin the guard accepts exactly
    /// these numbers.
    pub expect: GuardExpectation,
}

/// A batch that arrives.
pub struct BatchUpload {
    directory: Directory,
    new: NewBatch,
    state: State,
    /// The actions so far.
    count: u64,
}

enum State {
    New(Box<Upload>),
    /// The request was done before, and made this job. The digest is that of the lines.
    Repeat(Box<Job>, Sha256),
}

/// An action that cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionFault {
    /// Its place among the actions that were pushed.
    pub place: usize,
    /// The action.
    pub action: Action,
    /// Why.
    pub refusal: Refusal,
    /// If a value belongs to another member: the status of that member.
    pub holder: Option<Status>,
}

impl Directory {
    /// Begins a batch.
    pub async fn begin_batch(&self, new: NewBatch) -> Result<BatchUpload, Error> {
        let state = match self.earlier_job(new.base).await? {
            Some(job) => State::Repeat(Box::new(job), Sha256::new()),
            None => {
                self.get_base(new.base).await?;
                State::New(Box::new(self.jobs(AccessLevel::Write, new.base).await?.begin(new.base)?))
            }
        };
        Ok(BatchUpload { directory: self.clone(), new, state, count: 0 })
    }
}

impl BatchUpload {
    /// Stores the next actions.
    pub async fn push(&mut self, actions: &[Action]) -> Result<(), Error> {
        self.directory.guarded.check_base(AccessLevel::Write, self.new.base).await?;
        self.count = self.count.saturating_add(u64::try_from(actions.len()).unwrap_or(u64::MAX));
        let mut lines = Vec::new();
        for action in actions {
            lines.extend(action.line(self.directory.sealer(), self.new.base)?);
        }
        match &mut self.state {
            State::New(upload) => upload.push(&lines).await?,
            State::Repeat(_, hash) => hash.update(&lines),
        }
        Ok(())
    }

    /// Makes the job, unless an action cannot be applied, or has a fault that the caller found (`is_faulty`).
    /// Otherwise returns the first actions that cannot be applied, up to 100. A repeat gets the job of the
    /// request that it repeats.
    pub async fn complete(self, is_faulty: bool) -> Result<Result<Job, Vec<ActionFault>>, Error> {
        let Self { directory, new, state, count } = self;
        match state {
            State::Repeat(job, hash) => {
                // The actions of the job had no faults, so others are another request.
                let is_same = !is_faulty && job.input.sha256 == <[u8; 32]>::from(hash.finalize());
                if is_same { Ok(Ok(*job)) } else { Err(reused().into()) }
            }
            State::New(mut upload) => {
                upload.finish().await?;
                let task = JobTask::Batch { expect: new.expect };
                let job = directory.new_job(new.base, task, String::new(), Call::APPLY_ACTIONS);
                let input = JobInput { format: Some(ListFormat::Actions), rows: count, ..upload.input() };
                let job = Job { number: upload.number(), input, is_dry_run: new.is_dry_run, ..job };
                let faults = directory.faults_of(&job).await?;
                if is_faulty || !faults.is_empty() {
                    return Ok(Err(faults));
                }
                Ok(Ok(upload.accept(job, directory.claim()).await?))
            }
        }
    }

    /// Gives up a batch that cannot be read to its end.
    pub fn give_up(self) -> Result<(), Error> {
        match self.state {
            State::New(_) => Ok(()),
            State::Repeat(..) => Err(reused().into()),
        }
    }
}

impl Directory {
    /// Plans the stored actions of a job that is to be, and returns those that cannot be applied.
    async fn faults_of(&self, job: &Job) -> Result<Vec<ActionFault>, Error> {
        let base = self.guarded.base(AccessLevel::Write, job.base).await?;
        let jobs = self.jobs(AccessLevel::Write, job.base).await?;
        let Job { origin, sight, .. } = *job;
        let expected = GuardExpectation::default();
        let request = ActionsRequest { origin, sight, actions: job.input.rows, expected };
        let mut plan = base.plan_actions(request).await?;
        let mut actions = Actions::open(jobs, self.sealer(), job);
        let (mut faults, mut done) = (Vec::new(), 0_usize);
        while faults.len() < VIOLATIONS_MAX {
            let some = actions.next(ACTIONS).await?;
            if some.is_empty() {
                break;
            }
            let mut edits: Vec<EditWhat> = some.iter().cloned().map(Action::edit).collect();
            self.guarded.mark_accounts(job.base, &mut edits, EditWhat::may_start).await?;
            let planned = plan.actions(&edits).await?;
            for (place, (planned, action)) in (done..).zip(planned.into_iter().zip(some)) {
                let Some(refusal) = planned.outcome.error else { continue };
                faults.push(ActionFault { place, action, refusal: *refusal, holder: planned.holder });
            }
            done = done.saturating_add(edits.len());
        }
        faults.truncate(VIOLATIONS_MAX);
        Ok(faults)
    }
}

/// The refusal of a request id that another request has.
fn reused() -> Refusal {
    Refusal::field(Reason::RequestIdReused, "request_id", "was used for another request")
}
