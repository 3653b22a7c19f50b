//! The trait of an engine, and what its methods return. The documentation of [`engine`](super) specifies it,
//! and `conformance.rs` tests every engine against that specification.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;

use super::backup::{Backup, Held};
use super::{Batch, Direction, EngineError, Key, KeyRange, Value};

/// A batch that is on stable storage and that reads do not see yet.
///
/// Dropping it publishes the batch: whatever happens to its holder, a durable batch must become visible.
pub struct Durable {
    number: u64,
    publish: Option<Box<dyn FnOnce() + Send>>,
}

impl Durable {
    /// For engines: `publish` makes the batch visible to reads, without blocking on I/O.
    #[must_use]
    pub fn new(number: u64, publish: impl FnOnce() + Send + 'static) -> Self {
        Self { number, publish: Some(Box::new(publish)) }
    }

    /// The batch's place in the order of all batches of the store.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Makes the batch visible to reads.
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

/// The counters and health of an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineStatus {
    /// The number of the last durable batch.
    pub durable: u64,
    /// Bytes of batches in memory that the working copy does not have yet.
    pub pending_bytes: usize,
    /// Bytes of the write-ahead log on disk (0 for an engine without one).
    pub log_bytes: u64,
    /// Bytes of the snapshots on disk (0 for an engine without any).
    pub snapshot_bytes: u64,
    /// Bytes of the working copy on disk (0 for an engine without one).
    pub disk_bytes: u64,
    /// Free bytes of the file system that has the store (0 for an engine without one).
    pub free_bytes: u64,
    /// Why the engine rejects writes now; `None` if it accepts them.
    pub refusing_writes: Option<String>,
    /// Why reads fail now; `None` if they work. Calls that write also read.
    pub failing_reads: Option<String>,
}

/// What lets another process open the keys of a lease, once. It is a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Grant(pub [u8; 16]);

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Grant(..)")
    }
}

/// The ordered byte store. The documentation of [`engine`](super) specifies it.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// The published values of `keys`, in the same order. Each value is as of some moment during the call.
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, EngineError>;

    /// Up to `limit` published pairs of `range`, in the key order that `direction` names.
    async fn scan(
        &self,
        range: KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Key, Value)>, EngineError>;

    /// Numbers the batch at once; the future resolves when the batch is durable. Call it inside a tokio
    /// runtime.
    fn append(&self, batch: Batch) -> Append;

    /// Appends and publishes: the batch is durable and visible when this returns.
    async fn commit(&self, batch: Batch) -> Result<u64, EngineError> {
        let durable = self.append(batch).await?;
        let number = durable.number();
        durable.publish();
        Ok(number)
    }

    /// Counters and health.
    fn status(&self) -> EngineStatus;

    /// The errors that reads of single values meet, at most `most`; reads everything. Engines whose damage is
    /// found otherwise return none.
    async fn unreadable(&self, most: usize) -> Result<Vec<EngineError>, EngineError> {
        let _ = most;
        Ok(Vec::new())
    }

    /// A backup of everything up to the last durable batch, without the parts that the receiver has (`held`).
    async fn backup(&self, held: Held) -> Result<Backup, EngineError> {
        let _ = held;
        Err(EngineError::Unsupported("backups"))
    }

    /// Whether the keys of this lease are lent to another process: then nothing here may write them.
    fn is_lent(&self, lease: u32) -> bool {
        let _ = lease;
        false
    }

    /// The leases that are lent now, in ascending order.
    fn lent(&self) -> Vec<u32> {
        Vec::new()
    }

    /// Lends the keys of a lease to whoever opens the store with the grant. From the call on nothing here
    /// writes them, and reads see what that process has made durable. Whoever calls it has published
    /// everything that it has written there. If it fails, the keys may be lent all the same:
    /// [`Engine::is_lent`] says so, and [`Engine::take_back`] undoes it.
    async fn lend(&self, lease: u32) -> Result<Grant, EngineError> {
        let _ = lease;
        Err(EngineError::Unsupported("leases"))
    }

    /// Waits until the keys of a lease are given back, or until the process that has them has been silent
    /// for so long that it answers nothing any more. Afterwards this process writes them again. Does nothing
    /// if they are not lent.
    async fn take_back(&self, lease: u32) -> Result<(), EngineError> {
        let _ = lease;
        Ok(())
    }

    /// Finishes what was appended, makes the working copy durable and releases the files. Later calls fail
    /// with [`EngineError::Closed`]. Closing twice is not an error.
    async fn close(&self) -> Result<(), EngineError>;
}
