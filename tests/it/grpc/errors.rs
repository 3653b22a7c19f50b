//! Every documented bad input gets its documented error and changes nothing.

use std::time::Duration;

use bytes::{Buf, BufMut};
use memberbase::api::grpc::v1::{self, BulkMode, Filter, Regex, Sort};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};

use crate::harness::{Server, condition, eq, list, number, outcomes, refused, row, row_reason, rows};

/// A codec that sends bytes that are not a valid message.
#[derive(Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}

async fn send_raw(server: &Server, method: &str, bytes: Vec<u8>) -> Status {
    let mut client = tonic::client::Grpc::new(server.channel());
    client.ready().await.unwrap();
    let path = PathAndQuery::try_from(format!("/publisher.v1.MemberService/{method}")).unwrap();
    client.unary(Request::new(bytes), path, Raw).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_messages_are_reported_as_the_callers_fault() {
    let server = Server::start().await;
    // Field 1, two bytes that are not UTF-8.
    let status = send_raw(&server, "GetMember", vec![0x0a, 0x02, 0xff, 0xfe]).await;
    refused(&status, Code::InvalidArgument, "INVALID_UTF8");
    let status = send_raw(&server, "GetMember", vec![0x0a, 0x05, b'm']).await;
    refused(&status, Code::InvalidArgument, "MESSAGE_MALFORMED");
    let status = send_raw(&server, "NoSuchMethod", Vec::new()).await;
    refused(&status, Code::Unimplemented, "UNIMPLEMENTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_33_mib_is_refused_with_the_limit() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let big = v1::MemberInput { company: Some("x".repeat(1_000)), ..row("a") };
    let request = base.request(vec![big; 35_000]);
    let size = prost::Message::encoded_len(&request);
    assert!(size > 33 << 20, "{size}");
    let status = base.client.bulk_upsert_members(request).await.unwrap_err();
    refused(&status, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    assert!(status.message().contains("33554432"), "{}", status.message());
    assert!(base.refs(Vec::new()).await.is_empty());
    base.fill(rows("a", 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refs_have_1_to_512_bytes() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let longest = "é".repeat(256);
    let rows =
        vec![row(""), row(&"x".repeat(513)), row("a\u{7}b"), v1::MemberInput::default(), row(&longest)];
    let reply = base.upsert(rows).await;
    let reasons: Vec<_> = reply.results.iter().map(row_reason).collect();
    assert_eq!(reasons, ["REF_INVALID", "REF_INVALID", "REF_INVALID", "REF_MISSING", ""]);
    assert!(reply.results[..4].iter().all(|row| row.error.as_ref().unwrap().violations[0].field == "ref"));
    assert_eq!(base.refs(Vec::new()).await, [longest]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_atomic_call_takes_10_000_rows() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let mut request = base.request(rows("a", 10_001));
    request.mode = BulkMode::Atomic.into();
    let status = base.client.bulk_upsert_members(request.clone()).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "ATOMIC_TOO_LARGE");
    assert!(base.refs(Vec::new()).await.is_empty());
    request.members.pop();
    assert_eq!(base.send(request).await.counts.unwrap().created, 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn options_of_bulk_calls_are_checked_before_their_rows() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let mut request = base.request(vec![row("a")]);
    request.mode = 9;
    request.match_by = -1;
    request.semantics = 7;
    request.results = 3;
    let status = base.client.bulk_upsert_members(request).await.unwrap_err();
    let fields = refused(&status, Code::InvalidArgument, "FIELD_INVALID");
    assert_eq!(fields, ["mode", "results", "match_by", "semantics"]);
    for (id, code, reason) in [
        (String::new(), Code::InvalidArgument, "FIELD_REQUIRED"),
        ("m_123".to_owned(), Code::InvalidArgument, "ID_MALFORMED"),
        (format!("mb_{}", "0".repeat(26)), Code::NotFound, "MEMBER_BASE_NOT_FOUND"),
    ] {
        let request = v1::BulkUpsertMembersRequest { member_base_id: id, ..base.request(vec![row("a")]) };
        refused(&base.client.bulk_upsert_members(request).await.unwrap_err(), code, reason);
    }
    let mut request = base.request(vec![row("a")]);
    request.request_id = "tab\there".into();
    let status = base.client.bulk_upsert_members(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let request = base.request(rows("a", 100_001));
    refused(
        &base.client.bulk_upsert_members(request).await.unwrap_err(),
        Code::InvalidArgument,
        "TOO_MANY_ROWS",
    );
    assert!(base.refs(Vec::new()).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_could_not_fit_is_refused_before_anything_is_written() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let mut request = base.request((0..65_000).map(|i| row(&format!("{i:0>470}"))).collect());
    request.results = v1::ResultDetail::Failed.into();
    assert!(prost::Message::encoded_len(&request) < 32 << 20);
    let status = base.client.bulk_upsert_members(request).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "REPLY_TOO_LARGE");
    assert!(base.refs(Vec::new()).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_name_bad_filters_by_their_paths() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let mut nested = eq("ref", "a");
    for _ in 0..8 {
        nested = Filter { and: vec![nested], ..Default::default() };
    }
    let regex = |pattern: &str| {
        let pattern = pattern.to_owned();
        condition("ref", |filter| filter.regex = Some(Regex { pattern, case_insensitive: false }))
    };
    let mut two = eq("ref", "a");
    two.exists = Some(true);
    let many: Vec<String> = (0..10_001).map(|i| i.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let cases = [
        (nested, "FILTER_TOO_DEEP"),
        (regex("("), "REGEX_INVALID"),
        (regex(&"x".repeat(513)), "REGEX_INVALID"),
        (regex("(?=x)"), "REGEX_INVALID"),
        (two, "FILTER_INVALID"),
        (condition("ref", |_| {}), "FILTER_INVALID"),
        (Filter::default(), "FILTER_INVALID"),
        (eq("shoe_size", "42"), "FILTER_INVALID"),
        (condition("account_details", |filter| filter.eq = Some(number(1.0))), "FILTER_INVALID"),
        (condition("id", |filter| filter.gt = Some(crate::harness::text("m_1"))), "FILTER_INVALID"),
        (
            condition("attributes.size", |filter| filter.eq = Some(number(9_007_199_254_740_992.0))),
            "FILTER_INVALID",
        ),
        (condition("ref", |filter| filter.r#in = Some(list(&many))), "FILTER_TOO_LARGE"),
        (
            condition("created_at", |filter| filter.gt = Some(crate::harness::text("yesterday"))),
            "FILTER_INVALID",
        ),
    ];
    for (filter, reason) in cases {
        let request = base.list_request(vec![eq("status", "active"), filter.clone()]);
        let status = base.list(request).await.expect_err(&format!("{filter:?}"));
        let fields = refused(&status, Code::InvalidArgument, reason);
        assert!(fields[0].starts_with("filters"), "{fields:?} for {filter:?}");
    }
    let wide = vec![eq("ref", "a"); 1_001];
    let status = base.list(base.list_request(wide)).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "FILTER_TOO_LARGE");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_faults_of_a_list_are_reported_at_once() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let request = v1::ListMembersRequest {
        pagination: Some(v1::Pagination { limit: Some(0), skip: Some(-1), cursor: None }),
        sorts: vec![Sort { key: "email".into(), direction: "up".into() }],
        ..base.list_request(vec![eq("shoe_size", "42")])
    };
    let status = base.list(request).await.unwrap_err();
    let fields = refused(&status, Code::InvalidArgument, "PAGE_LIMIT_INVALID");
    assert_eq!(
        fields,
        ["pagination.limit", "pagination.skip", "sorts[0].key", "sorts[0].direction", "filters[0].key"]
    );
    let request = v1::ListMembersRequest {
        pagination: Some(v1::Pagination { limit: Some(1_000_000), ..Default::default() }),
        ..base.list_request(Vec::new())
    };
    assert!(base.list(request).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_deadline_has_passed_says_so_and_writes_nothing() {
    let server = Server::start().await;
    let mut base = server.base().await;
    // tonic's client gives up at the deadline, so it would never see the server's reply.
    let message = frame(&prost::Message::encode_to_vec(&base.request(rows("a", 20_000))));
    let mut call = Http2::call(&server, "BulkUpsertMembers", Some("1n")).await;
    // The reply may arrive before the message is sent.
    let _ = call.body.send_data(message.into(), true);
    refused(&call.status().await, Code::DeadlineExceeded, "DEADLINE");
    assert!(base.refs(Vec::new()).await.is_empty());
    let mut request = Request::new(base.request(rows("a", 10)));
    request.set_timeout(Duration::from_secs(60));
    assert_eq!(outcomes(&base.client.bulk_upsert_members(request).await.unwrap().into_inner()).len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_off_within_a_chunk_writes_nothing_of_the_chunk() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let chunk = |chunk: u64, prefix: &str| {
        let options = v1::ImportOptions { member_base_id: base.id.clone(), ..Default::default() };
        let options = (chunk == 0).then_some(options);
        let message =
            v1::ImportMembersRequest { options, chunk, members: rows(prefix, 1_000), ..Default::default() };
        frame(&prost::Message::encode_to_vec(&message))
    };
    for reset in [false, true] {
        let whole = chunk(0, &format!("whole{reset}-"));
        let mut cut = chunk(1, &format!("cut{reset}-"));
        cut.truncate(cut.len() / 2);
        let mut call = Http2::call(&server, "ImportMembers", None).await;
        call.body.send_data(whole.into(), false).unwrap();
        call.answered().await;
        call.body.send_data(cut.into(), !reset).unwrap();
        if reset {
            call.body.send_reset(h2::Reason::CANCEL);
        } else {
            refused(&call.status().await, Code::InvalidArgument, "MESSAGE_MALFORMED");
        }
    }
    let refs = base.refs(Vec::new()).await;
    assert_eq!((refs.len(), refs.iter().filter(|name| name.starts_with("cut")).count()), (2_000, 0));
}

/// A call over plain HTTP/2, without a gRPC client.
struct Http2 {
    body: h2::SendStream<bytes::Bytes>,
    response: h2::client::ResponseFuture,
    received: Option<h2::RecvStream>,
    head: http::HeaderMap,
}

impl Http2 {
    async fn call(server: &Server, method: &str, timeout: Option<&str>) -> Self {
        let stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        let (client, connection) =
            h2::client::Builder::new().handshake::<_, bytes::Bytes>(stream).await.unwrap();
        tokio::spawn(connection);
        let uri = format!("http://{}/publisher.v1.MemberService/{method}", server.address());
        let mut request =
            http::Request::post(uri).header("content-type", "application/grpc").header("te", "trailers");
        if let Some(timeout) = timeout {
            request = request.header("grpc-timeout", timeout);
        }
        let (response, body) =
            client.ready().await.unwrap().send_request(request.body(()).unwrap(), false).unwrap();
        Self { body, response, received: None, head: http::HeaderMap::new() }
    }

    async fn received(&mut self) -> &mut h2::RecvStream {
        if self.received.is_none() {
            let (head, body) = (&mut self.response).await.unwrap().into_parts();
            self.head = head.headers;
            self.received = Some(body);
        }
        self.received.as_mut().unwrap()
    }

    /// Waits for the first bytes of the reply.
    async fn answered(&mut self) {
        self.received().await.data().await.unwrap().unwrap();
    }

    /// The status at the end, from the trailers, or from the headers of a reply without a body.
    async fn status(mut self) -> Status {
        let body = self.received().await;
        while let Some(data) = body.data().await {
            data.unwrap();
        }
        let trailers = body.trailers().await.unwrap();
        Status::from_header_map(trailers.as_ref().unwrap_or(&self.head)).unwrap()
    }
}

/// A message with its gRPC prefix.
fn frame(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    frame
}
