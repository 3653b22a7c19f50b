//! What can go wrong in an engine. Each variant says whether anything was written.

/// What can go wrong in an engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// A check of the batch did not hold; nothing was written.
    #[error("a key of the batch no longer holds the value that the batch was planned on")]
    Conflict,
    /// A key, value or batch exceeds its limit; nothing was written.
    #[error("{what} of {bytes} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// `key`, `value` or `batch`.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Too few bytes are free: fewer than the write needs beside the reserve, or for a read, which can make
    /// the store write, fewer than half of the reserve. Nothing was written, and the operation works again
    /// once space is freed.
    #[error("the disk has {free} bytes free, but {needed} must be free, the reserve included")]
    StorageFull {
        /// Bytes free on the file system of the data directory.
        free: u64,
        /// The bytes that must be free: the reserve, the write, and what sled may write to catch up.
        needed: u64,
    },
    /// Nobody knows whether the batch became durable: the sync failed after the batch may have reached the
    /// disk.
    #[error("the write may or may not have become durable: {0}")]
    CommitUnknown(String),
    /// An earlier write failed, so the store rejects writes until it is reopened; this batch was not written.
    #[error("the store rejects writes until it is reopened: {0}")]
    Refusing(String),
    /// The operating system failed a read, or a write that left nothing behind.
    #[error("{0}")]
    Io(String),
    /// Stored bytes are damaged in a way that a crash does not explain.
    #[error("{file} is damaged at byte {offset}: {detail}")]
    Corrupt {
        /// The damaged file.
        file: String,
        /// The position of the damage, in bytes.
        offset: u64,
        /// What was found.
        detail: String,
    },
    /// A newer version of this program wrote the file.
    #[error("{file} has format version {found}; this program reads up to version {supported}")]
    NewerFormat {
        /// The file.
        file: String,
        /// The version found.
        found: u32,
        /// The newest version this program reads.
        supported: u32,
    },
    /// A folder is not of the kind that the operation needs, and was left untouched; the text says what to
    /// do.
    #[error("{0}")]
    WrongFolder(String),
    /// Another process has the data directory open.
    #[error("the data directory {0} is in use by another process")]
    InUse(String),
    /// Another server may own the store: this one must answer nothing more. A write that is answered so was
    /// not made, and none is made later.
    #[error("this server does not own the store: {0}")]
    NotOwner(String),
    /// The keys are lent to another process, or are none of those that were lent to this one. Nothing was
    /// written.
    #[error("{0}")]
    Lent(String),
    /// The engine does not support the operation.
    #[error("this kind of store does not support {0}")]
    Unsupported(&'static str),
    /// The engine was closed.
    #[error("the store is closed")]
    Closed,
}
