//! Where something stands in a list.

use std::fmt;
use std::sync::Arc;

/// A line of a text, or a row of a sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The line where a row begins, counted from 1 over all lines of the file.
    Line(u64),
    /// A row of a sheet, with the number that a spreadsheet program shows.
    Row {
        /// The name of the sheet.
        sheet: Arc<str>,
        /// The number of the row.
        row: u64,
    },
}

impl Place {
    /// The number of the line or row.
    #[must_use]
    pub fn number(&self) -> u64 {
        match self {
            Self::Line(number) | Self::Row { row: number, .. } => *number,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row { sheet, row } => write!(f, "sheet {sheet:?}, row {row}"),
        }
    }
}
