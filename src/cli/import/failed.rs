//! The file of failed rows: what came, and why it was refused. Mended, it can be imported as it is.
//!
//! Cells stand in it as they came, whatever their number, behind what the file of the list begins with, and why the row failed comes after them. So a row that has not been
//! mended fails again for the same reason, and says the newest one only. The file is made when the first row fails, for the
//! eyes of its owner alone: it holds what the list does.
//!
//! **Rows stand in the order of their lines**, so that a mended file does to a member what its list would have done, row by row.
//! One that fails in the end after it was tried again is put between the others ([`again`]). Where that cannot be, as in a
//! pipe, a row that fails ends the waiting of all before it.

mod again;
mod earlier;
mod kept;
mod waiting;

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use crate::api::grpc::v1;
use crate::cli::Error;
use crate::cli::output::csv_error;

use super::chunks::Format;
use super::columns::FAILURE_COLUMNS;
use super::ndjson::{self, FAILED};
use super::records;
use super::rows::Row;

pub use earlier::has_failed_rows;
pub use waiting::Waiting;

/// The rights of the file: its owner reads and writes it.
const PRIVATE: u32 = 0o600;

/// Why a row failed, here or on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFailure {
    pub reason: Cow<'static, str>,
    pub field: String,
    pub message: String,
}

impl RowFailure {
    pub fn new(reason: &'static str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: Cow::Borrowed(reason), field: field.into(), message: message.into() }
    }

    /// What the server says of a row, with the names that its file has.
    pub fn of(error: v1::RowError, format: &Format) -> Self {
        let v1::RowError { reason, message, violations, member_id, .. } = error;
        let faults: Vec<_> = violations.into_iter().map(|fault| format.fault(fault)).collect();
        let field = faults.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>().join(", ");
        // The message is made of the first faults, so it says nothing that they do not.
        let mut texts: Vec<_> = faults.iter().map(|(field, rule)| format!("{field}: {rule}")).collect();
        if texts.is_empty() {
            texts.push(message);
        }
        // Who has what is taken. Where several values are, the server names who has the first.
        if let Some(first) = texts.first_mut().filter(|_| !member_id.is_empty()) {
            *first = format!("{first} ({member_id})");
        }
        Self { reason: Cow::Owned(reason), field, message: texts.join("; ") }
    }

    /// The same failure of another field.
    pub fn at(self, field: impl Into<String>) -> Self {
        Self { field: field.into(), ..self }
    }
}

/// The file, made when the first row fails.
pub struct FailedRows {
    path: PathBuf,
    format: Arc<Format>,
    out: Option<Out>,
    /// Where the file is that stood at `path` before.
    kept: Option<PathBuf>,
}

enum Out {
    Csv(Box<csv::Writer<File>>),
    Ndjson(BufWriter<File>),
}

impl FailedRows {
    pub fn new(path: PathBuf, format: Arc<Format>) -> Self {
        Self { path, format, out: None, kept: None }
    }

    /// The file, if a row failed.
    pub fn path(&self) -> Option<&PathBuf> {
        self.out.as_ref().map(|_| &self.path)
    }

    pub fn write(&mut self, row: Row<'_>, failure: &RowFailure) -> Result<(), Error> {
        if self.out.is_none() {
            self.out = Some(self.create()?);
        }
        let written = self.out.as_mut().map_or(Ok(()), |out| out.write(&self.format, row, failure));
        written.map_err(Error::file("write", &self.path))
    }

    /// Brings everything into the file, so that it is there if the program is stopped.
    pub fn flush(&mut self) -> Result<(), Error> {
        let flushed = self.out.as_mut().map_or(Ok(()), Out::flush);
        flushed.map_err(Error::file("write", &self.path))
    }

    fn create(&mut self) -> Result<Out, Error> {
        self.keep_what_is_there()?;
        let file = create_private(&self.path).map_err(Error::file("create", &self.path))?;
        self.begin(file).map_err(Error::file("write", &self.path))
    }

    /// What writes to an empty file: the header first.
    fn begin(&self, mut file: File) -> io::Result<Out> {
        let Format::Csv { columns, delimiter, names_delimiter, has_mark } = &*self.format else {
            return Ok(Out::Ndjson(BufWriter::new(file)));
        };
        if *has_mark {
            file.write_all(records::BOM)?;
        }
        if *names_delimiter {
            writeln!(file, "sep={}", char::from(*delimiter))?;
        }
        let mut out = csv::WriterBuilder::new().delimiter(*delimiter).flexible(true).from_writer(file);
        let header = columns.header.iter().map(String::as_str).chain(FAILURE_COLUMNS);
        out.write_record(header).map_err(csv_error)?;
        Ok(Out::Csv(Box::new(out)))
    }
}

