//! Blocks come back from their parts, and every part has its golden bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::model::Row;
use crate::stored::DecodeError;
use crate::stored::documented::assert_documented;

/// The parts of a block that is written for the first time.
fn encoded(block: &Block) -> Vec<(u8, Vec<u8>)> {
    let mut new = Block::default();
    (0..16).for_each(|slot| new.set(slot, block.shared(slot)));
    new.write().parts.into_iter().map(|part| (part.first, part.bytes.to_vec())).collect()
}

fn members(block: &Block) -> Vec<(u8, &[u8])> {
    block.members().collect()
}

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
        let parts = encoded(&block);
        prop_assert_eq!(parts.is_empty(), block.is_empty());
        if !parts.is_empty() {
            let back = read_back(&parts).unwrap();
            prop_assert_eq!(members(&back), members(&block));
            let firsts: Vec<u8> = parts.iter().skip(1).map(|(first, _)| *first).collect();
            prop_assert_eq!(further_parts(&parts[0].1).unwrap(), &firsts[..]);
            prop_assert_eq!(back.parts, firsts);
            for slot in 0..16_usize {
                let mut before = parts.iter().rev().filter(|(first, _)| usize::from(*first) <= slot);
                let (first, part) = before.next().unwrap();
                let found = find(part, *first == 0, slot).unwrap();
                prop_assert_eq!(found, block.get(slot));
            }
        }
    }

    #[test]
    fn writing_a_changed_block_makes_the_stored_parts_those_of_the_block(
        sizes in proptest::collection::vec(proptest::option::of(0_usize..4_000), 16),
        steps in proptest::collection::vec(
            proptest::collection::vec((0_usize..16, proptest::option::weighted(0.8, 0_usize..4_000)), 0..4),
            0..6,
        ),
    ) {
        let mut stored = BTreeMap::<u8, Vec<u8>>::new();
        let mut block = Block::default();
        let whole = sizes.into_iter().enumerate().collect();
        for (number, step) in std::iter::once(whole).chain(steps).enumerate() {
            for (slot, size) in step {
                let byte = u8::try_from(16 * number + slot).unwrap();
                block.set(slot, size.map(|size| Bytes::from(vec![byte; size])));
            }
            let Written { parts, stale } = block.write();
            for first in stale {
                stored.remove(&first);
            }
            for Part { first, bytes, .. } in parts {
                stored.insert(first, bytes.to_vec());
            }
            let parts: Vec<_> = stored.clone().into_iter().collect();
            prop_assert_eq!(&parts, &encoded(&block));
            if !parts.is_empty() {
                let back = read_back(&parts).unwrap();
                prop_assert_eq!((members(&back), &back.parts), (members(&block), &block.parts));
            }
        }
    }

    #[test]
    fn a_truncated_part_is_refused(cut in 1_usize..40) {
        let mut block = Block::default();
        block.set(3, Some(Bytes::from_static(&[7; 20])));
        block.set(9, Some(Bytes::from_static(&[8; 20])));
        let (_, whole) = encoded(&block).remove(0);
        let length = whole.len() - cut.min(whole.len());
        let truncated = Bytes::from(whole[..length].to_vec());
        // A cut at the end of a member leaves a shorter, well-formed part; every other cut is an error.
        match Block::decode_first(&truncated) {
            Ok(short) => prop_assert!(members(&short) != members(&block)),
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
    assert_eq!(encoded(&block), vec![(0, golden)]);
}

#[test]
fn a_changed_member_makes_a_difference_of_golden_bytes() {
    let mut block = Block::default();
    block.set(0, Some(Bytes::from_static(b"ab")));
    block.set(15, Some(Bytes::from_static(&[b'c'; 40])));
    block.write();
    block.set(1, Some(Bytes::from_static(b"d")));
    let golden = vec![2, 1, 1, b'd'];
    assert_documented(&golden);
    let Written { parts, stale } = block.write();
    assert_eq!((parts[0].difference.as_ref(), stale), (Some(&golden), vec![]));
    assert!(block.write().parts.is_empty(), "it is stored");
}

#[test]
fn large_members_make_parts_that_begin_with_golden_bytes() {
    let mut block = Block::default();
    for slot in [0, 15] {
        block.set(slot, Some(Bytes::from(vec![7; 8_192])));
    }
    let parts = encoded(&block);
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
