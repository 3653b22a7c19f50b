//! What can go wrong with a call, in the words of the service.
//!
//! The text of an error is public. What only the operator may read (paths, system errors) is kept apart, in
//! [`Error::private`], and cannot reach a reply. Nothing here names a status code of a protocol.

use std::time::Duration;

use super::denial::{Lacking, TokenFault};
use crate::model::token::TokenId;
use crate::model::{Code, Reason, Refusal, Violation, words};

/// How long a caller should wait before it repeats a call that found the service overloaded.
const RETRY_OVERLOADED: Duration = Duration::from_millis(100);
/// How long a caller should wait before it repeats a call that found no room on the disk, or writes refused.
const RETRY_STORAGE: Duration = Duration::from_secs(10);
/// How long a caller should wait before it repeats a call that found the service starting, stopping or failing.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);

/// Why a call failed. Rows of bulk calls carry errors of their own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request breaks a rule; every fault is listed.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The caller is not known.
    #[error("{0}")]
    Unauthenticated(TokenFault),
    /// The caller is known and may not do this.
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
        /// The keys, each with how many members have a value for it.
        violations: Vec<Violation>,
        /// The members that have at least one of them.
        members: u64,
    },
    /// The store has as many tokens as it may have.
    #[error("there are {limit} tokens already, which is the limit")]
    TooManyTokens {
        /// The limit.
        limit: usize,
    },
    /// There is no such memberbase, or it is deleted.
    #[error("there is no such memberbase")]
    MemberBaseNotFound,
    /// The memberbase is not deleted, so it cannot be brought back.
    #[error("the memberbase is not deleted")]
    NotDeleted,
    /// Members are in too many different tiers to list them.
    #[error(
        "the members are in more than 4,096 different tiers, or were since the memberbase was opened, which cannot be \
         listed; a restart of the server counts them again"
    )]
    TooManyTiers,
    /// There is no such member in this memberbase.
    #[error("there is no such member")]
    MemberNotFound,
    /// The memberbase has not reached the revision asked for.
    #[error("the memberbase is at revision {reached}, and has not reached {asked}")]
    RevisionAhead {
        /// What the caller asked for.
        asked: u64,
        /// Where the memberbase is.
        reached: u64,
    },
    /// An atomic call with more rows than one commit takes. Nothing was written.
    #[error("an atomic call may have {max_rows} rows, not {rows}")]
    AtomicRows {
        /// Rows of the call.
        rows: usize,
        /// The limit.
        max_rows: usize,
    },
    /// An atomic call that changes more than one commit takes. Nothing was written.
    #[error("an atomic call may change {max_bytes} bytes of stored data, not {bytes}")]
    AtomicBytes {
        /// What it would change, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        max_bytes: usize,
    },
    /// A request that becomes too large in memory. Nothing was written.
    #[error(
        "the request needs {bytes} bytes of memory or more, over the limit of {limit} for one of its length: send fewer entries at a time"
    )]
    TooLarge {
        /// What it was found to need.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A call with more entries than it may have. Nothing was written.
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
    /// The caller's token has used up what it may do per second. Nothing was written.
    #[error("the token has used up its {limit} per second; try again in {} ms", retry_after.as_millis())]
    RateLimited {
        /// Which limit.
        limit: RateLimit,
        /// How long to wait.
        retry_after: Duration,
    },
    /// A request of the same name is under way. Nothing was written.
    #[error("a request of the same id is still running; try again shortly")]
    RequestRunning,
    /// A repeat of the request that made a token. Its secret is nowhere any more.
    #[error(
        "this request made the token {id} already, and its secret was shown once: revoke it, and make another under a \
         new request id"
    )]
    SecretNotKept {
        /// The token.
        id: TokenId,
    },
    /// Too much work is waiting. Nothing was written.
    #[error("too much work is waiting; try again shortly")]
    Overloaded,
    /// The disk is down to its reserve, or to half of it for a read. Nothing was written.
    #[error(
        "the disk is nearly full: {free} bytes are free, which is not enough beside the reserve of {reserve}"
    )]
    StorageFull {
        /// Bytes that are free.
        free: u64,
        /// The reserve, in bytes.
        reserve: u64,
    },
    /// It is not known whether the write happened.
    #[error("it is not known whether the write happened; read, or send it again")]
    CommitUnknown {
        /// What the operator should read.
        private: String,
    },
    /// Writes are refused until the service was restarted. Nothing was written. The log has said why when it began.
    #[error("the store failed earlier and refuses writes until it is opened again")]
    StorageFailed,
    /// The system failed a read, or a write of which nothing remains.
    #[error("the store cannot do this at the moment; try again shortly")]
    StorageUnavailable {
        /// What the operator should read.
        private: String,
    },
    /// The deadline passed before the call was begun, or before it was finished (reads only).
    #[error("the deadline passed")]
    Deadline,
    /// The kind of store has no such ability.
    #[error("{what} is not possible with the kind of store that this server has")]
    NotSupported {
        /// What was asked for.
        what: &'static str,
    },
    /// The service is stopping. Nothing was written.
    #[error("the service is stopping")]
    Stopping,
    /// Stored data cannot be read.
    #[error("stored data cannot be read")]
    Corrupt {
        /// What the operator should read.
        private: String,
    },
    /// A fault of the service.
    #[error("internal error")]
    Internal {
        /// What the operator should read.
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
    /// The error of a caller whose token has to wait so long.
    pub fn limited(limit: RateLimit, wait: Duration) -> Self {
        // To the next millisecond, so that who waits as told is served.
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        Self::RateLimited { limit, retry_after: Duration::from_millis(millis) }
    }

    /// The kind of failure.
    #[must_use]
    pub fn code(&self) -> Code {
        self.reason().code()
    }

    /// The stable word for programs.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Refused(refusal) => refusal.reason,
            Self::Unauthenticated(_) => Reason::Unauthenticated,
            Self::PermissionDenied(_) => Reason::PermissionDenied,
            Self::TokenNotFound => Reason::TokenNotFound,
            Self::SchemaInUse { .. } => Reason::SchemaInUse,
            Self::TooManyTokens { .. } => Reason::TooManyTokens,
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

    /// When it is worth trying again; `None` when repeating does not help.
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

    /// What the log should have and no caller may see.
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
