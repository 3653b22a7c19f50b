//! The disk as the log, snapshots and backups use it: files that are written and synced, and the free space.
//!
//! All their writes go through here, which lets tests make the disk fail.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::config::SledConfig;
use super::dir::files;
use crate::engine::EngineError;

/// The file system of the data directory.
#[derive(Debug)]
pub(crate) struct Disk {
    dir: PathBuf,
    reserve: u64,
    /// The free bytes at the last look, minus the bytes accepted since.
    free: AtomicU64,
    #[cfg(test)]
    faults: super::faults::Faults,
}

impl Disk {
    pub(crate) fn new(config: &SledConfig) -> Self {
        Self {
            dir: config.dir.clone(),
            reserve: config.reserve_bytes,
            free: AtomicU64::new(0),
            #[cfg(test)]
            faults: config.faults.clone(),
        }
    }

    /// The file system of a folder that is not a data directory, without a reserve.
    pub(crate) fn without_reserve(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            reserve: 0,
            free: AtomicU64::new(0),
            #[cfg(test)]
            faults: super::faults::Faults::default(),
        }
    }

    #[cfg(test)]
    pub(crate) fn faults(&self) -> &super::faults::Faults {
        &self.faults
    }

    /// Rejects `bytes` that would use the reserve. Cheap: it queries the file system only when the last
    /// answer no longer covers the bytes accepted since. So writes work again as soon as space is freed.
    pub(crate) fn admit(&self, bytes: u64) -> Result<(), EngineError> {
        let enough = |free: u64| free.checked_sub(bytes).filter(|left| *left >= self.reserve);
        if self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enough).is_ok() {
            return Ok(());
        }
        let free = self.look();
        match enough(free) {
            Some(_) => Ok(()),
            None => Err(EngineError::StorageFull { free, reserve: self.reserve }),
        }
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

    /// The error of a write for which the disk has no room.
    pub(crate) fn full(&self) -> EngineError {
        EngineError::StorageFull { free: self.look(), reserve: self.reserve }
    }

    /// Queries the free bytes of the file system.
    pub(crate) fn look(&self) -> u64 {
        let free = self.ask();
        self.free.store(free, Ordering::Relaxed);
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
