use thiserror::Error;

use super::cell::CellName;

/// Why a file is refused before a row is returned.
#[derive(Clone, Debug, Error, Eq, PartialEq)]
pub enum Refusal {
    /// The file could not be read from its disk or connection.
    #[error("cannot read the file: {0}")]
    Unreadable(String),
    /// The first bytes are those of no spreadsheet.
    #[error("not a spreadsheet: expected an .xlsx, .xls or .ods file")]
    NotAWorkbook,
    /// A spreadsheet of a kind that is not read.
    #[error("{kind} is not read; save the list as .xlsx or .csv")]
    Kind {
        /// Such as `an .xlsb workbook`.
        kind: &'static str,
    },
    /// The file is encrypted.
    #[error("the file is protected by a password; save it without one")]
    Encrypted,
    /// The file exceeds a limit.
    #[error("{what} exceeds {limit}")]
    TooLarge {
        /// What exceeds the limit.
        what: String,
        /// The limit with its unit.
        limit: String,
    },
    /// A part of the file is cut off, damaged or contradicts another.
    #[error("cannot read {part}: {reason}")]
    Broken {
        /// The part, such as `xl/worksheets/sheet1.xml` or `sheet "Members"`.
        part: String,
        /// What is wrong there.
        reason: String,
    },
    /// The workbook takes values from another file.
    #[error("the workbook refers to other files ({part}); save a copy that holds values only")]
    ExternalLink {
        /// The part that refers to the other file.
        part: String,
    },
    /// No visible sheet has data.
    #[error("no visible sheet holds any data")]
    NoData,
    /// Several visible sheets have data, and the caller named none.
    #[error("several sheets hold data: {}; name the one to read", quoted(.sheets))]
    SeveralSheets {
        /// The visible sheets with data, in the order of their tabs.
        sheets: Vec<String>,
    },
    /// The caller named a sheet that does not exist or is hidden.
    #[error("no visible sheet is called \"{name}\"; the visible sheets are {}", quoted(.visible))]
    NoSuchSheet {
        /// The name that the caller gave.
        name: String,
        /// The visible sheets.
        visible: Vec<String>,
    },
    /// No row has a known heading.
    #[error("sheet \"{sheet}\", {cell}: no row of headings found; \"{text}\" is not a known heading")]
    NoHeadings {
        /// The sheet.
        sheet: String,
        /// The first filled cell.
        cell: CellName,
        /// Its text.
        text: String,
    },
    /// A value stands in a column without a heading.
    #[error("sheet \"{sheet}\", {cell}: a value in a column without a heading")]
    NoHeading {
        /// The sheet.
        sheet: String,
        /// The cell with the value.
        cell: CellName,
    },
    /// A cell cannot be read, and with it the whole file.
    #[error("sheet \"{sheet}\", {cell}: {reason}")]
    Cell {
        /// The sheet.
        sheet: String,
        /// The cell.
        cell: CellName,
        /// What is wrong there.
        reason: String,
    },
}

impl Refusal {
    pub(super) fn broken(part: impl Into<String>, reason: impl ToString) -> Self {
        Self::Broken { part: part.into(), reason: reason.to_string() }
    }

    pub(super) fn too_large(what: impl Into<String>, limit: impl Into<String>) -> Self {
        Self::TooLarge { what: what.into(), limit: limit.into() }
    }
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    names.join(", ")
}
