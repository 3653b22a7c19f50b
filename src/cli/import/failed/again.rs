//! Rewrites the file: with additional rows, without some, and with marks.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use serde::Deserialize;

use super::file::{FailedRows, Out};
use crate::cli::files::begin_unfinished;
use crate::cli::import::failure::{OVERTAKEN, overtaken};
use crate::cli::import::reading::{Row, Table};
use crate::cli::list::{RowFailure, annotated};
use crate::cli::output::csv_error;
use crate::lists::{FAILED, fields};

/// The changes to the rows of a file; each row is identified by its line.
#[derive(Default)]
pub(super) struct Changes<'a> {
    /// The lines of rows to remove.
    pub without: BTreeSet<u64>,
    /// Rows to add, in the order of their lines.
    pub with: &'a [(Row<'a>, &'a RowFailure)],
    /// The lines of rows to mark, each with the line of the row that has overtaken it.
    pub marks: Option<&'a BTreeMap<u64, u64>>,
}

impl Changes<'_> {
    /// The new failure of a row that was overtaken; `None` if it is not, or is already marked.
    pub fn mark(&self, line: u64, reason: &str, field: &str, message: &str) -> Option<RowFailure> {
        let later = self.marks?.get(&line).filter(|_| reason != OVERTAKEN)?;
        Some(overtaken(*later, reason, field, message))
    }

    pub fn marked<'f>(&self, line: u64, failure: &'f RowFailure) -> Cow<'f, RowFailure> {
        let RowFailure { reason, field, message } = failure;
        self.mark(line, reason, field, message).map_or(Cow::Borrowed(failure), Cow::Owned)
    }
}

impl FailedRows {
    /// Writes the changed file to `part`.
    pub(super) fn changed(&self, file: &Path, part: &Path, changes: &Changes<'_>) -> io::Result<Out> {
        let source = BufReader::new(File::open(file)?);
        let taken = || io::Error::new(io::ErrorKind::WouldBlock, "another command is writing this file");
        let mut out = self.begin(begin_unfinished(part)?.ok_or_else(taken)?)?;
        let mut with = changes.with.iter().peekable();
        let mut before = |line: u64, out: &mut Out| -> io::Result<()> {
            while let Some((row, failure)) = with.next_if(|(row, _)| row.number() < line) {
                out.write(row, &changes.marked(row.number(), failure))?;
            }
            Ok(())
        };
        match self.format.table() {
            Some(Table { delimiter, names_delimiter, .. }) => {
                let mut rows = reader(delimiter).from_reader(source);
                for row in rows.records().skip(1 + usize::from(names_delimiter)) {
                    let row = row.map_err(csv_error)?;
                    let line = line_of(&row).unwrap_or_default();
                    before(line, &mut out)?;
                    if !changes.without.contains(&line) {
                        put(&mut out, &row, line, changes)?;
                    }
                }
            }
            None => {
                for text in source.lines() {
                    let text = text?;
                    let why = why(&text);
                    let line = why.as_ref().map_or(0, |why| why.line);
                    before(line, &mut out)?;
                    if !changes.without.contains(&line) {
                        put_text(&mut out, text, why, changes)?;
                    }
                }
            }
        }
        before(u64::MAX, &mut out)?;
        Ok(out)
    }
}

fn put(out: &mut Out, row: &csv::StringRecord, line: u64, changes: &Changes<'_>) -> io::Result<()> {
    let Out::Csv(out, _) = out else { return Ok(()) };
    let cells: Vec<&str> = row.iter().collect();
    let marked = cells.split_last_chunk::<4>().and_then(|(own, [number, reason, field, message])| {
        Some((own, *number, changes.mark(line, reason, field, message)?))
    });
    let written = match &marked {
        Some((own, number, RowFailure { reason, field, message })) => {
            out.write_record(own.iter().copied().chain([*number, reason, field, message]))
        }
        None => out.write_record(row),
    };
    written.map_err(csv_error)
}

fn put_text(out: &mut Out, text: String, why: Option<Why>, changes: &Changes<'_>) -> io::Result<()> {
    let Out::Ndjson(out) = out else { return Ok(()) };
    let marked = why.and_then(|Why { line, reason, field, message }| {
        let failure = changes.mark(line, &reason, &field, &message)?;
        Some(annotated(line, &text, &failure))
    });
    writeln!(out, "{}", marked.unwrap_or(text))
}

/// The failure that a line of NDJSON states.
#[derive(Deserialize)]
pub(super) struct Why {
    line: u64,
    reason: String,
    field: String,
    message: String,
}

pub(super) fn why(text: &str) -> Option<Why> {
    let all = fields(text)?;
    let (_, failed) = all.iter().find(|(name, _)| name == FAILED)?;
    serde_json::from_str(failed.get()).ok()
}

/// The line of the original file that a row of CSV comes from.
fn line_of(row: &csv::StringRecord) -> Option<u64> {
    row.get(row.len().checked_sub(4)?)?.parse().ok()
}

pub(super) fn reader(delimiter: u8) -> csv::ReaderBuilder {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(delimiter);
    builder
}
