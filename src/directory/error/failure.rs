//! What can go wrong with a call, in the words of the service.
//!
//! The text of an error is public. Details that only the operator may read (paths, system errors) are
//! separate, in [`Error::private`], and cannot reach a reply. Nothing here names a status code of a protocol.

use std::time::Duration;

use super::denial::{Lacking, TokenFault};
use crate::model::token::TokenId;
use crate::model::{Code, Held, Reason, Refusal, Violation, words};

/// How long a caller should wait before it repeats a call that failed because the service is overloaded.
const RETRY_OVERLOADED: Duration = Duration::from_millis(100);
/// How long a caller should wait before it repeats a call that failed because the disk is full or the store
/// refuses writes.
const RETRY_STORAGE: Duration = Duration::from_secs(10);
/// How long a caller should wait before it repeats a call that failed for another reason that passes: the
/// service stops, the system fails, or a request with the same id is running.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);

/// Why a call failed. Rows of bulk calls carry errors of their own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request breaks a rule; every fault is listed.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The caller has no valid token.
    #[error("{0}")]
    Unauthenticated(TokenFault),
    /// The caller's token does not allow this.
    #[error("{0}")]
    PermissionDenied(Lacking),
    /// There is no such token.
    #[error("there is no such token")]
    TokenNotFound,
    /// The new attribute schema lacks or retypes keys that members have values for. Nothing was written.
    #[error(
        "{} values that the new attribute schema does not allow; delete these values first",
        words::some(*members, ["member has", "members have"])
    )]
    SchemaInUse {
        /// The keys, each with the number of members that have a value for it.
        violations: Vec<Violation>,
        /// The number of members that have a value for at least one of them.
        members: u64,
    },
    /// The store already has the largest number of tokens.
    #[error("there are {limit} tokens already, which is the limit")]
    TooManyTokens {
        /// The limit.
        limit: usize,
    },
    /// The call would remove too many members. Nobody was removed.
    #[error("{0}")]
    Guard(Held),
    /// There is no such memberbase, or it is deleted.
    #[error("there is no such memberbase")]
    MemberBaseNotFound,
    /// The memberbase is not deleted, so it cannot be undeleted.
    #[error("the memberbase is not deleted")]
    NotDeleted,
    /// Members are in too many different tiers to list them.
    #[error(
        "the tiers cannot be listed, because more than 4,096 different ones were in use at some time since \
         the memberbase was opened; a restart of the server counts them again"
    )]
    TooManyTiers,
    /// There is no such member in this memberbase.
    #[error("there is no such member")]
    MemberNotFound,
    /// The memberbase has not reached the requested revision.
    #[error("the memberbase is at revision {reached}, and has not reached {asked}")]
    RevisionAhead {
        /// The requested revision.
        asked: u64,
        /// The revision of the memberbase.
        reached: u64,
    },
    /// An atomic call has more rows than one commit may have. Nothing was written.
    #[error("an atomic call may have at most {max_rows} rows; this one has {rows}")]
    AtomicRows {
        /// Rows of the call.
        rows: usize,
        /// The limit.
        max_rows: usize,
    },
    /// An atomic call changes more bytes than one commit may have. Nothing was written.
    #[error(
        "an atomic call may change at most {max_bytes} bytes of stored data; this one would change {bytes}"
    )]
    AtomicBytes {
        /// The stored data that it would change, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        max_bytes: usize,
    },
    /// The request is too large in memory. Nothing was written.
    #[error(
        "the request needs at least {bytes} bytes of memory, over the limit of {limit} for a request of its \
         length: send fewer entries at a time"
    )]
    TooLarge {
        /// Bytes of memory that it needs at least.
        bytes: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The call has too many entries. Nothing was written.
    #[error("the call has {rows} entries; the limit is {limit}")]
    TooMany {
        /// Entries of the call.
        rows: usize,
        /// The limit.
        limit: usize,
    },
    /// The reply could not be sent in one message. Nothing was written.
    #[error("the reply could need {bytes} bytes, over the limit of {limit}: send fewer rows")]
    ReplyTooLarge {
        /// Bytes that the reply could need.
        bytes: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The caller's token has used up its requests or rows per second. Nothing was written.
    #[error("the token has used up its {limit} per second; try again in {} ms", retry_after.as_millis())]
    RateLimited {
        /// Which limit.
        limit: RateLimit,
        /// How long to wait.
        retry_after: Duration,
    },
    /// A request with the same id is still running. Nothing was written.
    #[error("a request with the same id is still running; try again shortly")]
    RequestRunning,
    /// A repeat of the request that created a token. The secret was never stored, so it cannot be shown
    /// again.
    #[error(
        "this request already created the token {id}, whose secret was shown only once: revoke that token, \
         and create another with a new request id"
    )]
    SecretNotKept {
        /// The token.
        id: TokenId,
    },
    /// Too much work is waiting. Nothing was written.
    #[error("too much work is waiting; try again shortly")]
    Overloaded,
    /// A write would use the reserve, or more than half of the reserve is used and a read needs more. Nothing
    /// was written.
    #[error(
        "the disk is nearly full: only {free} bytes are free, and {needed} must be free, the reserve included"
    )]
    StorageFull {
        /// Bytes that are free.
        free: u64,
        /// The bytes that must be free, the reserve included.
        needed: u64,
    },
    /// It is not known whether the write happened.
    #[error("it is not known whether the write happened; check by reading, or send it again")]
    CommitUnknown {
        /// Details for the operator.
        private: String,
    },
    /// Writes are refused until the service is restarted. Nothing was written. The log gave the reason when
    /// the first write was refused.
    #[error("the store failed earlier and refuses writes until it is opened again")]
    StorageFailed,
    /// The system failed at a read, or at a write that changed nothing.
    #[error("the store cannot do this at the moment; try again shortly")]
    StorageUnavailable {
        /// Details for the operator.
        private: String,
    },
    /// The deadline passed before the call began or, for a read, before it finished.
    #[error("the deadline passed")]
    Deadline,
    /// This kind of store cannot do this.
    #[error("the kind of store that this server has does not support {what}")]
    NotSupported {
        /// What the caller requested.
        what: &'static str,
    },
    /// The service is stopping. Nothing was written.
    #[error("the service is stopping")]
    Stopping,
    /// Stored data cannot be read.
    #[error("stored data cannot be read")]
    Corrupt {
        /// Details for the operator.
        private: String,
    },
    /// A fault of the service.
    #[error("internal error")]
    Internal {
        /// Details for the operator.
        private: String,
    },
}