impl Out {
    fn write(&mut self, format: &Format, row: Row<'_>, failure: &RowFailure) -> io::Result<()> {
        match (self, format) {
            (Self::Csv(out), Format::Csv { columns, .. }) => {
                let line = row.line.to_string();
                let why = [line.as_str(), &failure.reason, &failure.field, &failure.message];
                let own = columns.own(row).unwrap_or(row);
                out.write_record(own.cells().chain(why)).map_err(csv_error)
            }
            (Self::Ndjson(out), _) => {
                let text = row.cells().next().unwrap_or_default();
                writeln!(out, "{}", annotated(row.line, text, failure))
            }
            (Self::Csv(_), Format::Ndjson(_)) => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Csv(out) => out.flush(),
            Self::Ndjson(out) => out.flush(),
        }
    }
}

/// Refuses a place where the file could not be made, before anything is imported. Changes nothing there.
pub fn check(path: &Path) -> Result<(), Error> {
    let probe = || match fs::metadata(path) {
        // Opening a pipe would tell its reader that somebody is there.
        Ok(there) if !there.is_file() && !there.is_dir() => Ok(()),
        Ok(_) => OpenOptions::new().write(true).open(path).map(drop),
        Err(_) => {
            drop(OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)?);
            fs::remove_file(path)
        }
    };
    let hint = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("{error}; give another place for failed rows with --failed FILE"),
        )
    };
    probe().map_err(hint).map_err(Error::file("create", path))
}

/// Makes the file, or empties the one that is there, so that nobody but its owner can read it.
fn create_private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(PRIVATE).open(path)?;
    if file.metadata()?.is_file() {
        file.set_permissions(Permissions::from_mode(PRIVATE))?;
    }
    Ok(file)
}

/// The row as it came with one more field, or its text where it is no object. What an earlier import said of it is gone.
fn annotated(line: u64, text: &str, failure: &RowFailure) -> String {
    let why =
        json!({ "line": line, "reason": failure.reason, "field": failure.field, "message": failure.message });
    let Some((fields, rest)) = ndjson::fields(text).zip(text.strip_prefix('{')) else {
        return json!({ "failed": why, "text": text }).to_string();
    };
    if fields.iter().all(|(name, _)| name != FAILED) {
        return format!("{{\"{FAILED}\":{why}{}{rest}", if fields.is_empty() { "" } else { "," });
    }
    let own = fields.iter().filter(|(name, _)| name != FAILED);
    let own = own.map(|(name, value)| format!(",{}:{value}", json!(name)));
    format!("{{\"{FAILED}\":{why}{}}}", own.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::{Format, RowFailure, annotated};
    use crate::api::grpc::v1;
    use crate::cli::import::missing::Keys;
    use crate::cli::import::ndjson;
    use crate::cli::import::rows::Collector;

    fn annotate(text: &str) -> String {
        annotated(7, text, &RowFailure::new("INVALID_FIELD", "email", "no @"))
    }

    #[test]
    fn an_object_keeps_its_fields_and_can_be_read_again() {
        let line = annotate(r#"{"ref":"a","email":"x"}"#);
        let why = r#"{"failed":{"field":"email","line":7,"message":"no @","reason":"INVALID_FIELD"},"#;
        assert_eq!(line, format!(r#"{why}"ref":"a","email":"x"}}"#));
        assert_eq!(annotate(&line), line, "failing again changes nothing");
        assert_eq!(annotate(r#"{ "ref" : "a","failed":1, "email": "x" }"#), line);
        let long = r#"{"failed":{},"attributes":{"n": 1.50},"ref":"a","ref":"b"}"#;
        assert_eq!(annotate(long), format!(r#"{why}"attributes":{{"n": 1.50}},"ref":"a","ref":"b"}}"#));
        let mut collector = Collector::default();
        collector.push(1, [line.as_bytes()]);
        let member = ndjson::member(&Keys::NONE, collector.finish().unwrap().get(0).unwrap()).unwrap();
        assert_eq!(member.email.as_deref(), Some("x"));
    }

    #[test]
    fn what_is_no_object_is_kept_as_text() {
        assert!(annotate("[1").ends_with(r#""text":"[1"}"#));
        assert!(annotate("{}").ends_with("}}"));
        let twice = annotate(&annotate("[1"));
        assert_eq!(twice, annotate("[1"));
    }

    #[test]
    fn a_failure_says_its_text_once() {
        let fault = |field: &str| v1::FieldViolation { field: field.into(), description: "is bad".into() };
        let message = "a: is bad; b: is bad".to_owned();
        let error = v1::RowError {
            message: message.clone(),
            violations: vec![fault("a"), fault("b")],
            ..Default::default()
        };
        let format = Format::Ndjson(Keys::NONE);
        let failure = RowFailure::of(error, &format);
        assert_eq!((failure.field.as_str(), failure.message), ("a, b", message));
        let error = v1::RowError { message: "too late".into(), ..Default::default() };
        assert_eq!(RowFailure::of(error, &format).message, "too late");
    }
}
