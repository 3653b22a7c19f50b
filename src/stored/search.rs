//! Search sets: the rows of a base that have a word with a token, in the table `35`.
//!
//! A token has 18 bits: three characters of 6 bits each (see [`crate::model::search`]). The first two make
//! the group of a token, the last is its place in the group. The sets of a group and of a chunk of 65,536
//! rows are stored together, as one value or, where they are larger than `PART_BYTES`, as several parts.
//! A part has the sets from its first place on.
//!
//! The value is a version byte, and for each set in the order of places: the place, the length of the bitmap
//! as a varint, and the bitmap in the portable roaring format. No bitmap is empty.

use std::ops::RangeInclusive;

use roaring::RoaringBitmap;

use super::bytes::{Reader, Writer};
use super::decode::{DecodeError, versioned};
use super::key::{SEARCH, of_base, own_part};
use crate::engine::{Key, KeyRange};
use crate::model::BaseNumber;

const VALUE: &str = "search sets";
const VERSION: u8 = 1;
/// A part of at least this size, in bytes, takes no further set. One set takes 8 KiB and a few bytes at most.
const PART_BYTES: usize = 24 * 1024;

/// The sets of a group in one chunk: place and rows.
pub type GroupSets = Vec<(u8, RoaringBitmap)>;

/// The key of a part.
#[must_use]
pub fn part(base: BaseNumber, group: u16, chunk: u64, first: u8) -> Key {
    let mut key = chunk_of(base, group, chunk);
    key.push(first);
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
pub fn part_of(key: &[u8]) -> Option<(u16, u64, u8)> {
    let (group, rest) = own_part(SEARCH, key)?.split_at_checked(2)?;
    let (chunk, first) = rest.split_at_checked(8)?;
    let [first] = first else { return None };
    Some((u16::from_be_bytes(group.try_into().ok()?), u64::from_be_bytes(chunk.try_into().ok()?), *first))
}

/// The parts of these sets, which are in the order of their places, each with its first place.
#[must_use]
pub fn encode<'a>(sets: impl Iterator<Item = (u8, &'a RoaringBitmap)>) -> Vec<(u8, Vec<u8>)> {
    let mut parts: Vec<(u8, Writer)> = Vec::new();
    for (place, rows) in sets.filter(|(_, rows)| !rows.is_empty()) {
        if parts.last().is_none_or(|(_, part)| part.0.len() >= PART_BYTES) {
            let mut writer = Writer::default();
            writer.u8(VERSION);
            parts.push((place, writer));
        }
        let Some((_, part)) = parts.last_mut() else { continue };
        part.u8(place);
        part.varint(u64::try_from(rows.serialized_size()).unwrap_or(u64::MAX));
        // Writing to a vector cannot fail.
        let written = rows.serialize_into(&mut part.0);
        debug_assert!(written.is_ok());
    }
    parts.into_iter().map(|(first, part)| (first, part.0)).collect()
}

/// The sets of a part.
pub fn decode(bytes: &[u8]) -> Result<GroupSets, DecodeError> {
    let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
    let mut sets = GroupSets::new();
    while !r.is_empty() {
        let place = r.u8()?;
        if place >= 64 || sets.last().is_some_and(|(last, _)| *last >= place) {
            return Err(r.damaged("a set is out of order"));
        }
        let rows =
            RoaringBitmap::deserialize_from(r.slice()?).map_err(|_| r.damaged("a bitmap cannot be read"))?;
        if rows.is_empty() {
            return Err(r.damaged("a set is empty"));
        }
        sets.push((place, rows));
    }
    if sets.is_empty() { Err(r.damaged("there are no sets")) } else { Ok(sets) }
}

fn chunk_of(base: BaseNumber, group: u16, chunk: u64) -> Key {
    let mut key = of_base(SEARCH, base, 11);
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

    #[test]
    fn a_key_has_its_golden_bytes_and_its_parts_come_back() {
        let key = part(BASE, 0x0fed, 9, 24);
        assert_eq!(hex(&key), "35010203040fed000000000000000918");
        assert_documented(&key);
        assert_eq!(part_of(&key), Some((0x0fed, 9, 24)));
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
        let sets = [(11, [9].into_iter().collect()), (24, [1, 65_535].into_iter().collect())];
        let parts = encode(sets.iter().map(|(place, rows)| (*place, rows)));
        let golden = "01 0b 12 3a3000000100000000000000100000000900 \
                      18 14 3a300000010000000000010010000000 0100ffff";
        assert_eq!(parts.len(), 1);
        assert_eq!((parts[0].0, hex(&parts[0].1)), (11, golden.replace(' ', "")));
        assert_documented(&parts[0].1);
        assert_eq!(decode(&parts[0].1).unwrap(), sets);
        // A part ends after any of its sets.
        for length in (0..parts[0].1.len()).filter(|length| *length != 1 + 2 + 0x12) {
            assert!(decode(&parts[0].1[..length]).is_err(), "{length} bytes");
        }
        for damaged in ["020b", "01400112", "010b0812"] {
            let bytes: Vec<u8> = (0..damaged.len() / 2)
                .map(|i| u8::from_str_radix(&damaged[2 * i..2 * i + 2], 16).unwrap())
                .collect();
            assert!(decode(&bytes).is_err(), "{damaged}");
        }
    }

    proptest! {
        #[test]
        fn sets_come_back_from_all_their_parts(
            sizes in proptest::collection::btree_map(0_u8..64, 0_u32..30_000, 0..8),
        ) {
            let rows = |size: u32| (0..size).map(|i| i * 2).collect();
            let sets: GroupSets = sizes.into_iter().map(|(place, size)| (place, rows(size))).collect();
            let parts = encode(sets.iter().map(|(place, rows)| (*place, rows)));
            let mut back = GroupSets::new();
            for (first, bytes) in &parts {
                prop_assert!(bytes.len() <= 40 * 1024);
                let part = decode(bytes).unwrap();
                prop_assert_eq!(part[0].0, *first);
                back.extend(part);
            }
            let filled: GroupSets = sets.into_iter().filter(|(_, rows)| !rows.is_empty()).collect();
            prop_assert_eq!(back, filled);
        }
    }
}
