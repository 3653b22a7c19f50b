//! Reads the parts of a commit, of every version.

use super::form::{Change, LookupDelta, LookupOp, RowChange, SetDelta, VALUE, VERSION};
use crate::model::schema::FieldNumber;
use crate::model::{Origin, Row, Timestamp};
use crate::stored::bytes::Reader;
use crate::stored::decode::{DecodeError, versioned};
use crate::stored::origin;

/// One part of a commit, opened for reading.
#[derive(Debug)]
pub struct CommitPart<'a> {
    /// When the commit was made.
    pub time: Timestamp,
    /// Where it came from; `None` in version 1.
    pub origin: Option<Origin>,
    /// The random id of the batch that wrote it; `None` in version 1.
    pub batch: Option<u64>,
    /// Whether the commit ends with this part.
    pub last: bool,
    version: u8,
    reader: Reader<'a>,
    last_row: u64,
}

impl<'a> CommitPart<'a> {
    /// Opens a part.
    pub fn open(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let version = bytes.first().copied().unwrap_or_default();
        let mut reader = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
        let last = reader.u8()? != 0;
        let time = reader.time()?;
        let (mut from, mut batch) = (None, None);
        if version > 1 {
            from = Some(origin::read(&mut reader)?);
            batch = Some(reader.u64()?);
        } else if reader.u8()? != 0 {
            return Err(reader.damaged("its source is unknown"));
        }
        Ok(Self { time, origin: from, batch, last, version, reader, last_row: 0 })
    }

    /// The next change, or `None` at the end of the part.
    pub fn next_change(&mut self) -> Result<Option<RowChange<'a>>, DecodeError> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        let r = &mut self.reader;
        let row = self.last_row.wrapping_add(r.zigzag()?.cast_unsigned());
        self.last_row = row;
        let head = r.u8()?;
        let (change, goes_on) =
            if self.version > 1 { (head >> 2, head & 2 != 0) } else { (head >> 1, false) };
        let change = Change::from_byte(change).ok_or_else(|| r.damaged("a change is of an unknown kind"))?;
        let before = if head & 1 == 1 { Some(r.slice()?) } else { None };
        let version = self.version;
        let lookups = (0..r.size()?).map(|_| read_lookup(r, version)).collect::<Result<_, _>>()?;
        let sets = (0..r.size()?).map(|_| read_set(r, version)).collect::<Result<_, _>>()?;
        Ok(Some(RowChange { row: Row(row), change, goes_on, before, lookups, sets }))
    }
}

/// Reads the first number of a delta: one byte in version 1, a varint since.
fn head_of_delta(r: &mut Reader<'_>, version: u8) -> Result<u64, DecodeError> {
    if version > 1 { r.varint() } else { r.u8().map(u64::from) }
}

fn read_lookup(r: &mut Reader<'_>, version: u8) -> Result<LookupDelta, DecodeError> {
    let head = head_of_delta(r, version)?;
    let hash = r.u64()?;
    let fingerprint = if head & 1 == 1 { r.u128()? } else { 0 };
    let op = match (head >> 1) & 3 {
        0 => LookupOp::Insert(fingerprint),
        1 => LookupOp::Refresh(fingerprint),
        2 => LookupOp::Remove,
        _ => return Err(r.damaged("a lookup delta is of an unknown kind")),
    };
    let lookup = u8::try_from(head >> 3).map_err(|_| r.damaged("a lookup is out of range"))?;
    Ok(LookupDelta { lookup, hash, op })
}

fn read_set<'a>(r: &mut Reader<'a>, version: u8) -> Result<SetDelta<'a>, DecodeError> {
    let head = head_of_delta(r, version)?;
    let field = u16::try_from(head >> 1).map_err(|_| r.damaged("a field is out of range"))?;
    Ok(SetDelta { field: FieldNumber(field), value: r.text()?, enters: head & 1 == 1 })
}
