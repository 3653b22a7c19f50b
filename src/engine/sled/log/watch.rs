//! Whether the log's files are still those that are open: writes into a file without a name are lost.
//!
//! The syncer checks that its file still has a name before it acknowledges what it wrote there (`writer.rs`).
//! The keeper of snapshots looks here from time to time, which also finds files that were moved or replaced,
//! and older ones.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::engine::EngineError;
use crate::engine::lock::lock;
use crate::engine::sled::dir::files;

/// The files of the log, each with its device and inode.
#[derive(Debug, Default)]
pub(crate) struct Watch(Mutex<BTreeMap<PathBuf, (u64, u64)>>);

impl Watch {
    /// Adds a file of the log.
    pub(crate) fn add(&self, path: &Path) -> Result<(), EngineError> {
        let found = identity(path).map_err(|e| files::error("look at", path, &e))?;
        lock(&self.0).insert(path.to_owned(), found);
        Ok(())
    }

    /// Stops watching a file that is about to be removed because it is no longer needed.
    pub(crate) fn forget(&self, path: &Path) {
        lock(&self.0).remove(path);
    }

    /// Says which file is gone, if one is. A file that cannot be examined does not count as gone.
    pub(crate) fn missing(&self) -> Option<String> {
        let watched = lock(&self.0);
        let lost = watched.iter().find(|(path, known)| match identity(path) {
            Ok(found) => found != **known,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        });
        lost.map(|(path, _)| lost_text(path))
    }
}

/// The reason to reject writes when a file has lost its name.
pub(crate) fn lost_text(path: &Path) -> String {
    format!("another program removed, moved or replaced {}, which the server has open", path.display())
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}
