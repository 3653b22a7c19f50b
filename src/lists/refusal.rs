use thiserror::Error;

use super::columns::{HeadingFault, Wanted};
use super::field::Field;
use super::format::Format;
use super::place::Place;
use super::text::TextFault;
use super::workbook;

/// Why a list is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Nothing is written in the file.
    #[error("the file is empty: its first line must name the columns")]
    Empty,
    /// The header is wrong.
    #[error("{}: {}", .place, together(.faults, .known))]
    Headings {
        /// Where the header stands.
        place: Place,
        /// Everything that is wrong with it.
        faults: Vec<HeadingFault>,
        /// The fields that it has.
        fields: Vec<Field>,
        /// The fields that it may have.
        known: Vec<Field>,
    },
    /// The text cannot be read.
    #[error(transparent)]
    Text(#[from] TextFault),
    /// The spreadsheet cannot be read.
    #[error(transparent)]
    Workbook(#[from] workbook::Refusal),
    /// A spreadsheet where text is expected, or the other way round.
    #[error("the file is {found}, not {expected}")]
    OtherFormat {
        /// What the file is.
        found: Format,
        /// What the caller says that it is.
        expected: Format,
    },
}

impl Refusal {
    pub(super) fn headings(
        place: Place,
        wanted: &Wanted,
        header: &[String],
        faults: Vec<HeadingFault>,
    ) -> Self {
        Self::Headings { place, faults, fields: wanted.fields_in(header), known: wanted.fields.clone() }
    }

    /// Where the fault stands, if it is a line of a text or a header; a fault of a spreadsheet says its cell.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Headings { place, .. } => Some(place.clone()),
            Self::Text(fault) => fault.line().map(Place::Line),
            Self::Empty | Self::Workbook(_) | Self::OtherFormat { .. } => None,
        }
    }
}

fn together(faults: &[HeadingFault], fields: &[Field]) -> String {
    let mut texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    if faults.iter().any(|fault| matches!(fault, HeadingFault::Unknown { .. })) {
        texts.push(known_columns(fields));
    }
    texts.join("; ")
}

/// The columns that a list may have, for people.
#[must_use]
pub fn known_columns(fields: &[Field]) -> String {
    let names: Vec<_> = fields.iter().map(|field| field.name()).collect();
    let attributes = if fields.contains(&Field::Attributes) {
        ", and attributes.<key>, where :number, :boolean or :json after the key gives its type"
    } else {
        ""
    };
    format!("known columns are {}{attributes}", names.join(", "))
}
