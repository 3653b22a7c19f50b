//! What callers ask of a base's lane, and what they get back.

use std::sync::Arc;
use std::time::Instant;

use crate::model::schema::WantedSchema;
use crate::model::{
    AttributePatch, BaseName, Edit, ForeignText, Member, MemberRecord, MemberRow, Origin, Outcome,
    RecordCounts, RecordFault, RecordKind, Ref, Refusal, Row, RowError, Sight, Status, Tier, UpsertOptions,
};
use crate::table::shared::outcome::RowOutcome;
use crate::table::{Claim, MemberKey};

/// How a bulk upsert treats rows that cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Good rows land, bad rows are reported. Large requests take turns with others in slices.
    Partial,
    /// All rows land in one commit, or none. Uniqueness is judged after the last row.
    Atomic,
    /// All rows land, or none, however many there are: they are checked as a whole, and then applied as several commits
    /// with nothing else in between. Only a crash leaves the first of them, and the same request then completes it.
    /// Uniqueness is judged row by row.
    Whole,
    /// The report that `Partial` would give; nothing is written.
    ValidateOnly,
}

/// Rows to create or change, in order.
#[derive(Debug)]
pub struct UpsertRequest {
    /// The rows as parsed by a door; those that did not parse carry their error and keep their place.
    pub rows: Vec<Result<MemberRow, RowError>>,
    /// How rows are matched and applied.
    pub options: UpsertOptions,
    /// What happens when some rows cannot be applied.
    pub mode: WriteMode,
    /// Its turn, if it has a name: what becomes of it is kept with what it does.
    pub claim: Option<Arc<Claim>>,
    /// A request that is still queued at this moment is not planned.
    pub deadline: Option<Instant>,
    /// Where it comes from: written with its commits.
    pub origin: Origin,
}

/// The answer to an upsert: one outcome per row, in request order.
#[derive(Debug, Clone, PartialEq)]
pub struct UpsertReply {
    /// One per row of the request.
    pub outcomes: Vec<RowOutcome>,
    /// The base's revision after the request (unchanged if it changed nothing).
    pub revision: u64,
}

/// A call about one member.
#[derive(Debug)]
pub struct EditRequest {
    /// What is to be done, and to whom.
    pub what: EditWhat,
    /// What of members the sender may see.
    pub sight: Sight,
    /// Its turn, if it has a name: what becomes of it is kept with what it does.
    pub claim: Option<Arc<Claim>>,
    /// A request that is still queued at this moment is not planned.
    pub deadline: Option<Instant>,
    /// Where it comes from: written with its commits.
    pub origin: Origin,
}

/// What is done by a call about one member.
#[derive(Debug)]
pub enum EditWhat {
    /// A new member.
    Create {
        /// Its fields.
        row: Box<MemberRow>,
        /// Whether an inactive member with the row's e-mail address comes back as this one instead.
        revive: bool,
    },
    /// A member that exists changes.
    Change {
        /// Which.
        key: MemberKey,
        /// How.
        edit: Edit,
        /// The revision that the member must be at.
        if_revision: Option<u64>,
    },
}

/// What became of a call about one member.
#[derive(Debug, Clone, PartialEq)]
pub enum Edited {
    /// The member as it is after the call.
    Done {
        /// Its place.
        row: Row,
        /// It.
        member: Box<Member>,
        /// Created, updated, reactivated or unchanged.
        outcome: Outcome,
    },
    /// There is no such member.
    Missing,
    /// The call breaks a rule. Nothing was written.
    Refused(Refusal),
}

/// The answer to a call about one member.
#[derive(Debug, Clone, PartialEq)]
pub struct EditReply {
    /// What became of it.
    pub edited: Edited,
    /// The base's revision after the request (unchanged if it changed nothing).
    pub revision: u64,
}

/// Members to delete for good, in slices that take turns with other requests; each is one commit. Unknown rows and refs are
/// ignored; one named twice counts once.
#[derive(Debug)]
#[cfg_attr(test, derive(Default))]
pub struct DeleteRequest {
    /// Members by place.
    pub rows: Vec<Row>,
    /// Members by ref.
    pub refs: Vec<Ref>,
    /// Its turn, if it has a name: what becomes of it is kept with what it does.
    pub claim: Option<Arc<Claim>>,
    /// A request that is still queued at this moment is not planned.
    pub deadline: Option<Instant>,
    /// Where it comes from: written with its commits.
    pub origin: Origin,
}

