//! Rows of large calls are parsed in turn, with the same result as rows of small calls.

use std::sync::Arc;

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
        let refs: Vec<_> = (0..count).map(|place| Some(format!("r{place}"))).collect();
        assert_eq!(rows.refs, refs);
        assert_eq!(rows.rows.len(), count);
        assert!(rows.rows.iter().enumerate().all(|(place, row)| row.is_err() == place.is_multiple_of(7)));
    }
}
