//! Renaming a member: which calls still find it by its former ref, until when, and who may take that ref.

use std::time::{Duration, SystemTime};

use memberbase::api::grpc::v1::{self, Outcome};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::harness::{Base, Server, eq, outcomes, refused, row, row_reason};

fn by_ref(r#ref: &str) -> Option<v1::MemberKey> {
    Some(v1::MemberKey { r#ref: Some(r#ref.into()), ..Default::default() })
}

fn renaming(base: &Base, from: &str, to: &str) -> v1::RenameMemberRequest {
    let member_base_id = base.id.clone();
    v1::RenameMemberRequest { member_base_id, key: by_ref(from), r#ref: to.into(), ..Default::default() }
}

async fn send(base: &mut Base, request: v1::RenameMemberRequest) -> Result<v1::RenameMemberResponse, Status> {
    Ok(base.client.rename_member(request).await?.into_inner())
}

async fn rename(base: &mut Base, from: &str, to: &str) -> Result<v1::RenameMemberResponse, Status> {
    let request = renaming(base, from, to);
    send(base, request).await
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_finds_a_renamed_member_by_both_refs() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let id = base.upsert(vec![row("old"), row("other")]).await.results[0].id.clone();
    let renamed = rename(&mut base, "old", "new").await.unwrap();
    assert_eq!(renamed.outcome(), Outcome::Updated);
    let member = renamed.member.unwrap();
    assert_eq!((member.id.as_str(), member.r#ref.as_deref()), (id.as_str(), Some("new")));
    let alias = &member.ref_aliases[0];
    let left = SystemTime::try_from(alias.until.unwrap()).unwrap().duration_since(SystemTime::now()).unwrap();
    let month = Duration::from_secs(30 * 24 * 3600);
    assert!(alias.r#ref == "old" && left <= month && left > month - Duration::from_secs(600), "{left:?}");

    for name in ["old", "new"] {
        assert_eq!(base.get(name).await.unwrap(), member);
        let request = v1::BatchGetMembersRequest {
            member_base_id: base.id.clone(),
            keys: vec![by_ref(name).unwrap()],
            ..Default::default()
        };
        let found = base.client.batch_get_members(request).await.unwrap().into_inner();
        assert_eq!(found.results[0].member.as_deref(), Some(&member));
    }
    // Filters compare the current ref only.
    assert_eq!(base.refs(vec![eq("ref", "old")]).await, Vec::<String>::new());
    assert_eq!(base.refs(vec![eq("ref", "new")]).await, ["new"]);

    // Rows with either ref change the same member.
    let with = |name: &str, company: &str| v1::MemberInput { company: Some(company.into()), ..row(name) };
    for mode in [v1::BulkMode::Partial, v1::BulkMode::Atomic] {
        for (name, company) in [("old", "A"), ("new", "B"), ("old", "C"), ("old", "C")] {
            let company = format!("{company} {mode:?}");
            let mut request = base.request(vec![with(name, &company)]);
            request.mode = mode.into();
            let reply = base.send(request).await;
            assert_eq!(reply.results[0].id, id);
            let found = base.get("new").await.unwrap();
            assert_eq!((found.r#ref.as_deref(), found.company), (Some("new"), Some(company)));
        }
    }
    let again = base.upsert(vec![with("old", "C Atomic"), with("new", "C Atomic")]).await;
    assert_eq!(outcomes(&again), [Outcome::Unchanged; 2]);
    let request = v1::OffboardMemberRequest {
        member_base_id: base.id.clone(),
        key: by_ref("old"),
        ..Default::default()
    };
    base.client.offboard_member(request).await.unwrap();
    assert_eq!(base.get("new").await.unwrap().status, "inactive");
    assert_eq!(base.delete(Vec::new(), vec!["old".into()]).await.deleted, 1);
    for name in ["old", "new"] {
        refused(&base.get(name).await.unwrap_err(), Code::NotFound, "MEMBER_NOT_FOUND");
    }
    assert_eq!(outcomes(&base.upsert(vec![row("old")]).await), [Outcome::Created]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_member_gets_a_former_ref_before_it_expires() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let id = base.upsert(vec![row("old"), row("other")]).await.results[0].id.clone();
    let request = v1::RenameMemberRequest { alias_for: seconds(2), ..renaming(&base, "old", "new") };
    send(&mut base, request).await.unwrap();
    let create = v1::CreateMemberRequest {
        member_base_id: base.id.clone(),
        member: Some(row("old")),
        ..Default::default()
    };
    let status = base.client.create_member(create.clone()).await.unwrap_err();
    assert_eq!(refused(&status, Code::AlreadyExists, "REF_TAKEN"), ["member.ref"]);
    let status = rename(&mut base, "other", "old").await.unwrap_err();
    assert_eq!(refused(&status, Code::AlreadyExists, "REF_TAKEN"), ["ref"]);
    assert_eq!(status.get_details_error_info().unwrap().metadata["member_id"], id);
    // Repeats the call until the former ref has expired.
    while base.get("old").await.is_ok() {}
    base.client.create_member(create).await.unwrap();
    assert_eq!(base.get("new").await.unwrap().ref_aliases, []);
    assert_ne!(base.get("old").await.unwrap().id, id);
    // Without an alias the former ref is free at once.
    let request = v1::RenameMemberRequest { alias_for: seconds(0), ..renaming(&base, "other", "another") };
    assert_eq!(send(&mut base, request).await.unwrap().member.unwrap().ref_aliases, []);
    assert_eq!(outcomes(&base.upsert(vec![row("other")]).await), [Outcome::Created]);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_any_status_can_be_renamed_and_renamed_back() {
    let server = Server::start().await;
    let mut base = server.base().await;
    for status in ["invited", "active", "inactive"] {
        base.upsert(vec![v1::MemberInput { status: Some(status.into()), ..row(status) }]).await;
        let there = rename(&mut base, status, "x").await.unwrap();
        assert_eq!(rename(&mut base, "x", "x").await.unwrap().outcome(), Outcome::Unchanged);
        let back = rename(&mut base, "x", status).await.unwrap();
        let member = back.member.unwrap();
        assert_eq!((member.r#ref.as_deref(), member.status.as_str()), (Some(status), status));
        assert_eq!((member.ref_aliases.len(), member.ref_aliases[0].r#ref.as_str()), (1, "x"));
        assert_eq!(back.revision, there.revision + 1);
        base.delete(vec![member.id], Vec::new()).await;
    }
    // A member without a ref gets its first one.
    let create = v1::CreateMemberRequest { member_base_id: base.id.clone(), ..Default::default() };
    let id = base.client.create_member(create).await.unwrap().into_inner().member.unwrap().id;
    let key = Some(v1::MemberKey { id: Some(id), ..Default::default() });
    let request = v1::RenameMemberRequest { key, ..renaming(&base, "", "first") };
    assert_eq!(send(&mut base, request).await.unwrap().member.unwrap().ref_aliases, []);
    // Rows that write another ref leave no alias, and may take the member's former ref.
    rename(&mut base, "first", "second").await.unwrap();
    base.upsert(vec![v1::MemberInput { email: Some("a@example.com".into()), ..row("second") }]).await;
    let mut request =
        base.request(vec![v1::MemberInput { email: Some("a@example.com".into()), ..row("first") }]);
    request.match_by = v1::MatchBy::Email.into();
    assert_eq!(outcomes(&base.send(request).await), [Outcome::Updated]);
    assert_eq!(base.get("first").await.unwrap().ref_aliases, []);
    refused(&base.get("second").await.unwrap_err(), Code::NotFound, "MEMBER_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impossible_renaming_is_refused_with_its_reason() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let revision = base.upsert(vec![row("a"), row("b")]).await.revision;
    let request = |base: &Base, change: &dyn Fn(&mut v1::RenameMemberRequest)| {
        let mut request = renaming(base, "a", "c");
        change(&mut request);
        request
    };
    type Change<'a> = &'a dyn Fn(&mut v1::RenameMemberRequest);
    let cases: [(Change<'_>, Code, &str, &[&str]); 9] = [
        (&|r| r.r#ref.clear(), Code::InvalidArgument, "FIELD_REQUIRED", &["ref"]),
        (&|r| r.r#ref = "x".repeat(513), Code::InvalidArgument, "REF_INVALID", &["ref"]),
        (&|r| r.alias_for = seconds(-1), Code::InvalidArgument, "FIELD_INVALID", &["alias_for"]),
        (
            &|r| r.alias_for = seconds(366 * 86_400 + 1),
            Code::InvalidArgument,
            "FIELD_INVALID",
            &["alias_for"],
        ),
        (&|r| r.alias_for = seconds(i64::MAX), Code::InvalidArgument, "FIELD_INVALID", &["alias_for"]),
        (&|r| r.key = None, Code::InvalidArgument, "FIELD_REQUIRED", &["key"]),
        (&|r| r.key = by_ref("nobody"), Code::NotFound, "MEMBER_NOT_FOUND", &[]),
        (&|r| r.r#ref = "b".into(), Code::AlreadyExists, "REF_TAKEN", &["ref"]),
        (&|r| r.if_revision = Some(77), Code::Aborted, "REVISION_MISMATCH", &["if_revision"]),
    ];
    for (change, code, reason, fields) in cases {
        let request = request(&base, change);
        let status = send(&mut base, request).await.unwrap_err();
        assert_eq!(refused(&status, code, reason), fields, "{reason}");
    }
    let both = request(&base, &|r| (r.r#ref, r.alias_for) = (String::new(), seconds(-1)));
    let status = send(&mut base, both).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FIELD_REQUIRED"), ["ref", "alias_for"]);
    let good = request(&base, &|r| (r.if_revision, r.alias_for) = (Some(revision), seconds(366 * 86_400)));
    send(&mut base, good).await.unwrap();
    for n in 0..7 {
        rename(&mut base, "a", &format!("c{n}")).await.unwrap();
    }
    let status = rename(&mut base, "a", "one more").await.unwrap_err();
    assert_eq!(refused(&status, Code::FailedPrecondition, "TOO_MANY_REF_ALIASES"), ["ref"]);
    // An atomic call checks former refs as well.
    let mut call = base.request(vec![v1::MemberInput { worker_id: Some("w".into()), ..row("c1") }]);
    (call.mode, call.match_by) = (v1::BulkMode::Atomic.into(), v1::MatchBy::WorkerId.into());
    assert_eq!(row_reason(&base.send(call).await.results[0]), "REF_TAKEN");
}
