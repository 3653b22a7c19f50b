//! Taking away the failed rows of an earlier import of the same file.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::again::{reader, why};
use super::{FAILURE_COLUMNS, Format};
use crate::cli::Error;

/// How much of a file is looked at to know whether it is one of failed rows, in bytes.
const LOOK_AT: u64 = 256 << 10;

/// Removes the failed rows of an earlier import of the same file, now that all of its rows went through. Whether there were any.
/// Whatever does not begin as such a file does is left as it is.
pub fn remove_outdated(path: &Path, format: &Format) -> Result<bool, Error> {
    let is_outdated = match fs::symlink_metadata(path) {
        Ok(there) if there.is_file() => {
            let start = File::open(path).map_err(Error::file("read", path))?.take(LOOK_AT);
            is_of_failed_rows(start, format)
        }
        Ok(_) | Err(_) => false,
    };
    if is_outdated {
        fs::remove_file(path).map_err(Error::file("remove", path))?;
    }
    Ok(is_outdated)
}

/// Whether a file begins as one of failed rows of such a list does.
fn is_of_failed_rows(start: impl Read, format: &Format) -> bool {
    match format {
        Format::Csv { columns, delimiter, names_delimiter, .. } => {
            let mut rows = reader(*delimiter).from_reader(start);
            let header = rows.records().nth(usize::from(*names_delimiter));
            header.and_then(Result::ok).is_some_and(|header| {
                header.iter().eq(columns.header.iter().map(String::as_str).chain(FAILURE_COLUMNS))
            })
        }
        Format::Ndjson(_) => {
            let first = BufReader::new(start).lines().next();
            first.and_then(Result::ok).is_some_and(|line| why(&line).is_some())
        }
    }
}
