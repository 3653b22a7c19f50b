//! Large unread replies: their memory is limited, other calls are still served, and the memory is released.

use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use memberbase::api::grpc::v1;
use prost::Message;
use serde_json::json;
use tokio::task::JoinSet;

use super::messages::{Raw, prefix};
use crate::harness::{Base, Server, row, rows, text};

const LIST: &str = "/publisher.v1.MemberService/ListMembers";
const MEMBERS: usize = 1_000;
/// The number of calls with unread replies: 600 MB, if the server produced them all.
const CALLS: usize = 200;
/// Longer than any test takes.
const NEVER: Duration = Duration::from_secs(3_600);
/// What such a call may hold without being counted, in bytes.
const SMALL_BYTES: usize = 64 * 1024;
/// One caller's share, which is half of the memory for large replies, on a server with the least memory.
const SHARE_BYTES: usize = 3 << 20;

/// A server with little memory that gives up a stalled peer after this time, and a memberbase whose members
/// fill a large page.
pub async fn server(stall_after: Duration) -> (Server, Base) {
    let server = Server::start_with(|config| {
        config.memory = 64 << 20;
        config.stall_after = stall_after;
    });
    let server = server.await;
    let mut base = server.base().await;
    server.schema(&base.id, &[("a", "string")]).await;
    let big = |i: usize| {
        let fields = [("a".to_owned(), text(&"x".repeat(3_000)))].into();
        v1::MemberInput { attributes: Some(prost_types::Struct { fields }), ..row(&format!("m{i}")) }
    };
    base.fill((0..MEMBERS).map(big).collect()).await;
    (server, base)
}

fn page() -> v1::Pagination {
    v1::Pagination { limit: Some(5_000), ..Default::default() }
}

/// The same list as a gRPC message and as a JSON body.
fn lists(base: &Base) -> [(&'static str, &'static str, Bytes); 2] {
    let list = v1::ListMembersRequest { pagination: Some(page()), ..base.list_request(Vec::new()) };
    let message = list.encode_to_vec();
    let body = json!({ "member_base_id": base.id, "pagination": { "limit": 5_000 } });
    [
        (LIST, "application/grpc", [&prefix(message.len())[..], &message].concat().into()),
        ("/publisher.v1/member/list", "application/json", body.to_string().into()),
    ]
}

/// Reads a reply to its end and returns its length.
async fn bytes(mut body: RecvStream) -> usize {
    let mut all = 0;
    while let Some(data) = body.data().await {
        let length = data.unwrap().len();
        body.flow_control().release_capacity(length).unwrap();
        all += length;
    }
    all
}

