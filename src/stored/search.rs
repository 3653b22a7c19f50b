//! Search sets: the rows of a base that have a word with a token, in the table `35`.
//!
//! A token has 24 bits: four characters of 6 bits each (see [`crate::model::search`]). The first two make the
//! group of a token, the others are its place in the group. The sets of a group and of a chunk of 65,536 rows
//! are stored together, as one value or, where they are larger than `PART_BYTES`, as several parts. A part
//! has the sets from its first place on.
//!
//! The value is a version byte, and for each set in the order of places: how far its place is after the last
//! one as a varint (the first has its place), the number of its rows as a byte, and its rows in order, two
//! bytes each. If there are `FEW` rows or more, the byte is 0, and a bitmap in the portable roaring format
//! follows, after its length as a varint. No set is empty.

use std::ops::RangeInclusive;

use roaring::RoaringBitmap;

use super::bytes::{Reader, Writer};
use super::decode::{DecodeError, versioned};
use super::key::{SEARCH, of_base, own_part};
use crate::engine::{Key, KeyRange};
use crate::model::BaseNumber;

const VALUE: &str = "search sets";
/// The version of parts. Those of version 1 had places of six bits; they are built again.
const VERSION: u8 = 2;
/// A part of at least this size, in bytes, takes no further set. One set takes 8 KiB and a few bytes at most.
const PART_BYTES: usize = 24 * 1024;
/// Sets of fewer rows are no bitmaps: those would have 16 bytes more.
const FEW: usize = 32;
/// The places of a group.
const PLACES: u64 = 1 << 12;

/// A row in a set of a group in one chunk: the place of the set, and in the lowest 16 bits that of the row.
pub type Entry = u32;

/// The rows of a set, by their places in the chunk.
#[derive(Debug, Clone, Copy)]
pub enum SetRows<'a> {
    /// Few rows: their places, two bytes each, in order.
    Few(&'a [[u8; 2]]),
    /// The stored form of a bitmap.
    Many(&'a [u8]),
}

impl SetRows<'_> {
    /// Adds the rows to the entries of a group, as those of the set at `place`.
    pub fn entries(&self, place: u16, into: &mut Vec<Entry>) -> Result<(), DecodeError> {
        let set = u32::from(place) << 16;
        match self {
            Self::Few(rows) => into.extend(rows.iter().map(|row| set | u32::from(u16::from_le_bytes(*row)))),
            Self::Many(_) => into.extend(self.bitmap()?.iter().map(|row| set | row)),
        }
        Ok(())
    }

    /// The rows.
    pub fn bitmap(&self) -> Result<RoaringBitmap, DecodeError> {
        match self {
            Self::Few(rows) => Ok(rows.iter().map(|row| u32::from(u16::from_le_bytes(*row))).collect()),
            Self::Many(bytes) => RoaringBitmap::deserialize_from(*bytes)
                .ok()
                .filter(|rows| rows.max().is_some_and(|last| last <= u32::from(u16::MAX)))
                .ok_or(DecodeError::Damaged { value: VALUE, detail: "a bitmap cannot be read" }),
        }
    }
}

/// The key of a part.
#[must_use]
pub fn part(base: BaseNumber, group: u16, chunk: u64, first: u16) -> Key {
    let mut key = chunk_of(base, group, chunk);
    key.extend_from_slice(&first.to_be_bytes());
    key
}

/// Every part of the sets of a group in one chunk.
#[must_use]
pub fn parts_of(base: BaseNumber, group: u16, chunk: u64) -> KeyRange {
    KeyRange::prefix(&chunk_of(base, group, chunk))
}

/// Every part of these groups.
#[must_use]
pub fn groups(base: BaseNumber, groups: RangeInclusive<u16>) -> KeyRange {
    let of = |group: u16| {
        let mut key = of_base(SEARCH, base, 2);
        key.extend_from_slice(&group.to_be_bytes());
        KeyRange::prefix(&key)
    };
    KeyRange { start: of(*groups.start()).start, end: of(*groups.end()).end }
}

/// Every part of a base.
#[must_use]
pub fn all(base: BaseNumber) -> KeyRange {
    KeyRange::prefix(&of_base(SEARCH, base, 0))
}

