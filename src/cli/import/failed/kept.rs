//! A file that is in the place of the failed rows is renamed: it may have rows that somebody has corrected,
//! and that exist nowhere else.
//!
//! If the new file turns out to be the same, the renamed file is removed.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::file::FailedRows;
use super::place::take_free_name;
use crate::cli::Error;

impl FailedRows {
    /// Renames the file that is in the place of this one.
    pub(super) fn keep_what_is_there(&mut self) -> Result<(), Error> {
        let there = fs::canonicalize(&self.wanted).map_err(Error::file("find", &self.wanted))?;
        // An empty file reserves the name, so that no other import can use it before the rename.
        let (_held, kept) = take_free_name(&there).map_err(Error::file("keep", &there))?;
        fs::rename(&there, &kept).map_err(Error::file("rename", &there))?;
        self.kept = Some(kept);
        Ok(())
    }

    /// The new path of the file that was there before. Removes that file, and returns `None`, if it is the
    /// same as the new one.
    pub fn kept(&mut self) -> Result<Option<&Path>, Error> {
        let (Some(kept), Some(path)) = (&self.kept, self.path()) else { return Ok(self.kept.as_deref()) };
        if is_same(kept, path).map_err(Error::file("read", kept))? {
            fs::remove_file(kept).map_err(Error::file("remove", kept))?;
            self.kept = None;
        }
        Ok(self.kept.as_deref())
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
