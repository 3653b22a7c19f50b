//! Round trips, truncations and golden bytes of all versions.

use std::collections::BTreeMap;

use proptest::prelude::*;
use roaring::RoaringBitmap;

use super::*;
use crate::model::origin::{Actor, Call, Cause, Door};
use crate::model::schema::FieldNumber;
use crate::model::token::TokenId;
use crate::model::{AudienceNumber, Origin, Row, Timestamp};
use crate::stored::DecodeError;
use crate::stored::documented::assert_documented;

type Plain =
    (u64, u8, Option<Vec<u8>>, Vec<(u8, u64, u8, u128)>, Vec<(u16, String, bool)>, BTreeMap<u32, bool>);

/// A change with all its deltas, from however many parts.
#[derive(Debug, PartialEq)]
struct Whole {
    row: Row,
    change: Change,
    before: Option<Vec<u8>>,
    lookups: Vec<LookupDelta>,
    sets: Vec<(FieldNumber, String, bool)>,
    audiences: Vec<AudienceDelta>,
}

fn changes() -> impl Strategy<Value = Vec<Plain>> {
    let lookups = proptest::collection::vec((any::<u8>(), any::<u64>(), 0_u8..3, any::<u128>()), 0..4);
    let value = prop_oneof![3 => "[a-zé]{0,8}", 1 => Just("x".repeat(4096))];
    let sets = proptest::collection::vec((any::<u16>(), value, any::<bool>()), 0..25);
    let before = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..32_768));
    let audiences = prop_oneof![
        3 => Just(BTreeMap::new()),
        2 => proptest::collection::btree_map(any::<u32>(), any::<bool>(), 0..20),
        1 => proptest::collection::btree_map(any::<u32>(), any::<bool>(), 990..1_000),
    ];
    proptest::collection::vec((any::<u64>(), 1_u8..8, before, lookups, sets, audiences), 0..12)
}

fn op(kind: u8, fingerprint: u128) -> LookupOp {
    match kind {
        0 => LookupOp::Insert(fingerprint),
        1 => LookupOp::Refresh(fingerprint),
        _ => LookupOp::Remove,
    }
}

fn delta(number: u32, enters: bool) -> AudienceDelta {
    AudienceDelta { audience: AudienceNumber(number), enters }
}

fn head(origin: Origin) -> CommitHead {
    CommitHead { time: Timestamp::from_micros(77), origin, batch: 0x0807_0605_0403_0201 }
}

fn origins() -> impl Strategy<Value = Origin> {
    let actor = prop_oneof![
        Just(Actor::Nobody),
        Just(Actor::Owner),
        any::<u128>().prop_map(|id| Actor::Token(TokenId(id))),
        Just(Actor::System)
    ];
    let cause = prop_oneof![
        Just(Cause::None),
        any::<u128>().prop_map(Cause::Job),
        any::<u128>().prop_map(Cause::Import),
        any::<u128>().prop_map(Cause::Request)
    ];
    (actor, prop::sample::select(Door::ALL.to_vec()), any::<u16>(), cause)
        .prop_map(|(actor, door, call, cause)| Origin { actor, door, call: Call::from_number(call), cause })
}

fn written(head: CommitHead, changes: &[Whole]) -> Vec<Vec<u8>> {
    let mut writer = CommitWriter::new(head);
    for Whole { row, change, before, lookups, sets, audiences } in changes {
        let sets: Vec<SetDelta<'_>> = sets
            .iter()
            .map(|(field, value, enters)| SetDelta { field: *field, value, enters: *enters })
            .collect();
        writer.change(*row, *change, before.as_deref(), Deltas { lookups, sets: &sets, audiences });
    }
    writer.finish()
}

/// Reads the parts, and joins each continuation with the change that it continues.
fn read(parts: &[Vec<u8>], head: CommitHead) -> Result<Vec<Whole>, DecodeError> {
    let mut read: Vec<Whole> = Vec::new();
    for (i, bytes) in parts.iter().enumerate() {
        let mut part = CommitPart::open(bytes)?;
        assert_eq!((part.time, part.origin, part.batch), (head.time, Some(head.origin), Some(head.batch)));
        assert_eq!(part.last, i + 1 == parts.len());
        while let Some(found) = part.next_change()? {
            let sets = found.sets.iter().map(|delta| (delta.field, delta.value.to_owned(), delta.enters));
            if found.goes_on {
                let last = read.last_mut().unwrap();
                assert_eq!((last.row, last.change, found.before), (found.row, found.change, None));
                last.lookups.extend(&found.lookups);
                last.sets.extend(sets);
                last.audiences.extend(&found.audiences);
            } else {
                let sets = sets.collect();
                let before = found.before.map(<[u8]>::to_vec);
                read.push(Whole {
                    row: found.row,
                    change: found.change,
                    before,
                    lookups: found.lookups,
                    sets,
                    audiences: found.audiences,
                });
            }
        }
    }
    Ok(read)
}