/// Group, chunk and first place of a key.
#[must_use]
pub fn part_of(key: &[u8]) -> Option<(u16, u64, u16)> {
    let (group, rest) = own_part(SEARCH, key)?.split_at_checked(2)?;
    let (chunk, first) = rest.split_at_checked(8)?;
    Some((
        u16::from_be_bytes(group.try_into().ok()?),
        u64::from_be_bytes(chunk.try_into().ok()?),
        u16::from_be_bytes(first.try_into().ok()?),
    ))
}

/// The parts of the sets with these entries, which are in order, each with its first place.
#[must_use]
pub fn encode(entries: &[Entry]) -> Vec<(u16, Vec<u8>)> {
    let mut parts: Vec<(u16, Writer)> = Vec::new();
    let place_of = |entry: Entry| u16::try_from(entry >> 16).unwrap_or(u16::MAX);
    let mut last = 0;
    for set in entries.chunk_by(|one, next| place_of(*one) == place_of(*next)) {
        let Some(place) = set.first().map(|entry| place_of(*entry)) else { continue };
        if parts.last().is_none_or(|(_, part)| part.0.len() >= PART_BYTES) {
            let mut writer = Writer::default();
            writer.u8(VERSION);
            parts.push((place, writer));
            last = 0;
        }
        let Some((_, part)) = parts.last_mut() else { continue };
        part.varint(u64::from(place - last));
        last = place;
        encode_rows(part, set);
    }
    parts.into_iter().map(|(first, part)| (first, part.0)).collect()
}

fn encode_rows(w: &mut Writer, set: &[Entry]) {
    let row = |entry: &Entry| entry & u32::from(u16::MAX);
    if set.len() < FEW {
        w.u8(u8::try_from(set.len()).unwrap_or_default());
        set.iter().for_each(|entry| w.0.extend(entry.to_le_bytes().iter().take(2)));
        return;
    }
    let mut rows = RoaringBitmap::new();
    // They are in order.
    let appended = rows.append(set.iter().map(row));
    debug_assert!(appended.is_ok());
    // A word that nearly all members have takes some bytes.
    rows.optimize();
    w.u8(0);
    w.varint(u64::try_from(rows.serialized_size()).unwrap_or(u64::MAX));
    // Writing to a vector cannot fail.
    let written = rows.serialize_into(&mut w.0);
    debug_assert!(written.is_ok());
}

/// Shows each set of a part to `see`: its place in the group, and its rows.
pub fn decode(
    bytes: &[u8],
    mut see: impl FnMut(u16, SetRows<'_>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
    if bytes.first() != Some(&VERSION) {
        return Err(r.damaged("it has places of six bits"));
    }
    let mut last = None;
    while last.is_none() || !r.is_empty() {
        let step = r.varint()?;
        let place = last.map_or(Some(step), |last: u64| last.checked_add(step).filter(|place| *place > last));
        let place = place.filter(|place| *place < PLACES);
        let known = place.ok_or_else(|| r.damaged("a set is out of order"))?;
        last = place;
        let rows = match usize::from(r.u8()?) {
            0 => SetRows::Many(r.slice()?),
            count => SetRows::Few(few(&mut r, count)?),
        };
        see(u16::try_from(known).unwrap_or(u16::MAX), rows)?;
    }
    Ok(())
}

/// So many rows.
fn few<'a>(r: &mut Reader<'a>, count: usize) -> Result<&'a [[u8; 2]], DecodeError> {
    let (rows, _) = r.take(count.saturating_mul(2))?.as_chunks::<2>();
    let are_ordered = rows.is_sorted_by(|one, next| u16::from_le_bytes(*one) < u16::from_le_bytes(*next));
    if are_ordered { Ok(rows) } else { Err(r.damaged("the rows of a set are out of order")) }
}

