//! Commits: what one revision of a base changed, written once and read by replay, feeds and undo.
//!
//! A commit is one or more parts of at most [`PART_BYTES`] and one change. Each part stands for itself: version, whether
//! it is the last part, time, source, and changes. A change is a row (as the difference to the one before it), what
//! happened, the record as it was before where there was one, and the deltas of the lookups and sets, so that the
//! indexes can be brought up to date from the log alone.

use super::bytes::{Reader, Writer};
use super::{SchemaError, versioned};
use crate::model::{Row, Timestamp};

const RECORD: &str = "commit";
const VERSION: u8 = 1;
/// Where the mark of the last part stands.
const LAST_AT: usize = 1;

/// A part is closed once it has reached this size, in bytes; with one more change it stays under the engine's limit.
pub const PART_BYTES: usize = 24 * 1024;

/// What happened to a row, or to the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The row is new.
    Created,
    /// Fields changed.
    Updated,
    /// It left `inactive`, and fields may have changed.
    Reactivated,
    /// It is gone.
    Deleted,
    /// Not a row: the base's name, settings or deletion changed. The record before is the header before.
    Base,
    /// What hangs on the row's member changed, and nothing of the member itself. There is no record before.
    Records,
}

impl Change {
    const fn byte(self) -> u8 {
        match self {
            Self::Created => 1,
            Self::Updated => 2,
            Self::Reactivated => 3,
            Self::Deleted => 4,
            Self::Base => 5,
            Self::Records => 6,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Created,
            2 => Self::Updated,
            3 => Self::Reactivated,
            4 => Self::Deleted,
            5 => Self::Base,
            6 => Self::Records,
            _ => return None,
        })
    }
}

/// What happens to an entry of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupOp {
    /// A new entry with this fingerprint (0 in lookups without).
    Insert(u128),
    /// An entry that exists gets this fingerprint.
    Refresh(u128),
    /// The entry goes.
    Remove,
}

/// A change of one lookup entry of the row at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookupDelta {
    /// Which lookup.
    pub lookup: u8,
    /// The keyed hash of the value.
    pub hash: u64,
    /// What happens to the entry (hash, row).
    pub op: LookupOp,
}

/// The row at hand enters or leaves a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetDelta<'a> {
    /// Which field.
    pub field: u8,
    /// Which value of it.
    pub value: &'a str,
    /// Whether the row enters.
    pub enters: bool,
}

/// One change, as replay sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange<'a> {
    /// The row (0 for [`Change::Base`]).
    pub row: Row,
    /// What happened.
    pub change: Change,
    /// The stored form before, where there was one.
    pub before: Option<&'a [u8]>,
    /// Deltas of lookups.
    pub lookups: Vec<LookupDelta>,
    /// Deltas of sets.
    pub sets: Vec<SetDelta<'a>>,
}

/// What caused a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A call of a client.
    Call,
}

/// Writes the parts of one commit.
#[derive(Debug)]
pub struct CommitWriter {
    time: Timestamp,
    parts: Vec<Vec<u8>>,
    part: Writer,
    last_row: u64,
}

impl CommitWriter {
    /// A commit at `time`.
    #[must_use]
    pub fn new(time: Timestamp) -> Self {
        let mut writer = Self { time, parts: Vec::new(), part: Writer::default(), last_row: 0 };
        writer.begin_part();
        writer
    }

    /// Adds one change.
    pub fn change(
        &mut self,
        row: Row,
        change: Change,
        before: Option<&[u8]>,
        lookups: &[LookupDelta],
        sets: &[SetDelta<'_>],
    ) {
        if self.part.0.len() >= PART_BYTES {
            let full = std::mem::take(&mut self.part.0);
            self.parts.push(full);
            self.begin_part();
        }
        let w = &mut self.part;
        w.varint(zigzag_difference(row.0, self.last_row));
        self.last_row = row.0;
        w.u8(change.byte() << 1 | u8::from(before.is_some()));
        if let Some(before) = before {
            w.slice(before);
        }
        w.varint(lookups.len().try_into().unwrap_or(u64::MAX));
        for delta in lookups {
            write_lookup(w, delta);
        }
        w.varint(sets.len().try_into().unwrap_or(u64::MAX));
        for delta in sets {
            w.u8(delta.field << 1 | u8::from(delta.enters));
            w.slice(delta.value.as_bytes());
        }
    }

    /// Bytes written so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(Vec::len).sum::<usize>() + self.part.0.len()
    }

