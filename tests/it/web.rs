//! gRPC-Web: calls of web pages, over HTTP/1.1 and HTTP/2.

mod standby;

use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use memberbase::api::grpc::v1;
use memberbase::config::Origins;
use prost::Message;
use tokio::net::TcpStream;
use tonic::{Code, Status};

use crate::grpc::messages::prefix;
use crate::harness::{Server, refused, row, rows};

const PAGE: &str = "https://app.example.com";
const WEB: &str = "application/grpc-web+proto";
const GET: &str = "MemberService/GetMember";
const BULK: &str = "MemberService/BulkUpsertMembers";
const EXPORT: &str = "MemberService/ExportMembers";
/// The flag of a frame with trailers.
const TRAILERS: u8 = 0x80;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
}

const VERSIONS: [Version; 2] = [Version::Http1, Version::Http2];

/// What a browser receives.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The messages, and the status from the headers or from the last frame.
    fn messages(&self) -> (Vec<Bytes>, Status) {
        assert_eq!((self.status, self.header("content-type")), (200, WEB), "{self:?}");
        let (mut rest, mut messages) = (self.body.clone(), Vec::new());
        while rest.has_remaining() {
            let (flags, length) = (rest.get_u8(), rest.get_u32());
            let frame = rest.split_to(length as usize);
            if flags == 0 {
                messages.push(frame);
                continue;
            }
            assert_eq!((flags, rest.len()), (TRAILERS, 0), "trailers are the last frame");
            let lines = std::str::from_utf8(&frame).unwrap().split_terminator("\r\n");
            let trailers = lines.map(|line| line.split_once(':').unwrap());
            let trailers =
                trailers.map(|(name, value)| (name.parse().unwrap(), value.trim().parse().unwrap()));
            return (messages, Status::from_header_map(&trailers.collect()).unwrap());
        }
        (messages, Status::from_header_map(&self.headers).unwrap())
    }

    fn message<M: Message + Default>(&self) -> M {
        let (messages, status) = self.messages();
        assert_eq!(status.code(), Code::Ok, "{status:?}");
        M::decode(messages[0].clone()).unwrap()
    }

    #[track_caller]
    fn has_no_cors_headers(&self) {
        let names = self.headers.keys().map(http::HeaderName::as_str);
        assert_eq!(names.filter(|name| name.starts_with("access-control")).count(), 0, "{self:?}");
    }
}

/// A request of a page.
struct Sent<'a> {
    method: Method,
    path: String,
    headers: Vec<(&'a str, &'a str)>,
    body: Bytes,
}

impl<'a> Sent<'a> {
    /// A gRPC-Web call.
    fn call(call: &str, message: &impl Message) -> Self {
        let message = message.encode_to_vec();
        let body = [&prefix(message.len())[..], &message].concat().into();
        let path = format!("/publisher.v1.{call}");
        Self { method: Method::POST, path, headers: vec![("content-type", WEB), ("x-grpc-web", "1")], body }
    }

    /// The question before a call.
    fn preflight(call: &str) -> Self {
        let headers = vec![
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type,x-grpc-web"),
        ];
        let path = format!("/publisher.v1.{call}");
        Self { method: Method::OPTIONS, path, headers, body: Bytes::new() }
    }

    fn with(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.retain(|(before, _)| *before != name);
        self.headers.push((name, value));
        self
    }

    async fn over(self, version: Version, server: &Server) -> Reply {
        self.at(version, server.address()).await
    }

