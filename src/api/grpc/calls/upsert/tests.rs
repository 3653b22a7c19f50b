//! Rows of large calls are parsed in turn, with the same result as rows of small calls.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use super::*;
use crate::directory::Gate;
use crate::engine::memory::MemoryEngine;
use crate::model::Timestamp;
use crate::model::origin::Door;
use crate::model::token::AccessLevel;
use crate::table::{Table, TableConfig};

const BASE: BaseNumber = BaseNumber(1);

async fn directory() -> Directory {
    let clock = Arc::new(|| Timestamp::from_micros(1_700_000_000_000_000));
    let table = Table::open(Arc::new(MemoryEngine::new()), clock, TableConfig::default()).await.unwrap();
    let gate = Gate::new(table, Door::Grpc);
    gate.enter(gate.identify(None).await.unwrap(), AccessLevel::Write).await.unwrap()
}

/// Some rows that parse, and some that do not.
fn members(count: usize, text_bytes: usize) -> Vec<v1::MemberInput> {
    let member = |place: usize| {
        let email = if place.is_multiple_of(7) { "nobody" } else { "somebody@example.com" };
        let text = Value { kind: Some(Kind::StringValue("x".repeat(text_bytes))) };
        v1::MemberInput {
            r#ref: Some(format!("r{place}")),
            email: Some(email.to_owned()),
            attributes: Some(Struct { fields: [("text".to_owned(), text)].into() }),
            ..v1::MemberInput::default()
        }
    };
    (0..count).map(member).collect()
}

#[tokio::test]
async fn large_calls_wait_for_their_turn_and_small_ones_do_not() {
    let directory = directory().await;
    let parse = |members: Vec<v1::MemberInput>| {
        let bytes = members.iter().map(Message::encoded_len).sum();
        Rows::parse(&directory, BASE, members, MatchBy::Ref, bytes)
    };
    let all = compute::every_permit().await;
    let small = parse(members(500, 10)).await;
    let mut many = Box::pin(parse(members(1_200, 40)));
    let mut short = Box::pin(parse(members(2_100, 0)));
    let mut long = Box::pin(parse(members(20, 4_000)));
    for large in [&mut many, &mut short, &mut long] {
        assert!(large.as_mut().now_or_never().is_none());
    }
    drop(all);
    let (many, short, long) = tokio::join!(many, short, long);
    for (rows, count) in [(&small, 500), (&many, 1_200), (&short, 2_100), (&long, 20)] {
        let refs: Vec<_> = (0..count).map(|place| Some(format!("r{place}").into())).collect();
        assert_eq!(rows.refs, refs);
        assert_eq!(rows.rows.len(), count);
        assert!(rows.rows.iter().enumerate().all(|(place, row)| row.is_err() == place.is_multiple_of(7)));
    }
}

#[tokio::test]
async fn members_that_were_set_aside_become_the_same_rows() {
    let directory = directory().await;
    let members = members(600, 40);
    let message = v1::ImportMembersRequest { members: members.clone(), ..Default::default() };
    let bytes = Bytes::from(message.encode_to_vec());
    let (sent, others) = SentMembers::split(&bytes, members.len()).unwrap();
    assert_eq!((others.len(), codec::members(&sent).unwrap()), (0, members.clone()));
    let rows = Rows::parse_sent(&directory, BASE, sent, MatchBy::Ref).await.unwrap();
    let expected = Rows::parse(&directory, BASE, members, MatchBy::Ref, bytes.len()).await;
    assert_eq!((rows.rows, rows.refs), (expected.rows, expected.refs));
    // A ref that is no text, and a row that ends within a field.
    for (row, reason) in [(&[0x0a, 1, 0xff][..], "INVALID_UTF8"), (&[0x0a, 9, b'a'], "MESSAGE_MALFORMED")] {
        let row = [&[0x1a, 3][..], row].concat();
        let damaged = Bytes::from([&row[..], &bytes[..], &row[..]].concat());
        let (sent, _) = SentMembers::split(&damaged, 1).unwrap();
        let refused = Rows::parse_sent(&directory, BASE, sent, MatchBy::Ref).await.err().unwrap();
        assert_eq!(error::reason_of(&refused).as_deref(), Some(reason));
    }
}