/// A limit of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimit {
    /// On requests.
    Requests,
    /// On rows.
    Rows,
}

impl std::fmt::Display for RateLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Requests => "requests",
            Self::Rows => "rows",
        })
    }
}

impl Error {
    /// The error of a caller whose token must wait this long.
    pub fn limited(limit: RateLimit, wait: Duration) -> Self {
        // Rounded up to the next millisecond, so that a caller that waits this long is served.
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        Self::RateLimited { limit, retry_after: Duration::from_millis(millis) }
    }

    /// The error of a call that names a member and no memberbase: it asks for a missing member rather than a
    /// missing memberbase.
    pub(in crate::directory) fn of_member(self) -> Self {
        if self == Self::MemberBaseNotFound { Self::MemberNotFound } else { self }
    }

    /// The kind of failure.
    #[must_use]
    pub fn code(&self) -> Code {
        self.reason().code()
    }

    /// The stable reason for programs.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Refused(refusal) => refusal.reason,
            Self::Unauthenticated(_) => Reason::Unauthenticated,
            Self::PermissionDenied(_) => Reason::PermissionDenied,
            Self::TokenNotFound => Reason::TokenNotFound,
            Self::SchemaInUse { .. } => Reason::SchemaInUse,
            Self::TooManyTokens { .. } => Reason::TooManyTokens,
            Self::Guard(held) => held.reason(),
            Self::MemberBaseNotFound => Reason::MemberBaseNotFound,
            Self::NotDeleted => Reason::NotDeleted,
            Self::TooManyTiers => Reason::TierInUse,
            Self::MemberNotFound => Reason::MemberNotFound,
            Self::RevisionAhead { .. } => Reason::RevisionAhead,
            Self::AtomicRows { .. } | Self::AtomicBytes { .. } => Reason::AtomicTooLarge,
            Self::TooLarge { .. } => Reason::MessageTooLarge,
            Self::TooMany { .. } => Reason::TooManyRows,
            Self::ReplyTooLarge { .. } => Reason::ReplyTooLarge,
            Self::RateLimited { .. } => Reason::RateLimited,
            Self::RequestRunning => Reason::RequestRunning,
            Self::SecretNotKept { .. } => Reason::SecretNotKept,
            Self::Overloaded => Reason::Overloaded,
            Self::StorageFull { .. } => Reason::StorageFull,
            Self::CommitUnknown { .. } => Reason::CommitUnknown,
            Self::StorageFailed => Reason::StorageFailed,
            Self::StorageUnavailable { .. } => Reason::StorageUnavailable,
            Self::Deadline => Reason::Deadline,
            Self::NotSupported { .. } => Reason::NotSupported,
            Self::Stopping => Reason::ShuttingDown,
            Self::Corrupt { .. } => Reason::StorageCorrupt,
            Self::Internal { .. } => Reason::Internal,
        }
    }

    /// The faults of the request, field by field.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        match self {
            Self::Refused(refusal) => &refusal.violations,
            Self::SchemaInUse { violations, .. } => violations,
            _ => &[],
        }
    }

    /// How long to wait before trying again; `None` if repeating does not help.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => Some(*retry_after),
            Self::Overloaded => Some(RETRY_OVERLOADED),
            // A restart takes a while too.
            Self::StorageFull { .. } | Self::StorageFailed => Some(RETRY_STORAGE),
            Self::CommitUnknown { .. }
            | Self::StorageUnavailable { .. }
            | Self::Stopping
            | Self::RequestRunning => Some(RETRY_UNAVAILABLE),
            Self::Refused(_)
            | Self::Unauthenticated(_)
            | Self::PermissionDenied(_)
            | Self::TokenNotFound
            | Self::SchemaInUse { .. }
            | Self::TooManyTokens { .. }
            | Self::Guard(_)
            | Self::MemberBaseNotFound
            | Self::NotDeleted
            | Self::TooManyTiers
            | Self::MemberNotFound
            | Self::RevisionAhead { .. }
            | Self::AtomicRows { .. }
            | Self::AtomicBytes { .. }
            | Self::TooLarge { .. }
            | Self::TooMany { .. }
            | Self::ReplyTooLarge { .. }
            | Self::SecretNotKept { .. }
            | Self::NotSupported { .. }
            | Self::Deadline
            | Self::Corrupt { .. }
            | Self::Internal { .. } => None,
        }
    }

    /// Details for the log that no caller may see.
    #[must_use]
    pub fn private(&self) -> Option<&str> {
        match self {
            Self::CommitUnknown { private }
            | Self::StorageUnavailable { private }
            | Self::Corrupt { private }
            | Self::Internal { private } => Some(private),
            _ => None,
        }
    }
}
