//! How the rows of a file become members, and what the server says of them in the words of the file.

use std::borrow::Cow;

use crate::api::grpc::v1;
use crate::cli::Error;

use super::columns::Columns;
use super::missing::Keys;
use super::row_failure::RowFailure;
use super::rows::{NotUtf8, Row};
use super::{csv, ndjson, records};

/// How the rows of the file become members.
#[derive(Debug)]
pub enum Format {
    Csv {
        columns: Columns,
        delimiter: u8,
        /// Whether the file's first line says what the delimiter is.
        names_delimiter: bool,
        /// Whether a byte order mark comes first: spreadsheets take other files of UTF-8 for something else.
        has_mark: bool,
    },
    /// Each line has to name these keys.
    Ndjson(Keys),
}

impl Format {
    pub fn member(&self, row: Row<'_>) -> Result<v1::MemberInput, RowFailure> {
        match self {
            Self::Csv { columns, .. } => csv::member(columns, row),
            Self::Ndjson(keys) => ndjson::member(keys, row),
        }
    }

    /// What of a row may find its member, whatever else is wrong with it.
    pub fn finders(&self, row: Row<'_>) -> v1::MemberInput {
        match self {
            Self::Csv { columns, .. } => csv::finders(columns, row),
            Self::Ndjson(_) => ndjson::finders(row),
        }
    }

    /// A fault of a field, with the name that the file has for it, and the rule that it breaks.
    pub fn fault(&self, fault: v1::FieldViolation) -> (String, String) {
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
        Error::Data(records::not_utf8(at.line, column))
    }
}

impl RowFailure {
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
}
