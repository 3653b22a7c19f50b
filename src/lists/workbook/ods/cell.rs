use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::events::BytesStart;

use super::super::cell::{CellName, Value, iso_date};
use super::super::fault::CellFault;
use super::super::format::general;
use super::super::grid::Grid;
use super::super::limits::Limits;
use super::super::refusal::Refusal;
use super::super::xml::qualified;
use super::text;

/// What an element of a cell says.
pub(super) struct Found {
    pub is_formula: bool,
    /// How many columns and rows the cell covers, if more than itself.
    pub span: Option<(u32, u32)>,
    kind: Option<String>,
    value: Option<String>,
    /// What the sheet shows.
    shown: String,
    is_error: bool,
}

const ERRORS: [&str; 7] = ["#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"];

/// Reads a cell to its end.
pub(super) fn read<R: BufRead>(reader: &mut Reader<R>, element: &BytesStart<'_>) -> Result<Found, String> {
    let span = |name| -> Result<u32, String> {
        let span = qualified(element, name)?;
        Ok(span.and_then(|span| span.trim().parse().ok()).unwrap_or(1).max(1))
    };
    let span = (span("table:number-columns-spanned")?, span("table:number-rows-spanned")?);
    let kind = qualified(element, "office:value-type")?;
    let attribute = match kind.as_deref() {
        Some("date") => "office:date-value",
        Some("boolean") => "office:boolean-value",
        Some("string") => "office:string-value",
        _ => "office:value",
    };
    let value = qualified(element, attribute)?;
    let is_formula = qualified(element, "table:formula")?.is_some();
    let is_error = qualified(element, "calcext:value-type")?.as_deref() == Some("error");
    let shown = text::read(reader, element.name().as_ref())?;
    let span = (span != (1, 1)).then_some(span);
    Ok(Found { is_formula, span, kind, value, shown, is_error })
}

impl Found {
    /// The value, or nothing if the cell is empty.
    pub(super) fn value(
        &self,
        grid: &mut Grid,
        name: CellName,
        limits: &Limits,
    ) -> Result<Option<Value>, Refusal> {
        let value = match self.kind.as_deref() {
            None if self.is_formula => Value::fault(CellFault::NoResult),
            None if self.shown.is_empty() => return Ok(None),
            None => grid.text(name, &self.shown, limits)?,
            Some("string") => match self.error() {
                Some(error) => Value::fault(CellFault::Error(error)),
                None => {
                    let text = if self.shown.is_empty() { self.value.as_deref() } else { Some(&*self.shown) };
                    grid.text(name, text.unwrap_or_default(), limits)?
                }
            },
            Some("boolean") => match self.value.as_deref() {
                Some("true") => Value::Bool(true),
                Some("false") => Value::Bool(false),
                _ => return Err(grid.refuse(name, "a boolean that is neither true nor false")),
            },
            Some("date") => match self.value.as_deref() {
                Some(date) => iso_date(date),
                None => return Err(grid.refuse(name, "a date without a value")),
            },
            Some("time") => Value::fault(CellFault::Duration),
            Some("float" | "percentage" | "currency") => self.number(grid, name, limits)?,
            Some(kind) => return Err(grid.refuse(name, &format!("a value of the unknown type {kind:.20}"))),
        };
        Ok(Some(value))
    }

    /// A number with the text that the sheet shows, as far as that text tells the whole number.
    fn number(&self, grid: &mut Grid, name: CellName, limits: &Limits) -> Result<Value, Refusal> {
        let value = self.value.as_deref().and_then(|value| value.trim().parse::<f64>().ok());
        let Some(value) = value.filter(|value| value.is_finite()) else {
            return Err(grid.refuse(name, "a number without a value"));
        };
        if self.is_error || ERRORS.contains(&&*self.shown) || self.shown.starts_with("Err:") {
            return Ok(Value::fault(CellFault::Error(self.error().unwrap_or("#VALUE!"))));
        }
        if value.abs() >= 1e15 {
            return Ok(Value::fault(CellFault::TooManyDigits));
        }
        let percent = self.shown.strip_suffix('%').and_then(|shown| shown.trim().parse::<f64>().ok());
        let is_whole = match self.kind.as_deref() {
            Some("percentage") => percent.is_some_and(|shown| general(shown / 100.0) == general(value)),
            _ => self.shown == general(value),
        };
        if !is_whole {
            return Ok(Value::Shown { value, text: None });
        }
        match grid.text(name, &self.shown, limits)? {
            Value::Text { start, end } => Ok(Value::Shown { value, text: Some((start, end)) }),
            other => Ok(other),
        }
    }

    /// The error that the cell shows. Programs store it as a text.
    fn error(&self) -> Option<&'static str> {
        if let Some(error) = ERRORS.into_iter().find(|error| *error == self.shown)
            && (self.is_formula || self.is_error)
        {
            return Some(error);
        }
        let is_numbered = self.is_formula && self.shown.starts_with("Err:");
        (self.is_error || is_numbered).then_some("#VALUE!")
    }
}
