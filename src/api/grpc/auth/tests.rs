mod writes;

use futures_util::StreamExt;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use prost::Message;
use prost_types::value::Kind;
use tower::service_fn;

use std::sync::Arc;

use super::*;
use crate::api::grpc::v1;
use crate::api::grpc::v1::attribute_service_client::AttributeServiceClient;
use crate::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use crate::api::grpc::v1::member_service_client::MemberServiceClient;
use crate::directory::Gate;
use crate::engine::memory::MemoryEngine;
use crate::model::Timestamp;
use crate::model::origin::Door;
use crate::table::{Table, TableConfig};

const GET: &str = "/publisher.v1.MemberService/GetMember";
const LIST: &str = "/publisher.v1.MemberService/ListMembers";

/// What is served, with a member whose reply is short, one whose reply is long enough to be compressed, and
/// one that has every field.
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
            members: vec![row("short", "Ann".to_owned()), row("long", "\u{65e5}".repeat(256)), full()],
            ..Default::default()
        };
        let types = [
            ("team", "string"),
            ("size", "number"),
            ("isNew", "boolean"),
            ("langs", "array"),
            ("since", "date"),
        ];
        let schema = types.map(|(key, kind)| {
            (key.to_owned(), v1::AttributeDefinition { r#type: kind.to_owned(), ..Default::default() })
        });
        let schema = v1::SetAttributeSchemaRequest {
            member_base_id: base.clone(),
            schema: schema.into(),
            ..Default::default()
        };
        AttributeServiceClient::new(client.clone()).set_attribute_schema(schema).await.unwrap();
        let mut members = MemberServiceClient::new(client);
        let done = members.bulk_upsert_members(upsert).await.unwrap().into_inner();
        assert_eq!(done.counts.as_ref().unwrap().created, 3, "{done:?}");
        let rename = v1::RenameMemberRequest {
            member_base_id: base.clone(),
            key: Some(v1::MemberKey { r#ref: Some("full".to_owned()), ..Default::default() }),
            r#ref: "renamed".to_owned(),
            alias_for: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
            ..Default::default()
        };
        let renamed = members.rename_member(rename).await.unwrap().into_inner().member.unwrap();
        assert_eq!(renamed.ref_aliases.len(), 1);
        Self { services, base }
    }

    fn get(&self, key: Option<&str>, min_revision: Option<u64>) -> Vec<u8> {
        let member_base_id = Some(self.base.clone());
        let key = key.map(str::to_owned);
        v1::GetMemberRequest { member_base_id, r#ref: key, min_revision, ..Default::default() }
            .encode_to_vec()
    }

    fn list(&self, request: v1::ListMembersRequest) -> Vec<u8> {
        v1::ListMembersRequest { member_base_id: self.base.clone(), ..request }.encode_to_vec()
    }

    /// The reply: its headers, its messages, and its trailers.
    async fn call(
        &self,
        path: &str,
        body: Body,
        headers: &[(&'static str, &'static str)],
    ) -> (HeaderMap, Bytes, HeaderMap) {
        let mut request = Request::post(path).body(body).unwrap();
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

/// A member with every field.
fn full() -> v1::MemberInput {
    let text = |text: &str| Some(text.to_owned());
    let value = |kind| prost_types::Value { kind: Some(kind) };
    let list = vec![value(Kind::StringValue("x".to_owned())), value(Kind::StringValue(String::new()))];
    let attributes = [
        ("team", Kind::StringValue("night".to_owned())),
        ("size", Kind::NumberValue(1.5)),
        ("isNew", Kind::BoolValue(false)),
        ("since", Kind::StringValue("2026-02-03T04:05:06.789Z".to_owned())),
        ("langs", Kind::ListValue(prost_types::ListValue { values: list })),
    ];
    let uk = v1::UkAccount {
        account_holder: "Ada Lovelace".to_owned(),
        sort_code: "200000".to_owned(),
        account_number: "55779911".to_owned(),
    };
    v1::MemberInput {
        r#ref: text("full"),
        email: text("ada@example.com"),
        first_name: text("Ada"),
        last_name: text("Lovelace"),
        phone: text("+4412345678"),
        worker_id: text("w-1"),
        tier: text("Gold"),
        status: text("invited"),
        // The clock shows 1970.
        dob: text("1960-02-03"),
        gender: text("Female"),
        role: text("Analyst"),
        company: text("Engines"),
        enable_payroll: Some(true),
        account_details: Some(v1::AccountDetails { uk: Some(uk), eu: None }),
        attributes: Some(prost_types::Struct {
            fields: attributes.map(|(key, kind)| (key.to_owned(), value(kind))).into(),
        }),
        ..Default::default()
    }
}

/// A message as it is sent.
fn framed(flag: u8, message: &[u8]) -> Bytes {
    [&[flag][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat().into()
}

/// A body with one message.
fn one(message: &[u8]) -> Body {
    Body::new(Full::new(framed(0, message)))
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
        (world.get(Some("full"), None), "0"),
        (world.get(Some("nobody"), None), "5"),
        (world.get(None, None), "3"),
        (world.get(Some("short"), Some(1_000)), "9"),
        (vec![0x0a, 0x02, 0xff, 0xfe], "3"),
        (vec![0x0a, 0x05, b'a'], "3"),
        (world.get(Some(&"r".repeat(3_000)), None), "3"),
    ];
    assert_eq!(answered_as_any_other(&world, GET, &cases).await, 2, "the long reply, with both compressions");
}

#[tokio::test]
async fn a_page_in_one_piece_is_answered_as_any_other() {
    let world = World::new().await;
    let all = v1::ListMembersRequest::default;
    let limit = |limit| Some(v1::Pagination { limit: Some(limit), ..Default::default() });
    let first =
        world.call(LIST, one(&world.list(v1::ListMembersRequest { pagination: limit(1), ..all() })), &[]);
    let first = v1::ListMembersResponse::decode(first.await.1.slice(5..)).unwrap();
    assert_eq!((first.members.len(), first.members[0].r#ref.as_deref()), (1, Some("short")));
    let cursor = first.page.unwrap().cursor;
    let next = Some(v1::Pagination { cursor, limit: Some(1), ..Default::default() });
    let skip = Some(v1::Pagination { skip: Some(2), ..Default::default() });
    let filter = |key: &str, text: &str| {
        let kind = Some(Kind::StringValue(text.to_owned()));
        vec![v1::Filter { key: key.to_owned(), eq: Some(prost_types::Value { kind }), ..Default::default() }]
    };
    let sorted = vec![v1::Sort { key: "id".to_owned(), direction: "desc".to_owned() }];
    let ok = [
        all(),
        v1::ListMembersRequest { include_total: true, ..all() },
        v1::ListMembersRequest { pagination: limit(1), ..all() },
        v1::ListMembersRequest { pagination: next.clone(), include_total: true, ..all() },
        v1::ListMembersRequest { pagination: skip, ..all() },
        v1::ListMembersRequest { sorts: sorted.clone(), pagination: limit(2), ..all() },
        // Sets know whom a status is for; the others are checked one by one.
        v1::ListMembersRequest { filters: filter("status", "active"), include_total: true, ..all() },
        v1::ListMembersRequest { filters: filter("status", "invited"), ..all() },
        v1::ListMembersRequest { filters: filter("first_name", "Ada"), include_total: true, ..all() },
        v1::ListMembersRequest { filters: filter("ref", "long"), ..all() },
        v1::ListMembersRequest { search: "lovelace".to_owned(), include_total: true, ..all() },
    ];
    let refused = [
        (v1::ListMembersRequest { pagination: limit(0), ..all() }, "3"),
        (v1::ListMembersRequest { pagination: next, sorts: sorted, ..all() }, "3"),
        (v1::ListMembersRequest { filters: filter("nothing", ""), ..all() }, "3"),
        (v1::ListMembersRequest { min_revision: Some(1_000), ..all() }, "9"),
    ];
    let mut cases: Vec<_> = ok.into_iter().map(|request| (world.list(request), "0")).collect();
    cases.extend(refused.into_iter().map(|(request, status)| (world.list(request), status)));
    cases.push((Vec::new(), "3"));
    assert!(answered_as_any_other(&world, LIST, &cases).await > 0, "the member with the long names");
}

/// Makes each call in the usual way, with an end that comes apart, in pieces and in the general way, with and
/// without compressions that the client knows. Compares the answers, and returns how many were compressed.
async fn answered_as_any_other(world: &World, path: &str, cases: &[(Vec<u8>, &str)]) -> usize {
    let mut packed = 0;
    for accepts in [None, Some("identity,gzip"), Some("zstd"), Some("br")] {
        for (message, status) in cases {
            let message = framed(0, message);
            let mut headers: Vec<_> =
                accepts.map(|accepts| ("grpc-accept-encoding", accepts)).into_iter().collect();
            let direct = world.call(path, Body::new(Full::new(message.clone())), &headers).await;
            let ended_apart = world.call(path, pieces(vec![message.clone(), Bytes::new()]), &headers).await;
            // If the client knows a compression, the headers show that this is not the general way.
            assert_eq!(ended_apart, direct);
            let (start, end) = (message.slice(..7.min(message.len())), message.slice(7.min(message.len())..));
            let in_pieces = world.call(path, pieces(vec![start, end]), &headers).await;
            // A request that says how it is compressed goes the general way.
            headers.push(("grpc-encoding", "identity"));
            let general = world.call(path, Body::new(Full::new(message)), &headers).await;
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
    packed
}

#[tokio::test]
async fn a_get_that_is_not_one_light_message_goes_the_general_way() {
    let world = World::new().await;
    let message = framed(0, &world.get(Some("short"), None));
    let status = async |body| world.call(GET, body, &[]).await.2.get("grpc-status").cloned();
    let twice = [&message[..], &message].concat();
    assert_eq!(status(Body::new(Full::new(twice.into()))).await.unwrap(), "0", "tonic takes the first one");
    assert_eq!(status(pieces(vec![message.clone(), message.clone()])).await.unwrap(), "0", "here too");
    let begun = futures_util::stream::iter([Ok::<_, Status>(Frame::data(message.clone()))]);
    let ends_later = begun.chain(futures_util::stream::once(async {
        tokio::task::yield_now().await;
        Ok(Frame::data(Bytes::new()))
    }));
    assert_eq!(status(Body::new(StreamBody::new(ends_later))).await.unwrap(), "0");
    let refused = async |body| Status::from_header_map(&world.call(GET, body, &[]).await.0).unwrap().code();
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
