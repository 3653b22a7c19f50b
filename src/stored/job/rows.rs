//! What a plan says about rows and members, and what steps did with them.
//!
//! ```text
//! planned  = count varint, that many: line varint (as the difference to the line before), flags u8
//!            (1: no key of the row can be read), result (as in the results of requests)
//! removals = count varint, that many rows of members, each as a varint of the difference to the one before
//! step     = revision varint,
//!            count varint, that many: row of the input varint (as the difference), result;
//!            count varint, that many: member varint (as the difference), fate u8 (1 removed, 2 spared
//!            because it changed, 3 because it is gone, 4 because it is inactive)
//! ```

use std::collections::VecDeque;

use crate::model::Row;
use crate::stored::DecodeError;
use crate::stored::bytes::{Reader, Writer};
use crate::stored::idempotency::{RowResult, read_row, write_row};

const PLANNED: &str = "planned rows of a job";
const REMOVALS: &str = "removals of a job";
const STEP: &str = "results of a step of a job";

const UNREADABLE: u8 = 1;

/// What a plan says about a row of the input.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedResult {
    /// The line of the file, or the row of the sheet, from 1.
    pub line: u64,
    /// Whether no key of the row can be read.
    pub is_unreadable: bool,
    /// What happens to it. `row` is the member that it finds; `None` for one that it creates.
    pub result: RowResult,
}

/// What happened with a member that was to be removed: its number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovedResult {
    /// It was removed.
    Removed,
    /// It stayed, because it was changed after the plan was made.
    Changed,
    /// There was no such member any more.
    Gone,
    /// It was inactive already.
    Inactive,
}

impl RemovedResult {
    const ALL: [Self; 4] = [Self::Removed, Self::Changed, Self::Gone, Self::Inactive];

    const fn number(self) -> u8 {
        match self {
            Self::Removed => 1,
            Self::Changed => 2,
            Self::Gone => 3,
            Self::Inactive => 4,
        }
    }
}

/// What one step did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StepResults {
    /// The revision after it.
    pub revision: u64,
    /// Rows of the input, by their places from 0, in order.
    pub rows: VecDeque<(u64, RowResult)>,
    /// Members that were to be removed, in the order of their rows.
    pub removals: VecDeque<(Row, RemovedResult)>,
}

/// The stored form of planned rows.
#[must_use]
pub fn encode_planned(rows: &[PlannedResult]) -> Vec<u8> {
    let mut w = Writer(Vec::with_capacity(rows.len() * 8));
    w.varint(rows.len().try_into().unwrap_or(u64::MAX));
    let mut line = 0;
    for row in rows {
        w.varint(row.line.wrapping_sub(line));
        line = row.line;
        w.u8(if row.is_unreadable { UNREADABLE } else { 0 });
        write_row(&mut w, &row.result);
    }
    w.0
}

/// Reads planned rows.
pub fn decode_planned(bytes: &[u8]) -> Result<Vec<PlannedResult>, DecodeError> {
    let mut r = Reader::new(PLANNED, bytes);
    let mut rows = Vec::new();
    let mut line = 0_u64;
    for _ in 0..r.size()? {
        line = line.wrapping_add(r.varint()?);
        let flags = r.u8()?;
        rows.push(PlannedResult { line, is_unreadable: flags & UNREADABLE != 0, result: read_row(&mut r)? });
    }
    r.end()?;
    Ok(rows)
}

/// The stored form of members to be removed, which are in ascending order.
#[must_use]
pub fn encode_removals(rows: &[Row]) -> Vec<u8> {
    let mut w = Writer(Vec::with_capacity(rows.len() * 2 + 4));
    w.varint(rows.len().try_into().unwrap_or(u64::MAX));
    let mut last = 0;
    for row in rows {
        w.varint(row.0.wrapping_sub(last));
        last = row.0;
    }
    w.0
}

/// Reads members to be removed.
pub fn decode_removals(bytes: &[u8]) -> Result<Vec<Row>, DecodeError> {
    let mut r = Reader::new(REMOVALS, bytes);
    let mut rows = Vec::new();
    let mut last = 0_u64;
    for _ in 0..r.size()? {
        last = last.wrapping_add(r.varint()?);
        rows.push(Row(last));
    }
    r.end()?;
    Ok(rows)
}

/// The stored form of what a step did.
#[must_use]
pub fn encode_step(step: &StepResults) -> Vec<u8> {
    let mut w = Writer(Vec::with_capacity(16 + step.rows.len() * 6 + step.removals.len() * 3));
    w.varint(step.revision);
    w.varint(step.rows.len().try_into().unwrap_or(u64::MAX));
    let mut last = 0;
    for (place, result) in &step.rows {
        w.varint(place.wrapping_sub(last));
        last = *place;
        write_row(&mut w, result);
    }
    w.varint(step.removals.len().try_into().unwrap_or(u64::MAX));
    last = 0;
    for (row, fate) in &step.removals {
        w.varint(row.0.wrapping_sub(last));
        last = row.0;
        w.u8(fate.number());
    }
    w.0
}

/// Reads what a step did.
pub fn decode_step(bytes: &[u8]) -> Result<StepResults, DecodeError> {
    let mut r = Reader::new(STEP, bytes);
    let mut step = StepResults { revision: r.varint()?, ..StepResults::default() };
    let mut last = 0_u64;
    for _ in 0..r.size()? {
        last = last.wrapping_add(r.varint()?);
        step.rows.push_back((last, read_row(&mut r)?));
    }
    last = 0;
    for _ in 0..r.size()? {
        last = last.wrapping_add(r.varint()?);
        let number = r.u8()?;
        let fate = RemovedResult::ALL.into_iter().find(|fate| fate.number() == number);
        step.removals
            .push_back((Row(last), fate.ok_or_else(|| r.damaged("the fate of a member is unknown"))?));
    }
    r.end()?;
    Ok(step)
}
