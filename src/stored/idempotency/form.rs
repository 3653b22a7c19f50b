//! The result of a request, as rows and outcomes.

use crate::model::token::TokenId;
use crate::model::{
    AudienceNumber, BaseNumber, JobNumber, Outcome, RecordCounts, RecordKind, Refusal, Row, Timestamp,
};
use crate::stored::idempotency::key::PartWidth;

/// The stored result of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResult {
    /// The fingerprint of the request.
    pub fingerprint: u128,
    /// When a result of the request was first stored.
    pub at: Timestamp,
    /// The revision of its result, if it has one.
    pub revision: Option<u64>,
    /// The number of parts beside the first, which hold rows.
    pub parts: u32,
    /// How many bytes the number of a part takes in its keys.
    pub width: PartWidth,
    /// What it did.
    pub result: RequestResult,
}

/// The result of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestResult {
    /// An upsert.
    Rows {
        /// The results of its rows, in order. As decoded from the first part, only those that are in no other
        /// part.
        rows: Vec<RowResult>,
        /// Whether these are all rows; otherwise the upsert was interrupted after them.
        is_complete: bool,
    },
    /// A call about one member.
    Member(Row, Outcome),
    /// A delete.
    Deleted {
        /// How many members it deleted.
        members: u64,
        /// How many records it deleted with them.
        records: RecordCounts,
        /// The revisions of the commits that deleted them, in ascending order. Empty in results of kind 4.
        revisions: Vec<u64>,
    },
    /// A delete that was interrupted.
    Deleting {
        /// How many of the requested members it has looked for.
        done: u64,
        /// How many of these it deleted.
        members: u64,
        /// How many records it deleted with them.
        records: RecordCounts,
        /// The revisions of the commits that deleted them, in ascending order. Empty in results of kind 11.
        revisions: Vec<u64>,
    },
    /// A change of attributes: how many values it changed.
    Changed(u64),
    /// A change of attributes that was interrupted.
    Changing {
        /// How many of the requested members it has looked at, whether they changed or not.
        done: u64,
        /// How many of their values it changed.
        values: u64,
    },
    /// A record was saved.
    Record {
        /// Its member.
        row: Row,
        /// Its kind.
        kind: RecordKind,
        /// Its id.
        id: u128,
        /// Whether the request created it.
        is_new: bool,
    },
    /// Transactions were ingested.
    Ingested {
        /// How many were new.
        created: u64,
        /// How many were changed.
        updated: u64,
        /// How many were there already.
        unchanged: u64,
    },
    /// The request succeeded, and its result has no further facts.
    Done,
    /// A base was created or changed.
    Base(BaseNumber),
    /// A token was created or revoked. Its secret is not stored.
    Token(TokenId),
    /// A job was accepted.
    Job(JobNumber),
    /// An audience was created or changed.
    Audience(AudienceNumber),
}

impl RequestResult {
    /// Whether the request was completed; otherwise it was interrupted.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        match self {
            Self::Rows { is_complete, .. } => *is_complete,
            Self::Deleting { .. } | Self::Changing { .. } => false,
            Self::Member(..)
            | Self::Deleted { .. }
            | Self::Changed(_)
            | Self::Record { .. }
            | Self::Ingested { .. }
            | Self::Done
            | Self::Base(_)
            | Self::Token(_)
            | Self::Job(_)
            | Self::Audience(_) => true,
        }
    }
}

/// The result of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowResult {
    /// The row of its member in the base, if it has one.
    pub row: Option<Row>,
    /// What happened.
    pub outcome: Outcome,
    /// Whether the member kept a status other than the one that the request gave for it.
    pub status_kept: bool,
    /// Why it failed.
    pub error: Option<Refusal>,
}
