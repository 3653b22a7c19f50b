//! The directory in which a store is put together, so that there is never half of one under its name.
//!
//! - It stands beside the data directory that it is to become, has `.restoring` behind the name of that, and holds a mark from
//!   its beginning until the store has its name.
//! - One restore at a time has it: it is locked itself, so that no lock outlives a process that is killed. What such a process
//!   left in it is removed by the next restore to the same place.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::super::super::EngineError;
use super::super::{files, folder};
use super::lock_folder;

/// Names a directory that is not a store yet.
const UNFINISHED: &str = "RESTORING";
/// Who has a directory that is locked, and what to do.
const WHO: &str =
    "another restore is at work there; wait until that one has ended, or give another data directory";
/// How often a directory is opened that others take away meanwhile.
const TRIES: usize = 100;

/// See the module documentation.
#[derive(Debug)]
pub struct Site {
    dir: PathBuf,
    target: PathBuf,
    /// Of the directory, so that no other restore works in it.
    _lock: File,
}

impl Site {
    /// Makes the directory in which the store of `target` is put together, or takes the one that a killed restore has left.
    pub fn begin(target: &Path) -> Result<Self, EngineError> {
        refuse_used(target)?;
        folder::refuse_inside(target)?;
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".restoring");
        let dir = target.with_file_name(name);
        let lock = take(&dir)?;
        // Whoever had it until now may have made the store.
        if let Err(error) = refuse_used(target) {
            if files::list(&dir)?.is_empty() {
                files::remove_all(&dir)?;
            }
            return Err(error);
        }
        let entries = files::list(&dir)?;
        // The mark is the first thing in it and the last to go.
        if !entries.is_empty() && !entries.iter().any(|path| is_mark(path)) {
            return Err(EngineError::Io(format!("{} is in the way; move it elsewhere", dir.display())));
        }
        let site = Self { dir, target: target.to_owned(), _lock: lock };
        site.clear()?;
        files::replace(&site.dir.join(UNFINISHED), b"")?;
        Ok(site)
    }

    /// Where the store is put together.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Gives the store its name.
    pub fn settle(self) -> Result<(), EngineError> {
        // Under its real name it must be whole, so the mark goes last of all.
        if self.target.exists() {
            std::fs::remove_dir(&self.target).map_err(|e| files::error("replace", &self.target, &e))?;
        }
        files::rename(&self.dir, &self.target)?;
        files::remove(&self.target.join(UNFINISHED))
    }

    /// Removes what cannot become a store.
    pub fn discard(self) -> Result<(), EngineError> {
        self.clear()?;
        files::remove_all(&self.dir)
    }

    /// Removes all but the mark.
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

/// The lock on the directory, which is made if it is missing.
fn take(dir: &Path) -> Result<File, EngineError> {
    for _ in 0..TRIES {
        files::make_dir(dir)?;
        match lock_folder(dir, WHO) {
            // Until it is locked, who had it may have given it its name or taken it away.
            Ok(lock) if stands_at(&lock, dir).map_err(|e| files::error("look at", dir, &e))? => {
                return Ok(lock);
            }
            Ok(_) => {}
            Err(_) if !dir.exists() => {}
            Err(error) => return Err(error),
        }
    }
    Err(EngineError::Io(format!("{} is replaced again and again", dir.display())))
}

/// Whether the path leads to this directory.
fn stands_at(dir: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let opened = dir.metadata()?;
    Ok(std::fs::metadata(path).is_ok_and(|there| (there.dev(), there.ino()) == (opened.dev(), opened.ino())))
}

/// The mark, also while it is being written.
fn is_mark(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == UNFINISHED)
}
