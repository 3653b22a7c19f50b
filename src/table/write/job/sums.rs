//! Requests that take several batches and whose replies sum up what these did.

use std::sync::Arc;
use std::time::Instant;

use crate::model::limits::DELETE_REVISIONS_MAX;
use crate::model::{Allowance, GuardExpectation, Origin, Sight};
use crate::stored::idempotency::RequestResult;
use crate::table::idempotency::{Claim, Tally};
use crate::table::plan::{Changes, Counted, Doomed, Gone, Wish};
use crate::table::shared::budget::Permit;
use crate::table::write::reply::{Failure, ReplySender};
use crate::table::{AttributesReply, AttributesRequest, DeleteReply, DeleteRequest};

/// A delete, and how far it has come.
pub struct DeleteJob {
    pub(in crate::table) doomed: Vec<Doomed>,
    /// How many members it is meant to delete, if an admin said so.
    pub(in crate::table) expect_removals: Option<u64>,
    /// The members of it that exist, as far as they are counted.
    pub(in crate::table) counted: Counted,
    /// What it may still do; `None` until the guard has judged it.
    pub(in crate::table) allowance: Option<Allowance>,
    pub(in crate::table) deadline: Option<Instant>,
    pub(in crate::table) origin: Origin,
    pub(in crate::table) reply: ReplySender<DeleteReply>,
    pub(in crate::table) permit: Permit,
    /// Its claim, if it has a request id, and how much of its result is stored.
    pub(in crate::table) claim: Option<(Arc<Claim>, Tally)>,
    /// The result of what was planned so far.
    pub(in crate::table) gone: Gone,
    /// The revisions of the first [`DELETE_REVISIONS_MAX`] commits that deleted members, in ascending order.
    pub(in crate::table) revisions: Vec<u64>,
    pub(in crate::table) failure: Failure,
}

impl DeleteJob {
    /// A request with nothing planned yet. A repeat that continues an interrupted request begins with the
    /// result that is stored.
    pub fn new(request: DeleteRequest, reply: ReplySender<DeleteReply>, permit: Permit) -> Self {
        let DeleteRequest { rows, refs, expect_removals, claim, deadline, origin } = request;
        let doomed = rows.into_iter().map(Doomed::Row).chain(refs.into_iter().map(Doomed::Ref)).collect();
        let (mut gone, mut before) = (Gone::default(), Vec::new());
        let claim = claim.map(|claim| {
            let (begun, tally) = claim.resume_tally();
            if let Some(RequestResult::Deleting { done, members, records, revisions }) = begun {
                let done = usize::try_from(*done).unwrap_or(usize::MAX);
                gone = Gone { done, members: *members, records: *records };
                before.clone_from(revisions);
            }
            (claim, tally)
        });
        // A repeat counts only what an interrupted request has left.
        let counted = Counted::after(gone.done);
        Self {
            doomed,
            expect_removals,
            counted,
            allowance: None,
            deadline,
            origin,
            reply,
            permit,
            claim,
            gone,
            revisions: before,
            failure: Failure::default(),
        }
    }

    /// Members that it has not counted yet.
    pub fn uncounted(&self) -> &[Doomed] {
        self.doomed.get(self.counted.done..).unwrap_or_default()
    }

    /// Whether the lane has planned slices of it.
    pub fn has_begun(&self) -> bool {
        self.gone.done > 0
    }

    /// Whether all of it is planned.
    pub fn is_complete(&self) -> bool {
        self.gone.done >= self.doomed.len()
    }

    /// The result to store at this point.
    pub fn result(&self) -> RequestResult {
        let Gone { done, members, records } = self.gone;
        let revisions = self.revisions.clone();
        if self.is_complete() {
            return RequestResult::Deleted { members, records, revisions };
        }
        let done = u64::try_from(done).unwrap_or(u64::MAX);
        RequestResult::Deleting { done, members, records, revisions }
    }

    /// Notes the commit of a slice that deleted members.
    pub fn note_commit(&mut self, revision: u64) {
        if self.revisions.len() < DELETE_REVISIONS_MAX {
            self.revisions.push(revision);
        }
    }
}

/// A change of attributes, and how far it has come.
pub struct AttributesJob {
    pub(in crate::table) wishes: Vec<Wish>,
    /// Whether all of them change in one commit, or none.
    pub(in crate::table) is_strict: bool,
    /// How many members lose attributes by the whole deletion that it is a part of.
    pub(in crate::table) clears_in_all: Option<u64>,
    /// How many changes an admin expects.
    pub(in crate::table) expected: GuardExpectation,
    /// What it may still do; `None` until the guard has judged it.
    pub(in crate::table) allowance: Option<Allowance>,
    pub(in crate::table) sight: Sight,
    pub(in crate::table) deadline: Option<Instant>,
    pub(in crate::table) origin: Origin,
    pub(in crate::table) reply: ReplySender<AttributesReply>,
    pub(in crate::table) permit: Permit,
    /// Its claim, if it has a request id, and how much of its result is stored.
    pub(in crate::table) claim: Option<(Arc<Claim>, Tally)>,
    /// The result of what was planned so far.
    pub(in crate::table) changes: Changes,
    pub(in crate::table) failure: Failure,
}

impl AttributesJob {
    /// A request with nothing planned yet. A repeat that continues an interrupted request begins with the
    /// result that is stored.
    pub fn new(request: AttributesRequest, reply: ReplySender<AttributesReply>, permit: Permit) -> Self {
        let AttributesRequest {
            changes: wishes,
            is_strict,
            clears_in_all,
            expected,
            sight,
            claim,
            deadline,
            origin,
        } = request;
        let mut changes = Changes::default();
        let claim = claim.map(|claim| {
            let (begun, tally) = claim.resume_tally();
            if let Some(RequestResult::Changing { done, values }) = begun {
                (changes.done, changes.values) = (usize::try_from(*done).unwrap_or(usize::MAX), *values);
            }
            (claim, tally)
        });
        Self {
            wishes,
            is_strict,
            clears_in_all,
            expected,
            allowance: None,
            sight,
            deadline,
            origin,
            reply,
            permit,
            claim,
            changes,
            failure: Failure::default(),
        }
    }

    /// Whether the lane has planned slices of it.
    pub fn has_begun(&self) -> bool {
        self.changes.done > 0
    }

    /// Whether all of it is planned.
    pub fn is_complete(&self) -> bool {
        self.changes.done >= self.wishes.len()
    }

    /// The result to store at this point.
    pub fn result(&self) -> RequestResult {
        let (done, values) = (self.changes.done, self.changes.values);
        if self.is_complete() {
            RequestResult::Changed(values)
        } else {
            RequestResult::Changing { done: u64::try_from(done).unwrap_or(u64::MAX), values }
        }
    }
}
