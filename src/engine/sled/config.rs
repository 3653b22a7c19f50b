//! How a store is opened, and the adapter's limits.

use std::path::PathBuf;
use std::time::Duration;

use super::super::EngineError;
use super::folder;
use super::snapshot::Sizes;

/// Free bytes of the file system that no request is written into.
pub const DEFAULT_RESERVE_BYTES: u64 = 512 * 1024 * 1024;
/// Size at which the log goes on in a new segment.
pub const DEFAULT_SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// Published bytes that may wait for sled before acknowledgements are held back.
pub const DEFAULT_PENDING_LIMIT_BYTES: usize = 32 * 1024 * 1024;
/// Bytes applied to sled after which it is made durable and the confirmed position moves.
pub const DEFAULT_CONFIRM_BYTES: u64 = 128 * 1024 * 1024;
/// sled's page cache. The heap is more than that: measure.
pub const DEFAULT_CACHE_BYTES: u64 = 128 * 1024 * 1024;

/// Bytes of the log since the last snapshot at which the next one is due, unless that snapshot is larger.
pub const DEFAULT_SNAPSHOT_AFTER_BYTES: u64 = 1024 * 1024 * 1024;
/// What making a snapshot reads and writes per second, at most.
const SNAPSHOT_BYTES_PER_SECOND: u64 = 64 * 1024 * 1024;
/// How long a flush of sled may take before it is taken for one that never ends.
const FLUSH_PATIENCE: Duration = Duration::from_secs(120);
/// How long anybody waits for a sled that is dropped.
const DROP_PATIENCE: Duration = Duration::from_secs(10);

/// The settings of a [`SledEngine`](super::SledEngine).
#[derive(Debug, Clone)]
pub struct SledConfig {
    /// The data directory. It is made if it is missing; its parent must exist.
    pub dir: PathBuf,
    /// Capacity of sled's page cache.
    pub cache_bytes: u64,
    /// Writes are refused while fewer bytes are free.
    pub reserve_bytes: u64,
    /// The log goes on in a new segment once one has this size.
    pub segment_bytes: u64,
    /// Acknowledgements wait while more published bytes than this have not reached sled.
    pub pending_limit_bytes: usize,
    /// Bytes applied between two confirmed positions. After a crash, at most about this much is replayed.
    pub confirm_bytes: u64,
    /// A snapshot is due once the log since the last one has this size, and that of the last one.
    pub snapshot_after_bytes: u64,
    /// What making a snapshot reads and writes per second, at most.
    pub(crate) snapshot_bytes_per_second: u64,
    /// What snapshots are made of.
    pub(super) snapshot_sizes: Sizes,
    /// How long a flush of sled may take before nobody waits for it any more.
    pub(crate) flush_patience: Duration,
    /// How long a sled that is dropped is waited for.
    pub(crate) drop_patience: Duration,
    /// Injected failures.
    #[cfg(test)]
    pub(crate) faults: super::faults::Faults,
}

impl SledConfig {
    /// The defaults, for the data directory `dir`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            cache_bytes: DEFAULT_CACHE_BYTES,
            reserve_bytes: DEFAULT_RESERVE_BYTES,
            segment_bytes: DEFAULT_SEGMENT_BYTES,
            pending_limit_bytes: DEFAULT_PENDING_LIMIT_BYTES,
            confirm_bytes: DEFAULT_CONFIRM_BYTES,
            snapshot_after_bytes: DEFAULT_SNAPSHOT_AFTER_BYTES,
            snapshot_bytes_per_second: SNAPSHOT_BYTES_PER_SECOND,
            snapshot_sizes: Sizes::default(),
            flush_patience: FLUSH_PATIENCE,
            drop_patience: DROP_PATIENCE,
            #[cfg(test)]
            faults: super::faults::Faults::default(),
        }
    }

    /// Whether there is a store in the directory already.
    #[must_use]
    pub fn has_store(&self) -> bool {
        folder::is_store(&self.dir)
    }

    /// Whether an opening would make the store. Refused where it would not be made.
    pub fn is_new(&self) -> Result<bool, EngineError> {
        folder::for_store(&self.dir)?;
        Ok(!self.has_store())
    }

    pub(super) fn log_dir(&self) -> PathBuf {
        self.dir.join("wal")
    }

    pub(super) fn snapshot_dir(&self) -> PathBuf {
        self.dir.join("snapshots")
    }

    pub(super) fn sled_dir(&self) -> PathBuf {
        self.dir.join("sled")
    }
}