    async fn at(self, version: Version, address: std::net::SocketAddr) -> Reply {
        let Self { method, path, headers, body } = self;
        let host = format!("localhost:{}", address.port());
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let uri = if version == Version::Http1 { path } else { format!("http://{host}{path}") };
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let body = Full::new(body);
        let reply = match version {
            Version::Http1 => {
                let (mut send, connection) = http1::handshake(stream).await.unwrap();
                tokio::spawn(connection);
                send.send_request(request.header("host", host).body(body).unwrap()).await
            }
            Version::Http2 => {
                let (mut send, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
                tokio::spawn(connection);
                send.send_request(request.body(body).unwrap()).await
            }
        };
        let (head, body) = reply.unwrap().into_parts();
        let body = body.collect().await.unwrap();
        assert!(body.trailers().is_none(), "a page cannot read trailers");
        Reply { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() }
    }
}

async fn server(origins: &str) -> Server {
    let origins = Origins::parse(origins).unwrap();
    Server::start_with(|config| config.web_origins = origins).await
}

fn get(base: &str, r#ref: &str) -> v1::GetMemberRequest {
    let (member_base_id, r#ref) = (Some(base.to_owned()), Some(r#ref.to_owned()));
    v1::GetMemberRequest { member_base_id, r#ref, ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_page_makes_calls_and_reads_replies_streams_and_errors() {
    let server = server(&format!("http://localhost:5173,{PAGE}")).await;
    for version in VERSIONS {
        let base = server.base().await;
        let asked = Sent::preflight(BULK).with("origin", PAGE).over(version, &server).await;
        assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, PAGE), "{asked:?}");
        assert_eq!(asked.header("access-control-allow-methods"), "POST");
        for header in
            ["authorization", "content-type", "x-grpc-web", "x-user-agent", "grpc-timeout", "traceparent"]
        {
            let allowed = asked.header("access-control-allow-headers");
            assert!(allowed.split(", ").any(|allowed| allowed == header), "{header} in {allowed}");
        }
        let send = async |sent: Sent<'static>| {
            let reply = sent.with("origin", PAGE).over(version, &server).await;
            assert_eq!(reply.header("access-control-allow-origin"), PAGE, "{reply:?}");
            assert_eq!(reply.header("vary"), "origin");
            assert!(!reply.headers.contains_key("access-control-allow-credentials"));
            let readable = reply.header("access-control-expose-headers");
            for header in ["grpc-status", "grpc-message", "grpc-status-details-bin", "idempotency-replayed"] {
                assert!(readable.split(", ").any(|readable| readable == header), "{header} in {readable}");
            }
            reply
        };
        let written = send(Sent::call(BULK, &base.request(rows("a", 2_500)))).await;
        let written: v1::BulkUpsertMembersResponse = written.message();
        assert_eq!(written.counts.unwrap().created, 2_500);
        let found: v1::GetMemberResponse = send(Sent::call(GET, &get(&base.id, "a7"))).await.message();
        assert_eq!(found.member.unwrap().email.as_deref(), Some("a7@example.com"));
        let listed = send(Sent::call("MemberService/ListMembers", &base.list_request(Vec::new()))).await;
        assert!(!listed.message::<v1::ListMembersResponse>().members.is_empty());
        let export = v1::ExportMembersRequest { member_base_id: base.id.clone(), ..Default::default() };
        let (pages, status) = send(Sent::call(EXPORT, &export)).await.messages();
        let members =
            pages.into_iter().map(|page| v1::ExportMembersResponse::decode(page).unwrap().members.len());
        assert_eq!((members.sum::<usize>(), status.code()), (2_500, Code::Ok));
        let (_, status) = send(Sent::call(GET, &get(&base.id, "nobody"))).await.messages();
        refused(&status, Code::NotFound, "MEMBER_NOT_FOUND");
        let (_, status) = send(Sent::call("MemberService/Guess", &())).await.messages();
        assert_eq!(status.code(), Code::Unimplemented);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_pages_get_no_cors_headers_and_make_no_calls() {
    let server = server(PAGE).await;
    let base = server.base().await;
    for version in VERSIONS {
        for origin in
            ["https://evil.example", "http://app.example.com", "https://app.example.com:8443", "null"]
        {
            let asked = Sent::preflight(BULK).with("origin", origin).over(version, &server).await;
            asked.has_no_cors_headers();
            assert_eq!(asked.status, 403, "{asked:?}");
            let called = Sent::call(BULK, &base.request(vec![row("a")])).with("origin", origin);
            let called = called.over(version, &server).await;
            called.has_no_cors_headers();
            refused(&called.messages().1, Code::PermissionDenied, "ORIGIN_REFUSED");
        }
        // No browser sends this, or it is a page of this server.
        let own = format!("http://localhost:{}", server.address().port());
        for origin in [None, Some(&*own)] {
            let mut sent = Sent::call(GET, &get(&base.id, "a"));
            if let Some(origin) = origin {
                sent = sent.with("origin", origin);
            }
            let reply = sent.over(version, &server).await;
            reply.has_no_cors_headers();
            refused(&reply.messages().1, Code::NotFound, "MEMBER_NOT_FOUND");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_browsers_send_without_asking_is_no_call() {
    let server = server(PAGE).await;
    let mut base = server.base().await;
    let kinds = [
        "text/plain",
        "text/plain; application/grpc-web",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/grpc-web-text",
        "application/grpc-web+json",
    ];
    for version in VERSIONS {
        for kind in kinds {
            let sent = Sent::call(BULK, &base.request(vec![row("a")]));
            let reply = sent.with("origin", PAGE).with("content-type", kind).over(version, &server).await;
            assert_eq!(reply.status, 415, "{kind}: {reply:?}");
        }
        for method in [Method::GET, Method::PUT, Method::HEAD] {
            let mut sent = Sent::call(BULK, &base.request(vec![row("a")])).with("origin", PAGE);
            sent.method = method.clone();
            assert_eq!(sent.over(version, &server).await.status, 415, "{method}");
        }
    }
    assert_eq!(base.refs(Vec::new()).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_question_of_a_page_that_is_not_listed_is_refused_also_with_tokens() {
    let (server, _) =
        Server::start_with_token_and(|config| config.web_origins = Origins::parse(PAGE).unwrap()).await;
    for version in VERSIONS {
        let asked = Sent::preflight(BULK).with("origin", "https://evil.example").over(version, &server).await;
        asked.has_no_cors_headers();
        assert_eq!(asked.status, 403, "{asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_web_is_off_unless_there_are_origins() {
    let (server, secret) = Server::start_with_token().await;
    let authorization = format!("Bearer {secret}");
    for version in VERSIONS {
        for sent in [Sent::preflight(GET), Sent::call(GET, &get("mb_1", "a"))] {
            let sent = sent.with("origin", PAGE).with("authorization", &authorization);
            let reply = sent.over(version, &server).await;
            reply.has_no_cors_headers();
            assert_eq!(reply.status, 415, "{reply:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_may_call_only_with_a_token() {
    let call = || Sent::call("MemberBaseService/ListMemberBases", &v1::ListMemberBasesRequest::default());
    let open = server("*").await;
    let (closed, secret) = Server::start_with_token_and(|config| config.web_origins = Origins::Any).await;
    let authorization = format!("Bearer {secret}");
    for version in VERSIONS {
        let reply = call().with("origin", PAGE).over(version, &open).await;
        refused(&reply.messages().1, Code::PermissionDenied, "ORIGIN_REFUSED");
        let asked = Sent::preflight(GET).with("origin", PAGE).over(version, &open).await;
        assert_eq!(asked.status, 403);

        let asked = Sent::preflight(GET).with("origin", PAGE).over(version, &closed).await;
        assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, "*"));
        let reply = call().with("origin", PAGE).over(version, &closed).await;
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        refused(&reply.messages().1, Code::Unauthenticated, "UNAUTHENTICATED");
        let known = call().with("origin", PAGE).with("authorization", &authorization);
        known.over(version, &closed).await.message::<v1::ListMemberBasesResponse>();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_page_reaches_no_other_door() {
    let server = server(PAGE).await;
    for version in VERSIONS {
        for (path, status) in
            [("/publisher.v1/member-base/list", 403), ("/v1/members", 403), ("/console", 403)]
        {
            for method in [Method::POST, Method::OPTIONS] {
                let headers = vec![
                    ("content-type", "application/json"),
                    ("origin", PAGE),
                    ("access-control-request-method", "POST"),
                ];
                let sent = Sent { method, path: path.to_owned(), headers, body: Bytes::from("{}") };
                let reply = sent.over(version, &server).await;
                reply.has_no_cors_headers();
                assert_eq!(reply.status, status, "{path}: {reply:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_on_messages_are_those_of_grpc() {
    let origins = Origins::parse(PAGE).unwrap();
    let server = Server::start_with(|config| {
        config.web_origins = origins;
        config.stall_after = Duration::from_millis(200);
    })
    .await;
    for version in VERSIONS {
        let mut large = Sent::call(BULK, &()).with("origin", PAGE);
        large.body = prefix(33 << 20);
        refused(
            &large.over(version, &server).await.messages().1,
            Code::ResourceExhausted,
            "MESSAGE_TOO_LARGE",
        );
    }
    refused(&never_sent(&server, "1H").await, Code::DeadlineExceeded, "TOO_SLOW");
    refused(&never_sent(&server, "1m").await, Code::DeadlineExceeded, "DEADLINE");
}

/// How a call ends whose message never arrives, over HTTP/1.1.
async fn never_sent(server: &Server, timeout: &str) -> Status {
    let stream = TokioIo::new(TcpStream::connect(server.address()).await.unwrap());
    let (mut send, connection) = http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let begun = [Ok::<_, std::convert::Infallible>(http_body::Frame::data(prefix(1 << 20)))];
    let body = futures_util::stream::iter(begun);
    let body = StreamBody::new(futures_util::StreamExt::chain(body, futures_util::stream::pending()));
    let request = Request::post(format!("/publisher.v1.{BULK}"))
        .header("host", "localhost")
        .header("origin", PAGE)
        .header("grpc-timeout", timeout)
        .header("content-type", WEB);
    let reply = send.send_request(request.body(body).unwrap()).await.unwrap();
    Status::from_header_map(reply.headers()).unwrap()
}
