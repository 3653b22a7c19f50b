//! Pages of a history: their cursors, their sizes, and how they fit together.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::MemberChangeKind::{Created, Updated};
use prost_types::Struct;
use tonic::Code;

use super::{all, by_id, by_ref, fields, kinds, list, page};
use crate::harness::{Base, Server, refused, row, rows, text};

#[tokio::test(flavor = "multi_thread")]
async fn faulty_requests_are_refused_and_a_cursor_belongs_to_one_member() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let ids = base.fill(rows("a", 2)).await;
    for tier in ["x", "y"] {
        let member = |r#ref: &str| v1::MemberInput { tier: Some(tier.into()), ..row(r#ref) };
        base.upsert(vec![member("a0"), member("a1")]).await;
    }
    let first = v1::ListMemberChangesRequest { pagination: page(1, None), ..by_id(&ids[0]) };
    let reply = list(&mut base.client, first).await.unwrap();
    let cursor = reply.page.unwrap().cursor;
    let with = |pagination, request| v1::ListMemberChangesRequest { pagination, ..request };
    let listed = base.list_request(Vec::new());
    let listed = v1::ListMembersRequest { pagination: page(1, None), ..listed };
    let of_members = base.list(listed).await.unwrap().page.unwrap().cursor;
    let altered = cursor.as_ref().map(|text| format!("{}A", &text[..text.len() - 1]));
    let skip = Some(v1::Pagination { skip: Some(1), ..Default::default() });
    let two = v1::ListMemberChangesRequest { r#ref: Some("a0".into()), ..by_id(&ids[0]) };
    let min_revision = v1::ListMemberChangesRequest { min_revision: Some(99), ..by_id(&ids[0]) };
    for (request, code, reason) in [
        (with(page(1, cursor.clone()), by_id(&ids[1])), Code::InvalidArgument, "CURSOR_INVALID"),
        (with(page(1, of_members), by_id(&ids[0])), Code::InvalidArgument, "CURSOR_INVALID"),
        (with(page(1, altered), by_id(&ids[0])), Code::InvalidArgument, "CURSOR_INVALID"),
        (with(page(0, None), by_id(&ids[0])), Code::InvalidArgument, "PAGE_LIMIT_INVALID"),
        (with(skip, by_id(&ids[0])), Code::InvalidArgument, "SKIP_INVALID"),
        (Default::default(), Code::InvalidArgument, "FIELD_REQUIRED"),
        (two, Code::InvalidArgument, "FIELD_REQUIRED"),
        (by_id("m_short"), Code::InvalidArgument, "ID_MALFORMED"),
        (min_revision, Code::FailedPrecondition, "REVISION_AHEAD"),
    ] {
        let status = list(&mut base.client, request.clone()).await.unwrap_err();
        assert_eq!(status.code(), code, "{request:?}");
        refused(&status, code, reason);
    }
    // The cursor goes on although its member was found by another key, and however much is asked for.
    let request = with(page(i32::MAX, cursor), by_ref(&base.id, "a0"));
    let rest = list(&mut base.client, request).await.unwrap();
    assert_eq!((kinds(&rest.changes), rest.end()), (vec![Updated, Created], v1::HistoryEnd::Creation));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_large_changes_end_early_and_have_at_most_500_changes() {
    let server = Server::start().await;
    let mut base = server.base().await;
    server.schema(&base.id, &[("a", "string"), ("b", "string"), ("c", "string")]).await;
    let id = base.fill(vec![row("a")]).await.remove(0);
    for n in 0..520_usize {
        let letter = char::from(b'a' + u8::try_from(n % 26).unwrap());
        let value = text(&letter.to_string().repeat(4_000));
        let fields = ["a", "b", "c"].map(|key| (key.to_owned(), value.clone())).into();
        let member = v1::MemberInput { attributes: Some(Struct { fields }), ..row("a") };
        base.upsert(vec![member]).await;
    }
    let reply = list(&mut base.client, by_id(&id)).await.unwrap();
    let many = reply.changes.len();
    assert!((100..400).contains(&many) && reply.page.unwrap().more, "{many} changes");
    let (changes, end) = all(&mut base.client, &id, 5_000).await;
    assert_eq!((changes.len(), end), (521, v1::HistoryEnd::Creation));
    for n in 0..520_usize {
        base.upsert(vec![v1::MemberInput { tier: Some(format!("t{n}")), ..row("a") }]).await;
    }
    let request = v1::ListMemberChangesRequest { pagination: page(5_000, None), ..by_id(&id) };
    assert_eq!(list(&mut base.client, request).await.unwrap().changes.len(), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_fit_together_while_others_write() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let id = base.fill(vec![row("a")]).await.remove(0);
    let tier = |n: usize| v1::MemberInput { tier: Some(format!("t{n}")), ..row("a") };
    for n in 0..40 {
        base.upsert(vec![tier(n)]).await;
    }
    let mut writer = Base { id: base.id.clone(), client: base.client.clone() };
    let writing = tokio::spawn(async move {
        for n in 40..200 {
            writer.upsert(vec![tier(n)]).await;
        }
    });
    for _ in 0..20 {
        let (changes, end) = all(&mut base.client, &id, 7).await;
        assert_eq!(end, v1::HistoryEnd::Creation);
        // Each tier follows the one before it, without a gap.
        let (created, updated) = changes.split_last().unwrap();
        assert_eq!((created.kind(), updated.len() >= 40), (Created, true));
        for (n, change) in updated.iter().rev().enumerate() {
            let before = n.checked_sub(1).map_or_else(|| "-".to_owned(), |n| format!("t{n}"));
            assert_eq!(fields(change), [("tier", &*before, &*format!("t{n}"))]);
        }
    }
    writing.await.unwrap();
}
