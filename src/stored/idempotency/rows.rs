//! The stored form of the results of rows.

use super::form::RowResult;
use crate::model::{Outcome, Reason, Refusal, Row, Violation};
use crate::stored::DecodeError;
use crate::stored::bytes::{Reader, Writer};

/// Rows in one part take at most this many bytes.
pub const PART_BYTES: usize = 32 * 1024;

/// Set in the byte of a row's outcome if its member kept a status other than the one that the row gave.
const STATUS_KEPT: u8 = 0x08;

/// The stored form of the results of rows.
#[must_use]
pub fn encode_rows(rows: &[RowResult]) -> Vec<u8> {
    let mut w = Writer(Vec::with_capacity(rows.len().saturating_mul(4)));
    rows.iter().for_each(|result| write_row(&mut w, result));
    w.0
}

/// Adds the stored form of the result of a row.
pub fn write_row(w: &mut Writer, result: &RowResult) {
    w.u8(outcome_byte(result.outcome) | if result.status_kept { STATUS_KEPT } else { 0 });
    w.varint(result.row.map_or(0, |row| row.0 + 1));
    let Some(error) = &result.error else { return };
    w.slice(error.reason.as_str().as_bytes());
    w.varint(error.taken_by.map_or(0, |row| row.0 + 1));
    w.varint(error.violations.len().try_into().unwrap_or(u64::MAX));
    for fault in &error.violations {
        w.slice(fault.field.as_bytes());
        w.slice(fault.description.as_bytes());
    }
}

/// Reads the result of a row.
pub fn decode_row(r: &mut Reader<'_>) -> Result<RowResult, DecodeError> {
    let byte = r.u8()?;
    let status_kept = byte & STATUS_KEPT != 0;
    let outcome = outcome_of(byte & !STATUS_KEPT, r)?;
    let row = optional_row(r)?;
    if outcome != Outcome::Failed {
        return Ok(RowResult { row, outcome, status_kept, error: None });
    }
    let reason = Reason::parse(r.text()?).ok_or_else(|| r.damaged("a reason is unknown"))?;
    let taken_by = optional_row(r)?;
    let mut violations = Vec::new();
    for _ in 0..r.size()? {
        violations.push(Violation::new(r.text()?, r.text()?));
    }
    Ok(RowResult { row, outcome, status_kept, error: Some(Refusal { reason, violations, taken_by }) })
}

fn optional_row(r: &mut Reader<'_>) -> Result<Option<Row>, DecodeError> {
    Ok(r.varint()?.checked_sub(1).map(Row))
}

pub(super) const fn outcome_byte(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Created => 1,
        Outcome::Updated => 2,
        Outcome::Unchanged => 3,
        Outcome::Reactivated => 4,
        Outcome::Failed => 5,
    }
}

pub(super) fn outcome(r: &mut Reader<'_>) -> Result<Outcome, DecodeError> {
    let byte = r.u8()?;
    outcome_of(byte, r)
}

fn outcome_of(byte: u8, r: &Reader<'_>) -> Result<Outcome, DecodeError> {
    Ok(match byte {
        1 => Outcome::Created,
        2 => Outcome::Updated,
        3 => Outcome::Unchanged,
        4 => Outcome::Reactivated,
        5 => Outcome::Failed,
        _ => return Err(r.damaged("an outcome is unknown")),
    })
}