    /// The parts, in order.
    #[must_use]
    pub fn finish(mut self) -> Vec<Vec<u8>> {
        if let Some(mark) = self.part.0.get_mut(LAST_AT) {
            *mark = 1;
        }
        self.parts.push(self.part.0);
        self.parts
    }

    fn begin_part(&mut self) {
        self.last_row = 0;
        self.part = Writer(Vec::with_capacity(PART_BYTES + 1024));
        self.part.u8(VERSION);
        self.part.u8(0);
        self.part.u64(self.time.micros().cast_unsigned());
        self.part.u8(match Source::Call {
            Source::Call => 0,
        });
    }
}

fn write_lookup(w: &mut Writer, delta: &LookupDelta) {
    let (op, fingerprint) = match delta.op {
        LookupOp::Insert(fingerprint) => (0, fingerprint),
        LookupOp::Refresh(fingerprint) => (1, fingerprint),
        LookupOp::Remove => (2, 0),
    };
    w.u8(delta.lookup << 3 | op << 1 | u8::from(fingerprint != 0));
    w.u64(delta.hash);
    if fingerprint != 0 {
        w.u128(fingerprint);
    }
}

/// One part of a commit, opened for reading.
#[derive(Debug)]
pub struct CommitPart<'a> {
    /// When the commit was made.
    pub time: Timestamp,
    /// What caused it.
    pub source: Source,
    /// Whether the commit ends with this part.
    pub last: bool,
    reader: Reader<'a>,
    last_row: u64,
}

impl<'a> CommitPart<'a> {
    /// Opens a part.
    pub fn open(bytes: &'a [u8]) -> Result<Self, SchemaError> {
        let mut reader = Reader::new(RECORD, versioned(RECORD, VERSION, bytes)?);
        let last = reader.u8()? != 0;
        let time = Timestamp::from_micros(reader.u64()?.cast_signed());
        let source = match reader.u8()? {
            0 => Source::Call,
            _ => return Err(reader.damaged("its source is unknown")),
        };
        Ok(Self { time, source, last, reader, last_row: 0 })
    }

    /// The next change, or none at the end.
    pub fn next_change(&mut self) -> Result<Option<RowChange<'a>>, SchemaError> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        let r = &mut self.reader;
        let row = apply_difference(self.last_row, r.varint()?);
        self.last_row = row;
        let head = r.u8()?;
        let change =
            Change::from_byte(head >> 1).ok_or_else(|| r.damaged("a change is of an unknown kind"))?;
        let before = if head & 1 == 1 { Some(r.slice()?) } else { None };
        let lookups = (0..r.size()?).map(|_| read_lookup(r)).collect::<Result<_, _>>()?;
        let sets = (0..r.size()?).map(|_| read_set(r)).collect::<Result<_, _>>()?;
        Ok(Some(RowChange { row: Row(row), change, before, lookups, sets }))
    }
}

fn read_lookup(r: &mut Reader<'_>) -> Result<LookupDelta, SchemaError> {
    let head = r.u8()?;
    let hash = r.u64()?;
    let fingerprint = if head & 1 == 1 { r.u128()? } else { 0 };
    let op = match (head >> 1) & 3 {
        0 => LookupOp::Insert(fingerprint),
        1 => LookupOp::Refresh(fingerprint),
        2 => LookupOp::Remove,
        _ => return Err(r.damaged("a lookup delta is of an unknown kind")),
    };
    Ok(LookupDelta { lookup: head >> 3, hash, op })
}

