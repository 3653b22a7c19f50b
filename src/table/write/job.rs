//! Requests in the queue of a lane.

mod sums;

pub use self::sums::{AttributesJob, DeleteJob};

use std::sync::Arc;
use std::time::Instant;

use crate::model::{Origin, RowError, Sight, UpsertOptions};
use crate::table::idempotency::{Claim, Progress};
use crate::table::plan::Prepared;
use crate::table::read::summary::BaseSummary;
use crate::table::shared::budget::Permit;
use crate::table::write::reply::{Failure, ReplySender};
use crate::table::{
    EditReply, EditRequest, RecordsReply, RecordsRequest, RowOutcome, SettingsRequest, TableError,
    UpsertReply, UpsertRequest, WriteMode,
};

/// Requests that take effect in the order in which they are handed in, although each takes turns with those of others.
#[derive(Debug, Clone, Default)]
pub struct Series(Arc<()>);

impl PartialEq for Series {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A request in the queue.
pub enum Job {
    /// Rows to apply.
    Upsert(Box<UpsertJob>),
    /// Members to delete.
    Delete(Box<DeleteJob>),
    /// A call about one member.
    Edit {
        /// What to do.
        request: EditRequest,
        /// Where the answer goes.
        reply: ReplySender<EditReply>,
        /// The bytes that it holds.
        permit: Permit,
    },
    /// Attributes of members to change.
    Attributes(Box<AttributesJob>),
    /// Changes of what hangs on members.
    Records {
        /// Which.
        request: RecordsRequest,
        /// Where the answer goes.
        reply: ReplySender<RecordsReply>,
        /// The bytes that it holds.
        permit: Permit,
    },
    /// A change of the base itself.
    Settings {
        /// What to change.
        request: SettingsRequest,
        /// Where the answer goes.
        reply: ReplySender<BaseSummary>,
        /// The bytes that it holds.
        permit: Permit,
    },
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
    /// Its name, if it has one, and how far its answer is stored.
    pub(in crate::table) claim: Option<(Arc<Claim>, Progress)>,
    /// The requests that it must not overtake, nor they it.
    pub(in crate::table) series: Option<Series>,
    /// Whether a request that is checked as a whole first was found good.
    pub(in crate::table) is_checked: bool,
    /// The failure of an earlier slice.
    pub(in crate::table) failure: Failure,
}

impl UpsertJob {
    /// A request of which nothing is planned yet, unless an earlier run of it was cut short.
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
        let (is_checked, failure) = (false, Arc::default());
        Self {
            rows,
            options,
            mode,
            deadline,
            origin,
            reply,
            permit,
            outcomes,
            claim,
            series,
            is_checked,
            failure,
        }
    }

    /// Whether slices of it were planned already, or will be whatever happens.
    pub(in crate::table) fn has_begun(&self) -> bool {
        self.is_checked || !self.outcomes.is_empty()
    }

    /// Refuses it between two pieces of its planning, of which nothing is written yet, when its deadline has
    /// passed or nobody waits for its answer any more.
    pub(in crate::table) fn check_wanted(&self) -> Result<(), TableError> {
        let is_late = || self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if !self.has_begun() && (self.reply.is_closed() || is_late()) {
            return Err(TableError::DeadlinePassed);
        }
        Ok(())
    }

    /// Whether it is applied slice by slice, at least now.
    pub(in crate::table) fn is_sliced(&self) -> bool {
        self.mode == WriteMode::Partial || self.is_checked
    }
}

impl Job {
    /// An upsert.
    pub fn upsert(job: UpsertJob) -> Self {
        Self::Upsert(Box::new(job))
    }

    /// Whether it is of `series`.
    pub(in crate::table) fn is_of(&self, series: &Series) -> bool {
        matches!(self, Self::Upsert(job) if job.series.as_ref() == Some(series))
    }

    /// Where it comes from.
    pub(in crate::table) fn origin(&self) -> Origin {
        match self {
            Self::Upsert(job) => job.origin,
            Self::Delete(job) => job.origin,
            Self::Edit { request, .. } => request.origin,
            Self::Attributes(job) => job.origin,
            Self::Records { request, .. } => request.origin,
            Self::Settings { request, .. } => request.origin,
        }
    }

    /// What of members its sender may see, where what becomes of it could tell.
    pub(in crate::table) fn sight(&self) -> Sight {
        match self {
            Self::Upsert(job) => job.options.sight,
            Self::Edit { request, .. } => request.sight,
            Self::Attributes(job) => job.sight,
            Self::Delete(_) | Self::Records { .. } | Self::Settings { .. } => Sight::Whole,
        }
    }

    /// A request that has begun is finished whatever its deadline.
    pub(in crate::table) fn expired(&self, now: Instant) -> bool {
        let deadline = match self {
            Self::Upsert(job) => job.deadline.filter(|_| !job.has_begun()),
            Self::Delete(job) => job.deadline.filter(|_| !job.has_begun()),
            Self::Edit { request, .. } => request.deadline,
            Self::Attributes(job) => job.deadline.filter(|_| !job.has_begun()),
            Self::Records { request, .. } => request.deadline,
            Self::Settings { request, .. } => request.deadline,
        };
        deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Answers with an error; the caller may be gone. One who hears of it may send the request again at once, so its turn
    /// ends before.
    pub fn refuse(self, error: TableError) {
        fn answer<T>(claim: Option<Arc<Claim>>, reply: ReplySender<T>, error: TableError) {
            drop(claim);
            drop(reply.send(Err(error)));
        }
        match self {
            Self::Upsert(job) => answer(job.claim.map(|(claim, _)| claim), job.reply, error),
            Self::Delete(job) => answer(job.claim.map(|(claim, _)| claim), job.reply, error),
            Self::Edit { request, reply, .. } => answer(request.claim, reply, error),
            Self::Attributes(job) => answer(job.claim.map(|(claim, _)| claim), job.reply, error),
            Self::Records { request, reply, .. } => answer(request.claim, reply, error),
            Self::Settings { request, reply, .. } => answer(request.claim, reply, error),
        }
    }

    /// Whether it must be planned whole, in a batch of its own.
    pub(in crate::table) fn stands_alone(&self) -> bool {
        match self {
            Self::Upsert(job) => !job.is_sliced(),
            Self::Attributes(job) => job.is_strict,
            Self::Delete(_) | Self::Edit { .. } | Self::Records { .. } | Self::Settings { .. } => false,
        }
    }
}
