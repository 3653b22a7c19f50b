//! The file itself: created when the first row fails, and written row by row.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::Error;
use crate::cli::files::{remove_if_same, take_place};
use crate::cli::output::csv_error;

use crate::cli::import::reading::{Format, Row, Table};
use crate::cli::list::{RowFailure, annotated};
use crate::lists::columns::FAILURE_COLUMNS;
use crate::lists::text::BOM;
use crate::lists::{Reading, guarded, harmless};

/// The file, created when the first row fails.
pub struct FailedRows {
    /// The path that it should have.
    pub(super) wanted: PathBuf,
    pub(super) format: Arc<Format>,
    pub(super) written: Option<Written>,
    /// The new path of the file that was there before.
    pub(super) previous: Option<PathBuf>,
}

/// The created file. No other command writes it while this exists.
pub struct Written {
    /// The wanted path, or one beside it if another import writes the wanted one.
    pub path: PathBuf,
    pub out: Out,
}

pub enum Out {
    /// With how its cells will be read.
    Csv(Box<csv::Writer<File>>, Reading),
    Ndjson(BufWriter<File>),
}

impl FailedRows {
    pub fn new(wanted: PathBuf, format: Arc<Format>) -> Self {
        Self { wanted, format, written: None, previous: None }
    }

    /// The path of the file, if a row failed.
    pub fn path(&self) -> Option<&Path> {
        self.written.as_ref().map(|written| written.path.as_path())
    }

    /// The wanted path, if another import writes there.
    pub fn refused(&self) -> Option<&Path> {
        self.path().filter(|path| *path != self.wanted).map(|_| self.wanted.as_path())
    }

    pub fn write(&mut self, row: Row<'_>, failure: &RowFailure) -> Result<(), Error> {
        if self.written.is_none() {
            self.written = Some(self.create()?);
        }
        let Some(Written { path, out }) = &mut self.written else { return Ok(()) };
        out.write(row, failure).map_err(Error::file("write", path))
    }

    /// Writes all rows to the file, so that they are there if the program is stopped.
    pub fn flush(&mut self) -> Result<(), Error> {
        let Some(Written { path, out }) = &mut self.written else { return Ok(()) };
        out.flush().map_err(Error::file("write", path))
    }

    /// The new path of the file that was there before. Removes that file, and returns `None`, if it is the
    /// same as the new one.
    pub fn previous(&mut self) -> Result<Option<&Path>, Error> {
        if let (Some(previous), Some(path)) = (&self.previous, self.path())
            && remove_if_same(previous, path)?
        {
            self.previous = None;
        }
        Ok(self.previous.as_deref())
    }

    fn create(&mut self) -> Result<Written, Error> {
        let (file, path) = take_place(&self.wanted, &mut self.previous)?;
        let out = self.begin(file).map_err(Error::file("write", &path))?;
        Ok(Written { path, out })
    }

    /// Begins an empty file with its header.
    pub(super) fn begin(&self, mut file: File) -> io::Result<Out> {
        let Some(Table { columns, delimiter, names_delimiter, has_mark }) = self.format.table() else {
            return Ok(Out::Ndjson(BufWriter::new(file)));
        };
        if has_mark {
            file.write_all(BOM)?;
        }
        if names_delimiter {
            writeln!(file, "sep={}", char::from(delimiter))?;
        }
        let mut out = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(file);
        let header = columns.header().chain(FAILURE_COLUMNS);
        out.write_record(header).map_err(csv_error)?;
        Ok(Out::Csv(Box::new(out), columns.reading()))
    }
}

impl Out {
    pub fn write(&mut self, row: Row<'_>, failure: &RowFailure) -> io::Result<()> {
        match self {
            Self::Csv(out, reading) => {
                for cell in row.own_cells() {
                    out.write_field(harmless(cell, *reading).as_bytes()).map_err(csv_error)?;
                }
                let line = row.number().to_string();
                out.write_record(failure.cells(&line).map(|cell| guarded(cell).into_owned()))
                    .map_err(csv_error)
            }
            Self::Ndjson(out) => {
                let text = row.cells().next().unwrap_or_default();
                writeln!(out, "{}", annotated(row.number(), text, failure))
            }
        }
    }

    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Csv(out, _) => out.flush(),
            Self::Ndjson(out) => out.flush(),
        }
    }

    pub fn file(&self) -> &File {
        match self {
            Self::Csv(out, _) => out.get_ref(),
            Self::Ndjson(out) => out.get_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::api::grpc::v1;
    use crate::cli::import::reading::Format;
    use crate::cli::list::{RowFailure, annotated};
    use crate::lists::ListRow;

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
        let member = Format::ndjson().member(&ListRow::ndjson(1, &line)).unwrap();
        assert_eq!(member.email.as_deref(), Some("x"));
    }

    #[test]
    fn a_line_that_is_not_an_object_becomes_a_text() {
        assert!(annotate("[1").ends_with(r#""text":"[1"}"#));
        assert!(annotate("[\u{2028}").ends_with(r#""text":"[\u2028"}"#));
        assert!(annotate("{\"ref\":\"\u{2028}\"}").ends_with(r#""ref":"\u2028"}"#));
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
        let format = Format::ndjson();
        let failure = format.failure(error);
        assert_eq!((failure.field.as_str(), failure.message), ("a, b", message));
        let error = v1::RowError { message: "too late".into(), ..Default::default() };
        assert_eq!(format.failure(error).message, "too late");
    }
}
