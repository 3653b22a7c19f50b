//! Whether the files of the log are still those that are open: what is written into a file without a name is lost.
//!
//! The syncer looks whether its file still has a name before it answers for what it wrote there (`writer.rs`). A file that was moved
//! or replaced, and older ones, are noticed here, when the keeper of snapshots comes round.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::super::EngineError;
use super::{files, lock};

/// The files that the log consists of, and what each is on its file system: device and inode.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<BTreeMap<PathBuf, (u64, u64)>>);

impl Watch {
    /// From now on the file belongs to the log.
    pub(super) fn add(&self, path: &Path) -> Result<(), EngineError> {
        let found = identity(path).map_err(|e| files::error("look at", path, &e))?;
        lock(&self.0).insert(path.to_owned(), found);
        Ok(())
    }

    /// The file is about to be removed, because nobody needs it any more.
    pub(super) fn forget(&self, path: &Path) {
        lock(&self.0).remove(path);
    }

    /// Which file is not there any more, if one is not. A file that cannot be looked at may well be there.
    pub(super) fn missing(&self) -> Option<String> {
        let watched = lock(&self.0);
        let lost = watched.iter().find(|(path, known)| match identity(path) {
            Ok(found) => found != **known,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        });
        lost.map(|(path, _)| lost_text(path))
    }
}

/// What is said of a file that has lost its name.
pub(super) fn lost_text(path: &Path) -> String {
    format!("another program removed, moved or replaced {}, which the server has open", path.display())
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}
