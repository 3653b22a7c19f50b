//! How the rows of a file become members, and how errors of the server become failures with the names of the
//! file.

use std::borrow::Cow;

use crate::api::grpc::v1;
use crate::cli::Error;

use super::columns::Columns;
use super::missing::Keys;
use super::rows::{NotUtf8, Row};
use super::{csv, csv_rows, ndjson};
use crate::cli::import::failure::RowFailure;

/// How the rows of the file become members.
#[derive(Debug)]
pub enum Format {
    Csv {
        columns: Columns,
        delimiter: u8,
        /// Whether the file's first line sets the delimiter.
        names_delimiter: bool,
        /// Whether the file begins with a byte order mark: without it, spreadsheets do not recognise UTF-8.
        has_mark: bool,
    },
    /// Each line must have these keys.
    Ndjson(Keys),
}

impl Format {
    pub fn member(&self, row: Row<'_>) -> Result<v1::MemberInput, RowFailure> {
        match self {
            Self::Csv { columns, .. } => csv::member(columns, row),
            Self::Ndjson(keys) => ndjson::member(keys, row),
        }
    }

    /// The fields of a row that can find its member, even if the row has errors.
    pub fn finders(&self, row: Row<'_>) -> v1::MemberInput {
        match self {
            Self::Csv { columns, .. } => csv::finders(columns, row),
            Self::Ndjson(_) => ndjson::finders(row),
        }
    }

    /// The field of a fault, under its name in the file, and the rule that it breaks.
    fn fault(&self, fault: v1::FieldViolation) -> (String, String) {
        match self {
            Self::Csv { columns, .. } => columns.fault(&fault.field, fault.description),
            Self::Ndjson(_) => (fault.field, fault.description),
        }
    }

    pub fn not_utf8(&self, at: &NotUtf8) -> Error {
        let column = match self {
            Self::Csv { columns, .. } => columns.header.get(at.cell).map_or("", String::as_str),
            Self::Ndjson(_) => "",
        };
        Error::Data(csv_rows::not_utf8(at.line, column))
    }

    /// The error that the server reports for a row, with the names of the file.
    pub fn failure(&self, error: v1::RowError) -> RowFailure {
        let v1::RowError { reason, message, violations, member_id, .. } = error;
        let faults: Vec<_> = violations.into_iter().map(|fault| self.fault(fault)).collect();
        let field = faults.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>().join(", ");
        // The message consists of the first faults, so it adds nothing to them.
        let mut texts: Vec<_> = faults.iter().map(|(field, rule)| format!("{field}: {rule}")).collect();
        if texts.is_empty() {
            texts.push(message);
        }
        // The member that has the value already. If several values are taken, the server reports the member
        // for the first.
        if let Some(first) = texts.first_mut().filter(|_| !member_id.is_empty()) {
            *first = format!("{first} ({member_id})");
        }
        RowFailure { reason: Cow::Owned(reason), field, message: texts.join("; ") }
    }
}
