//! The file of failed rows: what came, and why it was refused. Mended, it can be imported as it is.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::grpc::v1;
use crate::cli::Error;

use super::chunks::Format;
use super::columns::FAILURE_COLUMNS;
use super::rows::Row;

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
}

impl From<v1::RowError> for RowFailure {
    fn from(error: v1::RowError) -> Self {
        let fields: Vec<_> = error.violations.iter().map(|violation| violation.field.as_str()).collect();
        let field = fields.join(" ");
        let rules = error
            .violations
            .iter()
            .map(|violation| format!("{}: {}", violation.field, violation.description));
        let texts: Vec<_> =
            Some(error.message).filter(|text| !text.is_empty()).into_iter().chain(rules).collect();
        Self { reason: Cow::Owned(error.reason), field, message: texts.join("; ") }
    }
}

/// The file, made when the first row fails.
pub struct FailedRows {
    path: PathBuf,
    format: Arc<Format>,
    out: Option<Out>,
}

enum Out {
    Csv(Box<csv::Writer<File>>),
    Ndjson(BufWriter<File>),
}

impl FailedRows {
    pub fn new(path: PathBuf, format: Arc<Format>) -> Self {
        Self { path, format, out: None }
    }

    /// The file, if a row failed.
    pub fn path(&self) -> Option<&PathBuf> {
        self.out.as_ref().map(|_| &self.path)
    }

    pub fn write(&mut self, row: Row<'_>, failure: &RowFailure) -> Result<(), Error> {
        if self.out.is_none() {
            self.out = Some(self.create()?);
        }
        match (&mut self.out, &*self.format) {
            (Some(Out::Csv(out)), Format::Csv { columns, .. }) => {
                let line = row.line.to_string();
                let why = [line.as_str(), &failure.reason, &failure.field, &failure.message];
                // A row of another width is cut or filled, so that the columns after it stay in their place.
                let cells = row.cells().chain(std::iter::repeat("")).take(columns.header.len());
                out.write_record(cells.chain(why))
                    .map_err(csv_error)
                    .map_err(Error::file("write", &self.path))
            }
            (Some(Out::Ndjson(out)), _) => {
                writeln!(out, "{}", annotated(row, failure)).map_err(Error::file("write", &self.path))
            }
            (Some(Out::Csv(_)) | None, _) => Ok(()),
        }
    }

    /// Brings everything into the file, so that it is there if the program is stopped.
    pub fn flush(&mut self) -> Result<(), Error> {
        let flushed = match &mut self.out {
            Some(Out::Csv(out)) => out.flush(),
            Some(Out::Ndjson(out)) => out.flush(),
            None => Ok(()),
        };
        flushed.map_err(Error::file("write", &self.path))
    }

    fn create(&self) -> Result<Out, Error> {
        let file = File::create(&self.path).map_err(Error::file("create", &self.path))?;
        match &*self.format {
            Format::Csv { columns, delimiter } => {
                let mut out = csv::WriterBuilder::new().delimiter(*delimiter).from_writer(file);
                let header = columns.header.iter().map(String::as_str).chain(FAILURE_COLUMNS);
                out.write_record(header).map_err(csv_error).map_err(Error::file("write", &self.path))?;
                Ok(Out::Csv(Box::new(out)))
            }
            Format::Ndjson => Ok(Out::Ndjson(BufWriter::new(file))),
        }
    }
}

/// The row as it came with one more field, or its text where it is no object.
fn annotated(row: Row<'_>, failure: &RowFailure) -> String {
    let text = row.cells().next().unwrap_or_default();
    let why = json!({ "line": row.line, "reason": failure.reason, "field": failure.field, "message": failure.message });
    match (serde_json::from_str(text), text.strip_prefix('{')) {
        (Ok(Value::Object(fields)), Some(rest)) => {
            format!("{{\"failed\":{why}{}{rest}", if fields.is_empty() { "" } else { "," })
        }
        _ => json!({ "failed": why, "text": text }).to_string(),
    }
}

fn csv_error(error: csv::Error) -> std::io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{RowFailure, annotated};
    use crate::cli::import::ndjson;
    use crate::cli::import::rows::Collector;

    fn annotate(text: &str) -> String {
        let mut collector = Collector::default();
        collector.push(7, [text.as_bytes()]);
        let failure = RowFailure::new("INVALID_FIELD", "email", "no @");
        annotated(collector.finish().unwrap().get(0).unwrap(), &failure)
    }

    #[test]
    fn an_object_keeps_its_fields_and_can_be_read_again() {
        let line = annotate(r#"{"ref":"a","email":"x"}"#);
        let why = r#"{"failed":{"field":"email","line":7,"message":"no @","reason":"INVALID_FIELD"},"#;
        assert_eq!(line, format!(r#"{why}"ref":"a","email":"x"}}"#));
        let mut collector = Collector::default();
        collector.push(1, [line.as_bytes()]);
        let member = ndjson::member(collector.finish().unwrap().get(0).unwrap()).unwrap();
        assert_eq!(member.email.as_deref(), Some("x"));
    }

    #[test]
    fn what_is_no_object_is_kept_as_text() {
        assert!(annotate("[1").ends_with(r#""text":"[1"}"#));
        assert!(annotate("{}").ends_with("}}"));
    }
}
