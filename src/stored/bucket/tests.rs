//! Buckets and changes come back, and changes make what they make of a map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::stored::documented::assert_documented;

fn sorted(raw: &[(u64, u64, u128)], width: Width) -> Vec<Entry> {
    let fingerprint = |f: u128| if width == Width::Fingerprint { f } else { 0 };
    let mut entries: Vec<Entry> =
        raw.iter().map(|&(hash, row, f)| Entry { hash, row, fingerprint: fingerprint(f) }).collect();
    entries.sort_unstable();
    entries
}

proptest! {
    #[test]
    fn entries_come_back_and_are_found_by_hash(
        raw in proptest::collection::vec((0_u64..20, any::<u64>(), any::<u128>()), 0..60),
        wanted in 0_u64..20,
        wide: bool,
        stated in 0_u8..=32,
    ) {
        let width = if wide { Width::Fingerprint } else { Width::Plain };
        let entries = sorted(&raw, width);
        let bytes = encode(width, stated, &entries);
        prop_assert_eq!(bits(&bytes), Ok(Some(stated)));
        // A bucket of version 1 is the same without the bits.
        let older = [&[1][..], &bytes[2..]].concat();
        prop_assert_eq!(bits(&older), Ok(None));
        let expected: Vec<Entry> = entries.iter().copied().filter(|e| e.hash == wanted).collect();
        for bytes in [bytes, older] {
            prop_assert_eq!(decode(width, &bytes), Ok(entries.clone()));
            let found: Vec<Entry> = find(width, &bytes, wanted).unwrap().collect();
            prop_assert_eq!(&found, &expected);
        }
    }

    #[test]
    fn changes_make_what_they_make_of_a_map(
        raw in proptest::collection::vec((0_u64..9, 0_u64..4, any::<u128>()), 0..60),
        changes in proptest::collection::btree_map((0_u64..9, 0_u64..4), proptest::option::of(any::<u128>()), 0..40),
        older: bool,
        wide: bool,
    ) {
        let width = if wide { Width::Fingerprint } else { Width::Plain };
        let mut model: BTreeMap<(u64, u64), u128> = BTreeMap::new();
        let entry = |((hash, row), fingerprint): (&(u64, u64), &u128)| {
            Entry { hash: *hash, row: *row, fingerprint: if wide { *fingerprint } else { 0 } }
        };
        model.extend(raw.iter().map(|(hash, row, f)| ((*hash, *row), *f)));
        let mut bytes = encode(width, 3, &model.iter().map(entry).collect::<Vec<_>>());
        if older {
            bytes.splice(..2, [1]);
        }
        let mut listed = Vec::new();
        for ((hash, row), fingerprint) in changes {
            match fingerprint {
                Some(f) => {
                    model.insert((hash, row), f);
                    listed.push(Change::put(Entry { hash, row, fingerprint: f }));
                }
                None => {
                    model.remove(&(hash, row));
                    listed.push(Change::remove(hash, row));
                }
            }
        }
        let changed = Bucket::read(width, &bytes).unwrap().changed(&listed);
        let expected: Vec<Entry> = model.iter().map(entry).collect();
        prop_assert_eq!(changed.entries().collect::<Vec<_>>(), expected.clone());
        let (even, odd) = changed.split(|hash| hash % 2 == 0);
        for (half, of) in [(even, 0), (odd, 1)] {
            let own: Vec<Entry> = expected.iter().copied().filter(|e| e.hash % 2 == of).collect();
            prop_assert_eq!(decode(width, &half.encode(7)), Ok(own));
        }
        prop_assert_eq!(changed.encode(9), encode(width, 9, &expected));
    }

    #[test]
    fn changes_that_are_noted_in_steps_do_what_they_do_one_after_the_other(
        steps in proptest::collection::vec(
            proptest::collection::btree_map((0_u64..5, 0_u64..4), proptest::option::of(any::<u128>()), 0..12),
            0..4,
        ),
        raw in proptest::collection::btree_map((0_u64..5, 0_u64..4), any::<u128>(), 0..20),
        wide: bool,
    ) {
        let width = if wide { Width::Fingerprint } else { Width::Plain };
        let entry = |(hash, row): (u64, u64), fingerprint: u128| {
            Entry { hash, row, fingerprint: if wide { fingerprint } else { 0 } }
        };
        let changes = |of: &BTreeMap<(u64, u64), Option<u128>>| -> Vec<Change> {
            let change = |(at, new): (&(u64, u64), &Option<u128>)| match new {
                Some(fingerprint) => Change::put(entry(*at, *fingerprint)),
                None => Change::remove(at.0, at.1),
            };
            of.iter().map(change).collect()
        };
        let main = Bucket::of(width, &raw.iter().map(|(at, f)| entry(*at, *f)).collect::<Vec<_>>());
        let one_by_one = steps.iter().fold(main.clone(), |bucket, step| bucket.changed(&changes(step)));
        let noted = steps.iter().fold(Bucket::empty(width), |bucket, step| {
            let bytes = bucket.noting(&changes(step)).encode(0);
            Bucket::read(width, &bytes).unwrap()
        });
        let newest: BTreeMap<(u64, u64), Option<u128>> = steps.into_iter().flatten().collect();
        let listed: Vec<Change> = noted.entries().map(Change::of_stored).collect();
        prop_assert_eq!(&listed, &changes(&newest));
        for hash in 0..5 {
            let bytes = noted.clone().encode(0);
            let found: Vec<Change> = find(width, &bytes, hash).unwrap().map(Change::of_stored).collect();
            let of_hash: Vec<Change> =
                listed.iter().copied().filter(|change| change.place().0 == hash).collect();
            prop_assert_eq!(found, of_hash);
        }
        prop_assert_eq!(main.changed(&listed).encode(3), one_by_one.encode(3));
    }

    #[test]
    fn any_bytes_are_read_or_refused(version in 0_u8..4, bytes: Vec<u8>) {
        let bytes = [vec![version], bytes].concat();
        let _ = (bits(&bytes), decode(Width::Plain, &bytes), decode(Width::Fingerprint, &bytes));
        let read = Bucket::read(Width::Plain, &bytes);
        prop_assert_eq!(read.map(|read| read.entries().collect()), decode(Width::Plain, &bytes));
    }
}

