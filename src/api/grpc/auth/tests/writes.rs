//! Writes of a few members, made without tonic.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use super::*;
use crate::api::grpc::deadline::Deadline;

const UPSERT: &str = "/publisher.v1.MemberService/BulkUpsertMembers";
const CREATE: &str = "/publisher.v1.MemberService/CreateMember";
const RENAME: &str = "/publisher.v1.MemberService/RenameMember";

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

/// The key of the member with this ref.
fn by_ref(key: &str) -> Option<v1::MemberKey> {
    Some(v1::MemberKey { r#ref: Some(key.to_owned()), ..Default::default() })
}

/// Makes each request in all ways, in a world of its own, and then requests that no call takes. Compares the
/// answers, and returns how many were compressed.
async fn changes_answered<T: Message>(
    method: &str,
    cases: impl FnOnce(&str) -> Vec<(T, &'static str)>,
) -> usize {
    let world = World::new().await;
    let path = format!("/publisher.v1.MemberService/{method}");
    let cases = cases(&world.base).into_iter().map(|(request, status)| (request.encode_to_vec(), status));
    let faulty = [(Vec::new(), "3"), (vec![0x0a, 0x02, 0xff, 0xfe], "3"), (vec![0x0a, 0x05, b'a'], "3")];
    let cases: Vec<_> = cases.chain(faulty).collect();
    once(&world, &path, &cases).await;
    let packed = answered_as_any_other(&world, &path, &cases).await;
    // The first request has an id, and the last one but the faulty ones has none.
    let is_repeat = async |at: usize| {
        let (head, ..) = world.call(&path, one(&cases[at].0), &[]).await;
        head.contains_key("idempotency-replayed")
    };
    assert!(is_repeat(0).await && !is_repeat(cases.len() - 4).await, "{method}");
    packed
}

#[tokio::test]
async fn an_update_in_one_piece_is_answered_as_any_other() {
    let packed = changes_answered("UpdateMember", |base| {
        let update = |key: &str, member| v1::UpdateMemberRequest {
            member_base_id: base.to_owned(),
            key: by_ref(key),
            member: Some(member),
            ..Default::default()
        };
        let company = |name: &str| v1::MemberInput { company: Some(name.to_owned()), ..Default::default() };
        let mask = |path: &str| Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
        let active = v1::MemberInput { status: Some("active".to_owned()), ..Default::default() };
        let taken = v1::MemberInput { email: Some("ada@example.com".to_owned()), ..Default::default() };
        vec![
            (
                v1::UpdateMemberRequest { request_id: "once".to_owned(), ..update("short", company("Mill")) },
                "0",
            ),
            (
                v1::UpdateMemberRequest { update_mask: mask("company"), ..update("long", company("Mill")) },
                "0",
            ),
            (
                v1::UpdateMemberRequest { update_mask: mask("nothing"), ..update("long", company("Mill")) },
                "3",
            ),
            (update("short", active), "3"),
            (update("short", taken), "6"),
            (update("nobody", company("Mill")), "5"),
            (update("renamed", company("Mill")), "0"),
        ]
    });
    assert_eq!(packed.await, 2, "the long reply, with both compressions");
}

#[tokio::test]
async fn a_replacement_in_one_piece_is_answered_as_any_other() {
    let packed = changes_answered("ReplaceMember", |base| {
        let replace = |key: &str, member| v1::ReplaceMemberRequest {
            member_base_id: base.to_owned(),
            key: by_ref(key),
            member: Some(member),
            ..Default::default()
        };
        let long = "\u{65e5}".repeat(255);
        let first = replace("renamed", row("renamed", "Eve"));
        vec![
            (v1::ReplaceMemberRequest { request_id: "once".to_owned(), ..first }, "0"),
            (replace("long", row("long", &long)), "0"),
            (replace("nobody", row("nobody", "Eve")), "5"),
            (replace("short", row("long", "Eve")), "6"),
            (replace("short", row("short", "Eve")), "0"),
        ]
    });
    assert_eq!(packed.await, 2, "the long reply, with both compressions");
}

#[tokio::test]
async fn a_new_ref_in_one_piece_is_answered_as_any_other() {
    let packed = changes_answered("RenameMember", |base| {
        let rename = |key: &str, new: &str| v1::RenameMemberRequest {
            member_base_id: base.to_owned(),
            key: by_ref(key),
            r#ref: new.to_owned(),
            ..Default::default()
        };
        let once =
            |id: &str, key, new| v1::RenameMemberRequest { request_id: id.to_owned(), ..rename(key, new) };
        vec![
            (once("first", "short", "brief"), "0"),
            (once("second", "long", "longer"), "0"),
            (rename("renamed", "brief"), "6"),
            (rename("renamed", ""), "3"),
            (rename("nobody", "somebody"), "5"),
        ]
    });
    assert_eq!(packed.await, 2, "the long reply, with both compressions");
}

#[tokio::test]
async fn a_step_of_life_in_one_piece_is_answered_as_any_other() {
    let packed = changes_answered("ActivateMember", |base| {
        let activate = |key: &str| v1::ActivateMemberRequest {
            member_base_id: base.to_owned(),
            key: by_ref(key),
            ..Default::default()
        };
        vec![
            (v1::ActivateMemberRequest { request_id: "once".to_owned(), ..activate("renamed") }, "0"),
            (activate("long"), "0"),
            (activate("nobody"), "5"),
        ]
    });
    assert_eq!(packed.await, 2, "the long reply, with both compressions");
    let packed = changes_answered("OffboardMember", |base| {
        let offboard = |key: &str| v1::OffboardMemberRequest {
            member_base_id: base.to_owned(),
            key: by_ref(key),
            ..Default::default()
        };
        vec![
            (v1::OffboardMemberRequest { request_id: "once".to_owned(), ..offboard("short") }, "0"),
            (offboard("long"), "0"),
            (offboard("nobody"), "5"),
        ]
    });
    assert_eq!(packed.await, 2, "the long reply, with both compressions");
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
    let rename = v1::RenameMemberRequest {
        member_base_id: world.base.clone(),
        key: by_ref("short"),
        r#ref: "late".to_owned(),
        ..Default::default()
    };
    for (path, message) in [(UPSERT, rows.encode_to_vec()), (RENAME, rename.encode_to_vec())] {
        let mut request = Request::post(path).body(one(&message)).unwrap();
        request.extensions_mut().insert(Deadline(Instant::now()));
        let reply = world.services.call(request, None).await.unwrap();
        assert_eq!(Status::from_header_map(reply.headers()).unwrap().code(), tonic::Code::DeadlineExceeded);
        let key = world.get(Some("late"), None);
        assert_eq!(world.call(GET, one(&key), &[]).await.0["grpc-status"], "5", "{path}");
    }
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
