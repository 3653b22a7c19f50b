use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use prost::Message;
use tower::service_fn;

use std::sync::Arc;

use super::*;
use crate::api::grpc::v1;
use crate::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use crate::api::grpc::v1::member_service_client::MemberServiceClient;
use crate::directory::Gate;
use crate::engine::memory::MemoryEngine;
use crate::model::Timestamp;
use crate::model::origin::Door;
use crate::table::{Table, TableConfig};

const GET: &str = "/publisher.v1.MemberService/GetMember";

/// What is served, with a member whose reply is short, and one whose reply is long enough to be compressed.
struct World {
    services: Arc<Authenticated>,
    base: String,
}

impl World {
    async fn new() -> Self {
        let now = Arc::new(|| Timestamp::from_micros(1));
        let table = Table::open(Arc::new(MemoryEngine::new()), now, TableConfig::default()).await.unwrap();
        let incoming = Incoming::new(1 << 24, std::time::Duration::from_secs(30));
        let gate = Gate::new(table, Door::Grpc);
        let services = Arc::new(Authenticated::new(&gate, &incoming, &CancellationToken::new()));
        let called = Arc::clone(&services);
        let client = service_fn(move |request: Request<Body>| {
            let called = Arc::clone(&called);
            Box::pin(async move { called.call(request, None).await })
        });
        let create = v1::CreateMemberBaseRequest { name: "Staff".to_owned(), ..Default::default() };
        let made = MemberBaseServiceClient::new(client.clone()).create_member_base(create).await.unwrap();
        let base = made.into_inner().member_base.unwrap().id;
        let row = |key: &str, name: String| v1::MemberInput {
            r#ref: Some(key.to_owned()),
            first_name: Some(name.clone()),
            last_name: Some(name),
            ..Default::default()
        };
        let upsert = v1::BulkUpsertMembersRequest {
            member_base_id: base.clone(),
            mode: v1::BulkMode::Atomic.into(),
            members: vec![row("short", "Ann".to_owned()), row("long", "\u{65e5}".repeat(256))],
            ..Default::default()
        };
        let done = MemberServiceClient::new(client).bulk_upsert_members(upsert).await.unwrap().into_inner();
        assert_eq!(done.counts.unwrap().created, 2);
        Self { services, base }
    }

    fn get(&self, key: Option<&str>, min_revision: Option<u64>) -> Vec<u8> {
        let member_base_id = Some(self.base.clone());
        let key = key.map(str::to_owned);
        v1::GetMemberRequest { member_base_id, r#ref: key, min_revision, ..Default::default() }
            .encode_to_vec()
    }

    /// The reply: its headers, its messages, and its trailers.
    async fn call(
        &self,
        body: Body,
        headers: &[(&'static str, &'static str)],
    ) -> (HeaderMap, Bytes, HeaderMap) {
        let mut request = Request::post(GET).body(body).unwrap();
        request.headers_mut().extend(
            headers
                .iter()
                .map(|&(name, value)| (HeaderName::from_static(name), http::HeaderValue::from_static(value))),
        );
        let (mut head, body) = self.services.call(request, None).await.unwrap().into_parts();
        // The details of an error have a map, whose entries come in any order, so only their length is
        // compared.
        if let Some(details) = head.headers.get_mut("grpc-status-details-bin") {
            *details = "A".repeat(details.len() / 4 * 4).parse().unwrap();
        }
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or_default();
        (head.headers, body.to_bytes(), trailers)
    }
}

/// A message as it is sent.
fn framed(flag: u8, message: &[u8]) -> Bytes {
    [&[flag][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat().into()
}

/// A body of these pieces.
fn pieces(pieces: Vec<Bytes>) -> Body {
    let pieces = pieces.into_iter().map(|piece| Ok::<_, Status>(Frame::data(piece)));
    Body::new(StreamBody::new(futures_util::stream::iter(pieces)))
}

#[tokio::test]
async fn a_get_in_one_piece_is_answered_as_any_other() {
    let world = World::new().await;
    let cases = [
        (world.get(Some("short"), None), "0"),
        (world.get(Some("long"), None), "0"),
        (world.get(Some("nobody"), None), "5"),
        (world.get(None, None), "3"),
        (world.get(Some("short"), Some(1_000)), "9"),
        (vec![0x0a, 0x02, 0xff, 0xfe], "3"),
        (vec![0x0a, 0x05, b'a'], "3"),
        (world.get(Some(&"r".repeat(3_000)), None), "3"),
    ];
    let mut packed = 0;
    for accepts in [None, Some("identity,gzip"), Some("zstd"), Some("br")] {
        for (message, status) in &cases {
            let message = framed(0, message);
            let mut headers: Vec<_> =
                accepts.map(|accepts| ("grpc-accept-encoding", accepts)).into_iter().collect();
            let direct = world.call(Body::new(Full::new(message.clone())), &headers).await;
            let (start, end) = (message.slice(..7.min(message.len())), message.slice(7.min(message.len())..));
            let in_pieces = world.call(pieces(vec![start, end]), &headers).await;
            // A request that says how it is compressed goes the general way.
            headers.push(("grpc-encoding", "identity"));
            let general = world.call(Body::new(Full::new(message)), &headers).await;
            assert_eq!(in_pieces, general);
            let is_packed = general.1.first() == Some(&1);
            packed += usize::from(is_packed);
            let said = |(head, _, trailers): &(HeaderMap, Bytes, HeaderMap)| {
                trailers.get("grpc-status").or(head.get("grpc-status")).cloned()
            };
            assert_eq!(said(&direct).unwrap(), *status, "{accepts:?} {direct:?}");
            let without_packing = |(mut head, message, trailers): (HeaderMap, Bytes, HeaderMap)| {
                // tonic names a compression also where it does not compress.
                if !is_packed {
                    head.remove("grpc-encoding");
                }
                (head, message, trailers)
            };
            assert_eq!(without_packing(direct), without_packing(general), "{accepts:?} {status}");
        }
    }
    assert_eq!(packed, 2, "the long reply, with both compressions");
}

#[tokio::test]
async fn a_get_that_is_not_one_light_message_goes_the_general_way() {
    let world = World::new().await;
    let message = framed(0, &world.get(Some("short"), None));
    let status = async |body| world.call(body, &[]).await.2.get("grpc-status").cloned();
    let twice = [&message[..], &message].concat();
    assert_eq!(status(Body::new(Full::new(twice.into()))).await.unwrap(), "0", "tonic takes the first one");
    assert_eq!(status(pieces(vec![message.clone(), Bytes::new()])).await.unwrap(), "0");
    let refused = async |body| Status::from_header_map(&world.call(body, &[]).await.0).unwrap().code();
    for (body, code) in [
        (Body::empty(), tonic::Code::Internal),
        (Body::new(Full::new(message.slice(..message.len() - 1))), tonic::Code::InvalidArgument),
        (Body::new(Full::new(framed(1, &message))), tonic::Code::InvalidArgument),
        (Body::new(Full::new(framed(7, &message))), tonic::Code::InvalidArgument),
        (pieces(vec![framed(0, &[0; 5_000])]), tonic::Code::InvalidArgument),
    ] {
        assert_eq!(refused(body).await, code);
    }
    let failing =
        futures_util::stream::iter([Err::<Frame<Bytes>, _>(Status::unavailable("the peer has gone"))]);
    assert_eq!(refused(Body::new(StreamBody::new(failing))).await, tonic::Code::Unavailable);
}
