use std::borrow::Cow;
use std::fmt;

use jiff::civil::{Date, DateTime, Time};

use super::fault::CellFault;
use super::format::{self, Format};

/// Where a cell stands in its sheet. It is written as spreadsheets write it, such as `F12`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CellName {
    /// The row, counted from 1.
    pub row: u32,
    /// The column, counted from 0.
    pub column: u32,
}

impl fmt::Display for CellName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&column_name(self.column))?;
        write!(f, "{}", self.row)
    }
}

/// The letters of a column, which is counted from 0.
pub(super) fn column_name(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

/// What a cell holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content<'a> {
    /// Nothing, or an empty text.
    Empty,
    /// A text. Its line breaks are line feeds.
    Text(&'a str),
    /// A number, and the text that its format shows.
    Number {
        /// The number.
        value: f64,
        /// What the sheet shows, or why that is not known.
        shown: Result<String, CellFault>,
        /// Whether the file tells the format of the number. If not, zeros in front may be lost.
        has_format: bool,
    },
    /// A date with a time of day, which is midnight for a date alone.
    DateTime(DateTime),
    /// A boolean.
    Bool(bool),
    /// Something that is neither text nor date, such as an error.
    Fault(&'a CellFault),
}

/// A cell of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell<'a> {
    /// Where it stands in its sheet.
    pub name: CellName,
    /// What it holds.
    pub content: Content<'a>,
    /// Whether the content is the stored result of a formula.
    pub is_formula: bool,
}

impl<'a> Cell<'a> {
    /// The cell as a key, such as a worker id.
    ///
    /// # Errors
    ///
    /// Like [`Self::text`]. A formula is accepted only if its result is text, and a number only if the file
    /// tells its format.
    pub fn key(&self) -> Result<Cow<'a, str>, CellFault> {
        match self.content {
            Content::Number { .. } | Content::Bool(_) if self.is_formula => Err(CellFault::ResultNotText),
            Content::Number { value, has_format: false, .. } => {
                Err(CellFault::FormatUnknown(format::general(value)))
            }
            _ => self.text(),
        }
    }

    /// The cell as a text, such as a name or a phone number. An empty cell is an empty text.
    ///
    /// # Errors
    ///
    /// When the sheet does not show a text, or shows one that is not known exactly.
    pub fn text(&self) -> Result<Cow<'a, str>, CellFault> {
        match &self.content {
            Content::DateTime(at) => Err(CellFault::DateNotText(written(*at))),
            _ => self.any(),
        }
    }

    /// The cell as the text of an attribute of any type: [`Self::text`], or a date or time in ISO 8601.
    ///
    /// # Errors
    ///
    /// When what the sheet shows is not known exactly.
    pub fn any(&self) -> Result<Cow<'a, str>, CellFault> {
        match &self.content {
            Content::Empty => Ok(Cow::Borrowed("")),
            Content::Text(text) => Ok(Cow::Borrowed(text)),
            Content::Number { value, .. } if self.is_formula && *value == 0.0 => Err(CellFault::ZeroResult),
            Content::Number { shown, .. } => shown.clone().map(Cow::Owned),
            Content::DateTime(at) => Ok(Cow::Owned(written(*at))),
            Content::Bool(true) => Ok(Cow::Borrowed("TRUE")),
            Content::Bool(false) => Ok(Cow::Borrowed("FALSE")),
            Content::Fault(fault) => Err((*fault).clone()),
        }
    }

    /// The cell as a date, `YYYY-MM-DD`. A cell with text returns its text, which the caller parses.
    ///
    /// # Errors
    ///
    /// When the cell is neither a date nor a text, or has a time of day.
    pub fn date(&self) -> Result<Cow<'a, str>, CellFault> {
        match &self.content {
            Content::Empty => Ok(Cow::Borrowed("")),
            Content::Text(text) => Ok(Cow::Borrowed(text)),
            Content::DateTime(at) if at.time() != Time::midnight() => Err(CellFault::TimeOfDay(written(*at))),
            Content::DateTime(at) => Ok(Cow::Owned(at.date().to_string())),
            Content::Fault(fault) => Err((*fault).clone()),
            Content::Number { .. } | Content::Bool(_) => Err(CellFault::NotADate),
        }
    }

    /// Whether a person sees nothing: the cell is empty or white space.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        match self.content {
            Content::Empty => true,
            Content::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }
}

