//! What is known about a list besides its rows.

use std::sync::Arc;

use super::columns::Columns;
use super::place::Place;

/// A list: what its rows have in common. It is known once its header was read.
#[derive(Debug, PartialEq, Eq)]
pub enum List {
    /// A table, from a text or a spreadsheet.
    Table(Table),
    /// One JSON object a line.
    Ndjson,
}

/// A table: its columns, and how it is written.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// The columns.
    pub columns: Columns,
    /// How it is written.
    pub source: Source,
}

/// How a table is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// As text.
    Text {
        /// What stands between cells.
        delimiter: u8,
        /// Whether the first line names the delimiter.
        names_delimiter: bool,
        /// Whether the file begins with a byte order mark.
        has_mark: bool,
    },
    /// As a sheet of a spreadsheet.
    Sheet {
        /// The name of the sheet.
        name: Arc<str>,
    },
}

impl List {
    /// The columns; `None` for NDJSON, where each row has its own keys.
    #[must_use]
    pub fn columns(&self) -> Option<&Columns> {
        match self {
            Self::Table(table) => Some(&table.columns),
            Self::Ndjson => None,
        }
    }

    /// The place of a row.
    #[must_use]
    pub fn place(&self, number: u64) -> Place {
        match self {
            Self::Table(Table { source: Source::Sheet { name }, .. }) => {
                Place::Row { sheet: name.clone(), row: number }
            }
            Self::Table(_) | Self::Ndjson => Place::Line(number),
        }
    }

    /// A fault of a field of the contract, such as `account_details.uk.sort_code`, under the names of the file:
    /// its column or path, and the rule that it breaks.
    #[must_use]
    pub fn fault(&self, path: &str, description: String) -> (String, String) {
        match self {
            Self::Table(table) => table.columns.fault(path, description),
            Self::Ndjson => (path.to_owned(), description),
        }
    }
}
