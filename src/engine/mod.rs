//! The ordered byte store under everything: one key space of byte keys, and batches that land whole.
//!
//! # What every engine promises
//!
//! - **Order.** [`Engine::append`] gives a batch its number before it returns, and numbers are the order in which
//!   batches take effect. Its checks are decided then, against everything numbered before it, durable or not.
//! - **Durable, then visible.** The future of `append` resolves once the batch is on stable storage. Reads show it
//!   once [`Durable::publish`] was called (or the [`Durable`] dropped), whole or not at all. The two are apart so that
//!   a caller can change its own memory and the store's in one step, under its own lock.
//! - **Whole or not at all**, across crashes too. A batch whose future resolved is there after any restart; one whose
//!   future failed or was never awaited may be there or not, but never in part, and never without the batches before it.
//! - **Failure is contagious.** When a batch fails after it got its number, every later batch fails as well, because it
//!   may have been planned on it. A failed *check* gives no number and harms nobody.
//! - Dropping the future cancels nothing.
//!
//! Scans are not snapshots: a batch published while a scan runs may show in part of it. Callers that need more hold
//! their own locks (the table's view lock).
//!
//! Nothing in this module knows what the keys and values mean.

pub mod backup;
#[cfg(test)]
mod conformance;
#[cfg(test)]
pub(crate) mod faulty;
pub mod memory;
mod merge;
mod pending;
pub mod sled;

use std::fmt;
use std::future::Future;
use std::ops::Bound;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;

/// An ordered key: 1 to [`MAX_KEY_BYTES`] bytes.
pub type Key = Vec<u8>;
/// A value: 0 to [`MAX_VALUE_BYTES`] bytes.
pub type Value = Bytes;

/// Longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 1024;
/// Longest value, in bytes (sled writes values over 128 KiB to files of their own).
pub const MAX_VALUE_BYTES: usize = 64 * 1024;
/// Largest batch: the sum of its keys and values, in bytes. It is more than the table writes of what it counts exactly,
/// because some batches are judged by a part of them (`table::plan::weight`).
pub const MAX_BATCH_BYTES: usize = 112 * 1024 * 1024;
/// Batches of up to so many bytes are small: what one call about one member writes.
pub const SMALL_BATCH_BYTES: usize = 64 * 1024;

/// An atomic write as data. A key appears in it at most once among puts and deletes.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Each key must hold exactly this value (or be absent) when the batch gets its number.
    pub checks: Vec<(Key, Option<Value>)>,
    /// Keys to set.
    pub puts: Vec<(Key, Value)>,
    /// Keys to remove; removing an absent key is not an error.
    pub deletes: Vec<Key>,
}

impl Batch {
    /// Adds a put.
    pub fn put(&mut self, key: Key, value: impl Into<Value>) {
        self.puts.push((key, value.into()));
    }

    /// Adds a delete.
    pub fn delete(&mut self, key: Key) {
        self.deletes.push(key);
    }

    /// The bytes of keys and values that the batch writes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let puts: usize = self.puts.iter().map(|(k, v)| k.len() + v.len()).sum();
        puts + self.deletes.iter().map(Vec::len).sum::<usize>()
    }

    /// Refuses a batch that breaks one of the named limits.
    pub fn check_limits(&self) -> Result<(), EngineError> {
        let keys = self.puts.iter().map(|(k, _)| k).chain(&self.deletes);
        if let Some(key) = keys.into_iter().find(|k| k.is_empty() || k.len() > MAX_KEY_BYTES) {
            return Err(EngineError::TooLarge { what: "key", bytes: key.len(), limit: MAX_KEY_BYTES });
        }
        if let Some((_, value)) = self.puts.iter().find(|(_, v)| v.len() > MAX_VALUE_BYTES) {
            return Err(EngineError::TooLarge { what: "value", bytes: value.len(), limit: MAX_VALUE_BYTES });
        }
        let bytes = self.bytes();
        if bytes > MAX_BATCH_BYTES {
            return Err(EngineError::TooLarge { what: "batch", bytes, limit: MAX_BATCH_BYTES });
        }
        Ok(())
    }
}

/// A range of keys.
#[derive(Debug, Clone)]
pub struct KeyRange {
    /// Where it begins.
    pub start: Bound<Key>,
    /// Where it ends.
    pub end: Bound<Key>,
}

impl KeyRange {
    /// Every key that begins with `prefix`.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> Self {
        let mut end = prefix.to_vec();
        while let Some(last) = end.pop() {
            if last < u8::MAX {
                end.push(last + 1);
                return Self { start: Bound::Included(prefix.to_vec()), end: Bound::Excluded(end) };
            }
        }
        Self { start: Bound::Included(prefix.to_vec()), end: Bound::Unbounded }
    }
}

/// Which end of a range a scan starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Backward,
}

