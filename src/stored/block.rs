//! A block: 16 consecutive rows stored together, in one value or, where they outgrow it, in parts.
//!
//! A part holds the members of consecutive slots: version, then (only in the part of slot 0) the number of
//! further parts and the first slot of each, then the slot and the bytes of each member. The part of slot 0
//! exists whenever the block does, so one read finds every part.

use bytes::Bytes;

use super::bytes::{Reader, Writer};
use super::decode::{DecodeError, versioned};
use crate::model::Row;

const VALUE: &str = "block";
const VERSION: u8 = 1;

/// Rows of a block.
pub const ROWS_PER_BLOCK: u64 = 16;
/// A part is closed before another member would take it over this size, in bytes. One large member may have a
/// part of its own.
pub const PART_BYTES: usize = 8 * 1024;

/// The block of a row, and its slot in the block.
#[must_use]
pub fn place(row: Row) -> (u64, usize) {
    (row.0 / ROWS_PER_BLOCK, usize::try_from(row.0 % ROWS_PER_BLOCK).unwrap_or_default())
}

/// The members of 16 rows, as stored bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// The stored member of each slot, absent where there is none.
    pub slots: [Option<Bytes>; 16],
    /// First slots of the stored parts, except that of slot 0.
    pub parts: Vec<u8>,
}

impl Block {
    /// The stored member in `slot`.
    #[must_use]
    pub fn get(&self, slot: usize) -> Option<&Bytes> {
        self.slots.get(slot)?.as_ref()
    }

    /// Sets or removes the stored member in `slot`.
    pub fn set(&mut self, slot: usize, member: Option<Bytes>) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = member;
        }
    }

    /// Whether every slot is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }

    /// The parts to store, each with its first slot. An empty block has none; part 0 must then be deleted
    /// too.
    #[must_use]
    pub fn encode(&self) -> Vec<(u8, Vec<u8>)> {
        if self.is_empty() {
            return Vec::new();
        }
        let groups = self.grouped();
        let mut parts = Vec::with_capacity(groups.len());
        for (first, members) in &groups {
            let bytes: usize = members.iter().map(|(_, member)| member.len() + 4).sum();
            let mut w = Writer(Vec::with_capacity(bytes + 18));
            w.u8(VERSION);
            if *first == 0 {
                w.varint(groups.len().saturating_sub(1).try_into().unwrap_or_default());
                groups.iter().skip(1).for_each(|(first, _)| w.u8(*first));
            }
            for (slot, member) in members {
                w.u8(*slot);
                w.slice(member);
            }
            parts.push((*first, w.0));
        }
        parts
    }

    /// The stored members, grouped into parts.
    fn grouped(&self) -> Vec<(u8, Vec<(u8, &Bytes)>)> {
        let mut groups: Vec<(u8, Vec<(u8, &Bytes)>)> = vec![(0, Vec::new())];
        let mut bytes = 0;
        for (slot, member) in (0_u8..).zip(&self.slots) {
            let Some(member) = member else { continue };
            let fits = bytes == 0 || bytes + member.len() <= PART_BYTES;
            match groups.last_mut() {
                Some((_, members)) if fits => members.push((slot, member)),
                _ => {
                    groups.push((slot, vec![(slot, member)]));
                    bytes = 0;
                }
            }
            bytes += member.len();
        }
        groups
    }

    /// Reads the part of slot 0. [`Block::parts`] then lists the parts that must still be read.
    pub fn decode_first(bytes: &Bytes) -> Result<Self, DecodeError> {
        let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
        let more = r.size()?;
        let mut block = Self { parts: r.take(more)?.to_vec(), ..Self::default() };
        block.decode_members(bytes, r)?;
        Ok(block)
    }

    /// Reads a further part.
    pub fn decode_more(&mut self, bytes: &Bytes) -> Result<(), DecodeError> {
        let r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
        self.decode_members(bytes, r)
    }

    fn decode_members(&mut self, whole: &Bytes, mut r: Reader<'_>) -> Result<(), DecodeError> {
        while !r.is_empty() {
            let slot = usize::from(r.u8()?);
            let member = whole.slice_ref(r.slice()?);
            *self.slots.get_mut(slot).ok_or_else(|| r.damaged("a slot is out of range"))? = Some(member);
        }
        Ok(())
    }
}

