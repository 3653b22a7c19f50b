//! What is known about a list after it was read.

use super::workbook;

/// How many lines a [`Note`] lists.
pub(super) const LISTED: usize = 5;

/// What is known about a list after it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// How many rows it has, with those that cannot be read.
    pub rows: u64,
    /// What a person should look at.
    pub notes: Vec<Note>,
}

impl Summary {
    /// The hidden rows of a sheet that were left out.
    #[must_use]
    pub fn hidden_rows(&self) -> u64 {
        let hidden = |note: &Note| match note {
            Note::LeftOut(workbook::Note::HiddenRows(rows)) => u64::try_from(*rows).unwrap_or(u64::MAX),
            Note::LeftOut(_) | Note::Windows1252 | Note::Spread { .. } => 0,
        };
        self.notes.iter().map(hidden).sum()
    }
}

/// Something that may be right, and that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The text is not UTF-8, and was read as Windows-1252. If it is not that either, its names are wrong.
    Windows1252,
    /// Rows in which a quoted cell holds line breaks and delimiters, as it does when a quote is missing.
    Spread {
        /// How many rows.
        rows: u64,
        /// The first of their lines.
        lines: Vec<u64>,
    },
    /// What was left out of a sheet.
    LeftOut(workbook::Note),
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Windows1252 => f.write_str(
                "the file is not UTF-8, and was read as Windows-1252; check the names with accents",
            ),
            Self::Spread { rows, lines } => {
                let more = if usize::try_from(*rows).is_ok_and(|rows| rows > lines.len()) {
                    " and others"
                } else {
                    ""
                };
                let (lines, word) =
                    (lines.iter().map(u64::to_string), if *rows == 1 { "line" } else { "lines" });
                let lines = lines.collect::<Vec<_>>().join(", ");
                write!(
                    f,
                    "in {word} {lines}{more}, a quoted cell holds line breaks and delimiters; if it swallows \
                     other rows, a quote is missing"
                )
            }
            Self::LeftOut(note) => note.fmt(f),
        }
    }
}
