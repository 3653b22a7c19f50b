//! The place of a file of failed rows, and the lock that lets only one command write it.
//!
//! Two commands with the same file must not mix their rows. So the file is locked while it is still empty,
//! until the command ends, and a file that replaces it is locked before it does so. If the place is taken, the
//! file is created under the next free name beside it. A file that is there without a lock is renamed to such
//! a name, see [`super::previous`].

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::alone::{create_alone, open_alone};
use crate::cli::Error;

/// The mode of the file: only its owner reads and writes it.
const PRIVATE: u32 = 0o600;

/// An empty file that no other command writes, and its path. A file that is at the wanted path is renamed,
/// and `previous` becomes its new path.
pub fn take_place(wanted: &Path, previous: &mut Option<PathBuf>) -> Result<(File, PathBuf), Error> {
    loop {
        let opened = open_alone(wanted).map_err(Error::file("create", wanted))?;
        let Some(file) = opened else {
            let taken = fs::canonicalize(wanted).map_err(Error::file("find", wanted))?;
            return take_free_name(&taken).map_err(Error::file("create", &taken));
        };
        let there = file.metadata().map_err(Error::file("read", wanted))?;
        if !there.is_file() {
            return Ok((file, wanted.to_owned()));
        }
        if there.len() == 0 {
            let made_private = file.set_permissions(Permissions::from_mode(PRIVATE));
            return made_private.map_err(Error::file("write", wanted)).map(|()| (file, wanted.to_owned()));
        }
        *previous = Some(rename(wanted)?);
    }
}

/// Renames the file at this path to the next free name, and returns its new path.
fn rename(wanted: &Path) -> Result<PathBuf, Error> {
    let there = fs::canonicalize(wanted).map_err(Error::file("find", wanted))?;
    // An empty file reserves the name, so that no other command can use it before the rename.
    let (_held, renamed) = take_free_name(&there).map_err(Error::file("rename", &there))?;
    fs::rename(&there, &renamed).map_err(Error::file("rename", &there))?;
    Ok(renamed)
}

/// Creates an empty file with the name of `file` and a number: `members.failed.1.csv` for
/// `members.failed.csv`, or the next free number. No other command writes it.
fn take_free_name(file: &Path) -> io::Result<(File, PathBuf)> {
    let mut number = 1_u64;
    loop {
        let mut name = file.file_stem().map_or_else(OsString::new, OsString::from);
        name.push(format!(".{number}"));
        if let Some(ending) = file.extension() {
            name.push(".");
            name.push(ending);
        }
        let free = file.with_file_name(name);
        if let Some(made) = create_alone(&free)? {
            return Ok((made, free));
        }
        number += 1;
    }
}

/// Checks, before anything is sent, that the file can be created at this path. Changes nothing.
pub fn check_place(path: &Path) -> Result<(), Error> {
    let hint = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("{error}; give another place for failed rows with --failed FILE"),
        )
    };
    probe(path).map_err(hint).map_err(Error::file("create", path))
}

fn probe(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        // Opening a pipe would signal a writer to its reader.
        Ok(there) if !there.is_file() && !there.is_dir() => Ok(()),
        Ok(_) => open_alone(path).map(drop),
        Err(_) => match open_alone(path)? {
            // No other command uses the file: it would hold the lock.
            Some(file) if file.metadata()?.len() == 0 => fs::remove_file(fs::canonicalize(path)?),
            _ => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_is_never_used() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("a list.failed.csv");
        let free = |file: &Path| take_free_name(file).unwrap().1;
        assert_eq!(free(&file), temp.path().join("a list.failed.1.csv"));
        std::os::unix::fs::symlink("nowhere", temp.path().join("a list.failed.2.csv")).unwrap();
        assert_eq!(free(&file), temp.path().join("a list.failed.3.csv"));
        assert_eq!(free(&temp.path().join("failed")), temp.path().join("failed.1"));
    }

    #[test]
    fn a_place_is_looked_at_and_left_as_it_is() {
        let temp = tempfile::tempdir().unwrap();
        let (new, link) = (temp.path().join("new"), temp.path().join("link"));
        std::os::unix::fs::symlink(&new, &link).unwrap();
        check_place(&new).unwrap();
        check_place(&link).unwrap();
        assert!(!new.exists() && fs::symlink_metadata(&link).is_ok());
        fs::write(&new, "rows").unwrap();
        let _other = open_alone(&new).unwrap();
        check_place(&new).unwrap();
        assert_eq!(fs::read_to_string(&new).unwrap(), "rows");
        check_place(&temp.path().join("no/folder")).unwrap_err();
    }
}