/// A batch that is on stable storage and not yet shown to reads.
///
/// Dropping it publishes it: what is durable must become visible, whoever held it.
pub struct Durable {
    number: u64,
    publish: Option<Box<dyn FnOnce() + Send>>,
}

impl Durable {
    /// Made by engines: `publish` shows the batch to reads, without blocking on I/O.
    #[must_use]
    pub fn new(number: u64, publish: impl FnOnce() + Send + 'static) -> Self {
        Self { number, publish: Some(Box::new(publish)) }
    }

    /// The batch's place in the order of all batches of the store.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Shows the batch to reads.
    pub fn publish(self) {
        drop(self);
    }
}

impl Drop for Durable {
    fn drop(&mut self) {
        if let Some(publish) = self.publish.take() {
            publish();
        }
    }
}

impl fmt::Debug for Durable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Durable").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Resolves once the batch is durable.
pub type Append = Pin<Box<dyn Future<Output = Result<Durable, EngineError>> + Send + 'static>>;

/// What an engine reports about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineStatus {
    /// The number of the last batch that is durable.
    pub durable: u64,
    /// Bytes of batches that are in memory because they are not yet in the working copy.
    pub pending_bytes: usize,
    /// Bytes of the write-ahead log on disk (0 where there is none).
    pub log_bytes: u64,
    /// Bytes of the working copy on disk (0 where there is none).
    pub disk_bytes: u64,
    /// Why writes are refused at this moment, if they are.
    pub refusing_writes: Option<String>,
    /// Why reads fail at this moment, if they do; calls that write read too.
    pub failing_reads: Option<String>,
}

/// The ordered byte store. The module documentation is the specification, `conformance.rs` checks it.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// The published values of `keys`, in the same order. Each value is as of some moment during the call.
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, EngineError>;

    /// Up to `limit` published pairs of `range`, in key order from the end that `direction` names.
    async fn scan(
        &self,
        range: KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Key, Value)>, EngineError>;

    /// Numbers the batch at once, and resolves when it is durable. Must be called inside a tokio runtime.
    fn append(&self, batch: Batch) -> Append;

    /// Appends and publishes: durable and visible when it returns.
    async fn commit(&self, batch: Batch) -> Result<u64, EngineError> {
        let durable = self.append(batch).await?;
        let number = durable.number();
        durable.publish();
        Ok(number)
    }

    /// Counters and health.
    fn status(&self) -> EngineStatus;

    /// Everything up to the last durable batch, less what `held` says that its receiver has.
    async fn backup(&self, held: backup::Held) -> Result<backup::Backup, EngineError> {
        let _ = held;
        Err(EngineError::Unsupported("a backup"))
    }

    /// Finishes what was appended, makes the working copy durable and releases the files. Later calls fail with
    /// [`EngineError::Closed`]. Closing twice is not an error.
    async fn close(&self) -> Result<(), EngineError>;
}

/// What can go wrong in an engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// A check of the batch did not hold; nothing was written.
    #[error("a key of the batch no longer holds the value it was planned on")]
    Conflict,
    /// A key, value or batch over its limit; nothing was written.
    #[error("{what} of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// `key`, `value` or `batch`.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The disk is down to its reserve, or to half of it for a read, which may make the store write. Nothing was written, and
    /// it works again once space is freed.
    #[error("the disk has {free} bytes free, which is not enough beside the reserve of {reserve}")]
    StorageFull {
        /// Bytes free on the file system of the data directory.
        free: u64,
        /// The reserve, which no request is written into.
        reserve: u64,
    },
    /// The outcome of the batch is not known: making it durable failed after it may have reached the disk.
    #[error("the write may or may not have become durable: {0}")]
    CommitUnknown(String),
    /// Writes are refused until the store is reopened, because an earlier one failed; this batch was not written.
    #[error("writes are refused until the store is reopened: {0}")]
    Refusing(String),
    /// The operating system failed a read, or a write of which nothing remains.
    #[error("{0}")]
    Io(String),
    /// Stored bytes are damaged in a way that a crash does not explain.
    #[error("{file} is damaged at byte {offset}: {detail}")]
    Corrupt {
        /// The damaged file.
        file: String,
        /// Where.
        offset: u64,
        /// What was found.
        detail: String,
    },
    /// The store was written by a newer version of this program.
    #[error("{file} has format version {found}; this program reads up to version {supported}")]
    NewerFormat {
        /// The file.
        file: String,
        /// The version found.
        found: u32,
        /// The newest version this program reads.
        supported: u32,
    },
    /// A folder is not what it would have to be, and was not touched; the text says what to do.
    #[error("{0}")]
    WrongFolder(String),
    /// Another process has the data directory open.
    #[error("the data directory {0} is in use by another process")]
    InUse(String),
    /// The engine has no such ability.
    #[error("{0} is not possible with this kind of store")]
    Unsupported(&'static str),
    /// The engine was closed.
    #[error("the store is closed")]
    Closed,
}
