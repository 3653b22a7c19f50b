//! The order of rows, and what a stream holds.

use std::collections::HashMap;
use std::time::Duration;

use memberbase::api::grpc::v1::{
    BulkUpsertMembersRequest, GetMemberBaseRequest, MemberInput, Outcome, UpsertMembersOptions,
    UpsertMembersRequest,
};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Code, Request};

use super::{first, message, messages, options, send, upsert};
use crate::harness::{Base, Server, members, refused, row, rows};

/// Most rows of a stream whose answers nobody reads: five groups of a thousand, and the one in hand.
const AHEAD: usize = 5_001;
/// Longer than any test takes.
const NEVER: Duration = Duration::from_secs(3_600);
/// Most answers in the piece of 64 KiB that the server has begun to send; each has more than 40 bytes.
const BEGUN: usize = 64 * 1024 / 40;

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_one_member_are_applied_as_they_were_sent() {
    let server = Server::start().await;
    let mut base = server.base().await;
    // A hundred rows of one member, with others between them.
    let member = |n: usize| match n % 20 {
        0 => MemberInput { tier: Some(format!("t{n}")), ..row("one") },
        _ => row(&format!("other{}", n % 777)),
    };
    let answers = upsert(&base, (0..2_000).map(member).collect()).await;
    let of_one: Vec<_> = answers.iter().step_by(20).collect();
    assert_eq!(of_one.len(), 100);
    assert_eq!(of_one[0].outcome(), Outcome::Created);
    assert!(of_one[1..].iter().all(|answer| answer.outcome() == Outcome::Updated));
    assert!(of_one.is_sorted_by_key(|answer| answer.revision));
    let found = base.get("one").await.unwrap();
    assert_eq!((found.tier.as_deref(), found.revision), (Some("t1980"), of_one[99].revision));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_streams_on_the_same_members_end_with_the_last_commit_of_each() {
    const REFS: usize = 50;
    const ROWS: usize = 1_500;
    let server = Server::start().await;
    let mut base = server.base().await;
    let of_stream = |stream: usize| {
        let member = move |n: usize| MemberInput {
            tier: Some(format!("s{stream}-{n}")),
            ..row(&format!("m{}", n % REFS))
        };
        (0..ROWS).map(member).collect::<Vec<_>>()
    };
    let (one, two) = tokio::join!(upsert(&base, of_stream(1)), upsert(&base, of_stream(2)));
    // A commit has rows of one stream, so the last row of the last commit decides.
    let mut last: HashMap<usize, (u64, String)> = HashMap::new();
    for (stream, answers) in [(1, one), (2, two)] {
        for (n, answer) in answers.iter().enumerate() {
            assert!(matches!(answer.outcome(), Outcome::Created | Outcome::Updated), "{answer:?}");
            let entry = last.entry(n % REFS).or_default();
            if answer.revision >= entry.0 {
                *entry = (answer.revision, format!("s{stream}-{n}"));
            }
        }
    }
    for (n, (revision, tier)) in last {
        let found = base.get(&format!("m{n}")).await.unwrap();
        assert_eq!((found.revision, found.tier), (revision, Some(tier)), "m{n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_its_answers_is_not_read_either() {
    const ROWS: usize = 20_000;
    // The server gives up a client that reads nothing for long.
    let server = Server::start_with(|config| config.stall_after = NEVER).await;
    let base = server.base().await;
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address())).unwrap();
    let channel = endpoint.initial_stream_window_size(4 * 1024).connect().await.unwrap();
    let sent = tokio_stream::iter(messages(&base, (0..ROWS).map(|n| row(&format!("a{n}"))).collect()));
    let mut unread = members(&channel).upsert_members(sent).await.unwrap().into_inner();
    let others = std::cell::Cell::new(0);
    let written = async || {
        let request = GetMemberBaseRequest { id: base.id.clone() };
        let shown = server.bases().get_member_base(request).await.unwrap().into_inner().member_base.unwrap();
        usize::try_from(shown.counts.unwrap().active).unwrap() - others.get()
    };
    while written().await < 1_000 {}
    // Small calls are answered meanwhile, and the lane has time for more of the stream. Large replies to the
    // same caller would wait: the stream has the caller's share of the memory for them.
    for round in 0..10 {
        let request = BulkUpsertMembersRequest {
            member_base_id: base.id.clone(),
            members: rows(&format!("other{round}-"), 1),
            ..Default::default()
        };
        members(&server.channel()).bulk_upsert_members(request).await.unwrap();
        others.set(others.get() + 1);
        let count = written().await;
        assert!(count <= AHEAD + BEGUN, "{count} rows of a client that reads nothing");
    }
    for _ in 0..ROWS {
        unread.next().await.unwrap().unwrap();
    }
    assert!(unread.next().await.is_none());
    assert_eq!(written().await, ROWS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_at_its_deadline() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let (rows, stream) = tokio::sync::mpsc::channel(8);
    rows.send(first(&base)).await.unwrap();
    rows.send(message(1, row("a"))).await.unwrap();
    let mut request = Request::new(tokio_stream::wrappers::ReceiverStream::new(stream));
    // tonic's client gives up at the deadline only until the response begins.
    request.set_timeout(Duration::from_secs(2));
    let mut answers = base.client.upsert_members(request).await.unwrap().into_inner();
    let status = loop {
        match answers.message().await {
            Ok(answer) => assert_eq!(answer.unwrap().sequence, 1),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    drop(rows);
    let (answers, end) = send(&base, messages(&base, vec![row("b")])).await;
    end.unwrap();
    assert_eq!(answers.len(), 1);
}

/// The first message of a stream of this writer.
fn first_of(base: &Base, writer: &str) -> UpsertMembersRequest {
    let options = UpsertMembersOptions { writer_id: writer.into(), ..options(base) };
    UpsertMembersRequest { options: Some(options), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_stream_of_a_writer_ends_the_older_one_and_none_of_another() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let in_tier = |tier: &str| MemberInput { tier: Some(tier.into()), ..row("one") };
    let mut open = Vec::new();
    for writer in ["w", "other", ""] {
        let (rows, sent) = mpsc::channel(10);
        rows.send(first_of(&base, writer)).await.unwrap();
        rows.send(message(1, in_tier(&format!("of {writer}")))).await.unwrap();
        let mut client = base.client.clone();
        let answers = client.upsert_members(ReceiverStream::new(sent)).await.unwrap();
        let mut answers = answers.into_inner();
        assert_eq!(answers.message().await.unwrap().unwrap().sequence, 1);
        open.push((rows, answers));
    }
    // The newer stream begins while the older one is open, as after a connection that only one side has lost.
    let (answers, end) = send(&base, vec![first_of(&base, "w"), message(7, in_tier("newer"))]).await;
    end.unwrap();
    assert_eq!(answers[0].outcome(), Outcome::Updated);
    let (rows, answers) = &mut open[0];
    // The end of the stream may have closed the channel already.
    let _ = rows.send(message(2, in_tier("late"))).await;
    refused(&answers.message().await.unwrap_err(), Code::Aborted, "STREAM_REPLACED");
    assert_eq!(base.get("one").await.unwrap().tier.as_deref(), Some("newer"));
    for (rows, answers) in &mut open[1..] {
        rows.send(message(2, row("one"))).await.unwrap();
        assert_eq!(answers.message().await.unwrap().unwrap().outcome(), Outcome::Unchanged);
    }
    let (_, end) = send(&base, vec![first_of(&base, "no spaces")]).await;
    let refusal = end.unwrap_err();
    refused(&refusal, Code::InvalidArgument, "FIELD_INVALID");
    assert!(refusal.message().contains("options.writer_id"), "{refusal:?}");
}
