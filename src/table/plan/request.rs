//! Requests to a base's lane, and their replies.

use std::sync::Arc;
use std::time::Instant;

use crate::model::schema::WantedSchema;
use crate::model::{
    AttributePatch, BaseName, Edit, ForeignText, GuardExpectation, GuardLimitsChange, Member, MemberRecord,
    MemberRow, Origin, Outcome, Reason, RecordCounts, RecordFault, RecordKind, Ref, Refusal, Row, RowError,
    Sight, Status, Tier, TierLimitChange, UpsertOptions,
};
use crate::table::read::deleted::WhichDeleted;
use crate::table::shared::outcome::RowOutcome;
use crate::table::{Claim, MemberKey};

/// How a bulk upsert treats rows that cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Good rows are applied, bad rows are reported. Large requests take turns with others in slices.
    Partial,
    /// All rows are applied in one commit, or none. Uniqueness is checked after the last row.
    Atomic,
    /// All rows are applied, or none, however many there are. The lane first checks them all, and then
    /// applies them as several commits with nothing else in between. Only a crash can leave a part of them
    /// applied; repeating the request then completes it. Uniqueness is checked row by row.
    Whole,
    /// Reports what `Partial` would report, and writes nothing.
    ValidateOnly,
}

/// Rows to create or change, in order.
#[derive(Debug)]
pub struct UpsertRequest {
    /// The rows as parsed by a door. A row that did not parse is an error at its place.
    pub rows: Vec<Result<MemberRow, RowError>>,
    /// How rows are matched and applied.
    pub options: UpsertOptions,
    /// What happens if some rows cannot be applied.
    pub mode: WriteMode,
    /// Its claim, if it has a request id: its result is stored in the same batch as its changes.
    pub claim: Option<Arc<Claim>>,
    /// The lane refuses the request if it is still queued at this time.
    pub deadline: Option<Instant>,
    /// Where the request comes from; written with its commits.
    pub origin: Origin,
}

/// The reply to an upsert.
#[derive(Debug, Clone, PartialEq)]
pub struct UpsertReply {
    /// One for each row of the request, in order.
    pub outcomes: Vec<RowOutcome>,
    /// The base's revision after the request; the same as before if the request changed nothing.
    pub revision: u64,
    /// The slices before the last one, if there were several: how many rows were applied by its end, and the
    /// base's revision then. Not known for slices from before a crash.
    pub slices: Vec<(usize, u64)>,
}

impl UpsertReply {
    /// A reply to rows that were not applied in slices.
    #[must_use]
    pub fn new(outcomes: Vec<RowOutcome>, revision: u64) -> Self {
        Self { outcomes, revision, slices: Vec::new() }
    }

    /// The base's revision after the slice with the row at `index`. If that wrote the row, it is the revision
    /// of the row's commit.
    #[must_use]
    pub fn revision_of(&self, index: usize) -> u64 {
        let slice = self.slices.iter().find(|(end, _)| index < *end);
        slice.map_or(self.revision, |(_, revision)| *revision)
    }
}

/// A call about one member.
#[derive(Debug)]
pub struct EditRequest {
    /// What the call does.
    pub what: EditWhat,
    /// Which fields of members the sender may see.
    pub sight: Sight,
    /// How many changes an admin expects.
    pub expected: GuardExpectation,
    /// Its claim, if it has a request id: its result is stored in the same batch as its changes.
    pub claim: Option<Arc<Claim>>,
    /// The lane refuses the request if it is still queued at this time.
    pub deadline: Option<Instant>,
    /// Where the request comes from; written with its commits.
    pub origin: Origin,
}

/// What a call about one member does.
#[derive(Debug, Clone)]
pub enum EditWhat {
    /// Creates a member.
    Create {
        /// The fields of the new member.
        row: Box<MemberRow>,
        /// Whether to reactivate an inactive member that has the row's e-mail address, with these fields,
        /// instead.
        revive: bool,
    },
    /// Changes an existing member.
    Change {
        /// The member.
        key: MemberKey,
        /// The change.
        edit: Edit,
        /// The revision that the member must have.
        if_revision: Option<u64>,
    },
}

/// The result of a call about one member.
#[derive(Debug, Clone, PartialEq)]
pub enum Edited {
    /// The member as it is after the call.
    Done {
        /// Its place.
        row: Row,
        /// The member.
        member: Box<Member>,
        /// Created, updated, reactivated or unchanged.
        outcome: Outcome,
    },
    /// There is no such member.
    Missing,
    /// The call breaks a rule. Nothing was written.
    Refused(Refusal),
}

