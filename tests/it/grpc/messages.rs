//! Messages that never end, and messages that exceed the memory for requests: frames that no client library
//! sends.

use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{Request, Response};
use memberbase::api::grpc::v1;
use prost::Message;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::harness::{Server, refused, rows};

const BULK: &str = "/publisher.v1.MemberService/BulkUpsertMembers";
const IMPORT: &str = "/publisher.v1.MemberService/ImportMembers";
const CHECK: &str = "/grpc.health.v1.Health/Check";

/// A connection on which tests send calls frame by frame.
pub struct Raw(SendRequest<Bytes>);

impl Raw {
    pub async fn connect(server: &Server) -> Self {
        Self::connect_with(server, 65_535).await
    }

    /// A connection that accepts `window` bytes of each reply before it asks for more.
    pub async fn connect_with(server: &Server, window: u32) -> Self {
        let stream = TcpStream::connect(server.address()).await.unwrap();
        let mut builder = h2::client::Builder::new();
        let builder = builder.initial_window_size(window).initial_connection_window_size(4 << 20);
        let (calls, connection) = builder.handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self(calls)
    }

    /// Begins a call.
    pub async fn call(&mut self, path: &str) -> (ResponseFuture, SendStream<Bytes>) {
        self.begin(path, "application/grpc").await
    }

    /// Begins a request with a body of this type.
    pub async fn begin(&mut self, path: &str, kind: &str) -> (ResponseFuture, SendStream<Bytes>) {
        let request = Request::post(format!("http://localhost{path}"))
            .header("content-type", kind)
            .header("te", "trailers");
        self.0 = self.0.clone().ready().await.unwrap();
        self.0.send_request(request.body(()).unwrap(), false).unwrap()
    }
}

/// The prefix of a message of this length.
pub fn prefix(length: usize) -> Bytes {
    [&[0][..], &u32::try_from(length).unwrap().to_be_bytes()].concat().into()
}