/// The number of members in a page for a client that reads its replies.
async fn full_page(base: &Base) -> usize {
    let list = v1::ListMembersRequest { pagination: Some(page()), ..base.list_request(Vec::new()) };
    base.client.clone().list_members(list).await.unwrap().into_inner().members.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_replies_hold_at_most_their_share_and_their_caller_is_still_served() {
    let (server, mut base) = server(NEVER).await;
    assert_eq!(full_page(&base).await, MEMBERS);
    for (path, kind, message) in lists(&base) {
        let mut raw = Raw::connect_with(&server, 16 * 1024).await;
        let mut replies = Vec::new();
        for _ in 0..CALLS {
            let (response, mut body) = raw.begin(path, kind).await;
            body.send_data(message.clone(), true).unwrap();
            replies.push(response);
        }
        let mut bodies = Vec::new();
        for reply in replies {
            // The reply has begun, and the client reads nothing of its body.
            let (head, body) = reply.await.unwrap().into_parts();
            assert!(head.status.is_success() && !head.headers.contains_key("grpc-status"));
            bodies.push(body);
        }
        base.get("m7").await.unwrap();
        let short = full_page(&base).await;
        assert!(short > 0 && short < MEMBERS / 10, "{short}");
        let mut all: JoinSet<usize> = bodies.into_iter().map(bytes).collect();
        let (mut sum, mut largest) = (0, 0);
        while let Some(length) = all.join_next().await {
            let length = length.unwrap();
            (sum, largest) = (sum + length, largest.max(length));
        }
        // Members count with their overhead in memory.
        assert!(sum < SHARE_BYTES + CALLS * 2 * SMALL_BYTES, "{sum}");
        assert!(largest > 4 * SMALL_BYTES, "{largest}");
        // The memory is free again once the server has noticed that the replies were read.
        while full_page(&base).await < MEMBERS {}
    }
}

/// Ten replies that have begun on a connection and stay unread.
async fn unread(raw: &mut Raw, list: &(&str, &str, Bytes)) -> Vec<http::Response<RecvStream>> {
    let mut replies = Vec::new();
    for _ in 0..10 {
        let (response, mut body) = raw.begin(list.0, list.1).await;
        body.send_data(list.2.clone(), true).unwrap();
        replies.push(response.await.unwrap());
    }
    replies
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_replies_release_their_memory_when_their_connection_ends() {
    let (server, base) = server(NEVER).await;
    let [list, _] = lists(&base);
    for _ in 0..2 {
        let mut raw = Raw::connect_with(&server, 0).await;
        let replies = unread(&mut raw, &list).await;
        assert!(full_page(&base).await < MEMBERS);
        drop((raw, replies));
        // Waits until the server has noticed.
        while full_page(&base).await < MEMBERS {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_of_imports_count_until_they_are_read() {
    let (server, mut base) = server(NEVER).await;
    let full = full_page(&base).await;
    let options = Some(v1::ImportOptions { member_base_id: base.id.clone(), ..Default::default() });
    let first =
        v1::ImportMembersRequest { options, chunk: 1, members: rows("i", 10_000), ..Default::default() };
    let second = v1::ImportMembersRequest { chunk: 2, members: rows("j", 10_000), ..Default::default() };
    let mut raw = Raw::connect_with(&server, 0).await;
    let (response, mut body) = raw.call("/publisher.v1.MemberService/ImportMembers").await;
    for chunk in [first, second] {
        let chunk = chunk.encode_to_vec();
        body.send_data([&prefix(chunk.len())[..], &chunk].concat().into(), false).unwrap();
    }
    // Both chunks are applied. The connection holds the first reply and has not asked for the second.
    while base.get("j9999").await.is_err() {}
    assert!(full_page(&base).await < full);
    drop((raw, response, body));
    while full_page(&base).await < full {}
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_upserts_of_a_caller_with_many_unread_replies_wait_and_are_not_refused() {
    let (server, base) = server(NEVER).await;
    let [list, _] = lists(&base);
    let mut raw = Raw::connect_with(&server, 0).await;
    let replies = unread(&mut raw, &list).await;
    let upsert = |name: &str| v1::BulkUpsertMembersRequest {
        member_base_id: base.id.clone(),
        members: rows(name, 3_000),
        ..Default::default()
    };
    // Two of them need more memory than one caller may have.
    let mut waiting = JoinSet::new();
    for number in 0..3 {
        let (mut client, request) = (base.client.clone(), upsert(&format!("w{number}-")));
        waiting.spawn(async move { client.bulk_upsert_members(request).await });
    }
    let mut late = tonic::Request::new(upsert("late"));
    late.set_timeout(Duration::from_millis(500));
    let passed = base.client.clone().bulk_upsert_members(late).await.unwrap_err();
    // Either the client or the server notices the deadline first.
    assert!(matches!(passed.code(), tonic::Code::Cancelled | tonic::Code::DeadlineExceeded), "{passed:?}");
    assert!(waiting.try_join_next().is_none(), "no call may end before there is memory");
    drop((raw, replies));
    while let Some(done) = waiting.join_next().await {
        assert_eq!(done.unwrap().unwrap().into_inner().counts.unwrap().created, 3_000);
    }
}