/// The stored member in `slot` of a part, or `None` if the part has none. Skips the other members undecoded.
pub fn find(part: &[u8], is_first: bool, slot: usize) -> Result<Option<&[u8]>, DecodeError> {
    let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, part)?);
    if is_first {
        let more = r.size()?;
        r.take(more)?;
    }
    while !r.is_empty() {
        let (at, member) = (usize::from(r.u8()?), r.slice()?);
        if at >= slot {
            return Ok((at == slot).then_some(member));
        }
    }
    Ok(None)
}

/// The first slots of all parts except that of slot 0, ascending.
pub fn further_parts(first: &[u8]) -> Result<&[u8], DecodeError> {
    let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, first)?);
    let more = r.size()?;
    r.take(more)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stored::documented::assert_documented;

    fn read_back(parts: &[(u8, Vec<u8>)]) -> Result<Block, DecodeError> {
        let part = |first: u8| {
            let (_, bytes) = parts.iter().find(|(f, _)| *f == first).unwrap();
            Bytes::from(bytes.clone())
        };
        let mut block = Block::decode_first(&part(0))?;
        for first in block.parts.clone() {
            block.decode_more(&part(first))?;
        }
        Ok(block)
    }

    proptest! {
        #[test]
        fn a_block_comes_back_from_its_parts(
            sizes in proptest::collection::vec(proptest::option::of(0_usize..12_000), 16),
        ) {
            let mut block = Block::default();
            for (slot, size) in sizes.iter().enumerate() {
                block.set(slot, size.map(|size| Bytes::from(vec![u8::try_from(slot).unwrap(); size])));
            }
            let parts = block.encode();
            prop_assert_eq!(parts.is_empty(), block.is_empty());
            if !parts.is_empty() {
                let back = read_back(&parts).unwrap();
                prop_assert_eq!(&back.slots, &block.slots);
                let firsts: Vec<u8> = parts.iter().skip(1).map(|(first, _)| *first).collect();
                prop_assert_eq!(further_parts(&parts[0].1).unwrap(), &firsts[..]);
                prop_assert_eq!(back.parts, firsts);
                for slot in 0..16_usize {
                    let mut before = parts.iter().rev().filter(|(first, _)| usize::from(*first) <= slot);
                    let (first, part) = before.next().unwrap();
                    let found = find(part, *first == 0, slot).unwrap();
                    prop_assert_eq!(found, block.slots[slot].as_deref());
                }
            }
        }

        #[test]
        fn a_truncated_part_is_refused(cut in 1_usize..40) {
            let mut block = Block::default();
            block.set(3, Some(Bytes::from_static(&[7; 20])));
            block.set(9, Some(Bytes::from_static(&[8; 20])));
            let (_, whole) = block.encode().remove(0);
            let length = whole.len() - cut.min(whole.len());
            let truncated = Bytes::from(whole[..length].to_vec());
            // A cut at the end of a member leaves a shorter, well-formed part; every other cut is an error.
            match Block::decode_first(&truncated) {
                Ok(short) => prop_assert!(short != block),
                Err(error) => {
                    let damaged = matches!(error, DecodeError::Damaged { .. });
                    prop_assert!(damaged);
                }
            }
        }
    }

    #[test]
    fn ordinary_members_make_one_part_of_golden_bytes() {
        let mut block = Block::default();
        block.set(0, Some(Bytes::from_static(b"ab")));
        block.set(15, Some(Bytes::from_static(b"c")));
        let golden = vec![1, 0, 0, 2, b'a', b'b', 15, 1, b'c'];
        assert_documented(&golden);
        assert_eq!(block.encode(), vec![(0, golden)]);
    }

    #[test]
    fn large_members_make_parts_that_begin_with_golden_bytes() {
        let mut block = Block::default();
        for slot in [0, 15] {
            block.set(slot, Some(Bytes::from(vec![7; 8_192])));
        }
        let parts = block.encode();
        let begins: Vec<(u8, &[u8])> =
            parts.iter().map(|(first, bytes)| (*first, &bytes[..bytes.len() - 8_192])).collect();
        assert_eq!(begins, [(0, &[1, 1, 15, 0, 0x80, 0x40][..]), (15, &[1, 15, 0x80, 0x40])]);
        begins.iter().for_each(|(_, golden)| assert_documented(golden));
    }

    #[test]
    fn every_row_has_its_block_and_slot() {
        assert_eq!(place(Row(0)), (0, 0));
        assert_eq!(place(Row(15)), (0, 15));
        assert_eq!(place(Row(16)), (1, 0));
    }
}
