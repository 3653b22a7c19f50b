//! What a revert does with each member: the values of [`JobPart::Reverts`](super::JobPart).
//!
//! ```text
//! reversals = that many: reversal
//! reversal  = what u8 (kind << 1 | together with the next one), member varint (row + 1, 0 for none),
//!             revision varint (of the member when it was planned, 0 if there was none), then by kind:
//!             0 stays: result of a row that failed (as in the results of requests)
//!             1 unchanged
//!             2 goes back: whether it is inactive and comes back u8, member slice
//!             3 comes back: deleted at time, member slice
//!             4 is deleted: clips varint, stamp collections varint, transactions varint
//!             5 becomes inactive: result of a row that failed, which says why it is not deleted
//! ```

use bytes::Bytes;

use crate::model::{Outcome, RecordCounts, Refusal, Row, Timestamp};
use crate::stored::DecodeError;
use crate::stored::bytes::{Reader, Writer};
use crate::stored::idempotency::{RowResult, encode_rows, read_row};

const VALUE: &str = "changes of a revert";

const STAYS: u8 = 0;
const UNCHANGED: u8 = 1;
const BACK: u8 = 2;
const RETURNS: u8 = 3;
const DELETED: u8 = 4;
const OFFBOARDED: u8 = 5;

/// What a revert does with one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    /// The member; `None` if it is the memberbase itself that was changed.
    pub row: Option<Row>,
    /// The revision of the member when this was planned; 0 if there was none. Later it is done only if the
    /// member is still at this revision.
    pub seen: u64,
    /// Whether it is done in one commit with the next one, because the members exchange their keys.
    pub with_next: bool,
    /// What happens.
    pub does: Undo,
}

/// What happens with a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undo {
    /// It stays as it is.
    Stays(Refusal),
    /// It is already as it was before.
    Unchanged,
    /// It goes back.
    Back {
        /// Its stored form before.
        record: Bytes,
        /// Whether it is inactive now, and will not be.
        reactivates: bool,
    },
    /// It was deleted, and comes back in this stored form.
    Returns {
        /// When it was deleted.
        deleted_at: Timestamp,
        /// Its stored form.
        record: Bytes,
    },
    /// It is deleted, with so many records.
    Delete(RecordCounts),
    /// It becomes inactive; why it is not deleted.
    Offboard(Refusal),
}

impl Undo {
    /// Whether it changes the member.
    #[must_use]
    pub const fn is_change(&self) -> bool {
        match self {
            Self::Stays(_) | Self::Unchanged => false,
            Self::Back { .. } | Self::Returns { .. } | Self::Delete(_) | Self::Offboard(_) => true,
        }
    }

    /// Whether the member is deleted or becomes inactive because it was created.
    #[must_use]
    pub const fn is_removal(&self) -> bool {
        matches!(self, Self::Delete(_) | Self::Offboard(_))
    }

    /// The stored number.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Stays(_) => STAYS,
            Self::Unchanged => UNCHANGED,
            Self::Back { .. } => BACK,
            Self::Returns { .. } => RETURNS,
            Self::Delete(_) => DELETED,
            Self::Offboard(_) => OFFBOARDED,
        }
    }
}

/// The stored form of one reversal.
#[must_use]
pub fn encode_reversal(reversal: &Reversal) -> Vec<u8> {
    let mut w = Writer(Vec::with_capacity(32));
    w.u8(reversal.does.kind() << 1 | u8::from(reversal.with_next));
    w.varint(reversal.row.map_or(0, |row| row.0 + 1));
    w.varint(reversal.seen);
    match &reversal.does {
        Undo::Unchanged => {}
        Undo::Stays(why) | Undo::Offboard(why) => {
            let (row, outcome) = (reversal.row, Outcome::Failed);
            let failed = RowResult { row, outcome, status_kept: false, error: Some(why.clone()) };
            w.0.extend_from_slice(&encode_rows(&[failed]));
        }
        Undo::Back { record, reactivates } => {
            w.u8(u8::from(*reactivates));
            w.slice(record);
        }
        Undo::Returns { deleted_at, record } => {
            w.time(*deleted_at);
            w.slice(record);
        }
        Undo::Delete(counts) => {
            let counts = [counts.clips, counts.stamp_collections, counts.transactions];
            counts.into_iter().for_each(|count| w.varint(count));
        }
    }
    w.0
}

/// Reads a value of reversals, which are one after another.
pub fn decode_reversals(bytes: &[u8]) -> Result<Vec<Reversal>, DecodeError> {
    let mut r = Reader::new(VALUE, bytes);
    let mut reversals = Vec::new();
    while !r.is_empty() {
        let what = r.u8()?;
        let row = r.varint()?.checked_sub(1).map(Row);
        let seen = r.varint()?;
        let does = match what >> 1 {
            STAYS => Undo::Stays(read_why(&mut r)?),
            UNCHANGED => Undo::Unchanged,
            BACK => {
                let reactivates = r.u8()? != 0;
                Undo::Back { record: Bytes::copy_from_slice(r.slice()?), reactivates }
            }
            RETURNS => Undo::Returns { deleted_at: r.time()?, record: Bytes::copy_from_slice(r.slice()?) },
            DELETED => {
                let (clips, stamp_collections) = (r.varint()?, r.varint()?);
                Undo::Delete(RecordCounts { clips, stamp_collections, transactions: r.varint()? })
            }
            OFFBOARDED => Undo::Offboard(read_why(&mut r)?),
            _ => return Err(r.damaged("it does something unknown")),
        };
        reversals.push(Reversal { row, seen, with_next: what & 1 != 0, does });
    }
    Ok(reversals)
}

fn read_why(r: &mut Reader<'_>) -> Result<Refusal, DecodeError> {
    read_row(r)?.error.ok_or_else(|| r.damaged("it does not say why a member stays"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;
    use crate::stored::documented::assert_documented;

    fn all() -> Vec<Reversal> {
        let one =
            |row: Option<u64>, seen, with_next, does| Reversal { row: row.map(Row), seen, with_next, does };
        let counts = RecordCounts { clips: 1, stamp_collections: 2, transactions: 3 };
        let record = Bytes::from_static;
        vec![
            one(Some(2), 300, true, Undo::Back { record: record(b"ab"), reactivates: true }),
            one(
                Some(3),
                0,
                false,
                Undo::Returns { deleted_at: Timestamp::from_micros(258), record: record(b"c") },
            ),
            one(Some(4), 7, false, Undo::Delete(counts)),
            one(Some(5), 8, false, Undo::Offboard(Refusal::new(Reason::RecordsAttached))),
            one(Some(6), 9, false, Undo::Unchanged),
            one(None, 0, false, Undo::Stays(Refusal::new(Reason::NotReverted))),
        ]
    }

    #[test]
    fn reversals_have_their_golden_bytes_and_come_back() {
        let bytes: Vec<u8> = all().iter().flat_map(encode_reversal).collect();
        assert_documented(&bytes);
        assert_eq!(decode_reversals(&bytes), Ok(all()));
    }

    #[test]
    fn a_reversal_that_is_cut_off_or_unknown_is_refused() {
        for reversal in all() {
            let bytes = encode_reversal(&reversal);
            for length in 1..bytes.len() {
                assert!(decode_reversals(&bytes[..length]).is_err(), "{length} bytes");
            }
        }
        assert!(decode_reversals(&[12, 0, 0]).is_err());
    }
}
