//! File operations that last: an operation that creates, renames or removes a file also syncs its directory.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::engine::EngineError;

/// The error that names the operation, the file and the cause.
pub(crate) fn error(what: &str, path: &Path, error: &io::Error) -> EngineError {
    EngineError::Io(format!("cannot {what} {}: {error}", path.display()))
}

/// Creates `dir` if it is missing. Its parent must exist.
pub(crate) fn make_dir(dir: &Path) -> Result<(), EngineError> {
    match fs::create_dir(dir) {
        Ok(()) => sync_parent(dir),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(error("create the directory", dir, &e)),
    }
}

/// The paths in `dir`, in the order of their names.
pub(crate) fn list(dir: &Path) -> Result<Vec<PathBuf>, EngineError> {
    let read = || fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = read().map_err(|e| error("list", dir, &e))?;
    paths.sort();
    Ok(paths)
}

/// Removes a file.
pub(crate) fn remove(path: &Path) -> Result<(), EngineError> {
    fs::remove_file(path).map_err(|e| error("remove", path, &e))?;
    sync_parent(path)
}

/// Removes a file, or a directory with everything in it.
pub(crate) fn remove_all(path: &Path) -> Result<(), EngineError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(|e| error("remove", path, &e))?;
    sync_parent(path)
}

/// Renames within a directory, replacing a file that has the new name.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), EngineError> {
    fs::rename(from, to).map_err(|e| error("rename", from, &e))?;
    sync_parent(to)
}

/// Makes the file names in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), EngineError> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(|e| error("sync the directory", dir, &e))
}

/// Makes the file name of `path` durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), EngineError> {
    match path.parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(parent) => sync_dir(parent),
        None => sync_dir(Path::new(".")),
    }
}

/// Replaces the content of `path` atomically and durably.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), EngineError> {
    let new = path.with_extension("new");
    let write = || {
        fs::write(&new, content)?;
        File::open(&new)?.sync_all()
    };
    write().map_err(|e| error("write", &new, &e))?;
    rename(&new, path)
}
