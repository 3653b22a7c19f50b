//! Writes of a few members, made without tonic.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use super::*;
use crate::api::grpc::deadline::Deadline;

const UPSERT: &str = "/publisher.v1.MemberService/BulkUpsertMembers";
const CREATE: &str = "/publisher.v1.MemberService/CreateMember";

fn row(key: &str, name: &str) -> v1::MemberInput {
    v1::MemberInput {
        r#ref: Some(key.to_owned()),
        first_name: Some(name.to_owned()),
        last_name: Some(name.to_owned()),
        ..Default::default()
    }
}

/// Makes calls that change something once, so that each of them changes nothing from then on.
async fn once(world: &World, path: &str, cases: &[(Vec<u8>, &str)]) {
    for (message, _) in cases {
        world.call(path, one(message), &[]).await;
    }
}

#[tokio::test]
async fn rows_in_one_piece_are_answered_as_any_other() {
    let world = World::new().await;
    let rows = |members| v1::BulkUpsertMembersRequest {
        member_base_id: world.base.clone(),
        members,
        ..Default::default()
    };
    let (new, other) = (row("new", "Eve"), row("other", "Eve"));
    let faulty = v1::MemberInput { email: Some("no address".to_owned()), ..row("faulty", "Eve") };
    let (atomic, validate) = (v1::BulkMode::Atomic.into(), v1::BulkMode::ValidateOnly.into());
    let ok = [
        rows(vec![new.clone()]),
        rows(vec![new.clone(), row("short", "Eve"), faulty.clone()]),
        v1::BulkUpsertMembersRequest { request_id: "once".to_owned(), ..rows(vec![row("by-id", "Eve")]) },
        v1::BulkUpsertMembersRequest { mode: atomic, ..rows(vec![other.clone(), faulty]) },
        v1::BulkUpsertMembersRequest { mode: validate, ..rows(vec![other]) },
        v1::BulkUpsertMembersRequest { results: v1::ResultDetail::Failed.into(), ..rows(vec![new]) },
    ];
    let mut cases: Vec<_> = ok.iter().map(|request| (request.encode_to_vec(), "0")).collect();
    cases.extend([(Vec::new(), "3"), (vec![0x0a, 0x02, 0xff, 0xfe], "3"), (vec![0x0a, 0x05, b'a'], "3")]);
    once(&world, UPSERT, &cases).await;
    assert_eq!(answered_as_any_other(&world, UPSERT, &cases).await, 0);
    // A repeat is told from its headers.
    let repeat = world.call(UPSERT, one(&cases[2].0), &[]).await;
    assert_eq!(repeat.0["idempotency-replayed"], "true");
    let done = v1::BulkUpsertMembersResponse::decode(repeat.1.slice(5..)).unwrap();
    assert_eq!(done.counts.unwrap().created, 1);
    assert!(!world.call(UPSERT, one(&cases[0].0), &[]).await.0.contains_key("idempotency-replayed"));
}

#[tokio::test]
async fn a_create_in_one_piece_is_answered_as_any_other() {
    let world = World::new().await;
    let create = |request_id: &str, member| {
        let (member_base_id, request_id) = (world.base.clone(), request_id.to_owned());
        v1::CreateMemberRequest { member_base_id, member: Some(member), request_id, ..Default::default() }
            .encode_to_vec()
    };
    let cases = [
        (create("first", row("new", "Eve")), "0"),
        (create("second", row("newer", &"\u{65e5}".repeat(256))), "0"),
        (create("", row("new", "Eve")), "6"),
        (Vec::new(), "3"),
        (vec![0x0a, 0x05, b'a'], "3"),
    ];
    once(&world, CREATE, &cases).await;
    assert_eq!(answered_as_any_other(&world, CREATE, &cases).await, 2, "the long reply");
    assert_eq!(world.call(CREATE, one(&cases[0].0), &[]).await.0["idempotency-replayed"], "true");
}

/// A deadline ends what is made in one piece as it ends any other call: rows that wait are not written later.
#[tokio::test]
async fn rows_whose_deadline_has_passed_are_refused() {
    let world = World::new().await;
    let rows = v1::BulkUpsertMembersRequest {
        member_base_id: world.base.clone(),
        members: vec![row("late", "Eve")],
        ..Default::default()
    };
    let mut request = Request::post(UPSERT).body(one(&rows.encode_to_vec())).unwrap();
    request.extensions_mut().insert(Deadline(Instant::now()));
    let reply = world.services.call(request, None).await.unwrap();
    assert_eq!(Status::from_header_map(reply.headers()).unwrap().code(), tonic::Code::DeadlineExceeded);
    let key = world.get(Some("late"), None);
    assert_eq!(world.call(GET, one(&key), &[]).await.0["grpc-status"], "5");
}

/// A body whose message comes a moment later.
struct Late {
    message: Full<Bytes>,
    has_come: bool,
}

impl http_body::Body for Late {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !std::mem::replace(&mut self.has_come, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.message).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.message.is_end_stream()
    }
}

#[tokio::test]
async fn a_call_that_has_a_task_looks_twice_for_its_message() {
    let world = World::new().await;
    let rows = v1::BulkUpsertMembersRequest {
        member_base_id: world.base.clone(),
        members: vec![row("new", "Eve")],
        ..Default::default()
    };
    for (path, message, is_general) in
        [(UPSERT, rows.encode_to_vec(), false), (GET, world.get(Some("short"), None), true)]
    {
        let late = Late { message: Full::new(framed(0, &message)), has_come: false };
        let (head, _, trailers) =
            world.call(path, Body::new(late), &[("grpc-accept-encoding", "gzip")]).await;
        assert_eq!(trailers["grpc-status"], "0");
        // tonic names a compression also where it does not compress.
        assert_eq!(head.contains_key("grpc-encoding"), is_general, "{path}");
    }
}
