//! Requests of several batches whose answers sum up what the batches did.

use std::sync::Arc;
use std::time::Instant;

use super::{Failure, Reply};
use crate::model::{Origin, Sight};
use crate::schema::request::Answer;
use crate::table::budget::Permit;
use crate::table::plan::{Changes, Doomed, Gone, Wish};
use crate::table::requests::{NamedRequest, Tally};
use crate::table::{AttributesReply, AttributesRequest, DeleteReply, DeleteRequest};

/// A delete, and how far it has come.
pub struct DeleteJob {
    pub(in crate::table) doomed: Vec<Doomed>,
    pub(in crate::table) deadline: Option<Instant>,
    pub(in crate::table) origin: Origin,
    pub(in crate::table) reply: Reply<DeleteReply>,
    pub(in crate::table) permit: Permit,
    /// Its name, if it has one, and how far its answer is stored.
    pub(in crate::table) named: Option<(Arc<NamedRequest>, Tally)>,
    /// What became of those that were planned so far.
    pub(in crate::table) gone: Gone,
    pub(in crate::table) failure: Failure,
}

impl DeleteJob {
    /// A request of which nothing is planned yet, unless an earlier run of it was cut short.
    pub fn new(request: DeleteRequest, reply: Reply<DeleteReply>, permit: Permit) -> Self {
        let DeleteRequest { rows, refs, named, deadline, origin } = request;
        let doomed = rows.into_iter().map(Doomed::Row).chain(refs.into_iter().map(Doomed::Ref)).collect();
        let mut gone = Gone::default();
        let named = named.map(|named| {
            let (begun, tally) = named.resume_tally();
            if let Some(Answer::Deleting { done, members, records }) = begun {
                let done = usize::try_from(*done).unwrap_or(usize::MAX);
                gone = Gone { done, members: *members, records: *records };
            }
            (named, tally)
        });
        Self { doomed, deadline, origin, reply, permit, named, gone, failure: Failure::default() }
    }

    /// Whether slices of it were planned already.
    pub fn has_begun(&self) -> bool {
        self.gone.done > 0
    }

    /// Whether all of it is planned.
    pub fn is_complete(&self) -> bool {
        self.gone.done >= self.doomed.len()
    }

    /// What is kept of it now.
    pub fn kept(&self) -> Answer {
        let Gone { done, members, records } = self.gone;
        if self.is_complete() {
            Answer::Deleted(members, records)
        } else {
            Answer::Deleting { done: u64::try_from(done).unwrap_or(u64::MAX), members, records }
        }
    }
}

/// A change of attributes, and how far it has come.
pub struct AttributesJob {
    pub(in crate::table) wishes: Vec<Wish>,
    /// All of them are one commit, or nothing changes.
    pub(in crate::table) is_strict: bool,
    pub(in crate::table) sight: Sight,
    pub(in crate::table) deadline: Option<Instant>,
    pub(in crate::table) origin: Origin,
    pub(in crate::table) reply: Reply<AttributesReply>,
    pub(in crate::table) permit: Permit,
    /// Its name, if it has one, and how far its answer is stored.
    pub(in crate::table) named: Option<(Arc<NamedRequest>, Tally)>,
    /// What became of those that were planned so far.
    pub(in crate::table) changes: Changes,
    pub(in crate::table) failure: Failure,
}

impl AttributesJob {
    /// A request of which nothing is planned yet, unless an earlier run of it was cut short.
    pub fn new(request: AttributesRequest, reply: Reply<AttributesReply>, permit: Permit) -> Self {
        let AttributesRequest { changes: wishes, is_strict, sight, named, deadline, origin } = request;
        let mut changes = Changes::default();
        let named = named.map(|named| {
            let (begun, tally) = named.resume_tally();
            if let Some(Answer::Changing { done, values }) = begun {
                (changes.done, changes.values) = (usize::try_from(*done).unwrap_or(usize::MAX), *values);
            }
            (named, tally)
        });
        Self {
            wishes,
            is_strict,
            sight,
            deadline,
            origin,
            reply,
            permit,
            named,
            changes,
            failure: Failure::default(),
        }
    }

    /// Whether slices of it were planned already.
    pub fn has_begun(&self) -> bool {
        self.changes.done > 0
    }

    /// Whether all of it is planned.
    pub fn is_complete(&self) -> bool {
        self.changes.done >= self.wishes.len()
    }

    /// What is kept of it now.
    pub fn kept(&self) -> Answer {
        let (done, values) = (self.changes.done, self.changes.values);
        if self.is_complete() {
            Answer::Changed(values)
        } else {
            Answer::Changing { done: u64::try_from(done).unwrap_or(u64::MAX), values }
        }
    }
}
