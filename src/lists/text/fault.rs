use thiserror::Error;

use super::limits::MAX_ROW_BYTES;

/// Why a text cannot be read. Columns are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TextFault {
    /// Text follows a closing quote.
    #[error("line {opened}: text comes after the closing quote of a cell that begins here")]
    TextAfterQuote {
        /// The line where the quote was opened.
        opened: u64,
    },
    /// The text ends inside quotes.
    #[error("line {opened}: the quote that is opened here is never closed")]
    Unclosed {
        /// The line where the quote was opened.
        opened: u64,
    },
    /// A backslash may be meant to escape a quote.
    #[error("line {line}: there is a backslash before a quote; to write a quote inside quotes, double it")]
    Backslash {
        /// The line.
        line: u64,
    },
    /// A quote may be meant to open a cell.
    #[error(
        "line {line}, column {column}: there are spaces between the delimiter and a quote; remove them, or put \
         the whole cell in quotes"
    )]
    SpaceBeforeQuote {
        /// The line.
        line: u64,
        /// The column.
        column: usize,
    },
    /// A control character other than tab.
    #[error("line {line}, column {column}: the control character U+{byte:04X} is not allowed")]
    Control {
        /// The line.
        line: u64,
        /// The column.
        column: usize,
        /// The character.
        byte: u8,
    },
    /// A row has no end in sight.
    #[error("line {line}: the row is longer than {MAX_ROW_BYTES} bytes; is a closing quote missing?")]
    TooLong {
        /// The line where the row, or a quote in it, begins.
        line: u64,
    },
    /// A line of NDJSON has no end in sight.
    #[error("line {line}: longer than {MAX_ROW_BYTES} bytes")]
    LineTooLong {
        /// The line.
        line: u64,
    },
    /// Bytes that are no characters in the encoding of the text.
    #[error("line {line}{}: {fault}", in_column(.column))]
    Encoding {
        /// The line.
        line: u64,
        /// The name of the column, or its number if its name is not known yet; empty for NDJSON.
        column: String,
        /// What is wrong with the bytes.
        fault: EncodingFault,
    },
    /// Every second byte is zero.
    #[error("the file is UTF-16; save it as UTF-8 (spreadsheets call that \"CSV UTF-8\") and try again")]
    UnmarkedUtf16,
}

/// What is wrong with bytes that are no characters.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EncodingFault {
    /// Not UTF-8, although other parts of the file are, or although the format has no other encoding.
    #[error("not valid UTF-8; save the file as UTF-8 and try again")]
    NotUtf8,
    /// UTF-8 below lines in another encoding.
    #[error("valid UTF-8, but lines before it are not; save the whole file as UTF-8 and try again")]
    Mixed,
    /// Not UTF-8, and the lines end as in old Macintosh files.
    #[error(
        "not valid UTF-8, and the lines end as in old Macintosh files, whose encoding cannot be told from \
         others; save the file as UTF-8 and try again"
    )]
    Macintosh,
    /// Probably in an encoding that is not read.
    #[error("not valid UTF-8, but probably {name}; save the file as UTF-8 and try again")]
    Other {
        /// The name of the encoding.
        name: &'static str,
    },
    /// A byte that stands for no character in Windows-1252.
    #[error("neither valid UTF-8 nor Windows-1252; save the file as UTF-8 and try again")]
    Unknown,
    /// The text was cut inside a character.
    #[error("the file ends inside a character; it may have been cut off")]
    Cut,
    /// Half of a pair in UTF-16.
    #[error("not valid UTF-16; save the file as UTF-8 and try again")]
    NotUtf16,
}

impl TextFault {
    /// The line of the fault; `None` if it concerns the whole file.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::TextAfterQuote { opened } | Self::Unclosed { opened } => Some(*opened),
            Self::Backslash { line }
            | Self::SpaceBeforeQuote { line, .. }
            | Self::Control { line, .. }
            | Self::TooLong { line }
            | Self::LineTooLong { line }
            | Self::Encoding { line, .. } => Some(*line),
            Self::UnmarkedUtf16 => None,
        }
    }
}

fn in_column(column: &str) -> String {
    match column {
        "" => String::new(),
        column => format!(", column {column}"),
    }
}
