//! The disk as the log, snapshots and backups use it: files that are written and synced, and the free space.
//!
//! All their writes go through here, which lets tests make the disk fail.
//!
//! # The room for sled
//!
//! sled must take every batch that the log has accepted, so the log accepts a batch only if the disk has room
//! for the log, for all that sled may write to take this and every pending batch, and for the reserve. So sled
//! can catch up at any time without the reserve, unless other programs fill the disk.

mod spare;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use spare::Spare;

use super::config::SledConfig;
use super::dir::files;
use crate::engine::EngineError;

/// The bytes that sled may write for one byte that it is given. sled appends each change of a page, and at
/// every tenth change the whole page; for members in random order that was ten times the bytes.
pub(crate) const WRITTEN_PER_BYTE: u64 = 16;

/// The bytes by which sled's files may grow for one byte of a pending batch in memory. The memory includes
/// 200 bytes for each write. So for small writes, for which sled grows most, this is about as much as
/// [`WRITTEN_PER_BYTE`] allows.
const GROWTH_PER_PENDING_BYTE: u64 = 4;

/// The file system of the data directory.
#[derive(Debug)]
pub(crate) struct Disk {
    dir: PathBuf,
    reserve: u64,
    /// The bytes that the pending batches take in memory.
    behind: Behind,
    /// The bytes that may still be accepted: the free bytes at the last look, minus what sled may write for
    /// the batches that were pending then, minus what was accepted since.
    spare: Spare,
    #[cfg(test)]
    faults: super::faults::Faults,
}

/// The bytes that the pending batches take in memory. The backlog sets it, and the disk reads it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Behind(Arc<AtomicUsize>);

impl Behind {
    pub(crate) fn set(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// What sled may write for the pending batches.
    fn growth(&self) -> u64 {
        growth(self.0.load(Ordering::Relaxed))
    }
}

/// What sled may write for batches that take `pending_bytes` in memory.
fn growth(pending_bytes: usize) -> u64 {
    u64::try_from(pending_bytes).unwrap_or(u64::MAX).saturating_mul(GROWTH_PER_PENDING_BYTE)
}

impl Disk {
    pub(crate) fn new(config: &SledConfig) -> Self {
        Self {
            dir: config.dir.clone(),
            reserve: config.reserve_bytes,
            behind: Behind::default(),
            spare: Spare::default(),
            #[cfg(test)]
            faults: config.faults.clone(),
        }
    }

    /// The file system of a folder that is not a data directory, without a reserve.
    pub(crate) fn without_reserve(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            reserve: 0,
            behind: Behind::default(),
            spare: Spare::default(),
            #[cfg(test)]
            faults: super::faults::Faults::default(),
        }
    }

    #[cfg(test)]
    pub(crate) fn faults(&self) -> &super::faults::Faults {
        &self.faults
    }

    /// What the backlog tells this disk.
    pub(crate) fn behind(&self) -> Behind {
        self.behind.clone()
    }

    /// Rejects a batch of `bytes` that takes `pending_bytes` in memory, if the disk has no room for it in the
    /// log and later in sled.
    pub(crate) fn admit_batch(&self, bytes: usize, pending_bytes: usize) -> Result<(), EngineError> {
        self.admit(u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(growth(pending_bytes)))
    }

    /// Rejects `bytes` that would use the reserve, or the room that sled needs for the pending batches.
    /// Cheap: it queries the file system only when the last answer no longer covers the bytes accepted since.
    /// So writes work again as soon as space is freed, or sled has caught up.
    pub(crate) fn admit(&self, bytes: u64) -> Result<(), EngineError> {
        if self.spare.take(bytes, self.reserve) {
            return Ok(());
        }
        let free = self.look();
        if self.spare.take(bytes, self.reserve) { Ok(()) } else { Err(self.full_for(free, bytes)) }
    }

    /// Whether sled may write. Half of the reserve is for sled, because sled must take what the log has
    /// accepted.
    pub(crate) fn has_room_for_sled(&self) -> bool {
        self.look() >= self.reserve / 2
    }

    /// The bytes that sled may write before its half of the reserve is used up.
    pub(crate) fn room_for_sled(&self) -> u64 {
        self.look().saturating_sub(self.reserve / 2)
    }

