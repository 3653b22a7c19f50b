//! The keys of records, part of the registry in [`super::key`].
//!
//! The sequence of a record is its position in the history of its base: the revision of the commit that
//! created it, and its number in that commit. No sequence is used twice.

use std::ops::Bound;

use super::key::{
    BASE_BYTES, RECORD, RECORD_COUNTS, RECORD_NAME, RECORD_PURGE, TRANSACTION, of_base, own_part,
};
use crate::engine::{Key, KeyRange};
use crate::model::{BaseNumber, RecordKind, Row};

/// How many low bits of a sequence hold the number within the commit.
const NUMBER_BITS: u32 = 13;
/// One commit creates at most this many records.
pub const RECORDS_PER_COMMIT: u64 = 1 << NUMBER_BITS;

/// By what a record of a member is found, besides its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordName<'a> {
    /// The id that the service assigned.
    Id(u128),
    /// The name that the caller chose.
    Own(&'a str),
}

/// Where a record is: the parts of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordPlace {
    /// Its member.
    pub row: Row,
    /// What kind it is.
    pub kind: RecordKind,
    /// Its sequence.
    pub sequence: u64,
}

/// The sequence of record `number` of the commit `revision`.
#[must_use]
pub fn sequence(revision: u64, number: u64) -> u64 {
    revision << NUMBER_BITS | number & (RECORDS_PER_COMMIT - 1)
}

/// The revision of the commit that created the record with this sequence.
#[must_use]
pub fn revision(sequence: u64) -> u64 {
    sequence >> NUMBER_BITS
}

/// The key of a record.
#[must_use]
pub fn record(base: BaseNumber, place: RecordPlace) -> Key {
    let mut key = of_kind(RECORD, base, place.row, place.kind);
    key.extend_from_slice(&place.sequence.to_be_bytes());
    key
}

/// The records of one kind of a member with a sequence after `after`, or before it if `backward`.
#[must_use]
pub fn records_of(
    base: BaseNumber,
    row: Row,
    kind: RecordKind,
    after: Option<u64>,
    backward: bool,
) -> KeyRange {
    let mut range = KeyRange::prefix(&of_kind(RECORD, base, row, kind));
    let Some(sequence) = after else { return range };
    let bound = Bound::Excluded(record(base, RecordPlace { row, kind, sequence }));
    if backward {
        range.end = bound;
    } else {
        range.start = bound;
    }
    range
}

/// Every record of a member.
#[must_use]
pub fn records_of_row(base: BaseNumber, row: Row) -> KeyRange {
    KeyRange::prefix(&of_row(RECORD, base, row))
}

/// Every record of a base after `after`.
#[must_use]
pub fn records(base: BaseNumber, after: Option<RecordPlace>) -> KeyRange {
    let mut range = KeyRange::prefix(&of_base(RECORD, base, 0));
    if let Some(place) = after {
        range.start = Bound::Excluded(record(base, place));
    }
    range
}

/// The place in the key of a record.
#[must_use]
pub fn record_place(key: &[u8]) -> Option<RecordPlace> {
    let (row, rest) = own_part(RECORD, key)?.split_at_checked(8)?;
    let (&kind, sequence) = rest.split_first()?;
    Some(RecordPlace {
        row: Row(u64::from_be_bytes(row.try_into().ok()?)),
        kind: RecordKind::from_index(kind)?,
        sequence: u64::from_be_bytes(sequence.try_into().ok()?),
    })
}

/// The key under which a name of a record of one kind leads to its place.
#[must_use]
pub fn record_name(base: BaseNumber, row: Row, kind: RecordKind, name: RecordName<'_>) -> Key {
    let mut key = of_kind(RECORD_NAME, base, row, kind);
    match name {
        RecordName::Id(id) => {
            key.push(0);
            key.extend_from_slice(&id.to_be_bytes());
        }
        RecordName::Own(text) => {
            key.push(1);
            key.extend_from_slice(text.as_bytes());
        }
    }
    key
}

/// Every name of a member's records.
#[must_use]
pub fn record_names_of_row(base: BaseNumber, row: Row) -> KeyRange {
    KeyRange::prefix(&of_row(RECORD_NAME, base, row))
}

/// Every name of the records of a base, transactions aside.
#[must_use]
pub fn record_names(base: BaseNumber) -> KeyRange {
    KeyRange::prefix(&of_base(RECORD_NAME, base, 0))
}

/// The member and the kind in the key of a name.
#[must_use]
pub fn record_name_parts(key: &[u8]) -> Option<(Row, RecordKind)> {
    let (row, rest) = own_part(RECORD_NAME, key)?.split_at_checked(8)?;
    let (&kind, name) = rest.split_first()?;
    let is_name = match name.split_first()? {
        (0, id) => id.len() == 16,
        (1, text) => !text.is_empty(),
        _ => false,
    };
    if !is_name {
        return None;
    }
    Some((Row(u64::from_be_bytes(row.try_into().ok()?)), RecordKind::from_index(kind)?))
}

/// The key under which the external id of a transaction leads to its place. External ids are unique in a
/// base.
#[must_use]
pub fn transaction(base: BaseNumber, external_id: &str) -> Key {
    let mut key = of_base(TRANSACTION, base, external_id.len());
    key.extend_from_slice(external_id.as_bytes());
    key
}

/// Every external id of a base's transactions.
#[must_use]
pub fn transactions(base: BaseNumber) -> KeyRange {
    KeyRange::prefix(&of_base(TRANSACTION, base, 0))
}

