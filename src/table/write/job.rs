//! Requests in the queue of a lane.

mod sums;
mod undelete;

pub use self::sums::{AttributesJob, DeleteJob};
pub use self::undelete::{Held, UndeleteJob};

use std::sync::Arc;
use std::time::Instant;

use crate::model::origin::Call;
use crate::model::{Allowance, GuardCounts, GuardExpectation, Origin, RowError, Sight, UpsertOptions};
use crate::table::idempotency::{Claim, Progress};
use crate::table::plan::step_request::{Judging, StepOps, StepReply, StepWrite};
use crate::table::plan::{Budget, Prepared};
use crate::table::read::summary::BaseSummary;
use crate::table::shared::budget::Permit;
use crate::table::write::reply::{Failure, ReplySender};
use crate::table::{
    AudienceReply, AudienceRequest, EditReply, EditRequest, RecordsReply, RecordsRequest, RowOutcome,
    SettingsRequest, TableError, UpsertReply, UpsertRequest, WriteMode,
};

/// A series of requests that take effect in the order in which they were queued, although each of them takes
/// turns with the requests of others.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// The same in all of its requests.
    order: Arc<()>,
    budget: Arc<Budget>,
}

impl Series {
    /// A series of which an admin expects so many changes in all.
    #[must_use]
    pub fn expecting(expected: GuardExpectation) -> Self {
        Self { order: Arc::default(), budget: Arc::new(Budget::new(expected)) }
    }

    /// The same series, but as the continuation of another one: its requests take effect after those.
    #[must_use]
    pub fn after(&self, other: &Self) -> Self {
        Self { order: Arc::clone(&other.order), budget: Arc::clone(&self.budget) }
    }

    /// Whether anybody else has this series, or one that continues it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.order) > 1
    }

    pub(in crate::table) fn budget(&self) -> &Budget {
        &self.budget
    }
}

impl PartialEq for Series {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.order, &other.order)
    }
}

/// A request in the queue. What is large in it is boxed, because it is moved several times on its way.
pub enum Job {
    /// Rows to apply.
    Upsert(Box<UpsertJob>),
    /// Members to delete.
    Delete(Box<DeleteJob>),
    /// Deleted members to bring back.
    Undelete(Box<UndeleteJob>),
    /// A call about one member.
    Edit {
        /// The request.
        request: Box<EditRequest>,
        /// Where the reply goes.
        reply: ReplySender<EditReply>,
        /// The memory that it holds.
        permit: Permit,
    },
    /// A step of a durable job.
    Step(Box<StepJob>),
    /// Attributes of members to change.
    Attributes(Box<AttributesJob>),
    /// Changes of members' records.
    Records {
        /// The request.
        request: Box<RecordsRequest>,
        /// Where the reply goes.
        reply: ReplySender<RecordsReply>,
        /// The memory that it holds.
        permit: Permit,
    },
    /// A change of an audience.
    Audience {
        /// The request.
        request: Box<AudienceRequest>,
        /// Where the reply goes.
        reply: ReplySender<AudienceReply>,
        /// The memory that it holds.
        permit: Permit,
    },
    /// The lane has evaluated all new filters of audiences: they decide from now on.
    Built,
    /// A change of the base itself.
    Settings {
        /// The request.
        request: Box<SettingsRequest>,
        /// Where the reply goes.
        reply: ReplySender<BaseSummary>,
        /// The memory that it holds.
        permit: Permit,
    },
}

/// A step of a durable job.
pub struct StepJob {
    pub(in crate::table) ops: StepOps<Prepared>,
    pub(in crate::table) judging: Judging,
    pub(in crate::table) is_last: bool,
    /// Taken when it is called.
    pub(in crate::table) write: Option<StepWrite>,
    pub(in crate::table) origin: Origin,
    pub(in crate::table) sight: Sight,
    pub(in crate::table) reply: ReplySender<StepReply>,
    pub(in crate::table) permit: Permit,
}