proptest! {
    #[test]
    fn a_commit_comes_back_from_its_parts_and_no_part_is_too_large(plain in changes(), origin in origins()) {
        let changes: Vec<Whole> = plain.into_iter().map(|(row, change, before, lookups, sets, audiences)| Whole {
            row: Row(row),
            change: Change::from_byte(change).unwrap(),
            before,
            lookups: lookups.into_iter()
                .map(|(lookup, hash, kind, f)| LookupDelta { lookup, hash, op: op(kind, f) }).collect(),
            sets: sets.into_iter()
                .map(|(field, value, enters)| (FieldNumber(field), value, enters)).collect(),
            audiences: audiences.into_iter().map(|(number, enters)| delta(number, enters)).collect(),
        }).collect();
        let parts = written(head(origin), &changes);
        prop_assert!(parts.iter().all(|part| part.len() <= MAX_PART_BYTES));
        prop_assert_eq!(read(&parts, head(origin)).unwrap(), changes);
    }

    #[test]
    fn any_bytes_are_read_or_refused(version in 0_u8..5, bytes: Vec<u8>) {
        if let Ok(mut part) = CommitPart::open(&[vec![version], bytes].concat()) {
            while let Ok(Some(_)) = part.next_change() {}
        }
    }
}

#[test]
fn a_change_of_a_hundred_long_indexed_texts_is_split_over_parts_that_an_engine_takes() {
    let sets = |enters| (0..100_u16).map(move |n| (FieldNumber(300 + n), "x".repeat(4096), enters));
    let change = Whole {
        row: Row(3),
        change: Change::Updated,
        before: Some(vec![7; 32 * 1024]),
        lookups: vec![LookupDelta { lookup: 0, hash: 5, op: LookupOp::Insert(9) }],
        sets: sets(false).chain(sets(true)).collect(),
        audiences: (0..1_000).map(|n| delta(n * 4_000_000, n % 3 == 0)).collect(),
    };
    let small = Whole {
        row: Row(1),
        change: Change::Updated,
        before: Some(vec![7; 24_000]),
        lookups: vec![],
        sets: vec![],
        audiences: vec![],
    };
    let head = head(Origin::default());
    let changes = [small, change];
    let parts = written(head, &changes);
    assert!(parts.len() > 10, "{} parts", parts.len());
    assert!(parts.iter().all(|part| part.len() <= crate::engine::MAX_VALUE_BYTES));
    assert_eq!(read(&parts, head).unwrap(), changes);
}

#[test]
fn every_truncation_ends_between_changes_or_is_refused() {
    let origin = Origin { actor: Actor::Token(TokenId(1)), cause: Cause::Import(2), ..Origin::default() };
    let lookup = LookupDelta { lookup: 1, hash: 2, op: LookupOp::Insert(7) };
    let set = SetDelta { field: FieldNumber(400), value: "abc", enters: true };
    let mut writer = CommitWriter::new(head(origin));
    let deltas = Deltas { lookups: &[lookup], sets: &[set], ..Deltas::default() };
    writer.change(Row(3), Change::Updated, Some(b"before"), deltas);
    writer.change(Row(9), Change::Deleted, Some(b"old"), Deltas::default());
    let whole = writer.finish().remove(0);
    let count = |bytes: &[u8]| {
        let mut part = CommitPart::open(bytes)?;
        let mut changes = 0;
        while part.next_change()?.is_some() {
            changes += 1;
        }
        Ok::<_, DecodeError>(changes)
    };
    let read: Vec<_> = (0..whole.len()).filter_map(|length| count(&whole[..length]).ok()).collect();
    assert_eq!((read, count(&whole)), (vec![0, 1], Ok(2)));
}

#[test]
fn a_created_row_has_its_golden_bytes() {
    let origin = Origin {
        actor: Actor::Token(TokenId(0x10)),
        door: Door::Onsi,
        call: Call::CREATE_MEMBER,
        cause: Cause::Request(0x20),
    };
    let head = CommitHead { time: Timestamp::from_micros(1), origin, batch: 0x0807_0605_0403_0201 };
    let mut writer = CommitWriter::new(head);
    let lookup = LookupDelta { lookup: 1, hash: 2, op: LookupOp::Insert(0) };
    let sets = [
        SetDelta { field: FieldNumber(0), value: "a", enters: true },
        SetDelta { field: FieldNumber(300), value: "b", enters: false },
    ];
    let deltas = Deltas { lookups: &[lookup], sets: &sets, ..Deltas::default() };
    writer.change(Row(3), Change::Created, None, deltas);
    let zeros = [0; 15];
    let golden = [
        &[2, 1, 1, 0, 0, 0, 0, 0, 0, 0][..], // version, last, time
        &[0x3e, 5],                          // door, cause and actor; call
        &[0x10],
        &zeros, // token
        &[0x20],
        &zeros,                                // request
        &[1, 2, 3, 4, 5, 6, 7, 8],             // batch
        &[6, 4, 1, 8, 2, 0, 0, 0, 0, 0, 0, 0], // row, change, one lookup
        &[2, 1, 1, b'a', 0xd8, 0x04, 1, b'b'], // two sets
    ];
    assert_documented(&golden.concat());
    assert_eq!(writer.finish(), vec![golden.concat()]);
}

