//! Changing what the file says of rows that are in it already, and taking away the file of an earlier import.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use serde::Deserialize;

use super::waiting::beside;
use super::{FAILURE_COLUMNS, FailedRows, Format, Out, RowFailure, annotated, create_private};
use crate::cli::Error;
use crate::cli::import::ndjson::{self, FAILED};
use crate::cli::import::overtaken::{OVERTAKEN, overtaken};
use crate::cli::output::csv_error;

/// How much of a file is looked at to know whether it is one of failed rows, in bytes.
const LOOK_AT: u64 = 256 << 10;

/// What a line of NDJSON says of why it failed.
#[derive(Deserialize)]
struct Why {
    line: u64,
    reason: String,
    field: String,
    message: String,
}

impl FailedRows {
    /// Marks the rows of these lines, each with the line of the row that has overtaken it. False where what was written cannot be
    /// written again, such as into a pipe.
    pub fn mark(&mut self, lines: &BTreeMap<u64, u64>) -> Result<bool, Error> {
        if lines.is_empty() || self.out.is_none() {
            return Ok(true);
        }
        self.flush()?;
        if !fs::metadata(&self.path).is_ok_and(|there| there.is_file()) {
            return Ok(false);
        }
        let file = fs::canonicalize(&self.path).map_err(Error::file("find", &self.path))?;
        let part = beside(&file, "part");
        self.out = Some(self.marked(&file, &part, lines).map_err(Error::file("write", &part))?);
        self.flush()?;
        fs::rename(&part, &file).map_err(Error::file("rename", &part))?;
        Ok(true)
    }

    /// The file once more as `part`, with the marks.
    fn marked(&self, file: &Path, part: &Path, lines: &BTreeMap<u64, u64>) -> io::Result<Out> {
        let source = BufReader::new(File::open(file)?);
        let mut out = self.go_on(create_private(part)?);
        match (&mut out, &*self.format) {
            (Out::Csv(out), Format::Csv { delimiter, .. }) => {
                let mut rows = reader(*delimiter).from_reader(source);
                for row in rows.records() {
                    let row = row.map_err(csv_error)?;
                    let cells: Vec<&str> = row.iter().collect();
                    let marked =
                        cells.split_last_chunk::<4>().and_then(|(own, [line, reason, field, message])| {
                            let later = overtaken_by(lines, line.parse().ok()?, reason)?;
                            let failure = overtaken(later, reason, field, message);
                            let why = [*line, OVERTAKEN, *field].map(str::to_owned);
                            Some(
                                own.iter()
                                    .map(|cell| (*cell).to_owned())
                                    .chain(why)
                                    .chain([failure.message])
                                    .collect::<Vec<_>>(),
                            )
                        });
                    match marked {
                        Some(marked) => out.write_record(&marked),
                        None => out.write_record(&row),
                    }
                    .map_err(csv_error)?;
                }
            }
            (Out::Ndjson(out), _) => {
                for text in source.lines() {
                    let text = text?;
                    match marked_line(&text, lines) {
                        Some((line, failure)) => writeln!(out, "{}", annotated(line, &text, &failure))?,
                        None => writeln!(out, "{text}")?,
                    }
                }
            }
            (Out::Csv(_), Format::Ndjson(_)) => {}
        }
        Ok(out)
    }
}

/// The line that a row came from, and why it fails from now on, if it was overtaken.
fn marked_line(text: &str, lines: &BTreeMap<u64, u64>) -> Option<(u64, RowFailure)> {
    let why: Why = why(text)?;
    let later = overtaken_by(lines, why.line, &why.reason)?;
    Some((why.line, overtaken(later, &why.reason, &why.field, &why.message)))
}

fn why(text: &str) -> Option<Why> {
    let fields = ndjson::fields(text)?;
    let (_, failed) = fields.iter().find(|(name, _)| name == FAILED)?;
    serde_json::from_str(failed.get()).ok()
}

fn overtaken_by(lines: &BTreeMap<u64, u64>, line: u64, reason: &str) -> Option<u64> {
    lines.get(&line).copied().filter(|_| reason != OVERTAKEN)
}

fn reader(delimiter: u8) -> csv::ReaderBuilder {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(delimiter);
    builder
}

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
        Format::Csv { columns, delimiter, names_delimiter } => {
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
