//! What can go wrong in the table. Each variant says whether something may have been written.

use crate::engine::EngineError;
use crate::model::limits::{ATOMIC_MAX_BYTES, ATOMIC_MAX_ROWS};
use crate::model::{Refusal, words};

/// An error of a whole request (rows carry their own, see [`crate::model::RowError`]).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// There is no such base, or it was purged.
    #[error("the memberbase does not exist")]
    BaseNotFound,
    /// The base is deleted (it may still be brought back). Nothing was written.
    #[error("the memberbase is deleted")]
    BaseDeleted,
    /// The byte budget is spent. Nothing was written; try again shortly.
    #[error("{wanted} bytes do not fit into the {limit} bytes for requests in memory now")]
    Overloaded {
        /// Bytes that the request needs.
        wanted: usize,
        /// The whole budget, in bytes.
        limit: usize,
    },
    /// The deadline passed in the queue. Nothing was written.
    #[error("the deadline passed before the request's turn came")]
    DeadlinePassed,
    /// An atomic request over its limits. Nothing was written.
    #[error(
        "an atomic request of {rows} rows and {bytes} bytes is over the limits of {max_rows} rows and {max_bytes} bytes"
    )]
    AtomicTooLarge {
        /// Rows of the request.
        rows: usize,
        /// Bytes that its commit would write or, of a sender who does not see all of members, what it counts.
        bytes: usize,
        /// Limit, in rows.
        max_rows: usize,
        /// Limit, in bytes.
        max_bytes: usize,
    },
    /// The new attribute schema lacks or retypes keys that members have values for. Nothing was written.
    #[error(
        "{} values that the new attribute schema does not allow",
        words::some(*members, ["member has", "members have"])
    )]
    SchemaInUse {
        /// The keys, each with the number of members that have a value for it.
        held: Vec<(String, u64)>,
        /// The members that have at least one of them.
        members: u64,
    },
    /// A request of this name is under way. Nothing of this one was written.
    #[error("the request of this name is still running")]
    RequestRunning,
    /// An earlier write of the base failed while this one was planned on it. Nothing of this one was written.
    #[error("a write that this one was planned on failed; nothing of this one was written")]
    PlannedOnFailure,
    /// The request breaks a rule of the base. Nothing was written.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The table is shutting down. Nothing was written.
    #[error("the service is stopping")]
    Closing,
    /// A stored record cannot be understood.
    #[error("a stored record is damaged: {0}")]
    Damaged(String),
    /// The store was written by a newer version.
    #[error("the store has format version {found}; this program reads up to version {supported}")]
    NewerFormat {
        /// The version found in the store.
        found: u32,
        /// The newest version this program reads.
        supported: u32,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl TableError {
    /// Whether it stays as long as nobody mends what is stored.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Damaged(_) | Self::NewerFormat { .. } => true,
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
            | Self::Refused(_)
            | Self::Closing => false,
        }
    }

    /// The refusal of a request of so many rows and bytes that is one commit.
    pub(super) fn too_large(rows: usize, bytes: usize) -> Self {
        Self::AtomicTooLarge { rows, bytes, max_rows: ATOMIC_MAX_ROWS, max_bytes: ATOMIC_MAX_BYTES }
    }
}

impl From<crate::stored::DecodeError> for TableError {
    fn from(error: crate::stored::DecodeError) -> Self {
        Self::Damaged(error.to_string())
    }
}
