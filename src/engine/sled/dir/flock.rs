//! Locks on folders: one process at a time opens a store, or writes a backup.
//!
//! The operating system releases a lock when the process ends, however it ends. A lock lasts as long as the
//! returned file is open.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use super::{files, folder};
use crate::engine::EngineError;

/// Locks the store in `dir`, through its lock file, which is created if it is missing.
pub(crate) fn store(dir: &Path) -> Result<File, EngineError> {
    let path = dir.join(folder::LOCK);
    let file = open_to_write(&path).map_err(|e| files::error("open", &path, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EngineError::InUse(dir.display().to_string())),
        Err(TryLockError::Error(e)) => Err(files::error("lock", &path, &e)),
    }
}

/// Locks the store in `dir` for a program that only reads it. On a file system that has become read-only, as
/// after errors of its disk, no lock file can be created, and no server can start either.
pub(crate) fn store_to_read(dir: &Path) -> Result<Option<File>, EngineError> {
    match open_to_write(&dir.join(folder::LOCK)) {
        Err(e) if e.kind() == io::ErrorKind::ReadOnlyFilesystem => store_unchanged(dir),
        _ => store(dir).map(Some),
    }
}

fn open_to_write(lock: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(lock)
}

/// Locks the store in `dir` without creating a file: a store without a lock file needs no lock.
pub(crate) fn store_unchanged(dir: &Path) -> Result<Option<File>, EngineError> {
    let path = dir.join(folder::LOCK);
    if !path.exists() {
        return Ok(None);
    }
    let file = File::open(&path).map_err(|e| files::error("open", &path, &e))?;
    file.try_lock().map_err(|_| EngineError::InUse(dir.display().to_string()))?;
    Ok(Some(file))
}

/// Locks the folder `dir` itself: a lock file would outlive a killed process. If another process holds the
/// lock, the error is `busy`.
pub(crate) fn folder(dir: &Path, busy: &str) -> Result<File, EngineError> {
    let file = File::open(dir).map_err(|e| files::error("open", dir, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EngineError::Io(format!("{}: {busy}", dir.display()))),
        Err(TryLockError::Error(e)) => Err(files::error("lock", dir, &e)),
    }
}
