//! The failed rows of an earlier import. An import without failed rows leaves their file alone.
//!
//! Such a file is never removed. Its rows may belong to another list or memberbase, or somebody may have
//! corrected them. In each case they may exist nowhere else, and the file does not show it.

use std::fs::{self, File, TryLockError};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::again::{reader, why};
use crate::cli::import::reading::{Format, Table};
use crate::lists::columns::FAILURE_COLUMNS;

/// How many bytes to read to recognise a file of failed rows.
const LOOK_AT: u64 = 256 << 10;

/// Whether there is a file of failed rows, as far as its beginning and the header of this list show. A file
/// that cannot be read does not count, nor one that another import is writing, because that import may remove
/// it again.
pub fn has_failed_rows(path: &Path, format: &Format) -> bool {
    let is_file = fs::symlink_metadata(path).is_ok_and(|there| there.is_file());
    is_file
        && File::open(path).is_ok_and(|file| {
            !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
                && is_of_failed_rows(file.take(LOOK_AT), format)
        })
}

/// Whether a file begins like a file of failed rows of such a list.
fn is_of_failed_rows(start: impl Read, format: &Format) -> bool {
    match format.table() {
        Some(Table { columns, delimiter, names_delimiter, .. }) => {
            let mut rows = reader(delimiter).from_reader(start);
            let header = rows.records().nth(usize::from(names_delimiter));
            header
                .and_then(Result::ok)
                .is_some_and(|header| header.iter().eq(columns.header().chain(FAILURE_COLUMNS)))
        }
        None => {
            let first = BufReader::new(start).lines().next();
            first.and_then(Result::ok).is_some_and(|line| why(&line).is_some())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::files::open_alone;

    #[test]
    fn a_file_counts_unless_another_import_is_writing_it() {
        let temp = tempfile::tempdir().unwrap();
        let (path, format) = (temp.path().join("failed.ndjson"), Format::ndjson());
        let row = r#"{"failed":{"line":1,"reason":"TAKEN","field":"","message":""},"ref":"a"}"#;
        fs::write(&path, row).unwrap();
        assert!(has_failed_rows(&path, &format));
        let other = open_alone(&path).unwrap();
        assert!(!has_failed_rows(&path, &format));
        drop(other);
        assert!(has_failed_rows(&path, &format));
    }
}
