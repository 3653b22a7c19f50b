//! The disk as the log, snapshots and backups see it: files that are written and synced, and the space that is left.
//!
//! Every write of theirs goes through here, which is where tests make the disk fail.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::EngineError;
use super::config::SledConfig;
use super::files;

/// The file system of the data directory.
#[derive(Debug)]
pub(super) struct Disk {
    dir: PathBuf,
    reserve: u64,
    /// Free bytes when last looked, less what was accepted since.
    free: AtomicU64,
    #[cfg(test)]
    faults: super::faults::Faults,
}

impl Disk {
    pub(super) fn new(config: &SledConfig) -> Self {
        Self {
            dir: config.dir.clone(),
            reserve: config.reserve_bytes,
            free: AtomicU64::new(0),
            #[cfg(test)]
            faults: config.faults.clone(),
        }
    }

    /// The file system of a folder that is no data directory: nothing of it is held back.
    pub(super) fn without_reserve(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            reserve: 0,
            free: AtomicU64::new(0),
            #[cfg(test)]
            faults: super::faults::Faults::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn faults(&self) -> &super::faults::Faults {
        &self.faults
    }

    /// Refuses `bytes` that would eat into the reserve. Cheap: the file system is asked only when the last answer no
    /// longer covers what was accepted since, so writes work again as soon as space is freed.
    pub(super) fn admit(&self, bytes: u64) -> Result<(), EngineError> {
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

    /// Whether sled may be written to: half of the reserve is its own, since it has to take what the log accepted.
    pub(super) fn has_room_for_sled(&self) -> bool {
        self.look() >= self.reserve / 2
    }

    /// The bytes that sled may take before its half of the reserve is used up.
    pub(super) fn room_for_sled(&self) -> u64 {
        self.look().saturating_sub(self.reserve / 2)
    }

    /// What a write that the disk had no room for answers.
    pub(super) fn full(&self) -> EngineError {
        EngineError::StorageFull { free: self.look(), reserve: self.reserve }
    }

    /// Asks the file system for its free bytes.
    pub(super) fn look(&self) -> u64 {
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
                tracing::warn!(%error, "cannot ask for the free space; writing without a reserve");
                u64::MAX
            }
        }
    }

    /// Renames within a directory, durably.
    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), EngineError> {
        #[cfg(test)]
        self.faults.before_rename().map_err(|e| files::error("rename", from, &e))?;
        files::rename(from, to)
    }

    /// Removes a file, durably.
    pub(super) fn remove(&self, path: &Path) -> Result<(), EngineError> {
        #[cfg(test)]
        self.faults.before_remove().map_err(|e| files::error("remove", path, &e))?;
        files::remove(path)
    }

    /// Brings what a file has, whoever wrote it, to stable storage.
    pub(super) fn sync(&self, path: &Path) -> Result<(), EngineError> {
        let synced = File::open(path).and_then(|file| self.log_file(file).sync());
        synced.map_err(|e| files::error("sync", path, &e))
    }

    /// Makes a file that is not there yet.
    pub(super) fn create(&self, path: &Path) -> io::Result<LogFile> {
        Ok(self.log_file(OpenOptions::new().write(true).create_new(true).open(path)?))
    }

    /// Opens a file, which is made if it is missing, and cuts it to its first `len` bytes.
    pub(super) fn resume(&self, path: &Path, len: u64) -> io::Result<LogFile> {
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
pub(super) struct LogFile {
    file: File,
    #[cfg(test)]
    faults: super::faults::Faults,
}

impl LogFile {
    /// Writes `bytes` at `at`, whole or with an error that leaves any part of them.
    pub(super) fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        if let Err((part, error)) = self.faults.before_append(bytes) {
            self.file.write_all_at(part, at)?;
            return Err(error);
        }
        self.file.write_all_at(bytes, at)
    }

    /// Brings what was written, and the file's length, to stable storage.
    pub(super) fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        self.faults.before_sync()?;
        self.file.sync_data()
    }

    /// Whether the file can still be found by a name.
    pub(super) fn has_name(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.nlink() > 0)
    }

    /// Cuts off everything from `len` on, durably.
    pub(super) fn cut(&self, len: u64) -> io::Result<()> {
        #[cfg(test)]
        self.faults.before_cut()?;
        self.file.set_len(len)?;
        self.file.sync_data()
    }
}

/// Whether the error says that there is no room left, which nothing but freeing space can mend.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
