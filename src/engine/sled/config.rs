//! The settings of a store, and their defaults.

use std::path::PathBuf;
use std::time::Duration;

use super::dir::folder;
use crate::engine::EngineError;
use crate::metrics::Histogram;

/// Free bytes of the file system that no request may use.
const DEFAULT_RESERVE_BYTES: u64 = 512 * 1024 * 1024;
/// Size of a segment at which the log continues in a new one.
const DEFAULT_SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// Published bytes that may wait for sled before acknowledgements wait.
const DEFAULT_PENDING_LIMIT_BYTES: usize = 32 * 1024 * 1024;
/// Bytes applied to sled after which sled is made durable and the confirmed position moves.
const DEFAULT_CONFIRM_BYTES: u64 = 128 * 1024 * 1024;
/// sled's page cache. The heap exceeds it, so measure.
const DEFAULT_CACHE_BYTES: u64 = 128 * 1024 * 1024;

/// Bytes of the log since the last snapshot at which the next one is due, unless that snapshot is larger.
const DEFAULT_SNAPSHOT_AFTER_BYTES: u64 = 1024 * 1024 * 1024;
/// The most bytes per second that the work on a snapshot reads and writes.
const SNAPSHOT_BYTES_PER_SECOND: u64 = 64 * 1024 * 1024;
/// The bounds of the times that writes to the log take, in microseconds.
const LOG_TIMES: [u64; 13] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];
/// A flush of sled that takes longer is treated as one that never ends.
const FLUSH_PATIENCE: Duration = Duration::from_secs(120);
/// How long a caller waits for sled to be dropped.
const DROP_PATIENCE: Duration = Duration::from_secs(10);

/// The settings of a [`SledEngine`](super::SledEngine).
#[derive(Debug, Clone)]
pub struct SledConfig {
    /// The data directory. It is created if it is missing; its parent must exist.
    pub dir: PathBuf,
    /// Capacity of sled's page cache.
    pub cache_bytes: u64,
    /// The store rejects writes while fewer bytes are free.
    pub reserve_bytes: u64,
    /// The log continues in a new segment once the current one has this size.
    pub segment_bytes: u64,
    /// Acknowledgements wait while more published bytes than this have not reached sled.
    pub pending_limit_bytes: usize,
    /// Bytes applied between two confirmed positions. After a crash, at most about this much is replayed.
    pub confirm_bytes: u64,
    /// A snapshot is due once the log since the last snapshot is at least this large, and at least as large
    /// as that snapshot.
    pub snapshot_after_bytes: u64,
    /// The most bytes per second that the work on a snapshot reads and writes.
    pub(crate) snapshot_bytes_per_second: u64,
    /// The sizes of the parts of a snapshot.
    pub(crate) snapshot_sizes: SnapshotSizes,
    /// Counts how long it takes to write a group of batches into the log and to sync it.
    pub(crate) log_times: Histogram,
    /// How long a caller waits for a flush of sled.
    pub(crate) flush_patience: Duration,
    /// How long a caller waits for sled to be dropped.
    pub(crate) drop_patience: Duration,
    /// Injected failures.
    #[cfg(test)]
    pub(crate) faults: super::faults::Faults,
}

/// A histogram for the times that writes to the log take.
#[must_use]
pub(crate) fn log_times() -> Histogram {
    Histogram::of_times(&LOG_TIMES)
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
            snapshot_sizes: SnapshotSizes::default(),
            log_times: log_times(),
            flush_patience: FLUSH_PATIENCE,
            drop_patience: DROP_PATIENCE,
            #[cfg(test)]
            faults: super::faults::Faults::default(),
        }
    }

    /// Whether the directory contains a store.
    #[must_use]
    pub fn has_store(&self) -> bool {
        folder::is_store(&self.dir)
    }

    /// Whether opening creates the store. An error if opening would reject the directory.
    pub fn is_new(&self) -> Result<bool, EngineError> {
        folder::for_store(&self.dir)?;
        Ok(!self.has_store())
    }

    pub(crate) fn log_dir(&self) -> PathBuf {
        self.dir.join("wal")
    }

    pub(crate) fn snapshot_dir(&self) -> PathBuf {
        self.dir.join("snapshots")
    }

    pub(crate) fn sled_dir(&self) -> PathBuf {
        self.dir.join("sled")
    }
}

/// The sizes of the parts of a snapshot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SnapshotSizes {
    /// Keys and values of a block, before compression.
    pub(crate) block_bytes: usize,
    /// The part of the log that is sorted in memory at a time.
    pub(crate) memory_bytes: usize,
    /// The number of sorted files of one level that are merged into one. Each takes about a third of a
    /// megabyte of memory while it is read, and those of all levels are read at the end.
    pub(crate) most_runs: usize,
}

impl Default for SnapshotSizes {
    fn default() -> Self {
        Self { block_bytes: 64 * 1024, memory_bytes: 32 * 1024 * 1024, most_runs: 48 }
    }
}
