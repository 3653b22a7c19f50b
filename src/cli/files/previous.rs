//! The file that was in the place of the failed rows before, and was renamed to make room for them.
//!
//! It may have rows that somebody has corrected, and that exist nowhere else, so it stays. Only if the new
//! file turns out to be the same is it removed.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use crate::cli::Error;

/// Removes the renamed file if it is the same as the new one. Returns whether it was.
pub fn remove_if_same(previous: &Path, new: &Path) -> Result<bool, Error> {
    let is_same = is_same(previous, new).map_err(Error::file("read", previous))?;
    if is_same {
        fs::remove_file(previous).map_err(Error::file("remove", previous))?;
    }
    Ok(is_same)
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
