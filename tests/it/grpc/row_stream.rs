//! `UpsertMembers`.

mod order;
mod rules;

use memberbase::api::grpc::v1::{
    MemberInput, Outcome, UpsertMembersOptions, UpsertMembersRequest, UpsertMembersResponse,
};
use tokio_stream::StreamExt;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Status};

use crate::harness::{Base, Server, list, refused, row, rows, text};

pub fn options(base: &Base) -> UpsertMembersOptions {
    UpsertMembersOptions { member_base_id: base.id.clone(), ..Default::default() }
}

/// The first message of a stream.
pub fn first(base: &Base) -> UpsertMembersRequest {
    UpsertMembersRequest { options: Some(options(base)), ..Default::default() }
}

pub fn message(sequence: u64, member: MemberInput) -> UpsertMembersRequest {
    UpsertMembersRequest { sequence, member: Some(member), options: None }
}

/// The messages of a stream with these rows, numbered from 1.
pub fn messages(base: &Base, members: Vec<MemberInput>) -> Vec<UpsertMembersRequest> {
    let numbered = (1..).zip(members).map(|(sequence, member)| message(sequence, member));
    [first(base)].into_iter().chain(numbered).collect()
}

/// Sends messages; returns the answers by their numbers, and the status that the stream ended with.
pub async fn send(
    base: &Base,
    messages: Vec<UpsertMembersRequest>,
) -> (Vec<UpsertMembersResponse>, Result<(), Status>) {
    let mut client = base.client.clone();
    let mut stream = match client.upsert_members(tokio_stream::iter(messages)).await {
        Ok(response) => response.into_inner(),
        Err(status) => return (Vec::new(), Err(status)),
    };
    let mut answers = Vec::new();
    let end = loop {
        match stream.message().await {
            Ok(Some(answer)) => answers.push(answer),
            Ok(None) => break Ok(()),
            Err(status) => break Err(status),
        }
    };
    answers.sort_by_key(|answer| answer.sequence);
    (answers, end)
}

/// Sends rows, all of which get an answer.
pub async fn upsert(base: &Base, members: Vec<MemberInput>) -> Vec<UpsertMembersResponse> {
    let count = members.len() as u64;
    let (answers, end) = send(base, messages(base, members)).await;
    end.unwrap();
    let numbers: Vec<_> = answers.iter().map(|answer| answer.sequence).collect();
    assert_eq!(numbers, (1..=count).collect::<Vec<_>>());
    answers
}

