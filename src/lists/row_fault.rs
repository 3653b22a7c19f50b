//! Why a row cannot be read.

use std::fmt;

/// The rule that a row breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowRule {
    /// A row has as many cells as the header.
    CellCount,
    /// No row repeats the header.
    HeaderRepeated,
    /// A cell has a value that can be read.
    CellInvalid,
    /// A key or phone number is text, not a number.
    NumberNotText,
    /// A number is one.
    InvalidNumber,
    /// A boolean is one.
    InvalidBoolean,
    /// JSON is valid.
    InvalidJson,
    /// A key of JSON is a known field.
    UnknownField,
    /// A value of JSON has the type of its field.
    InvalidField,
}

impl RowRule {
    /// The name of the rule in results and in files of failed rows.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::CellCount => "CELL_COUNT",
            Self::HeaderRepeated => "HEADER_REPEATED",
            Self::CellInvalid => "CELL_INVALID",
            Self::NumberNotText => "NUMBER_NOT_TEXT",
            Self::InvalidNumber => "INVALID_NUMBER",
            Self::InvalidBoolean => "INVALID_BOOLEAN",
            Self::InvalidJson => "INVALID_JSON",
            Self::UnknownField => "UNKNOWN_FIELD",
            Self::InvalidField => "INVALID_FIELD",
        }
    }
}

/// Why a row cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFault {
    /// The rule that the row breaks.
    pub rule: RowRule,
    /// The column, as the file names it, or the path of a JSON field; empty if the fault is not in one.
    pub column: String,
    /// What is wrong, for people.
    pub message: String,
}

impl RowFault {
    pub(super) fn new(rule: RowRule, column: impl Into<String>, message: impl Into<String>) -> Self {
        Self { rule, column: column.into(), message: message.into() }
    }

    /// The same fault, in another column.
    pub(super) fn at(self, column: impl Into<String>) -> Self {
        Self { column: column.into(), ..self }
    }
}

impl fmt::Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.column.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "column {:?}: {}", self.column, self.message)
    }
}
