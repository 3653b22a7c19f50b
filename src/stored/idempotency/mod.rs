//! What became of a request that named itself: stored with the commit that it made, and told again when it is
//! repeated.
//!
//! It is the result in the words of the table (rows and outcomes), never a reply of a protocol. The first
//! part says everything but rows that do not fit into it; those stand in parts of their own, which mean
//! nothing by themselves. A record ordered by time says how much it all takes, for the housekeeping.

pub mod key;
mod size;
#[cfg(test)]
mod tests;

pub use self::size::Size;

use super::bytes::{Reader, Writer};
use super::idempotency::key::PartWidth;
use super::{DecodeError, versioned};
use crate::model::token::TokenId;
use crate::model::{
    BaseNumber, Outcome, Reason, RecordCounts, RecordKind, Refusal, Row, Timestamp, Violation,
};

const VALUE: &str = "the answer to a request";
/// Version 1 is the same, under keys whose parts have two bytes.
const VERSION: u8 = 2;

/// Most parts beside the first: far more than an answer takes. More are damage, not something to make room
/// for.
const MAX_PARTS: u32 = 1 << 22;

/// Most bytes of rows in one part.
pub const PART_BYTES: usize = 32 * 1024;

/// What is kept of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResult {
    /// The fingerprint of the request.
    pub fingerprint: u128,
    /// When something was first kept of it.
    pub at: Timestamp,
    /// The revision that its answer said, if it said one.
    pub revision: Option<u64>,
    /// Parts of rows beside the first part.
    pub parts: u32,
    /// In how many bytes its keys have the number of a part.
    pub width: PartWidth,
    /// What became of it.
    pub answer: RequestResult,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestResult {
    /// An upsert.
    Rows {
        /// What became of its rows, in order. In the stored first part, those that stand in no other part.
        rows: Vec<RowResult>,
        /// Whether these are all; otherwise it was cut short after them.
        is_complete: bool,
    },
    /// A call about one member.
    Member(Row, Outcome),
    /// A delete: how many members are gone, and the records that went with them.
    Deleted(u64, RecordCounts),
    /// A delete that was cut short.
    Deleting {
        /// How many of the members that it names were looked for.
        done: u64,
        /// How many of these are gone.
        members: u64,
        /// The records that went with them.
        records: RecordCounts,
    },
    /// A change of attributes: how many values are different.
    Changed(u64),
    /// A change of attributes that was cut short.
    Changing {
        /// How many of the members that it names were changed, or had nothing to change.
        done: u64,
        /// How many of their values are different.
        values: u64,
    },
    /// A record was saved.
    Record {
        /// Its member.
        row: Row,
        /// Its kind.
        kind: RecordKind,
        /// Its id.
        id: u128,
        /// Whether it was made.
        is_new: bool,
    },
    /// Transactions were taken.
    Ingested {
        /// New ones.
        created: u64,
        /// Changed ones.
        updated: u64,
        /// Those that were there already.
        unchanged: u64,
    },
    /// It is done, and there is nothing to say about it.
    Done,
    /// A base was made or changed.
    Base(BaseNumber),
    /// A token was made or revoked. What was secret about it is not kept.
    Token(TokenId),
}

impl RequestResult {
    /// Whether it says all that became of the request; otherwise that was cut short.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        match self {
            Self::Rows { is_complete, .. } => *is_complete,
            Self::Deleting { .. } | Self::Changing { .. } => false,
            Self::Member(..)
            | Self::Deleted(..)
            | Self::Changed(_)
            | Self::Record { .. }
            | Self::Ingested { .. }
            | Self::Done
            | Self::Base(_)
            | Self::Token(_) => true,
        }
    }
}

/// What became of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowResult {
    /// Its member's place.
    pub row: Option<Row>,
    /// What happened.
    pub outcome: Outcome,
    /// Whether it named another status than its member had, and left it.
    pub status_kept: bool,
    /// Why it failed.
    pub error: Option<Refusal>,
}

