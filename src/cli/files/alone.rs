//! Files that only one command at a time writes.
//!
//! A command owns a file while it holds the lock on it *and* the path still leads to this file: the previous
//! owner may have renamed or removed it before the lock was free. The lock ends with the last handle of the
//! file, also if the command is killed. Pipes and devices have no lock.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::identity::Identity;

/// The mode of a new file: only its owner reads and writes it.
const PRIVATE: u32 = 0o600;
/// How often to open the file again if others remove it meanwhile.
const TRIES: usize = 100;

/// Opens a file for writing, and creates it if it does not exist. `None` if another command writes it.
pub fn open_alone(path: &Path) -> io::Result<Option<File>> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false).mode(PRIVATE);
    for _ in 0..TRIES {
        let file = options.open(path)?;
        if !file.metadata()?.is_file() {
            return Ok(Some(file));
        }
        if !lock(&file)? {
            return Ok(None);
        }
        if stands_at(&file, path)? {
            return Ok(Some(file));
        }
    }
    Err(io::Error::other("other commands keep replacing the file"))
}

/// Creates a file that no other command writes. `None` if the name is in use, or another command has just
/// taken the file.
pub fn create_alone(path: &Path) -> io::Result<Option<File>> {
    let file = match File::options().write(true).create_new(true).mode(PRIVATE).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        opened => opened?,
    };
    Ok((lock(&file)? && stands_at(&file, path)?).then_some(file))
}

/// Whether the path leads to this file.
pub fn stands_at(file: &File, path: &Path) -> io::Result<bool> {
    Ok(Identity::at(path) == Some(Identity::of(&file.metadata()?)))
}

/// Locks the file; false if another handle has the lock.
fn lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => {
            Err(io::Error::new(error.kind(), format!("the file cannot be locked: {error}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_one_commands_until_its_last_handle_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let first = open_alone(&path).unwrap().unwrap();
        assert!(open_alone(&path).unwrap().is_none() && create_alone(&path).unwrap().is_none());
        let again = first.try_clone().unwrap();
        drop(first);
        assert!(open_alone(&path).unwrap().is_none());
        drop(again);
        assert!(open_alone(&path).unwrap().is_some() && create_alone(&path).unwrap().is_none());
    }

    #[test]
    fn a_file_that_went_elsewhere_is_not_the_one_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (folder.path().join("file"), folder.path().join("elsewhere"));
        let first = open_alone(&path).unwrap().unwrap();
        assert!(stands_at(&first, &path).unwrap());
        fs::rename(&path, &elsewhere).unwrap();
        assert!(!stands_at(&first, &path).unwrap());
        let second = open_alone(&path).unwrap().unwrap();
        assert!(stands_at(&second, &path).unwrap() && !stands_at(&first, &path).unwrap());
        assert!(open_alone(&elsewhere).unwrap().is_none());
    }
}
