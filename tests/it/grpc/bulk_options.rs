//! How rows of bulk calls find their members by id, and when a row's status is applied.

use memberbase::api::grpc::v1::{self, MatchBy, Outcome};

use crate::harness::{Base, Server, outcomes, row, row_reason};

async fn send(
    base: &mut Base,
    members: Vec<v1::MemberInput>,
    change: impl FnOnce(&mut v1::BulkUpsertMembersRequest),
) -> v1::BulkUpsertMembersResponse {
    let mut request = base.request(members);
    change(&mut request);
    base.send(request).await
}

fn by_id(id: &str) -> v1::MemberInput {
    v1::MemberInput { id: Some(id.to_owned()), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_without_the_match_key_finds_its_member_by_id() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let ids = base.fill(vec![row("a"), row("b")]).await;
    let tier = |id: &str| v1::MemberInput { tier: Some("x".into()), ..by_id(id) };
    let reply = base
        .upsert(vec![
            tier(&ids[0]),
            tier(&ids[0]),
            v1::MemberInput { r#ref: Some("b".into()), ..tier(&ids[0]) },
        ])
        .await;
    assert_eq!(outcomes(&reply), [Outcome::Updated, Outcome::Unchanged, Outcome::Updated]);
    assert_eq!(
        (&reply.results[0].id, &reply.results[2].id),
        (&ids[0], &ids[1]),
        "a row with a ref is its member's"
    );
    let renamed = v1::MemberInput { r#ref: Some("c".into()), ..by_id(&ids[0]) };
    let reply = send(&mut base, vec![renamed], |request| request.match_by = MatchBy::Id.into()).await;
    assert_eq!((outcomes(&reply), &reply.results[0].id), (vec![Outcome::Updated], &ids[0]));
    assert_eq!(base.get("c").await.unwrap().id, ids[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_ids_fail_with_their_field_and_create_no_member() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let mut other = server.base().await;
    let foreign = other.fill(vec![row("a")]).await;
    let gone = base.fill(vec![row("gone")]).await;
    base.delete(gone.clone(), Vec::new()).await;
    for id in [&foreign[0], &gone[0]] {
        for match_by in [MatchBy::Ref, MatchBy::Email, MatchBy::WorkerId, MatchBy::Id] {
            let reply = send(&mut base, vec![by_id(id)], |request| request.match_by = match_by.into()).await;
            let error = reply.results[0].error.clone().unwrap();
            assert_eq!((error.code.as_str(), error.reason.as_str()), ("NOT_FOUND", "MEMBER_NOT_FOUND"));
            assert_eq!(error.violations[0].field, "id");
        }
    }
    let reply = send(&mut base, vec![row("a")], |request| request.match_by = MatchBy::Id.into()).await;
    assert_eq!(row_reason(&reply.results[0]), "MATCH_KEY_MISSING");
    assert!(base.get("a").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_atomic_call_by_id_checks_all_keys_after_its_last_row() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let ids = base.fill(vec![row("a"), row("b"), row("c")]).await;
    let named = |id: &str, r#ref: &str| v1::MemberInput { r#ref: Some(r#ref.into()), ..by_id(id) };
    let atomic = |request: &mut v1::BulkUpsertMembersRequest| {
        request.match_by = MatchBy::Id.into();
        request.mode = v1::BulkMode::Atomic.into();
    };
    let reply = send(&mut base, vec![named(&ids[0], "b"), named(&ids[1], "c")], atomic).await;
    assert_eq!(row_reason(&reply.results[1]), "REF_TAKEN");
    let ring = vec![named(&ids[0], "b"), named(&ids[1], "c"), named(&ids[2], "a")];
    let reply = send(&mut base, ring, atomic).await;
    assert_eq!(outcomes(&reply), [Outcome::Updated; 3]);
    assert_eq!(base.get("a").await.unwrap().id, ids[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_statuses_are_counted_also_in_the_repeat_of_a_request_id() {
    let server = Server::start().await;
    let mut base = server.base().await;
    base.fill(vec![row("a"), row("b")]).await;
    let status = |r#ref: &str, status: &str| v1::MemberInput { status: Some(status.into()), ..row(r#ref) };
    let rows = || vec![status("a", "inactive"), status("b", "active"), status("new", "invited")];
    for _ in 0..2 {
        let reply = send(&mut base, rows(), |request| request.request_id = "once".into()).await;
        let counts = reply.counts.unwrap();
        assert_eq!((counts.created, counts.unchanged, counts.status_kept), (1, 2, 1));
    }
    for _ in 0..2 {
        let counts = send(&mut base, rows(), |_| ()).await.counts.unwrap();
        assert_eq!((counts.unchanged, counts.status_kept), (3, 1));
    }
    let apply = |request: &mut v1::BulkUpsertMembersRequest| request.apply_status = true;
    let reply = send(&mut base, rows(), apply).await;
    assert_eq!(outcomes(&reply), [Outcome::Updated, Outcome::Unchanged, Outcome::Unchanged]);
    assert_eq!(send(&mut base, rows(), apply).await.counts.unwrap().status_kept, 0);
    let reply =
        send(&mut base, vec![status("a", "invited"), status("b", "invited"), status("new", "active")], apply)
            .await;
    assert_eq!(outcomes(&reply), [Outcome::Reactivated, Outcome::Failed, Outcome::Updated]);
    assert_eq!(row_reason(&reply.results[1]), "STATUS_TRANSITION");
    let reply = send(&mut base, vec![status("a", "inactive")], |_| ()).await;
    assert_eq!(
        reply.counts.unwrap().status_kept,
        1,
        "a row that was applied before must not count as a repeat"
    );
}
