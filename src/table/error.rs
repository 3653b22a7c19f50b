//! What can go wrong in the table. Each variant says whether something may have been written.

use crate::engine::EngineError;
use crate::model::limits::{ATOMIC_MAX_BYTES, ATOMIC_MAX_ROWS};
use crate::model::{Held, Refusal, words};

/// An error of a whole request. Errors of single rows are [`RowError`](crate::model::RowError)s.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// There is no such base, or it was purged.
    #[error("the memberbase does not exist")]
    BaseNotFound,
    /// The base is deleted; it may still be restored. Nothing was written.
    #[error("the memberbase is deleted")]
    BaseDeleted,
    /// The memory budget is used up. Nothing was written; the caller should try again shortly.
    #[error(
        "the request needs {wanted} bytes, which are not free now of the {limit} bytes for requests in memory"
    )]
    Overloaded {
        /// Bytes that the request needs.
        wanted: usize,
        /// The whole budget, in bytes.
        limit: usize,
    },
    /// The deadline passed while the request was queued. Nothing was written.
    #[error("the deadline passed while the request was waiting")]
    DeadlinePassed,
    /// An atomic request exceeds a limit. Nothing was written.
    #[error(
        "an atomic request may have {max_rows} rows and {max_bytes} bytes; this one has {rows} rows and \
         {bytes} bytes"
    )]
    AtomicTooLarge {
        /// Rows of the request.
        rows: usize,
        /// Bytes that its commit would write. If the sender may not see all fields, the hidden ones count at
        /// their largest size, less a fixed allowance.
        bytes: usize,
        /// The limit, in rows.
        max_rows: usize,
        /// The limit, in bytes.
        max_bytes: usize,
    },
    /// The new attribute schema drops keys, or changes their types, although members have values for them.
    /// Nothing was written.
    #[error(
        "{} values that the new attribute schema does not allow",
        words::some(*members, ["member has", "members have"])
    )]
    SchemaInUse {
        /// The keys, each with the number of members that have a value for it.
        held: Vec<(String, u64)>,
        /// The number of members that have a value for at least one of them.
        members: u64,
    },
    /// A request with the same request id is running. Nothing of this one was written.
    #[error("a request with this request id is still running")]
    RequestRunning,
    /// An earlier write of the base failed while this one was planned on it. Nothing of this one was written.
    #[error("an earlier write, which this one depends on, failed; nothing of this one was written")]
    PlannedOnFailure,
    /// The request would remove or change too many members. Nothing was written.
    #[error("{0}")]
    Guard(Held),
    /// The request breaks a rule of the base. Nothing was written.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The table is shutting down. Nothing was written.
    #[error("the service is stopping")]
    Closing,
    /// Stored bytes cannot be decoded.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
    /// A newer version of the program wrote the store.
    #[error("the store has format version {found}; this program reads up to version {supported}")]
    NewerFormat {
        /// The version found in the store.
        found: u32,
        /// The newest version this program reads.
        supported: u32,
    },
    /// A copy into this store ended early.
    #[error(
        "it is a copy that ended early, not a store; run the same `memberbase copy` again, which continues it"
    )]
    UnfinishedCopy,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl TableError {
    /// Whether the error remains until somebody repairs the stored data.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Damaged(_) | Self::NewerFormat { .. } | Self::UnfinishedCopy => true,
            Self::Engine(error) => {
                matches!(error, EngineError::Corrupt { .. } | EngineError::NewerFormat { .. })
            }
            Self::BaseNotFound
            | Self::BaseDeleted
            | Self::Overloaded { .. }
            | Self::DeadlinePassed
            | Self::AtomicTooLarge { .. }
            | Self::SchemaInUse { .. }
            | Self::RequestRunning
            | Self::PlannedOnFailure
            | Self::Guard(_)
            | Self::Refused(_)
            | Self::Closing => false,
        }
    }

    /// The refusal of an atomic request with this many rows and bytes.
    pub(super) fn too_large(rows: usize, bytes: usize) -> Self {
        Self::AtomicTooLarge { rows, bytes, max_rows: ATOMIC_MAX_ROWS, max_bytes: ATOMIC_MAX_BYTES }
    }
}

impl From<crate::stored::DecodeError> for TableError {
    fn from(error: crate::stored::DecodeError) -> Self {
        Self::Damaged(error.to_string())
    }
}
