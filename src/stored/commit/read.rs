//! Reads the parts of a commit, of every version.

use roaring::RoaringBitmap;

use super::form::{
    AudienceDelta, AudienceRows, Change, HAS_MOVES, LookupDelta, LookupOp, RowChange, SetDelta, VALUE,
    WITH_AUDIENCES,
};
use crate::model::schema::FieldNumber;
use crate::model::{AudienceNumber, Origin, Row, Timestamp};
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
        let mut reader = Reader::new(VALUE, versioned(VALUE, WITH_AUDIENCES, bytes)?);
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
        let version = self.version;
        let head = Head::read(r, version)?;
        let change = head.change;
        if change == Change::AudienceRows {
            let rows = Some(read_rows(r)?);
            let (before, lookups, sets, audiences) = (None, Vec::new(), Vec::new(), Vec::new());
            let goes_on = false;
            return Ok(Some(RowChange {
                row: Row(row),
                change,
                goes_on,
                before,
                lookups,
                sets,
                audiences,
                rows,
            }));
        }
        let before = if head.has_before { Some(r.slice()?) } else { None };
        let lookups = (0..r.size()?).map(|_| read_lookup(r, version)).collect::<Result<_, _>>()?;
        let sets = (0..r.size()?).map(|_| read_set(r, version)).collect::<Result<_, _>>()?;
        let audiences = if head.has_moves { read_audiences(r)? } else { Vec::new() };
        let goes_on = head.goes_on;
        Ok(Some(RowChange { row: Row(row), change, goes_on, before, lookups, sets, audiences, rows: None }))
    }
}

/// The byte that says what a change is and what it has.
struct Head {
    change: Change,
    goes_on: bool,
    has_before: bool,
    has_moves: bool,
}

impl Head {
    fn read(r: &mut Reader<'_>, version: u8) -> Result<Self, DecodeError> {
        let byte = r.u8()?;
        let has_moves = version >= WITH_AUDIENCES && byte & HAS_MOVES != 0;
        let kind = match version {
            1 => byte >> 1,
            _ if has_moves => (byte & !HAS_MOVES) >> 2,
            _ => byte >> 2,
        };
        let is_known = |change: &Change| {
            let is_of_audiences = matches!(change, Change::Audience | Change::AudienceRows);
            !is_of_audiences || version >= WITH_AUDIENCES
        };
        let change = Change::from_byte(kind).filter(is_known);
        Ok(Self {
            change: change.ok_or_else(|| r.damaged("a change is of an unknown kind"))?,
            goes_on: version > 1 && byte & 2 != 0,
            has_before: byte & 1 == 1,
            has_moves,
        })
    }
}

fn read_audiences(r: &mut Reader<'_>) -> Result<Vec<AudienceDelta>, DecodeError> {
    let mut last = 0_u64;
    let mut deltas = Vec::new();
    for _ in 0..r.size()? {
        let delta = r.varint()?;
        last = last.saturating_add(delta >> 1);
        let number =
            u32::try_from(last).map_err(|_| r.damaged("the number of an audience is out of range"))?;
        deltas.push(AudienceDelta { audience: AudienceNumber(number), enters: delta & 1 == 1 });
    }
    Ok(deltas)
}

fn read_rows(r: &mut Reader<'_>) -> Result<AudienceRows, DecodeError> {
    let number = u32::try_from(r.varint()?);
    let number = number.map_err(|_| r.damaged("the number of an audience is out of range"))?;
    let (enter, leave) = (read_bitmap(r)?, read_bitmap(r)?);
    Ok(AudienceRows { audience: AudienceNumber(number), enter, leave })
}

fn read_bitmap(r: &mut Reader<'_>) -> Result<RoaringBitmap, DecodeError> {
    let bytes = r.slice()?;
    RoaringBitmap::deserialize_from(bytes).map_err(|_| r.damaged("the rows of an audience cannot be read"))
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
