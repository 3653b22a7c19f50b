//! File operations that keep their promises: whoever makes or renames a file here syncs its directory as well.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::super::EngineError;

/// An I/O error in words: what was tried, on which file, and why it failed.
pub(super) fn error(what: &str, path: &Path, error: &io::Error) -> EngineError {
    EngineError::Io(format!("cannot {what} {}: {error}", path.display()))
}

/// Makes `dir` if it is missing. Its parent must exist.
pub(super) fn make_dir(dir: &Path) -> Result<(), EngineError> {
    match fs::create_dir(dir) {
        Ok(()) => sync_parent(dir),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(error("make the directory", dir, &e)),
    }
}

/// The entries of `dir`, by name.
pub(super) fn list(dir: &Path) -> Result<Vec<PathBuf>, EngineError> {
    let read = || fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = read().map_err(|e| error("list", dir, &e))?;
    paths.sort();
    Ok(paths)
}

/// Removes a file.
pub(super) fn remove(path: &Path) -> Result<(), EngineError> {
    fs::remove_file(path).map_err(|e| error("remove", path, &e))?;
    sync_parent(path)
}

/// Removes a file, or a directory with everything in it.
pub(super) fn remove_all(path: &Path) -> Result<(), EngineError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(|e| error("remove", path, &e))?;
    sync_parent(path)
}

/// Renames within a directory, replacing what has the new name.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), EngineError> {
    fs::rename(from, to).map_err(|e| error("rename", from, &e))?;
    sync_parent(to)
}

/// Makes the names in `dir` durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), EngineError> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(|e| error("sync the directory", dir, &e))
}

/// Makes the name of `path` durable.
pub(super) fn sync_parent(path: &Path) -> Result<(), EngineError> {
    match path.parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(parent) => sync_dir(parent),
        None => sync_dir(Path::new(".")),
    }
}

/// Replaces the content of `path` whole or not at all, durably.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), EngineError> {
    let new = path.with_extension("new");
    let write = || {
        fs::write(&new, content)?;
        File::open(&new)?.sync_all()
    };
    write().map_err(|e| error("write", &new, &e))?;
    rename(&new, path)
}