pub fn reason(answer: &UpsertMembersResponse) -> &str {
    assert_eq!(answer.error.is_some(), answer.outcome() == Outcome::Failed, "{answer:?}");
    answer.error.as_ref().map_or("", |error| &error.reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_has_its_own_answer_and_is_visible_by_then() {
    const ROWS: usize = 3_000;
    let server = Server::start().await;
    let mut base = server.base().await;
    let answers = upsert(&base, rows("a", ROWS)).await;
    assert!(answers.iter().all(|answer| answer.outcome() == Outcome::Created && answer.error.is_none()));
    assert_eq!(base.refs(Vec::new()).await.len(), ROWS);
    for (at, answer) in answers.iter().enumerate().step_by(97) {
        let member = base.get(&format!("a{at}")).await.unwrap();
        assert_eq!((&member.id, member.revision), (&answer.id, answer.revision));
    }
    let again = upsert(&base, rows("a", ROWS)).await;
    assert!(again.iter().all(|answer| answer.outcome() == Outcome::Unchanged));
    assert!(again.iter().zip(&answers).all(|(again, before)| again.id == before.id));
    let last = answers.iter().map(|answer| answer.revision).max();
    assert!(again.iter().all(|answer| Some(answer.revision) == last), "nothing was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_row_is_answered_while_the_stream_stays_open() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let (send, messages) = tokio::sync::mpsc::channel(1);
    send.send(first(&base)).await.unwrap();
    let requests = tokio_stream::wrappers::ReceiverStream::new(messages);
    let mut answers = base.client.upsert_members(requests).await.unwrap().into_inner();
    let mut revision = 0;
    for n in 0..20 {
        let tier = Some(format!("t{n}"));
        let member = MemberInput { tier, if_revision: Some(revision), ..row("a") };
        send.send(message(n, member)).await.unwrap();
        let answer = answers.next().await.unwrap().unwrap();
        assert_eq!((answer.sequence, reason(&answer)), (n, ""));
        // Each is written alone, and the next requires its revision.
        assert!(answer.revision > revision);
        revision = answer.revision;
    }
    assert_eq!(base.get("a").await.unwrap().revision, revision);
    drop(send);
    assert!(answers.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rows_fail_alone_and_say_why() {
    let server = Server::start().await;
    let mut base = server.base().await;
    server.schema(&base.id, &[("site", "string")]).await;
    base.fill(rows("old", 1)).await;
    let old = base.get("old0").await.unwrap();
    let attributes = |key: &str| {
        let fields = [(key.to_owned(), text("x"))].into();
        Some(prost_types::Struct { fields })
    };
    let bad = vec![
        row("a"),
        row(""),
        MemberInput { phone: Some("12".into()), email: Some("no address".into()), ..row("b") },
        MemberInput { email: old.email.clone(), ..row("c") },
        MemberInput { attributes: attributes("unknown"), ..row("d") },
        MemberInput { if_revision: Some(old.revision + 1), tier: Some("x".into()), ..row("old0") },
        MemberInput { email: Some("e@example.com".into()), ..Default::default() },
        MemberInput { clear_fields: vec!["shoe_size".into()], ..row("g") },
        MemberInput { attributes: attributes("site"), ..row("f") },
    ];
    let answers = upsert(&base, bad).await;
    let reasons: Vec<_> = answers.iter().map(reason).collect();
    assert_eq!(reasons[..5], ["", "REF_INVALID", reasons[2], "EMAIL_TAKEN", "INVALID_ATTRIBUTE_KEY"]);
    assert_eq!(reasons[5..], ["REVISION_MISMATCH", "REF_MISSING", "UNKNOWN_FIELD", ""]);
    let fields = |at: usize| {
        let violations = &answers[at].error.as_ref().unwrap().violations;
        violations.iter().map(|fault| fault.field.clone()).collect::<Vec<_>>()
    };
    let mut wrong = fields(2);
    wrong.sort();
    assert_eq!((wrong, fields(6)), (vec!["email".to_owned(), "phone".to_owned()], vec!["ref".to_owned()]));
    assert_eq!(answers[3].error.as_ref().unwrap().member_id, old.id);
    assert_eq!((&answers[5].id, answers[1].id.as_str()), (&old.id, ""));
    assert_eq!(base.refs(Vec::new()).await, ["old0", "a", "f"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_and_large_rows_keep_their_order() {
    let server = Server::start().await;
    let mut base = server.base().await;
    server.schema(&base.id, &[("a", "array")]).await;
    let list_of = |n: usize| {
        let texts: Vec<String> = (0..100).map(|item| format!("{n}-{item}-{}", "x".repeat(100))).collect();
        let kind =
            prost_types::value::Kind::ListValue(list(&texts.iter().map(String::as_str).collect::<Vec<_>>()));
        prost_types::Struct { fields: [("a".to_owned(), prost_types::Value { kind: Some(kind) })].into() }
    };
    // Every seventh row is too large to be received at once.
    let member = |n: usize| MemberInput {
        attributes: n.is_multiple_of(7).then(|| list_of(n)),
        tier: Some(format!("t{n}")),
        ..row(&format!("a{}", n % 3))
    };
    base.client = base.client.clone().send_compressed(CompressionEncoding::Zstd);
    for compressed in [true, false] {
        if !compressed {
            base.client = server.members();
        }
        let answers = upsert(&base, (0..200).map(member).collect()).await;
        assert!(answers.iter().all(|answer| reason(answer).is_empty()));
        for n in 197..200 {
            let found = base.get(&format!("a{}", n % 3)).await.unwrap();
            assert_eq!(found.tier, Some(format!("t{n}")));
            let large = (0..=n).rev().find(|m: &usize| m.is_multiple_of(7) && m % 3 == n % 3).unwrap();
            assert_eq!(found.attributes, Some(list_of(large)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_answered_stay_when_the_connection_is_cut_and_the_rest_is_sent_again() {
    const ROWS: usize = 4_000;
    let server = Server::start().await;
    let mut base = server.base().await;
    for (round, read) in [1, 700, 2_500].into_iter().enumerate() {
        let members = rows(&format!("r{round}-"), ROWS);
        let channel = crate::harness::connect(&format!("http://{}", server.address())).await;
        let mut client = crate::harness::members(&channel);
        let sent = messages(&base, members.clone());
        let mut stream = client.upsert_members(tokio_stream::iter(sent)).await.unwrap().into_inner();
        let mut answered = std::collections::HashSet::new();
        for _ in 0..read {
            let answer = stream.next().await.unwrap().unwrap();
            assert_eq!(answer.outcome(), Outcome::Created);
            answered.insert(answer.sequence);
        }
        drop((stream, client, channel));
        let refs: std::collections::HashSet<_> = base.refs(Vec::new()).await.into_iter().collect();
        for sequence in &answered {
            assert!(refs.contains(&format!("r{round}-{}", sequence - 1)), "{sequence} was answered");
        }
        let rest = (1..).zip(members).filter(|(sequence, _)| !answered.contains(sequence));
        let rest: Vec<_> = rest.map(|(_, member)| member).collect();
        let written = upsert(&base, rest).await;
        let allowed = [Outcome::Created, Outcome::Unchanged];
        assert!(written.iter().all(|answer| allowed.contains(&answer.outcome())), "{written:?}");
        assert_eq!(base.refs(Vec::new()).await.len(), ROWS * (round + 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_streams_after_the_answers_to_what_was_read() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let (send, messages) = tokio::sync::mpsc::channel(8);
    send.send(first(&base)).await.unwrap();
    let requests = tokio_stream::wrappers::ReceiverStream::new(messages);
    let mut answers = base.client.upsert_members(requests).await.unwrap().into_inner();
    send.send(message(1, row("a"))).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap().sequence, 1);
    let stopped = std::time::Instant::now();
    server.stop().await;
    assert!(stopped.elapsed() < crate::harness::GRACE, "the idle stream delayed the stop");
    refused(&answers.next().await.unwrap().unwrap_err(), Code::Unavailable, "SHUTTING_DOWN");
    drop(send);
}