/// The answer to a delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeleteReply {
    /// Members that existed and are gone.
    pub deleted: u64,
    /// The records that went with them.
    pub records: RecordCounts,
    /// The base's revision after the request.
    pub revision: u64,
}

/// Changes of what hangs on members: all of them are made, as one commit, or none.
#[derive(Debug)]
pub struct RecordsRequest {
    /// What to change, in order. Up to [`crate::model::limits::INGEST_MAX_EVENTS`].
    pub changes: Vec<RecordChange>,
    /// Its turn, if it has a name: what becomes of it is kept with what it does.
    pub claim: Option<Arc<Claim>>,
    /// A request that is still queued at this moment is not planned.
    pub deadline: Option<Instant>,
    /// Where it comes from: written with its commits.
    pub origin: Origin,
}

/// A change of one record.
#[derive(Debug)]
pub enum RecordChange {
    /// Makes it, or merges it into the one that has its name.
    Save {
        /// Its member.
        row: Row,
        /// The record; its times are those of the commit.
        record: MemberRecord,
    },
    /// Adds stamps to a collection.
    AddStamps {
        /// Its member.
        row: Row,
        /// Which collection.
        which: Which,
        /// How many.
        stamps: u64,
    },
    /// Removes it.
    Delete {
        /// Its member.
        row: Row,
        /// What kind it is.
        kind: RecordKind,
        /// Which one.
        which: Which,
    },
}

/// How a caller names a record of a member.
#[derive(Debug, Clone)]
pub enum Which {
    /// By the id that the service gave.
    Id(u128),
    /// By the caller's own name.
    Own(ForeignText),
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordOutcome {
    /// It is new.
    Created(MemberRecord),
    /// It changed.
    Updated(MemberRecord),
    /// It was so already.
    Unchanged(MemberRecord),
    /// It is gone.
    Deleted,
}

/// The answer to changes of records.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordsReply {
    /// One outcome per change, or every fault with the place of its change, and then nothing was written.
    pub outcomes: Result<Vec<RecordOutcome>, Vec<(usize, RecordFault)>>,
    /// The base's revision after the request.
    pub revision: u64,
}

/// Attributes of many members to change.
#[derive(Debug)]
#[cfg_attr(test, derive(Default))]
pub struct AttributesRequest {
    /// The members, each once, and what happens to their attributes.
    pub changes: Vec<(Row, AttributePatch)>,
    /// Whether all of them change in one commit, and nothing changes when one of them cannot be changed. Otherwise such
    /// members are passed over, and the others change in slices, each one commit.
    pub is_strict: bool,
    /// What of members the sender may see.
    pub sight: Sight,
    /// Its turn, if it has a name: what becomes of it is kept with what it does.
    pub claim: Option<Arc<Claim>>,
    /// A request that is still queued at this moment is not planned.
    pub deadline: Option<Instant>,
    /// Where it comes from: written with its commits.
    pub origin: Origin,
}

/// The answer to a change of attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributesReply {
    /// Values that are different now.
    pub values: u64,
    /// The changes that were refused, by their places in the request.
    pub refused: Vec<(usize, Refusal)>,
    /// The base's revision after the request.
    pub revision: u64,
}

/// A change of the base itself. `None` keeps.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(Default))]
pub struct SettingsRequest {
    /// A new name.
    pub name: Option<BaseName>,
    /// How members start: `Active` or `Invited`.
    pub new_members: Option<Status>,
    /// Whether accounts are shared with other bases.
    pub share_accounts: Option<bool>,
    /// The tiers that members may have; none may be missing that a member is in. Empty: any.
    pub tiers: Option<Vec<Tier>>,
    /// The whole attribute schema.
    pub schema: Option<WantedSchema>,
    /// `Some(true)` deletes the base, `Some(false)` brings it back.
    pub deleted: Option<bool>,
    /// Its turn, if it has a name: what becomes of it is kept with what it does.
    pub claim: Option<Arc<Claim>>,
    /// A request that is still queued at this moment is not planned.
    pub deadline: Option<Instant>,
    /// Where it comes from: written with its commits.
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
            schema: None,
            deleted: None,
            claim: None,
            deadline: None,
            origin,
        }
    }
}