/// The external id in the key of one.
#[must_use]
pub fn transaction_name(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(own_part(TRANSACTION, key)?).ok().filter(|name| !name.is_empty())
}

/// The key of a member's record counts. It is absent if the member has no records or is deleted.
#[must_use]
pub fn record_counts(base: BaseNumber, row: Row) -> Key {
    of_row(RECORD_COUNTS, base, row)
}

/// The counts of all members of a base that have records.
#[must_use]
pub fn all_record_counts(base: BaseNumber) -> KeyRange {
    KeyRange::prefix(&of_base(RECORD_COUNTS, base, 0))
}

/// The key of the mark of a deleted member whose records must still be purged.
#[must_use]
pub fn record_purge(base: BaseNumber, row: Row) -> Key {
    of_row(RECORD_PURGE, base, row)
}

/// Every mark of records to purge of a base.
#[must_use]
pub fn record_purges(base: BaseNumber) -> KeyRange {
    KeyRange::prefix(&of_base(RECORD_PURGE, base, 0))
}

/// The member in the key of counts or of a mark of records to purge.
#[must_use]
pub fn counted_row(key: &[u8]) -> Option<Row> {
    match key.first() {
        Some(&RECORD_COUNTS | &RECORD_PURGE) => {
            Some(Row(u64::from_be_bytes(key.get(BASE_BYTES..)?.try_into().ok()?)))
        }
        _ => None,
    }
}

fn of_row(table: u8, base: BaseNumber, row: Row) -> Key {
    let mut key = of_base(table, base, 18);
    key.extend_from_slice(&row.0.to_be_bytes());
    key
}

fn of_kind(table: u8, base: BaseNumber, row: Row, kind: RecordKind) -> Key {
    let mut key = of_row(table, base, row);
    key.push(kind.index());
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stored::documented::assert_documented;

    const BASE: BaseNumber = BaseNumber(0x0102_0304);
    const CLIP: RecordPlace = RecordPlace { row: Row(5), kind: RecordKind::Clip, sequence: 0x0a0b };

    #[test]
    fn every_key_has_its_golden_bytes() {
        let name = |name| record_name(BASE, Row(5), RecordKind::StampCollection, name);
        let golden = [
            (record(BASE, CLIP), "220102030400000000000000050100 00000000000a0b"),
            (name(RecordName::Id(7)), "23010203040000000000000005020000000000000000000000000000000007"),
            (name(RecordName::Own("Gö")), "2301020304000000000000000502 0147c3b6"),
            (transaction(BASE, "t1"), "24010203047431"),
            (record_counts(BASE, Row(5)), "25010203040000000000000005"),
            (record_purge(BASE, Row(5)), "26010203040000000000000005"),
        ];
        for (key, bytes) in golden {
            let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, bytes.replace(' ', ""));
            assert_documented(&key);
        }
        assert_eq!(sequence(3, 5), 3 * 8192 + 5);
        // No commit makes more records than a sequence can tell apart.
        assert!(u64::try_from(crate::model::limits::INGEST_MAX_EVENTS).unwrap() <= RECORDS_PER_COMMIT);
    }

    fn within(range: &KeyRange, key: &Key) -> bool {
        std::ops::RangeBounds::contains(&(range.start.clone(), range.end.clone()), key)
    }

    fn place() -> impl Strategy<Value = RecordPlace> {
        let kind = prop::sample::select(RecordKind::ALL.to_vec());
        (0..4_u64, kind, 0..4_u64).prop_map(|(row, kind, sequence)| RecordPlace {
            row: Row(row),
            kind,
            sequence,
        })
    }

    proptest! {
        #[test]
        fn places_come_back_keep_their_order_and_stay_in_their_ranges(a in place(), b in place()) {
            let (left, right) = (record(BASE, a), record(BASE, b));
            prop_assert_eq!(record_place(&left), Some(a));
            prop_assert_eq!(a.cmp(&b), left.cmp(&right));
            let same = (a.row, a.kind) == (b.row, b.kind);
            let forward = records_of(BASE, a.row, a.kind, Some(a.sequence), false);
            prop_assert_eq!(within(&forward, &right), same && b.sequence > a.sequence);
            let backward = records_of(BASE, a.row, a.kind, Some(a.sequence), true);
            prop_assert_eq!(within(&backward, &right), same && b.sequence < a.sequence);
            prop_assert_eq!(within(&records_of_row(BASE, a.row), &right), a.row == b.row);
            prop_assert_eq!(within(&records(BASE, Some(a)), &right), b > a);
        }
    }

    #[test]
    fn parts_of_a_key_come_back_and_strangers_are_refused() {
        let name = record_name(BASE, Row(5), RecordKind::Clip, RecordName::Own("x"));
        assert_eq!(record_name_parts(&name), Some((Row(5), RecordKind::Clip)));
        assert_eq!(transaction_name(&transaction(BASE, "t1")), Some("t1"));
        assert_eq!(counted_row(&record_counts(BASE, Row(9))), Some(Row(9)));
        assert_eq!(counted_row(&record_purge(BASE, Row(9))), Some(Row(9)));
        let long = |key: Key| [key, vec![0]].concat();
        assert_eq!(record_place(&long(record(BASE, CLIP))), None);
        assert_eq!(record_name_parts(&name[..name.len() - 1]), None);
        assert_eq!(transaction_name(&transaction(BASE, "")), None);
        assert_eq!(counted_row(&long(record_counts(BASE, Row(9)))), None);
        assert_eq!(counted_row(&record(BASE, CLIP)), None);
    }
}
