//! The kinds of files that lists of members come in.

use std::fmt;
use std::path::Path;

use crate::lists;

/// File name endings of spreadsheets.
const SPREADSHEETS: [&str; 7] = ["xlsx", "xls", "xlsm", "xlsb", "ods", "fods", "numbers"];

/// The kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FileFormat {
    /// Comma-separated values; the first line has the column names
    Csv,
    /// One JSON object a line
    Ndjson,
}

/// The formats that an import reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ListFormat {
    /// Comma-separated values, also with another delimiter; the first line has the column names
    Csv,
    /// Tab-separated values
    Tsv,
    /// One JSON object a line
    Ndjson,
    /// A spreadsheet of Excel and many other programs
    Xlsx,
    /// A spreadsheet of LibreOffice
    Ods,
    /// A spreadsheet of old versions of Excel
    Xls,
}

impl ListFormat {
    /// How the file is read.
    pub fn format(self) -> lists::Format {
        match self {
            Self::Csv => lists::Format::Csv,
            Self::Tsv => lists::Format::Tsv,
            Self::Ndjson => lists::Format::Ndjson,
            Self::Xlsx | Self::Ods | Self::Xls => lists::Format::Workbook,
        }
    }
}

impl FileFormat {
    /// The format that the ending of a file name stands for.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }

    /// Whether the file name has the ending of a spreadsheet.
    pub fn is_spreadsheet(path: &Path) -> bool {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        SPREADSHEETS.iter().any(|known| ending.eq_ignore_ascii_case(known))
    }

    /// The format with its article, for messages.
    pub fn article(self) -> &'static str {
        match self {
            Self::Csv => "a CSV file",
            Self::Ndjson => "an NDJSON file",
        }
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "CSV",
            Self::Ndjson => "NDJSON",
        })
    }
}
