//! Golden bytes, order and parts of every key, and the gaps between the tables.

use std::ops::Bound;

use super::table::{BASE_TABLES, BLOCK, STORE_TABLES};
use super::*;
use crate::engine::{Key, KeyRange};
use crate::model::BaseNumber;
use crate::stored::documented::assert_documented;

const BASE: BaseNumber = BaseNumber(0x0102_0304);
/// Tables that nothing uses yet.
const RESERVED: [u8; 3] = [0x07, 0x08, 0x09];

#[test]
fn every_key_has_its_golden_bytes() {
    let golden = [
        (meta(), "01"),
        (next_base(), "02"),
        (token(5), "0300000005"),
        (token_use(5), "0400000005"),
        (header(BASE), "1001020304"),
        (block(BASE, 0x0a0b, 7), "20010203040000000000000a0b07"),
        (settings(BASE), "1101020304"),
        (commit(BASE, 258, 3), "21010203040000000000000102 00000003"),
        (index(BASE), "3001020304"),
        (bucket(BASE, Level::Main, 2, 0x0506_0708), "31010203040205060708"),
        (bucket(BASE, Level::Recent, 2, 0x0506_0708), "36010203040205060708"),
    ];
    for (key, bytes) in &golden {
        assert_eq!(hex(key), bytes.replace(' ', ""));
        if key.len() > 1 && key[0] >= 0x10 {
            assert_documented(key);
        }
    }
}

#[test]
fn keys_of_rows_and_revisions_keep_their_order() {
    assert!(block(BASE, 255, 15) < block(BASE, 256, 0));
    assert!(block(BASE, 256, 0) < block(BASE, 256, 1));
    assert!(commit(BASE, 9, 255) < commit(BASE, 9, 256));
    assert!(commit(BASE, 9, u32::MAX) < commit(BASE, 10, 0));
}

#[test]
fn parts_of_a_key_come_back() {
    assert_eq!(header_base(&header(BASE)), Some(BASE));
    assert_eq!(header_base(&index(BASE)), None);
    assert_eq!((token_number(&token(9)), token_number(&token_use(9))), (Some(9), None));
    assert_eq!(commit_revision(&commit(BASE, 99, 4)), Some(99));
    assert_eq!(block_parts(&block(BASE, 77, 3)), Some((77, 3)));
    assert_eq!(commit_parts(&commit(BASE, 99, 70_000)), Some((99, 70_000)));
    let older = [&commit(BASE, 99, 0)[..13], &[1, 2]].concat();
    assert_eq!((commit_parts(&older), commit_revision(&older)), (Some((99, 258)), Some(99)));
    assert_eq!(bucket_parts(Level::Main, &bucket(BASE, Level::Main, 2, 70_000)), Some((2, 70_000)));
    assert_eq!(base_of(&bucket(BASE, Level::Main, 2, 70_000)), Some(BASE));
    for foreign in [header(BASE), [block(BASE, 77, 3), vec![0]].concat(), block(BASE, 77, 3)[..13].to_vec()] {
        assert_eq!(
            (block_parts(&foreign), commit_parts(&foreign), bucket_parts(Level::Main, &foreign)),
            (None, None, None)
        );
    }
}

#[test]
fn every_key_is_in_a_table_or_in_a_gap_and_never_in_both() {
    let within = |range: &KeyRange, key: &Key| {
        std::ops::RangeBounds::contains(&(range.start.clone(), range.end.clone()), key)
    };
    let known = [
        meta(),
        next_base(),
        token(1),
        token_use(1),
        header(BASE),
        block(BASE, 1, 0),
        commit(BASE, 1, 0),
        index(BASE),
        bucket(BASE, Level::Main, 0, 0),
        settings(BASE),
    ];
    for key in &known {
        assert!(!unclaimed().iter().any(|gap| within(gap, key)), "{}", hex(key));
    }
    for table in 0..=u8::MAX {
        let key = vec![table, 0];
        let claimed = BASE_TABLES.contains(&table) || STORE_TABLES.contains(&table);
        assert!(!(claimed && RESERVED.contains(&table)), "{table} is reserved");
        assert_eq!(
            unclaimed().iter().filter(|gap| within(gap, &key)).count(),
            usize::from(!claimed),
            "{table}"
        );
    }
}

#[test]
fn a_walk_over_bases_goes_from_one_to_the_next() {
    let range = KeyRange::prefix(&[BLOCK]);
    let first = block(BASE, u64::MAX, u8::MAX);
    let next = after_base(range.clone(), &first, BASE);
    assert_eq!(next.start, Bound::Included(of_base(BLOCK, BaseNumber(BASE.0 + 1), 0)));
    let last = block(BaseNumber(u32::MAX), 0, 0);
    let after = after_base(range, &last, BaseNumber(u32::MAX));
    assert_eq!(
        (after.start, after.end),
        (Bound::Included(vec![BLOCK + 1]), Bound::Excluded(vec![BLOCK + 1]))
    );
}

#[test]
fn a_range_of_one_base_excludes_its_neighbours() {
    let next = BaseNumber(BASE.0 + 1);
    for range in all_of(BASE) {
        let std::ops::Bound::Excluded(end) = range.end else { panic!("open range") };
        let std::ops::Bound::Included(start) = range.start else { panic!("open range") };
        let table = start[0];
        assert!(start <= of_base(table, BASE, 0) && end <= of_base(table, next, 0));
    }
}

fn hex(key: &[u8]) -> String {
    key.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn the_keys_of_a_base_have_its_lease_except_those_of_jobs() {
    for table in BASE_TABLES {
        let expected = Some(BASE.0).filter(|_| ![JOB, JOB_DATA].contains(&table));
        assert_eq!(lease_of(&of_base(table, BASE, 0)), expected, "{table}");
    }
    for table in STORE_TABLES {
        assert_eq!(lease_of(&of_base(table, BASE, 0)), None, "{table}");
    }
    assert_eq!([meta(), next_base(), Vec::new(), vec![BLOCK]].map(|key| lease_of(&key)), [None; 4]);
}
