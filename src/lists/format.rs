//! The formats that lists come in.

use std::fmt;

use super::workbook;

/// How many bytes show the format of a file.
pub(super) const BEGINNING: usize = 8;

/// A format of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Cells with a delimiter between them; the first line has the column names.
    Csv,
    /// The same with tabs.
    Tsv,
    /// One JSON object a line.
    Ndjson,
    /// A spreadsheet: `.xlsx`, `.ods` or `.xls`. Its first bytes tell which.
    Workbook,
}

impl Format {
    /// The format that the ending of a file name stands for, in any case; `None` for an ending that stands
    /// for no format, or for one that is not read.
    #[must_use]
    pub fn of_ending(ending: &str) -> Option<Self> {
        match ending.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "tsv" | "tab" => Some(Self::Tsv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "xlsx" | "xlsm" | "ods" | "xls" => Some(Self::Workbook),
            _ => None,
        }
    }

    /// The format of a file that begins with these bytes, [`BEGINNING`] or all of a shorter file. Text that
    /// begins like a JSON object is NDJSON, and all other text CSV.
    pub(super) fn of_beginning(bytes: &[u8]) -> Self {
        if workbook::is_workbook(bytes) {
            return Self::Workbook;
        }
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match text.trim_ascii_start().first() {
            Some(b'{') => Self::Ndjson,
            _ => Self::Csv,
        }
    }

    /// Whether the file is read as text.
    #[must_use]
    pub fn is_text(self) -> bool {
        match self {
            Self::Csv | Self::Tsv | Self::Ndjson => true,
            Self::Workbook => false,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
            Self::Ndjson => "NDJSON",
            Self::Workbook => "a spreadsheet",
        })
    }
}