/// An upsert, and how far it has come.
pub struct UpsertJob {
    pub(in crate::table) rows: Vec<Result<Prepared, RowError>>,
    pub(in crate::table) options: UpsertOptions,
    pub(in crate::table) mode: WriteMode,
    pub(in crate::table) deadline: Option<Instant>,
    pub(in crate::table) origin: Origin,
    pub(in crate::table) reply: ReplySender<UpsertReply>,
    pub(in crate::table) permit: Permit,
    pub(in crate::table) outcomes: Vec<RowOutcome>,
    /// The slices that were planned, as in [`UpsertReply::slices`].
    pub(in crate::table) slices: Vec<(usize, u64)>,
    /// Its claim, if it has a request id, and how much of its result is stored.
    pub(in crate::table) claim: Option<(Arc<Claim>, Progress)>,
    /// The series whose order it must keep.
    pub(in crate::table) series: Option<Series>,
    /// Whether the lane has checked all rows of a [`WriteMode::Whole`] request and found them good.
    pub(in crate::table) is_checked: bool,
    /// What it may still do; `None` until the guard has judged it.
    pub(in crate::table) allowance: Option<Allowance>,
    /// Whether its rows are counted one by one, because planning them all has filled a batch.
    pub(in crate::table) is_heavy: bool,
    /// The failure of an earlier slice.
    pub(in crate::table) failure: Failure,
}

impl UpsertJob {
    /// A request with nothing planned yet. A repeat that continues an interrupted request begins with the
    /// outcomes that are stored.
    pub fn new(
        request: UpsertRequest,
        rows: Vec<Result<Prepared, RowError>>,
        series: Option<Series>,
        reply: ReplySender<UpsertReply>,
        permit: Permit,
    ) -> Self {
        let UpsertRequest { options, mode, deadline, claim, origin, .. } = request;
        let mut outcomes = Vec::with_capacity(rows.len());
        let claim = claim.map(|claim| {
            let (begun, progress) = claim.resume();
            outcomes.extend(begun);
            (claim, progress)
        });
        let (is_checked, allowance, is_heavy, failure) = (false, None, false, Arc::default());
        Self {
            rows,
            options,
            mode,
            deadline,
            origin,
            reply,
            permit,
            outcomes,
            slices: Vec::new(),
            claim,
            series,
            is_checked,
            allowance,
            is_heavy,
            failure,
        }
    }

    /// Whether the lane has planned slices of it, or has checked it as a whole. It is then finished whatever
    /// its deadline.
    pub(in crate::table) fn has_begun(&self) -> bool {
        self.is_checked || !self.outcomes.is_empty()
    }

    /// Refuses a request of which nothing is written yet if its deadline has passed or its caller has left.
    /// Called between two pieces of its planning.
    pub(in crate::table) fn check_wanted(&self) -> Result<(), TableError> {
        let is_late = || self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if !self.has_begun() && (self.reply.is_closed() || is_late()) {
            return Err(TableError::DeadlinePassed);
        }
        Ok(())
    }

    /// Whether its next step is to apply a slice.
    pub(in crate::table) fn is_sliced(&self) -> bool {
        self.mode == WriteMode::Partial || self.is_checked
    }
}

impl Job {
    /// An upsert.
    pub fn upsert(job: UpsertJob) -> Self {
        Self::Upsert(Box::new(job))
    }

    /// What the guard has allowed it, and is not planned yet.
    pub(in crate::table) fn reserved(&self) -> GuardCounts {
        let allowance = match self {
            Self::Upsert(job) => job.allowance.as_ref(),
            Self::Delete(job) => job.allowance.as_ref(),
            Self::Attributes(job) => job.allowance.as_ref(),
            Self::Undelete(_)
            | Self::Step(_)
            | Self::Edit { .. }
            | Self::Records { .. }
            | Self::Audience { .. }
            | Self::Built
            | Self::Settings { .. } => None,
        };
        allowance.map_or(GuardCounts::default(), |allowance| allowance.left())
    }

    /// Whether it belongs to `series`.
    pub(in crate::table) fn is_of(&self, series: &Series) -> bool {
        matches!(self, Self::Upsert(job) if job.series.as_ref() == Some(series))
    }