    /// The bytes that moves of values may write. They free more than they write, but only later; so they may
    /// use half of sled's half of the reserve, and the rest stays for what the log has accepted.
    pub(crate) fn room_for_moves(&self) -> u64 {
        self.look().saturating_sub(self.reserve / 4 * 3)
    }

    /// Rejects `bytes` that are to be written to sled, if sled could need more room for them than there is.
    pub(crate) fn admit_to_sled(&self, bytes: u64) -> Result<(), EngineError> {
        let free = self.look();
        let needed = bytes.saturating_mul(WRITTEN_PER_BYTE).saturating_add(self.reserve / 2);
        if free >= needed { Ok(()) } else { Err(EngineError::StorageFull { free, needed }) }
    }

    /// The error of a write for which the disk has no room.
    pub(crate) fn full(&self) -> EngineError {
        self.full_for(self.look(), 0)
    }

    fn full_for(&self, free: u64, bytes: u64) -> EngineError {
        let needed = self.reserve.saturating_add(self.behind.growth()).saturating_add(bytes);
        EngineError::StorageFull { free, needed }
    }

    /// Queries the free bytes of the file system.
    pub(crate) fn look(&self) -> u64 {
        let look = self.spare.begin();
        let free = self.ask();
        self.spare.end(look, free.saturating_sub(self.behind.growth()));
        free
    }

    fn ask(&self) -> u64 {
        #[cfg(test)]
        if let Some(free) = self.faults.free_bytes() {
            return free;
        }
        match rustix::fs::statvfs(&self.dir) {
            Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
            Err(error) => {
                tracing::warn!(%error, "cannot determine the free space; writing without a reserve");
                u64::MAX
            }
        }
    }

    /// Renames within a directory, durably.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), EngineError> {
        #[cfg(test)]
        self.faults.before_rename().map_err(|e| files::error("rename", from, &e))?;
        files::rename(from, to)
    }

    /// Removes a file, durably.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), EngineError> {
        #[cfg(test)]
        self.faults.before_remove().map_err(|e| files::error("remove", path, &e))?;
        files::remove(path)
    }

    /// Syncs a file that any process may have written.
    pub(crate) fn sync(&self, path: &Path) -> Result<(), EngineError> {
        let synced = File::open(path).and_then(|file| self.log_file(file).sync());
        synced.map_err(|e| files::error("sync", path, &e))
    }

    /// Creates a file, which must not exist.
    pub(crate) fn create(&self, path: &Path) -> io::Result<LogFile> {
        Ok(self.log_file(OpenOptions::new().write(true).create_new(true).open(path)?))
    }

    /// Opens a file, creating it if it is missing, and truncates it to `len` bytes.
    pub(crate) fn resume(&self, path: &Path, len: u64) -> io::Result<LogFile> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        file.set_len(len)?;
        Ok(self.log_file(file))
    }

    fn log_file(&self, file: File) -> LogFile {
        LogFile {
            file,
            #[cfg(test)]
            faults: self.faults.clone(),
        }
    }
}

/// A file of the log, a snapshot or a backup that this process writes.
#[derive(Debug)]
pub(crate) struct LogFile {
    file: File,
    #[cfg(test)]
    faults: super::faults::Faults,
}

impl LogFile {
    /// Writes `bytes` at `at`. After an error any part of them may be in the file.
    pub(crate) fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        if let Err((part, error)) = self.faults.before_append(bytes) {
            self.file.write_all_at(part, at)?;
            return Err(error);
        }
        self.file.write_all_at(bytes, at)
    }

    /// Brings the content and the length of the file to stable storage.
    pub(crate) fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        self.faults.before_sync()?;
        self.file.sync_data()
    }

    /// Whether the file still has a name.
    pub(crate) fn has_name(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.nlink() > 0)
    }

    /// Truncates the file to `len` bytes, durably.
    pub(crate) fn cut(&self, len: u64) -> io::Result<()> {
        #[cfg(test)]
        self.faults.before_cut()?;
        self.file.set_len(len)?;
        self.file.sync_data()
    }
}

/// Whether the error says that the disk is full, which only freeing space resolves.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
