//! The folder in which a restored or copied store is assembled, so that a half-finished store never has the
//! final name.
//!
//! - It is beside the final data directory and has the same name with `.restoring` appended. It contains a
//!   mark from the beginning until the store has its final name.
//! - One restore at a time works in it: the folder itself is locked, so no lock outlives a killed process.
//!   The next restore to the same place removes what a killed one left.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::engine::EngineError;
use crate::engine::sled::dir::{files, flock, folder};

/// The mark of a directory that is not a store yet.
const UNFINISHED: &str = "RESTORING";
/// The error for a locked directory.
const WHO: &str =
    "another restore is at work there; wait until that one has ended, or choose another data directory";
/// How often locking a directory is tried while others remove it.
const TRIES: usize = 100;

/// See the module documentation.
#[derive(Debug)]
pub struct Site {
    dir: PathBuf,
    target: PathBuf,
    /// The lock on the directory, so that no other restore works in it.
    _lock: File,
}

impl Site {
    /// Creates the directory in which the store of `target` is assembled, or takes over the one that a killed
    /// restore left.
    pub fn begin(target: &Path) -> Result<Self, EngineError> {
        refuse_used(target)?;
        folder::refuse_inside(target)?;
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".restoring");
        let dir = target.with_file_name(name);
        let lock = take(&dir)?;
        // The former owner of the lock may have finished the store.
        if let Err(error) = refuse_used(target) {
            if files::list(&dir)?.is_empty() {
                files::remove_all(&dir)?;
            }
            return Err(error);
        }
        let entries = files::list(&dir)?;
        // The mark is created first and removed last.
        if !entries.is_empty() && !entries.iter().any(|path| is_mark(path)) {
            return Err(EngineError::Io(format!(
                "{} is in the way; move it to another place",
                dir.display()
            )));
        }
        let site = Self { dir, target: target.to_owned(), _lock: lock };
        site.clear()?;
        files::replace(&site.dir.join(UNFINISHED), b"")?;
        Ok(site)
    }

    /// Begins an empty store in the directory, which opens although the mark is there.
    pub fn begin_store(&self) -> Result<(), EngineError> {
        files::make_dir(&self.dir.join(folder::LOG))?;
        files::replace(&self.dir.join(folder::LOCK), b"")
    }

    /// The directory in which the store is assembled.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Gives the store its final name.
    pub fn settle(self) -> Result<(), EngineError> {
        // Under its final name the store must be complete, so the mark is removed last.
        if self.target.exists() {
            std::fs::remove_dir(&self.target).map_err(|e| files::error("replace", &self.target, &e))?;
        }
        files::rename(&self.dir, &self.target)?;
        files::remove(&self.target.join(UNFINISHED))
    }

    /// Removes the directory, because it cannot become a store.
    pub fn discard(self) -> Result<(), EngineError> {
        self.clear()?;
        files::remove_all(&self.dir)
    }

    /// Removes everything but the mark.
    fn clear(&self) -> Result<(), EngineError> {
        let entries = files::list(&self.dir)?;
        entries.iter().filter(|path| !is_mark(path)).try_for_each(|path| files::remove_all(path))
    }
}

fn refuse_used(target: &Path) -> Result<(), EngineError> {
    match std::fs::read_dir(target).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(false) => {
            let text = format!("{} is not empty; restore into a new data directory", target.display());
            Err(EngineError::WrongFolder(text))
        }
        Err(e) => Err(files::error("prepare", target, &e)),
    }
}

/// Locks the directory, creating it if it is missing.
fn take(dir: &Path) -> Result<File, EngineError> {
    for _ in 0..TRIES {
        files::make_dir(dir)?;
        match flock::folder(dir, WHO) {
            // Before it was locked, its former owner may have renamed or removed it.
            Ok(lock) if stands_at(&lock, dir).map_err(|e| files::error("examine", dir, &e))? => {
                return Ok(lock);
            }
            Ok(_) => {}
            Err(_) if !dir.exists() => {}
            Err(error) => return Err(error),
        }
    }
    Err(EngineError::Io(format!("{} is replaced again and again by others", dir.display())))
}

/// Whether `path` leads to the directory `dir`.
fn stands_at(dir: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let opened = dir.metadata()?;
    Ok(std::fs::metadata(path).is_ok_and(|there| (there.dev(), there.ino()) == (opened.dev(), opened.ino())))
}

/// Whether `path` is the mark, or the mark while it is being written.
fn is_mark(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == UNFINISHED)
}
