//! Round trips and golden bytes of stored results.

use super::key::PartWidth;
use super::*;
use crate::model::token::TokenId;
use crate::model::{
    AudienceNumber, BaseNumber, JobNumber, Outcome, Reason, RecordCounts, RecordKind, Refusal, Row, Timestamp,
};
use crate::stored::documented::assert_documented;

fn stored(result: RequestResult) -> StoredResult {
    let at = Timestamp::from_micros(1_700_000_000_000_000);
    StoredResult { fingerprint: 7 << 100, at, revision: Some(300), parts: 0, width: PartWidth::Wide, result }
}

fn rows() -> Vec<RowResult> {
    let taken = Refusal { taken_by: Some(Row(4)), ..Refusal::field(Reason::EmailTaken, "email", "is taken") };
    vec![
        RowResult { row: Some(Row(0)), outcome: Outcome::Created, status_kept: false, error: None },
        RowResult { row: None, outcome: Outcome::Failed, status_kept: false, error: Some(taken) },
        RowResult { row: Some(Row(9_000_000)), outcome: Outcome::Unchanged, status_kept: true, error: None },
    ]
}

#[test]
fn every_result_comes_back() {
    let counts = RecordCounts { clips: 1, stamp_collections: 0, transactions: 300 };
    for result in [
        RequestResult::Rows { rows: rows(), is_complete: true },
        RequestResult::Rows { rows: Vec::new(), is_complete: false },
        RequestResult::Member(Row(5), Outcome::Reactivated),
        RequestResult::Deleted { members: 1_000, records: counts, revisions: vec![1, 2, 700, u64::MAX] },
        RequestResult::Deleted { members: 0, records: counts, revisions: Vec::new() },
        RequestResult::Deleting { done: 2_000, members: 1_999, records: counts, revisions: vec![9] },
        RequestResult::Changed(70_000),
        RequestResult::Changing { done: 0, values: 300 },
        RequestResult::Record { row: Row(8), kind: RecordKind::Clip, id: u128::MAX, is_new: true },
        RequestResult::Ingested { created: 1, updated: 2, unchanged: 3 },
        RequestResult::Done,
        RequestResult::Base(BaseNumber(u32::MAX)),
        RequestResult::Token(TokenId(9)),
        RequestResult::Job(JobNumber(u64::MAX)),
        RequestResult::Audience(AudienceNumber(u32::MAX)),
    ] {
        let stored = stored(result);
        assert_eq!(StoredResult::decode(&stored.encode()), Ok(stored.clone()));
        let without = StoredResult { revision: None, ..stored };
        assert_eq!(StoredResult::decode(&without.encode()), Ok(without));
    }
}

#[test]
fn a_result_that_is_cut_short_or_goes_on_is_refused() {
    for result in [
        RequestResult::Member(Row(5), Outcome::Created),
        RequestResult::Token(TokenId(9)),
        RequestResult::Job(JobNumber(300)),
        RequestResult::Audience(AudienceNumber(300)),
        RequestResult::Done,
    ] {
        let bytes = stored(result).encode();
        for length in 0..bytes.len() {
            assert!(StoredResult::decode(&bytes[..length]).is_err(), "{length} bytes");
        }
        assert!(StoredResult::decode(&[bytes, vec![0]].concat()).is_err());
    }
    assert!(Size::decode(&[1, 5]).is_err() && Size::decode(&[1, 5, 0, 0]).is_err());
}

#[test]
fn rows_of_other_parts_come_first() {
    let (all, parts) = (rows(), encode_rows(&rows()[..2]));
    let last = RequestResult::Rows { rows: all[2..].to_vec(), is_complete: true };
    let mut first = StoredResult { parts: 1, ..stored(last) };
    first = StoredResult::decode(&first.encode()).unwrap();
    first.join(&parts).unwrap();
    assert_eq!((first.parts, first.result), (1, RequestResult::Rows { rows: all, is_complete: true }));
    assert!(stored(RequestResult::Rows { rows: Vec::new(), is_complete: true }).join(&parts[..5]).is_err());
}

#[test]
fn deletes_of_the_first_kinds_are_read_and_revisions_ascend() {
    let begin = &stored(RequestResult::Done).encode();
    let begin = &begin[..begin.len() - 1];
    let read = |kind: &[u8]| StoredResult::decode(&[begin, kind].concat()).map(|stored| stored.result);
    let records = RecordCounts { clips: 4, stamp_collections: 5, transactions: 6 };
    let deleted = [4, 3, 4, 5, 6];
    assert_documented(&deleted);
    assert_eq!(read(&deleted), Ok(RequestResult::Deleted { members: 3, records, revisions: Vec::new() }));
    let deleting = [11, 0xac, 2, 3, 4, 5, 6];
    assert_documented(&deleting);
    let result = RequestResult::Deleting { done: 300, members: 3, records, revisions: Vec::new() };
    assert_eq!(read(&deleting), Ok(result));
    assert!(read(&[13, 3, 4, 5, 6, 2, 1]).is_ok() && read(&[13, 3, 4, 5, 6, 2, 0]).is_err());
}