#[test]
fn an_entry_has_its_golden_bytes() {
    let entry = Entry { hash: 1, row: 2, fingerprint: 3 };
    let mut golden = vec![2, 5, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
    assert_documented(&golden);
    assert_eq!(encode(Width::Plain, 5, &[entry]), golden);
    let older = [&[1][..], &golden[2..]].concat();
    assert_documented(&older);
    assert_eq!(decode(Width::Plain, &older), Ok(vec![Entry { fingerprint: 0, ..entry }]));
    golden.extend([3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_documented(&golden);
    assert_eq!(encode(Width::Fingerprint, 5, &[entry]), golden);
}

#[test]
fn a_bucket_that_ends_within_an_entry_is_refused() {
    let bytes = encode(Width::Plain, 0, &[Entry { hash: 1, row: 2, fingerprint: 0 }]);
    for length in (0..bytes.len()).filter(|length| *length != 2) {
        assert!(decode(Width::Plain, &bytes[..length]).is_err(), "{length} bytes");
    }
    assert!(find(Width::Plain, &[], 1).is_err() && bits(&[2]).is_err() && bits(&[2, 33]).is_err());
    assert_eq!(decode(Width::Plain, &encode(Width::Plain, 7, &[])), Ok(Vec::new()));
}

#[test]
fn a_removal_in_the_recent_level_has_its_golden_bytes() {
    let golden = [2, 5, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0x80];
    assert_documented(&golden);
    let noted = Bucket::empty(Width::Plain).noting(&[Change::remove(1, 2)]);
    assert_eq!(noted.encode(5), golden);
}