#[test]
fn a_commit_of_the_system_has_its_golden_bytes_and_a_continued_change_is_marked() {
    let mut writer = CommitWriter::new(CommitHead {
        time: Timestamp::from_micros(1),
        origin: Origin::default(),
        batch: 5,
    });
    writer.change(Row(0), Change::Base, Some(&[9]), Deltas::default());
    let golden = vec![
        2, 1, 1, 0, 0, 0, 0, 0, 0, 0, // version, last, time
        3, 0, 5, 0, 0, 0, 0, 0, 0, 0, // origin, call, batch
        0, 0x15, 1, 9, 0, 0, // row, change with a record before, which is one byte; no deltas
    ];
    assert_documented(&golden);
    assert_eq!(writer.finish(), vec![golden.clone()]);
    let mut more = golden;
    more.extend([0, 0x0a, 0, 0]);
    let mut part = CommitPart::open(&more).unwrap();
    assert!(!part.next_change().unwrap().unwrap().goes_on);
    let found = part.next_change().unwrap().unwrap();
    assert_eq!((found.change, found.goes_on), (Change::Updated, true));
}

#[test]
fn a_commit_of_version_1_is_read() {
    let zeros = [0; 15];
    let golden = [
        &[1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0][..], // version, last, time, source
        &[6, 5, 1, 7],                          // row, change with a record before
        &[1, 9, 2, 0, 0, 0, 0, 0, 0, 0, 9],
        &zeros,              // one lookup, with a fingerprint
        &[1, 0x21, 1, b'a'], // one set
    ]
    .concat();
    assert_documented(&golden);
    let mut part = CommitPart::open(&golden).unwrap();
    assert_eq!(
        (part.time, part.origin, part.batch, part.last),
        (Timestamp::from_micros(1), None, None, true)
    );
    let expected = RowChange {
        row: Row(3),
        change: Change::Updated,
        goes_on: false,
        before: Some(&[7]),
        lookups: vec![LookupDelta { lookup: 1, hash: 2, op: LookupOp::Insert(9) }],
        sets: vec![SetDelta { field: FieldNumber(16), value: "a", enters: true }],
        audiences: vec![],
        rows: None,
    };
    assert_eq!((part.next_change(), part.next_change()), (Ok(Some(expected)), Ok(None)));
}

#[test]
fn moves_of_audiences_have_their_golden_bytes_and_only_their_parts_have_version_3() {
    let head = CommitHead { time: Timestamp::from_micros(1), origin: Origin::default(), batch: 5 };
    let set = SetDelta { field: FieldNumber(1), value: "Gold", enters: true };
    let moves = [delta(2, true), delta(300, false)];
    let mut writer = CommitWriter::new(head);
    let deltas = Deltas { lookups: &[], sets: &[set], audiences: &moves };
    writer.change(Row(3), Change::Updated, Some(&[9]), deltas);
    let rows = AudienceRows {
        audience: AudienceNumber(300),
        enter: [9].into_iter().collect(),
        leave: RoaringBitmap::new(),
    };
    writer.change(Row(300), Change::Audience, None, Deltas::default());
    writer.audience_rows(Row(65_536), &rows);
    let golden = [
        &[3, 1, 1, 0, 0, 0, 0, 0, 0, 0][..],             // version, last, time
        &[3, 0, 5, 0, 0, 0, 0, 0, 0, 0],                 // origin, call, batch
        &[6, 0x49, 1, 9, 0, 1, 3, 4],                    // row 3, updated, with moves, one byte before
        b"Gold",                                         // one set
        &[2, 5, 0xd4, 0x04],                             // enters 2, leaves 300
        &[0xd2, 0x04, 0x1c, 0, 0],                       // the audience 300 was created
        &[0xa8, 0xfb, 0x07, 0x20, 0xac, 0x02],           // row 65,536, rows of the audience 300
        &[18, 0x3a, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], // one place enters:
        &[16, 0, 0, 0, 9, 0],                            // 9
        &[8, 0x3a, 0x30, 0, 0, 0, 0, 0, 0],              // nobody leaves
    ]
    .concat();
    assert_documented(&golden);
    assert_eq!(writer.finish(), vec![golden.clone()]);
    let mut part = CommitPart::open(&golden).unwrap();
    let first = part.next_change().unwrap().unwrap();
    assert_eq!((first.audiences, first.sets.len()), (moves.to_vec(), 1));
    let second = part.next_change().unwrap().unwrap();
    assert_eq!((second.row, second.change, second.rows), (Row(300), Change::Audience, None));
    let third = part.next_change().unwrap().unwrap();
    assert_eq!((third.row, third.change, third.rows), (Row(65_536), Change::AudienceRows, Some(rows)));
    assert_eq!(part.next_change(), Ok(None));
    // An older program must not read what it does not know.
    let older = [&[2][..], &golden[1..]].concat();
    assert!(CommitPart::open(&older).unwrap().next_change().is_err());
}