fn chunk_of(base: BaseNumber, group: u16, chunk: u64) -> Key {
    let mut key = of_base(SEARCH, base, 12);
    key.extend_from_slice(&group.to_be_bytes());
    key.extend_from_slice(&chunk.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stored::documented::assert_documented;

    const BASE: BaseNumber = BaseNumber(0x0102_0304);

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn sets_of(bytes: &[u8]) -> Result<Vec<(u16, RoaringBitmap)>, DecodeError> {
        let mut sets = Vec::new();
        decode(bytes, |place, rows| {
            sets.push((place, rows.bitmap()?));
            Ok(())
        })?;
        Ok(sets)
    }

    fn entries_of(bytes: &[u8]) -> Vec<Entry> {
        let mut entries = Vec::new();
        decode(bytes, |place, rows| rows.entries(place, &mut entries)).unwrap();
        entries
    }

    #[test]
    fn a_key_has_its_golden_bytes_and_its_parts_come_back() {
        let key = part(BASE, 0x0fed, 9, 0x0618);
        assert_eq!(hex(&key), "35010203040fed00000000000000090618");
        assert_documented(&key);
        assert_eq!(part_of(&key), Some((0x0fed, 9, 0x0618)));
        for length in 0..key.len() {
            assert_eq!(part_of(&key[..length]), None);
        }
        assert_eq!(part_of(&[key.clone(), vec![0]].concat()), None);
        let within = |range: &KeyRange| {
            std::ops::RangeBounds::contains(&(range.start.clone(), range.end.clone()), &key)
        };
        assert!(
            within(&all(BASE)) && within(&parts_of(BASE, 0x0fed, 9)) && within(&groups(BASE, 9..=0x0fed))
        );
        assert!(!within(&parts_of(BASE, 0x0fed, 8)) && !within(&groups(BASE, 9..=0x0fec)));
    }

    #[test]
    fn sets_have_their_golden_bytes_and_every_truncation_is_refused() {
        // Row 9 at place 11, rows 1 and 65,535 at 300, and the first forty rows at 301.
        let mut entries = vec![11 << 16 | 9, 300 << 16 | 1, 300 << 16 | 65_535];
        entries.extend((0..40).map(|row| 301 << 16 | row));
        let parts = encode(&entries);
        let golden = "02 0b 01 0900 a102 02 0100ffff 01 00 0f 3b300000 01 0000 2700 0100 0000 2700";
        assert_eq!(parts.len(), 1);
        assert_eq!((parts[0].0, hex(&parts[0].1)), (11, golden.replace(' ', "")));
        assert_documented(&parts[0].1);
        assert_eq!(entries_of(&parts[0].1), entries);
        // A part ends after any of its sets.
        let ends = [1 + 4, 1 + 4 + 7];
        for length in (0..parts[0].1.len()).filter(|length| !ends.contains(length)) {
            assert!(sets_of(&parts[0].1[..length]).is_err(), "{length} bytes");
        }
        // An older version, none, a place too large, one that comes twice, rows out of order, no bitmap.
        for damaged in
            ["010b010900", "02", "028020010900", "020b010900000109 00", "020b0209000800", "020b0001ff"]
        {
            let damaged = damaged.replace(' ', "");
            let bytes: Vec<u8> = (0..damaged.len() / 2)
                .map(|i| u8::from_str_radix(&damaged[2 * i..2 * i + 2], 16).unwrap())
                .collect();
            assert!(sets_of(&bytes).is_err(), "{damaged}");
        }
    }

    proptest! {
        #[test]
        fn sets_come_back_from_all_their_parts(
            sizes in proptest::collection::btree_map(0_u32..4_096, (0_u32..20_000, 1_u32..4), 0..12),
        ) {
            let rows = |(place, (size, step)): (&u32, &(u32, u32))| {
                let (place, step) = (*place, *step);
                (0..*size).map(move |row| (place << 16) | (row * step)).collect::<Vec<Entry>>()
            };
            let entries: Vec<Entry> = sizes.iter().flat_map(rows).collect();
            let mut back = Vec::new();
            for (first, bytes) in &encode(&entries) {
                prop_assert!(bytes.len() <= 40 * 1024);
                prop_assert_eq!(sets_of(bytes).unwrap()[0].0, *first);
                back.extend(entries_of(bytes));
            }
            prop_assert_eq!(back, entries);
        }
    }
}