fn read_set<'a>(r: &mut Reader<'a>) -> Result<SetDelta<'a>, SchemaError> {
    let head = r.u8()?;
    Ok(SetDelta { field: head >> 1, value: r.text()?, enters: head & 1 == 1 })
}

fn zigzag_difference(row: u64, last: u64) -> u64 {
    let difference = row.wrapping_sub(last).cast_signed();
    ((difference << 1) ^ (difference >> 63)).cast_unsigned()
}

fn apply_difference(last: u64, coded: u64) -> u64 {
    let difference = (coded >> 1).cast_signed() ^ -(coded & 1).cast_signed();
    last.wrapping_add(difference.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Plain = (u64, u8, Option<Vec<u8>>, Vec<(u8, u64, u8, u128)>, Vec<(u8, String, bool)>);

    fn changes() -> impl Strategy<Value = Vec<Plain>> {
        let lookups = proptest::collection::vec((0_u8..3, any::<u64>(), 0_u8..3, any::<u128>()), 0..4);
        let sets = proptest::collection::vec((0_u8..4, "[a-zé]{0,8}", any::<bool>()), 0..4);
        let before = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..3000));
        proptest::collection::vec((any::<u64>(), 1_u8..6, before, lookups, sets), 0..40)
    }

    fn op(kind: u8, fingerprint: u128) -> LookupOp {
        match kind {
            0 => LookupOp::Insert(fingerprint),
            1 => LookupOp::Refresh(fingerprint),
            _ => LookupOp::Remove,
        }
    }

    proptest! {
        #[test]
        fn a_commit_comes_back_from_its_parts(changes in changes()) {
            let mut writer = CommitWriter::new(Timestamp::from_micros(77));
            for (row, change, before, lookups, sets) in &changes {
                let lookups: Vec<_> = lookups.iter()
                    .map(|&(lookup, hash, kind, f)| LookupDelta { lookup, hash, op: op(kind, f) }).collect();
                let sets: Vec<_> = sets.iter()
                    .map(|(field, value, enters)| SetDelta { field: *field, value, enters: *enters }).collect();
                writer.change(Row(*row), Change::from_byte(*change).unwrap(), before.as_deref(), &lookups, &sets);
            }
            let parts = writer.finish();
            let mut rows = Vec::new();
            for (i, bytes) in parts.iter().enumerate() {
                let mut part = CommitPart::open(bytes).unwrap();
                prop_assert_eq!(part.last, i + 1 == parts.len());
                prop_assert_eq!(part.time, Timestamp::from_micros(77));
                while let Some(change) = part.next_change().unwrap() {
                    let expected = &changes[rows.len()];
                    prop_assert_eq!(change.before, expected.2.as_deref());
                    prop_assert_eq!(change.lookups.len(), expected.3.len());
                    for (got, want) in change.lookups.iter().zip(&expected.3) {
                        prop_assert_eq!((got.lookup, got.hash, got.op), (want.0, want.1, op(want.2, want.3)));
                    }
                    for (got, want) in change.sets.iter().zip(&expected.4) {
                        prop_assert_eq!((got.field, got.value, got.enters), (want.0, want.1.as_str(), want.2));
                    }
                    rows.push((change.row.0, change.change.byte()));
                }
            }
            let expected: Vec<_> = changes.iter().map(|c| (c.0, c.1)).collect();
            prop_assert_eq!(rows, expected);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            if let Ok(mut part) = CommitPart::open(&bytes) {
                while let Ok(Some(_)) = part.next_change() {}
            }
        }
    }

    #[test]
    fn a_created_row_has_its_golden_bytes() {
        let mut writer = CommitWriter::new(Timestamp::from_micros(1));
        let lookup = LookupDelta { lookup: 1, hash: 2, op: LookupOp::Insert(0) };
        let set = SetDelta { field: 0, value: "a", enters: true };
        writer.change(Row(3), Change::Created, None, &[lookup], &[set]);
        let golden = vec![
            1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, // version, last, time, source
            6, 2, 1, 8, 2, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, b'a',
        ];
        assert_eq!(writer.finish(), vec![golden]);
    }
}