impl EditWhat {
    /// Whether the call is to remove its member.
    #[must_use]
    pub fn is_offboard(&self) -> bool {
        matches!(self, Self::Change { edit: Edit::Offboard, .. })
    }

    /// The row of a member who may start, or come back, as active because of an account elsewhere.
    pub fn may_start(&mut self) -> Option<&mut MemberRow> {
        match self {
            Self::Create { row, .. } | Self::Change { edit: Edit::Replace(row) | Edit::Rewrite(row), .. } => {
                Some(&mut **row)
            }
            Self::Change { .. } => None,
        }
    }
}

impl From<&Edited> for RowOutcome {
    /// The outcome of the call, as a row of a request would have it.
    fn from(edited: &Edited) -> Self {
        match edited {
            Edited::Done { row, outcome, .. } => {
                Self { row: Some(*row), outcome: *outcome, status_kept: false, error: None }
            }
            Edited::Missing => Self::failed(None, Refusal::new(Reason::MemberNotFound)),
            Edited::Refused(refusal) => Self::failed(None, refusal.clone()),
        }
    }
}

/// The reply to a call about one member.
#[derive(Debug, Clone, PartialEq)]
pub struct EditReply {
    /// The result.
    pub edited: Edited,
    /// The base's revision after the request; the same as before if the request changed nothing.
    pub revision: u64,
}

/// Members to delete: all of them, or none if the guard refuses so many removals. Large requests take
/// turns with others in slices, each one commit. Unknown rows and refs are ignored; a member that is listed
/// twice counts once.
#[derive(Debug)]
#[cfg_attr(test, derive(Default))]
pub struct DeleteRequest {
    /// Members by place.
    pub rows: Vec<Row>,
    /// Members by ref.
    pub refs: Vec<Ref>,
    /// How many members the request is meant to delete, if an admin said so: the guard then lets exactly that
    /// many pass.
    pub expect_removals: Option<u64>,
    /// Its claim, if it has a request id: its result is stored in the same batch as its changes.
    pub claim: Option<Arc<Claim>>,
    /// The lane refuses the request if it is still queued at this time.
    pub deadline: Option<Instant>,
    /// Where the request comes from; written with its commits.
    pub origin: Origin,
}

/// The reply to a delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteReply {
    /// Members that existed and were deleted.
    pub deleted: u64,
    /// The records that were deleted with them.
    pub records: RecordCounts,
    /// The base's revision after the request.
    pub revision: u64,
    /// The revisions of the first [`DELETE_REVISIONS_MAX`](crate::model::limits::DELETE_REVISIONS_MAX)
    /// commits that deleted members, in ascending order.
    pub revisions: Vec<u64>,
}

/// Deleted members to bring back, all in one commit. Each comes back whole, under its old place and with its
/// records, or not at all.
#[derive(Debug)]
pub struct UndeleteRequest {
    /// The members.
    pub which: WhichDeleted,
    /// What the sender may see of the members, so that no refusal reveals the rest.
    pub sight: Sight,
    /// Its claim, if it has a request id: its result is stored in the same batch as its changes.
    pub claim: Option<Arc<Claim>>,
    /// The search ends at this time, and the lane refuses the request if it is still queued then.
    pub deadline: Option<Instant>,
    /// Where the request comes from; written with its commits.
    pub origin: Origin,
}

/// The reply to a request that brings deleted members back.
#[derive(Debug, Clone, PartialEq)]
pub struct UndeleteReply {
    /// One for each member, in the order of the request or of the commit that deleted them: `Created` if it
    /// came back, `Unchanged` if it is not deleted, otherwise a failure. The reason of the failure is
    /// `MemberNotFound` if the member never existed or can no longer come back.
    pub outcomes: Vec<RowOutcome>,
    /// The base's revision after the request; the same as before if nobody came back.
    pub revision: u64,
}

/// Changes of members' records: all of them are made, as one commit, or none.
#[derive(Debug)]
pub struct RecordsRequest {
    /// The changes, in order; at most [`crate::model::limits::INGEST_MAX_EVENTS`].
    pub changes: Vec<RecordChange>,
    /// Its claim, if it has a request id: its result is stored in the same batch as its changes.
    pub claim: Option<Arc<Claim>>,
    /// The lane refuses the request if it is still queued at this time.
    pub deadline: Option<Instant>,
    /// Where the request comes from; written with its commits.
    pub origin: Origin,
}