    /// Where it comes from.
    pub(in crate::table) fn origin(&self) -> Origin {
        match self {
            Self::Upsert(job) => job.origin,
            Self::Delete(job) => job.origin,
            Self::Undelete(job) => job.origin,
            Self::Step(job) => job.origin,
            Self::Edit { request, .. } => request.origin,
            Self::Attributes(job) => job.origin,
            Self::Records { request, .. } => request.origin,
            Self::Audience { request, .. } => request.origin,
            Self::Built => Origin::system(Call::BUILD_AUDIENCES),
            Self::Settings { request, .. } => request.origin,
        }
    }

    /// Which fields of members its sender may see. `Whole` for requests whose replies reveal none.
    pub(in crate::table) fn sight(&self) -> Sight {
        match self {
            Self::Upsert(job) => job.options.sight,
            Self::Step(job) => job.sight,
            Self::Edit { request, .. } => request.sight,
            Self::Attributes(job) => job.sight,
            Self::Undelete(job) => job.sight,
            Self::Delete(_)
            | Self::Records { .. }
            | Self::Audience { .. }
            | Self::Built
            | Self::Settings { .. } => Sight::Whole,
        }
    }

    /// Whether its deadline has passed. A request that has begun has no deadline any more.
    pub(in crate::table) fn expired(&self, now: Instant) -> bool {
        let deadline = match self {
            Self::Upsert(job) => job.deadline.filter(|_| !job.has_begun()),
            Self::Delete(job) => job.deadline.filter(|_| !job.has_begun()),
            Self::Undelete(job) => job.deadline,
            Self::Step(_) | Self::Built => None,
            Self::Edit { request, .. } => request.deadline,
            Self::Attributes(job) => job.deadline.filter(|_| !job.has_begun()),
            Self::Records { request, .. } => request.deadline,
            Self::Audience { request, .. } => request.deadline,
            Self::Settings { request, .. } => request.deadline,
        };
        deadline.is_some_and(|deadline| deadline <= now)
    }

    /// The claim of its request, if that has a request id.
    pub fn claim(&self) -> Option<&Claim> {
        match self {
            Self::Upsert(job) => job.claim.as_ref().map(|(claim, _)| &**claim),
            Self::Delete(job) => job.claim.as_ref().map(|(claim, _)| &**claim),
            Self::Attributes(job) => job.claim.as_ref().map(|(claim, _)| &**claim),
            Self::Undelete(job) => job.claim.as_deref(),
            Self::Edit { request, .. } => request.claim.as_deref(),
            Self::Records { request, .. } => request.claim.as_deref(),
            Self::Audience { request, .. } => request.claim.as_deref(),
            Self::Settings { request, .. } => request.claim.as_deref(),
            Self::Step(_) | Self::Built => None,
        }
    }

    /// Replies with an error; the caller may have left. The claim is released first, because a caller who
    /// gets the error may repeat the request at once.
    pub fn refuse(self, error: TableError) {
        fn send<T>(claim: Option<Arc<Claim>>, reply: ReplySender<T>, error: TableError) {
            drop(claim);
            reply.send(Err(error));
        }
        match self {
            Self::Upsert(job) => send(job.claim.map(|(claim, _)| claim), job.reply, error),
            Self::Delete(job) => send(job.claim.map(|(claim, _)| claim), job.reply, error),
            Self::Undelete(job) => send(job.claim, job.reply, error),
            Self::Step(job) => send(None, job.reply, error),
            Self::Edit { request, reply, .. } => send(request.claim, reply, error),
            Self::Attributes(job) => send(job.claim.map(|(claim, _)| claim), job.reply, error),
            Self::Records { request, reply, .. } => send(request.claim, reply, error),
            Self::Audience { request, reply, .. } => send(request.claim, reply, error),
            // Nobody waits for it.
            Self::Built => {}
            Self::Settings { request, reply, .. } => send(request.claim, reply, error),
        }
    }

    /// Whether it must be planned as a whole, in a batch of its own.
    pub(in crate::table) fn stands_alone(&self) -> bool {
        match self {
            Self::Upsert(job) => !job.is_sliced(),
            Self::Attributes(job) => job.is_strict,
            Self::Undelete(_) | Self::Step(_) | Self::Audience { .. } | Self::Built => true,
            Self::Delete(_) | Self::Edit { .. } | Self::Records { .. } | Self::Settings { .. } => false,
        }
    }
}
