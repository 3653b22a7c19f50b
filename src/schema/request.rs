//! What became of a request that named itself: stored with the commit that it made, and told again when it is repeated.
//!
//! It is the result in the words of the table (rows and outcomes), never a reply of a protocol. The first part says
//! everything but rows that do not fit into it; those stand in parts of their own, which mean nothing by themselves. A
//! record ordered by time says how much it all takes, for the housekeeping.

use super::bytes::{Reader, Writer};
use super::request_key::PartWidth;
use super::{SchemaError, versioned};
use crate::model::token::TokenId;
use crate::model::{
    BaseNumber, Outcome, Reason, RecordCounts, RecordKind, Refusal, Row, Timestamp, Violation,
};

const RECORD: &str = "the answer to a request";
const TIME: &str = "the time of a request";
/// Version 1 is the same, under keys whose parts have two bytes.
const VERSION: u8 = 2;

/// Most parts beside the first: far more than an answer takes. More are damage, not something to make room for.
const MAX_PARTS: u32 = 1 << 22;

/// Most bytes of rows in one part.
pub const PART_BYTES: usize = 32 * 1024;

/// What is kept of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
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
    pub answer: Answer,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An upsert.
    Rows {
        /// What became of its rows, in order. In the stored first part, those that stand in no other part.
        rows: Vec<RowAnswer>,
        /// Whether these are all; otherwise it was cut short after them.
        is_complete: bool,
    },
    /// A call about one member.
    Member(Row, Outcome),
    /// A delete: how many members are gone, and the records that went with them.
    Deleted(u64, RecordCounts),
    /// A change of attributes: how many values are different.
    Changed(u64),
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

/// What became of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowAnswer {
    /// Its member's place.
    pub row: Option<Row>,
    /// What happened.
    pub outcome: Outcome,
    /// Why it failed.
    pub error: Option<Refusal>,
}

impl Kept {
    /// The stored form of the first part.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer(Vec::with_capacity(48));
        w.u8(version_of(self.width));
        w.u128(self.fingerprint);
        w.varint(u64::try_from(self.at.micros()).unwrap_or_default());
        w.varint(self.revision.map_or(0, |revision| revision + 1));
        match &self.answer {
            Answer::Rows { rows, is_complete } => {
                w.u8(if *is_complete { 1 } else { 2 });
                w.varint(u64::from(self.parts));
                w.0.extend(encode_rows(rows));
            }
            Answer::Member(row, outcome) => {
                w.u8(3);
                w.varint(row.0);
                w.u8(outcome_byte(*outcome));
            }
            Answer::Deleted(members, records) => {
                w.u8(4);
                let counts = [records.clips, records.stamp_collections, records.transactions];
                [*members].into_iter().chain(counts).for_each(|count| w.varint(count));
            }
            Answer::Changed(values) => {
                w.u8(5);
                w.varint(*values);
            }
            Answer::Record { row, kind, id, is_new } => {
                w.u8(6);
                w.varint(row.0);
                w.u8(kind.index());
                w.u128(*id);
                w.u8(u8::from(*is_new));
            }
            Answer::Ingested { created, updated, unchanged } => {
                w.u8(7);
                [created, updated, unchanged].into_iter().for_each(|count| w.varint(*count));
            }
            Answer::Done => w.u8(8),
            Answer::Base(number) => {
                w.u8(9);
                w.varint(u64::from(number.0));
            }
            Answer::Token(id) => {
                w.u8(10);
                w.u128(id.0);
            }
        }
        w.0
    }

    /// Reads the stored form of the first part.
    pub fn decode(bytes: &[u8]) -> Result<Self, SchemaError> {
        let mut r = Reader::new(RECORD, versioned(RECORD, VERSION, bytes)?);
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
                Answer::Rows { rows, is_complete: kind == 1 }
            }
            3 => Answer::Member(Row(r.varint()?), outcome(&mut r)?),
            4 => {
                let deleted = r.varint()?;
                let (clips, stamp_collections, transactions) = (r.varint()?, r.varint()?, r.varint()?);
                Answer::Deleted(deleted, RecordCounts { clips, stamp_collections, transactions })
            }
            5 => Answer::Changed(r.varint()?),
            6 => {
                let row = Row(r.varint()?);
                let kind = RecordKind::from_index(r.u8()?)
                    .ok_or_else(|| r.damaged("a kind of record is unknown"))?;
                Answer::Record { row, kind, id: r.u128()?, is_new: r.u8()? != 0 }
            }
            7 => Answer::Ingested { created: r.varint()?, updated: r.varint()?, unchanged: r.varint()? },
            8 => Answer::Done,
            9 => {
                let number =
                    u32::try_from(r.varint()?).map_err(|_| r.damaged("a base number is too large"))?;
                Answer::Base(BaseNumber(number))
            }
            10 => Answer::Token(TokenId(r.u128()?)),
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
    pub fn join(&mut self, bytes: &[u8]) -> Result<(), SchemaError> {
        let Answer::Rows { rows, .. } = &mut self.answer else { return Ok(()) };
        let mut r = Reader::new(RECORD, bytes);
        let mut all = Vec::new();
        while !r.is_empty() {
            all.push(decode_row(&mut r)?);
        }
        all.append(rows);
        *rows = all;
        Ok(())
    }
}