/// The final status of a call.
pub async fn status(response: ResponseFuture) -> Status {
    let response: Response<RecvStream> = response.await.unwrap();
    if let Some(status) = Status::from_header_map(response.headers()) {
        return status;
    }
    let mut body = response.into_body();
    while let Some(data) = body.data().await {
        let length = data.unwrap().len();
        body.flow_control().release_capacity(length).unwrap();
    }
    Status::from_header_map(&body.trailers().await.unwrap().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_messages_hold_at_most_their_share_and_other_calls_go_on() {
    let server = Server::start().await;
    let mut base = server.base().await;
    base.fill(rows("m", 10)).await;
    let mut raw = Raw::connect(&server).await;
    // The calls announce 640 MiB and send nearly nothing.
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (response, mut body) = raw.call(BULK).await;
        // In one frame: the prefix alone may be refused before more is sent.
        let beginning = [&prefix(32 << 20)[..], &[0; 1_000]].concat();
        body.send_data(beginning.into(), false).unwrap();
        calls.spawn(async move { (status(response).await, body) });
    }
    // One call has memory, one waits for its turn, and all others exceed the share of one caller.
    for _ in 0..18 {
        let (status, _) = calls.join_next().await.unwrap().unwrap();
        refused(&status, Code::ResourceExhausted, "OVERLOADED");
    }
    for n in 0..10 {
        base.get(&format!("m{n}")).await.unwrap();
        base.fill(rows(&format!("n{n}"), 1)).await;
    }
    assert_eq!(calls.len(), 2);
    calls.shutdown().await;
    drop(raw);
    // The memory that they held is free again.
    base.fill(rows("many", 20_000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_message_is_refused_as_too_slow() {
    let server = Server::start_with(|config| config.stall_after = Duration::from_millis(200)).await;
    let mut raw = Raw::connect(&server).await;
    let beginnings = [
        vec![],
        vec![Bytes::from_static(&[0, 0])],
        vec![prefix(100)],
        vec![prefix(100), Bytes::from_static(&[0; 50])],
        vec![prefix(30 << 20), Bytes::from_static(&[0; 50])],
    ];
    for (at, beginning) in beginnings.into_iter().enumerate() {
        let (response, mut body) = raw.call(BULK).await;
        for data in beginning.clone() {
            body.send_data(data, false).unwrap();
        }
        refused(&status(response).await, Code::DeadlineExceeded, "TOO_SLOW");
        if at > 0 {
            let (response, mut body) = raw.call(IMPORT).await;
            for data in beginning {
                let data = if data.len() == 5 { prefix(7 << 20) } else { data };
                body.send_data(data, false).unwrap();
            }
            refused(&status(response).await, Code::DeadlineExceeded, "TOO_SLOW");
        }
    }
    // The connection still works.
    let (response, mut body) = raw.call(CHECK).await;
    body.send_data(prefix(0), true).unwrap();
    assert_eq!(status(response).await.code(), Code::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_without_tokens_accept_no_large_messages() {
    let server = Server::start().await;
    let mut raw = Raw::connect(&server).await;
    let mut send = async |path| {
        let (response, mut body) = raw.call(path).await;
        body.send_data(prefix(3_900_000), false).unwrap();
        status(response).await
    };
    refused(&send(CHECK).await, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    // Reflection ends the call without a message.
    send("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_may_arrive_byte_by_byte_and_several_at_once() {
    let server = Server::start().await;
    let base = server.base().await;
    let mut raw = Raw::connect(&server).await;
    let options = v1::ImportOptions { member_base_id: base.id.clone(), ..Default::default() };
    let chunk =
        |options, chunk, members| v1::ImportMembersRequest { options, chunk, members, ..Default::default() };
    let messages = [
        chunk(Some(options), 1, rows("tiny", 1)),
        chunk(None, 2, rows("large", 2_000)),
        chunk(None, 3, rows("small", 2)),
        chunk(None, 4, rows("middle", 100)),
    ];
    let mut all = Vec::new();
    for message in messages {
        all.extend(prefix(message.encoded_len()));
        message.encode(&mut all).unwrap();
    }
    let all = Bytes::from(all);
    for piece in [1, 7, 4_096, all.len()] {
        let (response, mut body) = raw.call(IMPORT).await;
        for (at, part) in all.chunks(piece).enumerate() {
            // The first thousand bytes are enough; the rest is sent in one piece.
            if piece < 100 && at * piece > 1_000 {
                body.send_data(all.slice(at * piece..), false).unwrap();
                break;
            }
            body.send_data(all.slice_ref(part), false).unwrap();
        }
        body.send_data(Bytes::new(), true).unwrap();
        assert_eq!(status(response).await.code(), Code::Ok, "{piece}");
    }
    let mut base = base;
    for r#ref in ["tiny0", "large1999", "small1", "middle99"] {
        base.get(r#ref).await.unwrap();
    }
}

/// Reads a reply without releasing its window until the server resets it.
pub async fn reset(response: ResponseFuture) -> h2::Reason {
    let (head, mut body) = response.await.unwrap().into_parts();
    loop {
        match body.data().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => return error.reason().unwrap(),
            None => panic!("the reply ended: {:?}", Status::from_header_map(&head.headers)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unread_reply_is_reset_and_its_connection_goes_on() {
    // The requests must arrive within this time, however busy the machine is.
    let server = Server::start_with(|config| config.stall_after = Duration::from_secs(3)).await;
    let mut base = server.base().await;
    base.fill(rows("m", 5_000)).await;
    let export = v1::ExportMembersRequest { member_base_id: base.id.clone(), ..Default::default() };
    let list = v1::ListMembersRequest { member_base_id: base.id.clone(), ..Default::default() };
    let exports = "/publisher.v1.MemberService/ExportMembers";
    let lists = "/publisher.v1.MemberService/ListMembers";
    for (path, message) in [(exports, export.encode_to_vec()), (lists, list.encode_to_vec())] {
        // With an empty window the reply cannot even begin.
        for window in [0, 10_000] {
            let mut raw = Raw::connect_with(&server, window).await;
            let mut calls = JoinSet::new();
            for _ in 0..3 {
                let (response, mut body) = raw.call(path).await;
                body.send_data([&prefix(message.len())[..], &message].concat().into(), true).unwrap();
                calls.spawn(reset(response));
            }
            while let Some(reason) = calls.join_next().await {
                assert_eq!(reason.unwrap(), h2::Reason::CANCEL);
            }
            let (response, _body) = raw.call("/publisher.v1.MemberService/NoSuchCall").await;
            assert_eq!(status(response).await.code(), Code::Unimplemented);
        }
    }
    base.get("m4999").await.unwrap();
}
