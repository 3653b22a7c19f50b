//! Golden bytes, parts and truncations of the keys and values of audiences.

use super::*;
use crate::engine::Key;
use crate::model::filter::{RawFilter, RawValue};
use crate::model::{AudienceNumber, BaseNumber, Timestamp};
use crate::stored::documented::assert_documented;

const BASE: BaseNumber = BaseNumber(0x0102_0304);
const NUMBER: AudienceNumber = AudienceNumber(0x0506);

fn record() -> Record {
    let tier = |tier: &str| RawFilter {
        key: Some("tier".to_owned()),
        eq: Some(RawValue::Text(tier.to_owned())),
        ..RawFilter::default()
    };
    Record {
        name: "Leeds".to_owned(),
        filter: vec![tier("Gold")],
        created_at: Timestamp::from_micros(1),
        updated_at: Timestamp::from_micros(2),
        archived_at: Some(Timestamp::from_micros(3)),
        revision: 300,
        serving: None,
    }
}

#[test]
fn keys_have_their_golden_bytes_and_their_parts_come_back() {
    let (record, chunk) = (audience(BASE, NUMBER), rows(BASE, NUMBER, Kind::Removed, 9));
    let next = rows(BASE, NUMBER, Kind::Next, 9);
    [&record, &numbers(BASE), &chunk, &next].into_iter().for_each(|key| assert_documented(key));
    assert_eq!(rows_parts(&next), Some((NUMBER, Kind::Next, 9)));
    assert_eq!((number_in(&record), number_in(&numbers(BASE))), (Some(NUMBER), None));
    assert_eq!(rows_parts(&chunk), Some((NUMBER, Kind::Removed, 9)));
    for length in 0..chunk.len() {
        assert_eq!(rows_parts(&chunk[..length]), None);
        assert_eq!(number_in(&record[..length.min(record.len() - 1)]), None);
    }
    let mut unknown = chunk.clone();
    unknown[9] = 4;
    assert_eq!((rows_parts(&unknown), rows_parts(&record), number_in(&chunk)), (None, None, None));
}

#[test]
fn the_keys_of_a_base_stay_in_its_ranges() {
    let within = |range: crate::engine::KeyRange, key: &Key| {
        std::ops::RangeBounds::contains(&(range.start, range.end), key)
    };
    let next = BaseNumber(BASE.0 + 1);
    assert!(within(audiences(BASE), &numbers(BASE)) && within(audiences(BASE), &audience(BASE, NUMBER)));
    assert!(!within(audiences(next), &audience(BASE, AudienceNumber(u32::MAX))));
    assert!(within(rows_of(BASE), &rows(BASE, AudienceNumber(u32::MAX), Kind::Next, u64::MAX)));
    assert!(!within(rows_of(next), &rows(BASE, NUMBER, Kind::In, 0)));
}

#[test]
fn records_have_their_golden_bytes_and_truncations_are_refused() {
    let serving = Some(Vec::new());
    let building = Record { serving, archived_at: None, ..record() };
    for record in [record(), building] {
        let bytes = record.encode();
        assert_documented(&bytes);
        assert_eq!(Record::decode(&bytes), Ok(record));
        for length in 0..bytes.len() {
            assert!(Record::decode(&bytes[..length]).is_err(), "{length} bytes");
        }
        assert!(Record::decode(&[bytes, vec![0]].concat()).is_err());
    }
}

#[test]
fn numbers_have_their_golden_bytes_and_truncations_are_refused() {
    let numbers = Numbers { last: AudienceNumber(300), fold: 2, changed: 12_345 };
    let bytes = numbers.encode();
    assert_documented(&bytes);
    assert_eq!(Numbers::decode(&bytes), Ok(numbers));
    for length in 0..bytes.len() {
        assert!(Numbers::decode(&bytes[..length]).is_err(), "{length} bytes");
    }
    let older = [1, 0xac, 2, 2];
    assert_documented(&older);
    assert_eq!(Numbers::decode(&older), Ok(Numbers { changed: 0, ..numbers }));
    assert!(Numbers::decode(&[1, 0xac, 2, 2, 0]).is_err());
}