/// A change of one record.
#[derive(Debug)]
pub enum RecordChange {
    /// Creates a record, or merges it into the existing one with the same name.
    Save {
        /// The member.
        row: Row,
        /// The record; the commit sets its times.
        record: MemberRecord,
    },
    /// Adds stamps to a stamp collection.
    AddStamps {
        /// The member.
        row: Row,
        /// The collection.
        which: Which,
        /// How many stamps.
        stamps: u64,
    },
    /// Deletes a record.
    Delete {
        /// The member.
        row: Row,
        /// The kind of the record.
        kind: RecordKind,
        /// The record.
        which: Which,
    },
}

/// How a caller identifies a record of a member.
#[derive(Debug, Clone)]
pub enum Which {
    /// By the id that the service gave it.
    Id(u128),
    /// By the caller's own name for it.
    Own(ForeignText),
}

/// What happened to a record.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordOutcome {
    /// It was created.
    Created(MemberRecord),
    /// It was changed.
    Updated(MemberRecord),
    /// The change made no difference.
    Unchanged(MemberRecord),
    /// It was deleted.
    Deleted,
}

/// The reply to changes of records.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordsReply {
    /// One outcome for each change. If any change has a fault, all faults with the places of their changes;
    /// nothing was written then.
    pub outcomes: Result<Vec<RecordOutcome>, Vec<(usize, RecordFault)>>,
    /// The base's revision after the request.
    pub revision: u64,
}

/// Changes of the attributes of many members.
#[derive(Debug)]
#[cfg_attr(test, derive(Default))]
pub struct AttributesRequest {
    /// The members, each once, with the changes of their attributes.
    pub changes: Vec<(Row, AttributePatch)>,
    /// Whether all of them change in one commit, or none if one of them cannot change. Otherwise the lane
    /// skips such members and changes the others in slices, each one commit.
    pub is_strict: bool,
    /// How many members lose attributes by the whole deletion that this request is a part of; `None` if it is
    /// the whole.
    pub clears_in_all: Option<u64>,
    /// How many changes an admin expects.
    pub expected: GuardExpectation,
    /// Which fields of members the sender may see.
    pub sight: Sight,
    /// Its claim, if it has a request id: its result is stored in the same batch as its changes.
    pub claim: Option<Arc<Claim>>,
    /// The lane refuses the request if it is still queued at this time.
    pub deadline: Option<Instant>,
    /// Where the request comes from; written with its commits.
    pub origin: Origin,
}

/// The reply to a change of attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributesReply {
    /// How many values changed.
    pub values: u64,
    /// The refused changes, by their places in the request.
    pub refused: Vec<(usize, Refusal)>,
    /// The base's revision after the request.
    pub revision: u64,
}

/// A change of the base itself. `None` leaves a setting as it is.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(Default))]
pub struct SettingsRequest {
    /// A new name.
    pub name: Option<BaseName>,
    /// The first status of new members: `Active` or `Invited`.
    pub new_members: Option<Status>,
    /// Whether accounts are shared with other bases.
    pub share_accounts: Option<bool>,
    /// The tiers that members may have, including every tier that a member is in. Empty allows any tier.
    pub tiers: Option<Vec<Tier>>,
    /// The limits of the guard.
    pub guard_limits: GuardLimitsChange,
    /// Limits of removals of single tiers that change.
    pub tier_limits: Vec<TierLimitChange>,
    /// The whole attribute schema.
    pub schema: Option<WantedSchema>,
    /// How many members a base that is to be deleted is meant to have.
    pub expect_members: Option<u64>,
    /// `Some(true)` deletes the base, `Some(false)` restores it.
    pub deleted: Option<bool>,
    /// Its claim, if it has a request id: its result is stored in the same batch as its changes.
    pub claim: Option<Arc<Claim>>,
    /// The lane refuses the request if it is still queued at this time.
    pub deadline: Option<Instant>,
    /// Where the request comes from; written with its commits.
    pub origin: Origin,
}

impl SettingsRequest {
    /// A request that changes nothing yet.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        Self {
            name: None,
            new_members: None,
            share_accounts: None,
            tiers: None,
            guard_limits: GuardLimitsChange::default(),
            tier_limits: Vec::new(),
            schema: None,
            expect_members: None,
            deleted: None,
            claim: None,
            deadline: None,
            origin,
        }
    }
}
