//! How the rows of a list become members, and how errors of the server become failures with the names of the
//! file.

use std::sync::Arc;

use crate::api::grpc::v1;

use super::member;
use super::missing::Keys;
use crate::cli::list::RowFailure;
use crate::lists::columns::Columns;
use crate::lists::{List, ListRow, Source};

/// A row of the file.
pub type Row<'a> = &'a ListRow;

/// How the rows of the file become members.
#[derive(Debug)]
pub struct Format {
    list: Arc<List>,
    /// The keys that each line of NDJSON must have.
    keys: Keys,
}

/// How a table of failed rows is written: like the original one if that is text.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    pub columns: &'a Columns,
    pub delimiter: u8,
    /// Whether the first line sets the delimiter.
    pub names_delimiter: bool,
    /// Whether the file begins with a byte order mark: without it, spreadsheets do not recognise UTF-8.
    pub has_mark: bool,
}

impl Format {
    pub fn new(list: Arc<List>, keys: Keys) -> Self {
        Self { list, keys }
    }

    /// The columns of a table; `None` for NDJSON.
    pub fn columns(&self) -> Option<&Columns> {
        self.list.columns()
    }

    /// How a table is written; `None` for NDJSON.
    pub fn table(&self) -> Option<Table<'_>> {
        let List::Table(table) = &*self.list else { return None };
        let (delimiter, names_delimiter, has_mark) = match table.source {
            Source::Text { delimiter, names_delimiter, has_mark } => (delimiter, names_delimiter, has_mark),
            Source::Sheet { .. } => (b',', false, true),
        };
        Some(Table { columns: &table.columns, delimiter, names_delimiter, has_mark })
    }

    pub fn member(&self, row: Row<'_>) -> Result<v1::MemberInput, RowFailure> {
        member::member(row, &self.keys)
    }

    /// The fields of a row that can find its member, even if the row has errors.
    pub fn finders(&self, row: Row<'_>) -> v1::MemberInput {
        let identity = row.identity();
        v1::MemberInput {
            id: identity.id,
            r#ref: identity.r#ref,
            email: identity.email,
            worker_id: identity.worker_id,
            ..Default::default()
        }
    }

    /// The error that the server reports for a row, with the names of the file.
    pub fn failure(&self, error: v1::RowError) -> RowFailure {
        RowFailure::of(error, |field, rule| self.list.fault(&field, rule))
    }
}

#[cfg(test)]
impl Format {
    /// The format of NDJSON whose lines need no keys.
    pub fn ndjson() -> Self {
        Self::new(Arc::new(List::Ndjson), Keys::NONE)
    }
}
