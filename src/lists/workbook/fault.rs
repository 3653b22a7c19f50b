use std::sync::Arc;

use thiserror::Error;

/// Why a cell cannot be read as what the caller asked for.
#[derive(Clone, Debug, Error, Eq, PartialEq)]
pub enum CellFault {
    /// The cell shows an error.
    #[error("the cell shows the error {0}")]
    Error(&'static str),
    /// The writer of the file stored a formula and no result.
    #[error("a formula without a stored result; open and save the file in a spreadsheet program")]
    NoResult,
    /// A formula's result 0, which some writers store for every formula.
    #[error("a formula with the stored result 0, which may stand for no result; replace it by its value")]
    ZeroResult,
    /// A formula's result is an empty text, which xlwt stores for every formula.
    #[error("a formula with an empty stored result, which may stand for no result; replace it by its value")]
    EmptyResult,
    /// A formula's result in a key column is a number or a boolean, so zeros in front may be lost.
    #[error("a formula whose result is not text; replace it by its value, stored as text")]
    ResultNotText,
    /// Digits beyond the fifteenth are lost.
    #[error("a number of more than 15 digits, which a spreadsheet rounds; store it as text")]
    TooManyDigits,
    /// The format of a number is not simple, or hides a part of the number.
    #[error("the number {value} in the format `{format}`, which cannot be shown exactly; store it as text")]
    Format {
        /// The number.
        value: String,
        /// The code of its format. Many cells may share it, so it is not copied for each.
        format: Arc<str>,
    },
    /// The file does not tell in which format a number is shown.
    #[error("the number {0}, whose format is not known, so zeros in front may be lost; store it as text")]
    FormatUnknown(String),
    /// Parts of a text may be shown with or without the space between them.
    #[error(
        "a text in several parts, whose outer spaces are shown or not depending on the program; retype it"
    )]
    Glued,
    /// A date or time where a text is expected.
    #[error("a date or time ({0}) where text is expected")]
    DateNotText(String),
    /// Neither a date nor a text.
    #[error("not a date")]
    NotADate,
    /// A date with a time of day.
    #[error("a date with a time of day ({0}); enter the date alone")]
    TimeOfDay(String),
    /// A serial date from 0 to 2, which stands for an unknown date.
    #[error("the date is shown as {0}, which stands for an unknown date")]
    UnknownDate(String),
    /// A serial date beyond the calendar of spreadsheets.
    #[error("the date with serial number {0} does not exist")]
    NoSuchDate(String),
    /// A length of time.
    #[error("a length of time, which is neither a text nor a date")]
    Duration,
}