/// Dates up to this one stand for unknown dates: they are the days 0 to 2 of the 1900 system.
const UNKNOWN_UNTIL: Date = Date::constant(1900, 1, 2);

/// Characters of a faulty date that a message shows.
const DATE_CHARS: usize = 40;

/// A date alone, or a date and a time.
fn written(at: DateTime) -> String {
    if at.time() == Time::midnight() { at.date().to_string() } else { at.to_string() }
}

/// A value as a sheet stores it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A range of bytes in the texts of the grid.
    Text {
        start: u32,
        end: u32,
    },
    /// A number, with its format's place among the formats of the grid.
    Number {
        value: f64,
        format: u32,
    },
    /// A number with a range of bytes in the texts, if the sheet shows the whole number there.
    Shown {
        value: f64,
        text: Option<(u32, u32)>,
    },
    DateTime(DateTime),
    Bool(bool),
    Fault(Box<CellFault>),
}

impl Value {
    pub(super) fn fault(fault: CellFault) -> Self {
        Self::Fault(Box::new(fault))
    }

    /// The value as content, with the texts and formats of its grid.
    pub(super) fn content<'a>(&'a self, texts: &'a str, formats: &[Format]) -> Content<'a> {
        match self {
            Self::Text { start, end } => match within(texts, *start, *end) {
                Some("") | None => Content::Empty,
                Some(text) => Content::Text(text),
            },
            Self::Number { value, format } => {
                let format = usize::try_from(*format).ok().and_then(|place| formats.get(place));
                let shown = match format {
                    Some(format) => format.show(*value),
                    None => Err(CellFault::FormatUnknown(format::general(*value))),
                };
                Content::Number { value: *value, shown, has_format: true }
            }
            Self::Shown { value, text } => {
                let shown = text.and_then(|(start, end)| within(texts, start, end));
                let shown = shown.map(str::to_owned);
                let shown = shown.ok_or_else(|| CellFault::FormatUnknown(format::general(*value)));
                Content::Number { value: *value, shown, has_format: false }
            }
            Self::DateTime(at) => Content::DateTime(*at),
            Self::Bool(value) => Content::Bool(*value),
            Self::Fault(fault) => Content::Fault(fault),
        }
    }
}

/// A range of bytes of a text.
fn within(texts: &str, start: u32, end: u32) -> Option<&str> {
    texts.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

/// The parts of a serial date as calamine returns them, as a value. Days 0 to 2 of the 1900 system stand for
/// unknown dates.
pub(super) fn serial_date(date: &calamine::ExcelDateTime, is_1904: bool) -> Value {
    let serial = date.as_f64();
    let shown = || format::general(serial);
    if date.is_duration() {
        return Value::fault(CellFault::Duration);
    }
    if !(0.0..2_958_466.0).contains(&serial) {
        return Value::fault(CellFault::NoSuchDate(shown()));
    }
    let (year, month, day, hour, minute, second, milli) = date.to_ymd_hms_milli();
    if !is_1904 && serial < 3.0 {
        return Value::fault(CellFault::UnknownDate(format!("{year:04}-{month:02}-{day:02}")));
    }
    let small = |part: u8| i8::try_from(part).unwrap_or(-1);
    let nanos = i32::from(milli) * 1_000_000;
    let day = i16::try_from(year).ok().and_then(|year| Date::new(year, small(month), small(day)).ok());
    let time = Time::new(small(hour), small(minute), small(second), nanos).ok();
    match (day, time) {
        (Some(day), Some(time)) => Value::DateTime(day.to_datetime(time)),
        _ => Value::fault(CellFault::NoSuchDate(shown())),
    }
}

/// A date or a date and time in ISO 8601, as a value.
pub(super) fn iso_date(text: &str) -> Value {
    if let Ok(at) = text.parse::<DateTime>() {
        let is_unknown = at.date() <= UNKNOWN_UNTIL;
        return if is_unknown {
            Value::fault(CellFault::UnknownDate(written(at)))
        } else {
            Value::DateTime(at)
        };
    }
    // A text of any length may stand here, and an `.ods` file may repeat it in many cells.
    Value::fault(CellFault::NoSuchDate(text.chars().take(DATE_CHARS).collect()))
}
