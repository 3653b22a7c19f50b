//! HTTP/1 peers that stop sending their request, or stop reading their replies.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use super::{Http, exchange};
use crate::grpc::messages::{Raw, prefix, reset};
use crate::grpc::replies::server;
use crate::harness::Server;

/// The requests must arrive within this time, however busy the machine is.
const STALL_AFTER: Duration = Duration::from_secs(2);
/// The number of requests with unread replies: more than the system's buffers hold.
const REQUESTS: usize = 10;
/// The smallest size of such a reply, in bytes.
const REPLY_BYTES: usize = 3_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_body_gets_a_timeout_and_its_connection_ends() {
    let server = Server::start_with(|config| config.stall_after = Duration::from_millis(200)).await;
    let head = |path: &str, framing: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
        )
    };
    let framings =
        [("Content-Length: 1000", "{\"member"), ("Transfer-Encoding: chunked", "8\r\n{\"member\r\n")];
    let calls = ["/publisher.v1/member/list", "/publisher.v1/member/bulk-upsert"];
    let mut replies = JoinSet::new();
    for (framing, body) in framings {
        for call in calls {
            let (address, head) = (server.address(), head(call, framing));
            // Reads to the end: the server closes the connection.
            replies.spawn(async move { exchange(address, &head, body.as_bytes()).await });
        }
    }
    while let Some(reply) = replies.join_next().await {
        let reply = reply.unwrap();
        assert_eq!(reply.status, 408, "{reply:?}");
    }
    // Other requests are served.
    Http::new(&server).base().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_with_unread_replies_is_closed() {
    let (server, base) = server(STALL_AFTER).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(server.address()).await.unwrap();
    let body = json!({ "member_base_id": base.id, "pagination": { "limit": 5_000 } }).to_string();
    let length = body.len();
    let request = format!(
        "POST /publisher.v1/member/list HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.repeat(REQUESTS).as_bytes()).await.unwrap();
    // Its first reply has arrived and stays unread.
    stream.peek(&mut [0]).await.unwrap();
    // The server gives up two later connections one after the other, so it gave up the first one before.
    for _ in 0..2 {
        let mut raw = Raw::connect_with(&server, 0).await;
        let list = prost::Message::encode_to_vec(&base.list_request(Vec::new()));
        let (response, mut sent) = raw.call("/publisher.v1.MemberService/ListMembers").await;
        sent.send_data([&prefix(list.len())[..], &list].concat().into(), true).unwrap();
        reset(response).await;
    }
    let mut received = Vec::new();
    // The connection may end with a reset.
    let _ = stream.read_to_end(&mut received).await;
    assert!(received.len() < REQUESTS * REPLY_BYTES, "{}", received.len());
    Http::new(&server).base().await;
}