/// The stored form of rows.
#[must_use]
pub fn encode_rows(rows: &[RowAnswer]) -> Vec<u8> {
    let mut w = Writer(Vec::with_capacity(rows.len().saturating_mul(4)));
    for result in rows {
        w.u8(outcome_byte(result.outcome));
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

fn decode_row(r: &mut Reader<'_>) -> Result<RowAnswer, SchemaError> {
    let outcome = outcome(r)?;
    let row = optional_row(r)?;
    if outcome != Outcome::Failed {
        return Ok(RowAnswer { row, outcome, error: None });
    }
    let reason = Reason::parse(r.text()?).ok_or_else(|| r.damaged("a reason is unknown"))?;
    let taken_by = optional_row(r)?;
    let mut violations = Vec::new();
    for _ in 0..r.size()? {
        violations.push(Violation::new(r.text()?, r.text()?));
    }
    Ok(RowAnswer { row, outcome, error: Some(Refusal { reason, violations, taken_by }) })
}

fn optional_row(r: &mut Reader<'_>) -> Result<Option<Row>, SchemaError> {
    Ok(r.varint()?.checked_sub(1).map(Row))
}

const fn outcome_byte(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Created => 1,
        Outcome::Updated => 2,
        Outcome::Unchanged => 3,
        Outcome::Reactivated => 4,
        Outcome::Failed => 5,
    }
}

fn outcome(r: &mut Reader<'_>) -> Result<Outcome, SchemaError> {
    Ok(match r.u8()? {
        1 => Outcome::Created,
        2 => Outcome::Updated,
        3 => Outcome::Unchanged,
        4 => Outcome::Reactivated,
        5 => Outcome::Failed,
        _ => return Err(r.damaged("an outcome is unknown")),
    })
}

fn read_parts(r: &mut Reader<'_>) -> Result<u32, SchemaError> {
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

/// What an answer takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Bytes of keys and values.
    pub bytes: u64,
    /// Parts beside the first.
    pub parts: u32,
    /// In how many bytes its keys have the number of a part.
    pub width: PartWidth,
}

impl Size {
    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.u8(version_of(self.width));
        w.varint(self.bytes);
        w.varint(u64::from(self.parts));
        w.0
    }

    /// Reads the stored form.
    pub fn decode(record: &[u8]) -> Result<Self, SchemaError> {
        let mut r = Reader::new(TIME, versioned(TIME, VERSION, record)?);
        let bytes = r.varint()?;
        let parts = read_parts(&mut r)?;
        let size = Self { bytes, parts, width: width_of(record) };
        if r.is_empty() { Ok(size) } else { Err(r.damaged("it goes on after its end")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::documented::assert_documented;

    fn kept(answer: Answer) -> Kept {
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        Kept { fingerprint: 7 << 100, at, revision: Some(300), parts: 0, width: PartWidth::Wide, answer }
    }

    fn rows() -> Vec<RowAnswer> {
        let taken =
            Refusal { taken_by: Some(Row(4)), ..Refusal::field(Reason::EmailTaken, "email", "is taken") };
        vec![
            RowAnswer { row: Some(Row(0)), outcome: Outcome::Created, error: None },
            RowAnswer { row: None, outcome: Outcome::Failed, error: Some(taken) },
            RowAnswer { row: Some(Row(9_000_000)), outcome: Outcome::Unchanged, error: None },
        ]
    }

    #[test]
    fn every_answer_comes_back() {
        let counts = RecordCounts { clips: 1, stamp_collections: 0, transactions: 300 };
        for answer in [
            Answer::Rows { rows: rows(), is_complete: true },
            Answer::Rows { rows: Vec::new(), is_complete: false },
            Answer::Member(Row(5), Outcome::Reactivated),
            Answer::Deleted(1_000, counts),
            Answer::Changed(70_000),
            Answer::Record { row: Row(8), kind: RecordKind::Clip, id: u128::MAX, is_new: true },
            Answer::Ingested { created: 1, updated: 2, unchanged: 3 },
            Answer::Done,
            Answer::Base(BaseNumber(u32::MAX)),
            Answer::Token(TokenId(9)),
        ] {
            let kept = kept(answer);
            assert_eq!(Kept::decode(&kept.encode()), Ok(kept.clone()));
            let without = Kept { revision: None, ..kept };
            assert_eq!(Kept::decode(&without.encode()), Ok(without));
        }
    }

    #[test]
    fn what_is_cut_short_or_goes_on_is_refused() {
        for answer in [Answer::Member(Row(5), Outcome::Created), Answer::Token(TokenId(9)), Answer::Done] {
            let bytes = kept(answer).encode();
            for length in 0..bytes.len() {
                assert!(Kept::decode(&bytes[..length]).is_err(), "{length} bytes");
            }
            assert!(Kept::decode(&[bytes, vec![0]].concat()).is_err());
        }
        assert!(Size::decode(&[1, 5]).is_err() && Size::decode(&[1, 5, 0, 0]).is_err());
    }

    #[test]
    fn rows_of_other_parts_come_first() {
        let (all, parts) = (rows(), encode_rows(&rows()[..2]));
        let last = Answer::Rows { rows: all[2..].to_vec(), is_complete: true };
        let mut first = Kept { parts: 1, ..kept(last) };
        first = Kept::decode(&first.encode()).unwrap();
        first.join(&parts).unwrap();
        assert_eq!((first.parts, first.answer), (1, Answer::Rows { rows: all, is_complete: true }));
        assert!(kept(Answer::Rows { rows: Vec::new(), is_complete: true }).join(&parts[..5]).is_err());
    }

    #[test]
    fn golden_bytes() {
        let at = Timestamp::from_micros(300);
        let answer = Answer::Member(Row(3), Outcome::Created);
        let width = PartWidth::Wide;
        let kept = Kept { fingerprint: 1, at, revision: Some(2), parts: 0, width, answer };
        let mut expected = vec![2, 1];
        expected.extend([0; 15]);
        expected.extend([0xac, 2, 3, 3, 3, 1]);
        assert_eq!(kept.encode(), expected);
        assert_documented(&expected);
        expected[0] = 1;
        assert_eq!(Kept::decode(&expected), Ok(Kept { width: PartWidth::Narrow, ..kept }));
        let size = Size { bytes: 300, parts: 2, width };
        assert_eq!(size.encode(), vec![2, 0xac, 2, 2]);
        assert_documented(&size.encode());
        assert_eq!(Size::decode(&[2, 0xac, 2, 2]), Ok(size));
        assert_eq!(Size::decode(&[1, 0xac, 2, 2]), Ok(Size { width: PartWidth::Narrow, ..size }));
        let many = Size { parts: 70_000, ..size };
        assert_eq!(Size::decode(&many.encode()), Ok(many));
        assert!(Size::decode(&Size { parts: u32::MAX, ..size }.encode()).is_err());
    }
}