#[test]
fn golden_bytes() {
    let at = Timestamp::from_micros(300);
    let result = RequestResult::Member(Row(3), Outcome::Created);
    let width = PartWidth::Wide;
    let stored = StoredResult { fingerprint: 1, at, revision: Some(2), parts: 0, width, result };
    let mut expected = vec![2, 1];
    expected.extend([0; 15]);
    expected.extend([0xac, 2, 3, 3, 3, 1]);
    assert_eq!(stored.encode(), expected);
    assert_documented(&expected);
    let row = RowResult { row: Some(Row(5)), outcome: Outcome::Unchanged, status_kept: true, error: None };
    let rows = RequestResult::Rows { rows: vec![row], is_complete: true };
    let of_rows = [&expected[..19], &[3, 1, 0, 0x0b, 6]].concat();
    assert_eq!(StoredResult { result: rows, ..stored.clone() }.encode(), of_rows);
    assert_documented(&of_rows);
    let records = RecordCounts { clips: 4, stamp_collections: 5, transactions: 6 };
    let revisions = vec![2, 302];
    let deleting = RequestResult::Deleting { done: 300, members: 3, records, revisions: revisions.clone() };
    for (result, golden) in [
        (deleting, vec![14, 0xac, 2, 3, 4, 5, 6, 2, 0xac, 2]),
        (RequestResult::Changing { done: 2, values: 300 }, vec![12, 2, 0xac, 2]),
    ] {
        let bytes = [&expected[..20], &golden].concat();
        assert_eq!(StoredResult { result, ..stored.clone() }.encode(), bytes);
        assert_documented(&bytes);
    }
    let records = RecordCounts { clips: 4, stamp_collections: 5, transactions: 6 };
    let record =
        RequestResult::Record { row: Row(8), kind: RecordKind::StampCollection, id: 7, is_new: true };
    let id = |id: u8| [vec![id], vec![0; 15]].concat();
    for (result, revision, golden) in [
        (
            RequestResult::Deleted { members: 3, records, revisions },
            Some(2),
            vec![13, 3, 4, 5, 6, 2, 0xac, 2],
        ),
        (RequestResult::Changed(300), Some(2), vec![5, 0xac, 2]),
        (record, Some(2), [vec![6, 8, 2], id(7), vec![1]].concat()),
        (RequestResult::Ingested { created: 1, updated: 2, unchanged: 3 }, Some(2), vec![7, 1, 2, 3]),
        (RequestResult::Done, None, vec![8]),
        (RequestResult::Base(BaseNumber(4)), Some(2), vec![9, 4]),
        (RequestResult::Token(TokenId(9)), None, [vec![10], id(9)].concat()),
        (RequestResult::Job(JobNumber(0x0a0b)), None, vec![15, 0x8b, 0x14]),
        (RequestResult::Audience(AudienceNumber(0x0a0b)), Some(2), vec![16, 0x8b, 0x14]),
    ] {
        let begin = [&expected[..19], &[revision.map_or(0, |_| 3)]].concat();
        let bytes = [begin, golden].concat();
        assert_eq!(StoredResult { result, revision, ..stored.clone() }.encode(), bytes);
        assert_documented(&bytes);
    }
    let taken = Refusal { taken_by: Some(Row(4)), ..Refusal::field(Reason::EmailTaken, "email", "taken") };
    let row = RowResult { row: None, outcome: Outcome::Failed, status_kept: false, error: Some(taken) };
    let unfinished = RequestResult::Rows { rows: vec![row], is_complete: false };
    let golden = [&[5, 0, 11][..], b"EMAIL_TAKEN", &[5, 1, 5], b"email", &[5], b"taken"].concat();
    let of_failed = [&expected[..20], &[2, 2], &golden].concat();
    assert_eq!(StoredResult { result: unfinished, parts: 2, ..stored.clone() }.encode(), of_failed);
    assert_documented(&of_failed);
    expected[0] = 1;
    assert_eq!(StoredResult::decode(&expected), Ok(StoredResult { width: PartWidth::Narrow, ..stored }));
    let size = Size { bytes: 300, parts: 2, width };
    assert_eq!(size.encode(), vec![2, 0xac, 2, 2]);
    assert_documented(&size.encode());
    assert_eq!(Size::decode(&[2, 0xac, 2, 2]), Ok(size));
    assert_eq!(Size::decode(&[1, 0xac, 2, 2]), Ok(Size { width: PartWidth::Narrow, ..size }));
    let many = Size { parts: 70_000, ..size };
    assert_eq!(Size::decode(&many.encode()), Ok(many));
    assert!(Size::decode(&Size { parts: u32::MAX, ..size }.encode()).is_err());
}