impl StoredResult {
    /// The stored form of the first part.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer(Vec::with_capacity(48));
        w.u8(version_of(self.width));
        w.u128(self.fingerprint);
        w.varint(u64::try_from(self.at.micros()).unwrap_or_default());
        w.varint(self.revision.map_or(0, |revision| revision + 1));
        match &self.answer {
            RequestResult::Rows { rows, is_complete } => {
                w.u8(if *is_complete { 1 } else { 2 });
                w.varint(u64::from(self.parts));
                w.0.extend(encode_rows(rows));
            }
            RequestResult::Member(row, outcome) => {
                w.u8(3);
                w.varint(row.0);
                w.u8(outcome_byte(*outcome));
            }
            RequestResult::Deleted(members, records) => {
                w.u8(4);
                write_deleted(&mut w, *members, records);
            }
            RequestResult::Deleting { done, members, records } => {
                w.u8(11);
                w.varint(*done);
                write_deleted(&mut w, *members, records);
            }
            RequestResult::Changed(values) => {
                w.u8(5);
                w.varint(*values);
            }
            RequestResult::Changing { done, values } => {
                w.u8(12);
                [done, values].into_iter().for_each(|count| w.varint(*count));
            }
            RequestResult::Record { row, kind, id, is_new } => {
                w.u8(6);
                w.varint(row.0);
                w.u8(kind.index());
                w.u128(*id);
                w.u8(u8::from(*is_new));
            }
            RequestResult::Ingested { created, updated, unchanged } => {
                w.u8(7);
                [created, updated, unchanged].into_iter().for_each(|count| w.varint(*count));
            }
            RequestResult::Done => w.u8(8),
            RequestResult::Base(number) => {
                w.u8(9);
                w.varint(u64::from(number.0));
            }
            RequestResult::Token(id) => {
                w.u8(10);
                w.u128(id.0);
            }
        }
        w.0
    }

    /// Reads the stored form of the first part.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
        let fingerprint = r.u128()?;
        let at = i64::try_from(r.varint()?).map_err(|_| r.damaged("its time is too large"))?;
        let revision = r.varint()?.checked_sub(1);
        let kind = r.u8()?;
        let mut parts = 0;
        let answer = match kind {
            1 | 2 => {
                parts = read_parts(&mut r)?;
                let mut rows = Vec::new();
                while !r.is_empty() {
                    rows.push(decode_row(&mut r)?);
                }
                RequestResult::Rows { rows, is_complete: kind == 1 }
            }
            3 => RequestResult::Member(Row(r.varint()?), outcome(&mut r)?),
            4 => {
                let (members, records) = read_deleted(&mut r)?;
                RequestResult::Deleted(members, records)
            }
            5 => RequestResult::Changed(r.varint()?),
            6 => {
                let row = Row(r.varint()?);
                let kind = RecordKind::from_index(r.u8()?)
                    .ok_or_else(|| r.damaged("a kind of record is unknown"))?;
                RequestResult::Record { row, kind, id: r.u128()?, is_new: r.u8()? != 0 }
            }
            7 => {
                RequestResult::Ingested { created: r.varint()?, updated: r.varint()?, unchanged: r.varint()? }
            }
            8 => RequestResult::Done,
            9 => {
                let number =
                    u32::try_from(r.varint()?).map_err(|_| r.damaged("a base number is too large"))?;
                RequestResult::Base(BaseNumber(number))
            }
            10 => RequestResult::Token(TokenId(r.u128()?)),
            11 => {
                let done = r.varint()?;
                let (members, records) = read_deleted(&mut r)?;
                RequestResult::Deleting { done, members, records }
            }
            12 => RequestResult::Changing { done: r.varint()?, values: r.varint()? },
            _ => return Err(r.damaged("its kind is unknown")),
        };
        if r.is_empty() {
            Ok(Self {
                fingerprint,
                at: Timestamp::from_micros(at),
                revision,
                parts,
                width: width_of(bytes),
                answer,
            })
        } else {
            Err(r.damaged("it goes on after its end"))
        }
    }

    /// Puts the rows of the other parts, one after another in `bytes`, before those of the first.
    pub fn join(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let RequestResult::Rows { rows, .. } = &mut self.answer else { return Ok(()) };
        let mut r = Reader::new(VALUE, bytes);
        let mut all = Vec::new();
        while !r.is_empty() {
            all.push(decode_row(&mut r)?);
        }
        all.append(rows);
        *rows = all;
        Ok(())
    }
}

fn write_deleted(w: &mut Writer, members: u64, records: &RecordCounts) {
    let counts = [records.clips, records.stamp_collections, records.transactions];
    [members].into_iter().chain(counts).for_each(|count| w.varint(count));
}

fn read_deleted(r: &mut Reader<'_>) -> Result<(u64, RecordCounts), DecodeError> {
    let members = r.varint()?;
    let (clips, stamp_collections, transactions) = (r.varint()?, r.varint()?, r.varint()?);
    Ok((members, RecordCounts { clips, stamp_collections, transactions }))
}

/// The stored form of rows.
#[must_use]
pub fn encode_rows(rows: &[RowResult]) -> Vec<u8> {
    let mut w = Writer(Vec::with_capacity(rows.len().saturating_mul(4)));
    for result in rows {
        w.u8(outcome_byte(result.outcome) | if result.status_kept { STATUS_KEPT } else { 0 });
        w.varint(result.row.map_or(0, |row| row.0 + 1));
        let Some(error) = &result.error else { continue };
        w.slice(error.reason.as_str().as_bytes());
        w.varint(error.taken_by.map_or(0, |row| row.0 + 1));
        w.varint(error.violations.len().try_into().unwrap_or(u64::MAX));
        for fault in &error.violations {
            w.slice(fault.field.as_bytes());
            w.slice(fault.description.as_bytes());
        }
    }
    w.0
}

fn decode_row(r: &mut Reader<'_>) -> Result<RowResult, DecodeError> {
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

/// Set in the byte of a row's outcome where its member kept another status than the row named.
const STATUS_KEPT: u8 = 0x08;

const fn outcome_byte(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Created => 1,
        Outcome::Updated => 2,
        Outcome::Unchanged => 3,
        Outcome::Reactivated => 4,
        Outcome::Failed => 5,
    }
}

fn outcome(r: &mut Reader<'_>) -> Result<Outcome, DecodeError> {
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

fn read_parts(r: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let parts = u32::try_from(r.varint()?).ok().filter(|parts| *parts <= MAX_PARTS);
    parts.ok_or_else(|| r.damaged("it has too many parts"))
}

fn version_of(width: PartWidth) -> u8 {
    match width {
        PartWidth::Narrow => 1,
        PartWidth::Wide => VERSION,
    }
}

fn width_of(record: &[u8]) -> PartWidth {
    if record.first() == Some(&1) { PartWidth::Narrow } else { PartWidth::Wide }
}
