//! What stands where failed rows go is kept under another name: somebody may have mended rows in it, which are nowhere else.
//!
//! If the new file says the same in the end, there was nothing to keep, and only the new one stays.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::FailedRows;
use crate::cli::Error;

impl FailedRows {
    /// Keeps the file that is at the place of this one, if there is one with something in it.
    pub(super) fn keep_what_is_there(&mut self) -> Result<(), Error> {
        match fs::canonicalize(&self.path) {
            Ok(file) => self.keep(&file, &file),
            Err(_) => Ok(()),
        }
    }

    /// Keeps `there`, which stood at `place`, under a name of its own beside it.
    pub(super) fn keep(&mut self, there: &Path, place: &Path) -> Result<(), Error> {
        let holds_something = fs::metadata(there).is_ok_and(|there| there.is_file() && there.len() > 0);
        if holds_something {
            let kept = free_name(place).map_err(Error::file("keep", place))?;
            fs::rename(there, &kept).map_err(Error::file("rename", there))?;
            self.kept = Some(kept);
        }
        Ok(())
    }

    /// Where the file is that stood here before, unless it said the same.
    pub fn kept(&mut self) -> Result<Option<&Path>, Error> {
        let Some(kept) = &self.kept else { return Ok(None) };
        if is_same(kept, &self.path).map_err(Error::file("read", kept))? {
            fs::remove_file(kept).map_err(Error::file("remove", kept))?;
            self.kept = None;
        }
        Ok(self.kept.as_deref())
    }
}

/// `members.failed.1.csv` for `members.failed.csv`, or the first number after it that nothing is called by.
fn free_name(file: &Path) -> io::Result<PathBuf> {
    let mut number = 1_u64;
    loop {
        let mut name = file.file_stem().map_or_else(OsString::new, OsString::from);
        name.push(format!(".{number}"));
        if let Some(ending) = file.extension() {
            name.push(".");
            name.push(ending);
        }
        let free = file.with_file_name(name);
        match fs::symlink_metadata(&free) {
            Ok(_) => number += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(free),
            Err(error) => return Err(error),
        }
    }
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (BufReader::new(File::open(one)?), BufReader::new(File::open(other)?));
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let len = left.len().min(right.len());
        if len == 0 {
            return Ok(left.len() == right.len());
        }
        if left.get(..len) != right.get(..len) {
            return Ok(false);
        }
        one.consume(len);
        other.consume(len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_is_never_used() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("a list.failed.csv");
        assert_eq!(free_name(&file).unwrap(), temp.path().join("a list.failed.1.csv"));
        fs::write(temp.path().join("a list.failed.1.csv"), "").unwrap();
        std::os::unix::fs::symlink("nowhere", temp.path().join("a list.failed.2.csv")).unwrap();
        assert_eq!(free_name(&file).unwrap(), temp.path().join("a list.failed.3.csv"));
        assert_eq!(free_name(&temp.path().join("failed")).unwrap(), temp.path().join("failed.1"));
    }

    #[test]
    fn files_are_the_same_if_all_their_bytes_are() {
        let temp = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            fs::write(temp.path().join(name), text).unwrap();
            temp.path().join(name)
        };
        let long = "row\n".repeat(10_000);
        for (one, other) in
            [("", "a"), ("a", "b"), (&*long, &*format!("{long}x")), (&*format!("x{long}"), &*long)]
        {
            assert!(!is_same(&file("one", one), &file("other", other)).unwrap());
            assert!(is_same(&file("one", one), &file("other", one)).unwrap());
        }
    }
}
