//! `ListMemberChanges`: what happened to one member.

mod pages;

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::MemberChangeKind::{Created, Deleted, Reactivated, Restored, Updated};
use memberbase::api::grpc::v1::audience_service_client::AudienceServiceClient;
use memberbase::api::grpc::v1::job_service_client::JobServiceClient;
use prost_types::Struct;
use tonic::{Code, Status};

use super::caller::{caller, wanted};
use super::sync::sync;
use crate::harness::{Base, Members, Server, eq, number, refused, row, rows};

fn by_ref(base: &str, r#ref: &str) -> v1::ListMemberChangesRequest {
    v1::ListMemberChangesRequest {
        member_base_id: Some(base.to_owned()),
        r#ref: Some(r#ref.to_owned()),
        ..Default::default()
    }
}

fn by_id(id: &str) -> v1::ListMemberChangesRequest {
    v1::ListMemberChangesRequest { id: Some(id.to_owned()), ..Default::default() }
}

fn page(limit: i32, cursor: Option<String>) -> Option<v1::Pagination> {
    Some(v1::Pagination { limit: Some(limit), cursor, skip: None })
}

async fn list(
    members: &mut Members,
    request: v1::ListMemberChangesRequest,
) -> Result<v1::ListMemberChangesResponse, Status> {
    Ok(members.list_member_changes(request).await?.into_inner())
}

/// The whole history, read in pages of so many changes.
async fn all(members: &mut Members, id: &str, limit: i32) -> (Vec<v1::MemberChange>, v1::HistoryEnd) {
    let (mut changes, mut cursor) = (Vec::new(), None);
    loop {
        let request = v1::ListMemberChangesRequest { pagination: page(limit, cursor), ..by_id(id) };
        let reply = list(members, request).await.unwrap();
        let (end, info) = (reply.end(), reply.page.unwrap());
        assert_eq!((info.more, info.cursor.is_some()), (end == v1::HistoryEnd::Unspecified, info.more));
        assert_eq!(usize::try_from(info.page_size).unwrap(), reply.changes.len());
        changes.extend(reply.changes);
        cursor = info.cursor;
        if cursor.is_none() {
            return (changes, end);
        }
    }
}

fn kinds(changes: &[v1::MemberChange]) -> Vec<v1::MemberChangeKind> {
    changes.iter().map(v1::MemberChange::kind).collect()
}

/// The fields of a change: name, before, after, where `-` stands for nothing.
fn fields(change: &v1::MemberChange) -> Vec<(&str, &str, &str)> {
    let mut found = Vec::new();
    for v1::MemberFieldChange { field, before, after } in &change.fields {
        found.push((field.as_str(), before.as_deref().unwrap_or("-"), after.as_deref().unwrap_or("-")));
    }
    found
}

fn bank(holder: &str) -> Option<v1::AccountDetails> {
    let uk = v1::UkAccount {
        account_holder: holder.into(),
        sort_code: "200000".into(),
        account_number: "55779911".into(),
    };
    Some(v1::AccountDetails { uk: Some(uk), eu: None })
}

async fn offboard(base: &mut Base, r#ref: &str) {
    let key = Some(v1::MemberKey { r#ref: Some(r#ref.into()), ..Default::default() });
    let request = v1::OffboardMemberRequest { member_base_id: base.id.clone(), key, ..Default::default() };
    base.client.offboard_member(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_life_is_told_field_by_field_newest_first() {
    let server = Server::start().await;
    let mut base = server.base().await;
    server.schema(&base.id, &[("size", "number"), ("tags", "array")]).await;
    let id = base.fill(vec![row("a")]).await.remove(0);
    let tags = prost_types::value::Kind::ListValue(crate::harness::list(&["x", "y"]));
    let attributes =
        [("size".to_owned(), number(44.5)), ("tags".to_owned(), prost_types::Value { kind: Some(tags) })];
    let full = v1::MemberInput {
        email: Some("new@example.com".into()),
        dob: Some("1990-02-03".into()),
        account_details: bank("Ann Lee"),
        attributes: Some(Struct { fields: attributes.into() }),
        ..row("a")
    };
    base.upsert(vec![full]).await;
    offboard(&mut base, "a").await;
    let request = v1::BulkUpsertMembersRequest { reactivate: true, ..base.request(vec![row("a")]) };
    base.send(request).await;
    let deleted = base.delete(vec![id.clone()], Vec::new()).await.revision;
    let request = v1::UndeleteMembersRequest {
        member_base_id: base.id.clone(),
        member_ids: vec![id.clone()],
        ..Default::default()
    };
    let restored = base.client.undelete_members(request).await.unwrap().into_inner().revision;
    let (changes, end) = all(&mut base.client, &id, 500).await;
    assert_eq!(kinds(&changes), [Restored, Deleted, Reactivated, Updated, Updated, Created]);
    assert_eq!(
        (changes[0].revision, changes[1].revision, end),
        (restored, deleted, v1::HistoryEnd::Creation)
    );
    let expected = [
        ("account_details", "-", "Ann Lee, 200000, 55779911"),
        ("attributes.size", "-", "44.5"),
        ("attributes.tags", "-", "x, y"),
        ("dob", "-", "1990-02-03"),
        ("email", "-", "new@example.com"),
    ];
    assert_eq!(fields(&changes[4]), expected);
    assert_eq!(fields(&changes[3]), [("status", "active", "inactive")]);
    assert_eq!(fields(&changes[2]), [("status", "inactive", "active")]);
    assert_eq!(fields(&changes[5]), [("ref", "-", "a"), ("status", "-", "active")]);
    assert_eq!((changes[1].fields.len(), changes[0].fields.len()), (7, 7));
    assert!(changes[1].fields.iter().all(|field| field.before.is_some() && field.after.is_none()));
    let member = base.get("a").await.unwrap();
    assert_eq!((changes[0].changed_at, changes[5].changed_at), (member.updated_at, member.created_at));
    let calls: Vec<String> = changes.iter().map(|change| change.origin.clone().unwrap().call).collect();
    let expected = [
        "undelete_members",
        "delete_members",
        "upsert_members",
        "offboard_member",
        "upsert_members",
        "upsert_members",
    ];
    assert_eq!(calls, expected);
    for limit in 1..7 {
        assert_eq!(all(&mut base.client, &id, limit).await, (changes.clone(), end), "{limit}");
    }
    // Every key finds it.
    let keys = [
        by_ref(&base.id, "a"),
        v1::ListMemberChangesRequest {
            member_base_id: Some(base.id.clone()),
            email: Some("NEW@example.com".into()),
            ..Default::default()
        },
    ];
    for request in keys {
        let reply = list(&mut base.client, request).await.unwrap();
        assert_eq!((reply.changes, reply.member_id), (changes.clone(), id.clone()));
        assert_eq!(reply.revision, restored);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_names_the_token_the_door_the_job_and_the_import() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = caller(&server, &secret);
    let base = admin.base().await;
    let request = v1::CreateApiTokenRequest { description: "nightly sync".into(), ..wanted("write") };
    let made = admin.token(request).await;
    let token = made.api_token.unwrap();
    let mut nightly = caller(&server, &made.token);
    nightly.upsert(&base, vec![row("a")]).await.unwrap();
    let import_id = "01234567-89ab-cdef-0123-456789abcdef".to_owned();
    let options = v1::ImportOptions { member_base_id: base.clone(), import_id, ..Default::default() };
    let member = v1::MemberInput { tier: Some("Gold".into()), ..row("a") };
    let chunk = v1::ImportMembersRequest {
        options: Some(options),
        members: vec![member],
        chunk: 1,
        ..Default::default()
    };
    let mut replies = admin.members.import_members(tokio_stream::iter([chunk])).await.unwrap().into_inner();
    while replies.message().await.unwrap().is_some() {}
    let reply = admin.members.list_member_changes(by_ref(&base, "a")).await.unwrap().into_inner();
    let origins: Vec<v1::ChangeOrigin> =
        reply.changes.into_iter().map(|change| change.origin.unwrap()).collect();
    let [imported, created] = &origins[..] else { panic!("{origins:?}") };
    assert_eq!(
        (imported.call.as_str(), imported.import_id.as_str()),
        ("import_members", "014d2pf2dbsqqg28t5cy4tqkff")
    );
    assert_eq!((imported.actor(), imported.token_description.as_str()), (v1::ChangeActor::Token, ""));
    assert!(imported.token_id.starts_with("atok_") && imported.token_id != token.id);
    let expected = v1::ChangeOrigin {
        actor: v1::ChangeActor::Token.into(),
        token_id: token.id.clone(),
        token_description: "nightly sync".into(),
        door: "grpc".into(),
        call: "upsert_members".into(),
        ..Default::default()
    };
    assert_eq!(*created, expected);
    // It stays known after it was revoked.
    admin
        .tokens
        .revoke_api_token(v1::RevokeApiTokenRequest { id: token.id, ..Default::default() })
        .await
        .unwrap();
    let reply = admin.members.list_member_changes(by_ref(&base, "a")).await.unwrap().into_inner();
    assert_eq!(reply.changes[1].origin, Some(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_did_and_its_revert_are_changes_with_the_ids_of_the_jobs() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let id = base.fill(rows("a", 2)).await.remove(1);
    let mut jobs = JobServiceClient::new(server.channel());
    let done = sync(&mut jobs, &base, "ref,tier\na0,Gold\na1,Gold\n").await;
    assert_eq!(done.state(), v1::JobState::Succeeded, "{done:?}");
    let request = v1::StartRevertRequest { job_id: done.id.clone(), ..Default::default() };
    let started = jobs.start_revert(request).await.unwrap().into_inner().job;
    let reverted = super::jobs::follow(&mut jobs, started).await;
    assert_eq!(reverted.state(), v1::JobState::Succeeded, "{reverted:?}");
    let (changes, end) = all(&mut base.client, &id, 500).await;
    let told: Vec<_> = changes
        .iter()
        .map(|change| {
            let origin = change.origin.clone().unwrap();
            (origin.call, origin.job_id, fields(change))
        })
        .collect();
    assert_eq!(told[0], ("revert".to_owned(), reverted.id, vec![("tier", "Gold", "-")]));
    assert_eq!(told[1], ("sync_members".to_owned(), done.id, vec![("tier", "-", "Gold")]));
    assert_eq!((told.len(), end), (3, v1::HistoryEnd::Creation));
    assert_eq!(changes[2].origin.as_ref().unwrap().actor(), v1::ChangeActor::Anybody);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_pii_sees_no_hidden_field_and_no_audience() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = caller(&server, &secret);
    let base = admin.base().await;
    let read = |pii| v1::CreateApiTokenRequest { pii: Some(pii), ..wanted("read") };
    let [seeing, blind] = [admin.token(read(true)).await, admin.token(read(false)).await];
    let request = v1::CreateAudienceRequest {
        member_base_id: base.clone(),
        name: "Gold".into(),
        filters: vec![eq("tier", "Gold")],
        ..Default::default()
    };
    let audience = admin.audiences.create_audience(request).await.unwrap().into_inner().audience.unwrap().id;
    let member = |dob: &str, tier: &str| v1::MemberInput {
        dob: Some(dob.into()),
        account_details: bank("Secret Holder"),
        tier: Some(tier.into()),
        ..row("a")
    };
    for (dob, tier) in [("1990-02-03", "Silver"), ("1991-04-05", "Silver"), ("1991-04-05", "Gold")] {
        admin.upsert(&base, vec![member(dob, tier)]).await.unwrap();
    }
    let id = admin.get(&base, "a").await.unwrap().id;
    let request = v1::BulkDeleteMembersRequest {
        member_base_id: base.clone(),
        member_ids: vec![id.clone()],
        ..Default::default()
    };
    admin.members.bulk_delete_members(request).await.unwrap();
    let seen = async |secret: &str| {
        let mut members = caller(&server, secret).members;
        members.list_member_changes(by_id(&id)).await.unwrap().into_inner()
    };
    let whole = seen(&seeing.token).await;
    assert_eq!(fields(&whole.changes[2]), [("dob", "1990-02-03", "1991-04-05")]);
    let gold = v1::AudienceMove { audience_id: audience, name: "Gold".into(), entered: true };
    assert_eq!(whole.changes[1].audiences, std::slice::from_ref(&gold));
    assert_eq!(whole.changes[0].audiences, [v1::AudienceMove { entered: false, ..gold }]);
    let covered = seen(&blind.token).await;
    assert_eq!(kinds(&covered.changes), [Deleted, Updated, Updated, Created]);
    let text = format!("{covered:?}");
    for secret in ["1990", "1991-04-05", "Secret", "200000", "dob", "account_details", "aud_"] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    assert_eq!(fields(&covered.changes[2]), []);
    assert_eq!(fields(&covered.changes[1]), [("tier", "Silver", "Gold")]);
    let all = [("ref", "-", "a"), ("status", "-", "active"), ("tier", "-", "Silver")];
    assert_eq!(fields(&covered.changes[3]), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_no_one_may_see_has_no_history() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = caller(&server, &secret);
    let (base, other) = (admin.base().await, admin.base().await);
    admin.upsert(&base, vec![row("a")]).await.unwrap();
    let id = admin.get(&base, "a").await.unwrap().id;
    let made =
        admin.token(v1::CreateApiTokenRequest { member_base_id: Some(other.clone()), ..wanted("read") });
    let mut bound = caller(&server, &made.await.token);
    for request in [by_id(&id), by_ref(&base, "a")] {
        let status = bound.members.list_member_changes(request).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    }
    let unknown = format!("m_{}", "0".repeat(26));
    let elsewhere = v1::ListMemberChangesRequest { member_base_id: Some(other), ..by_id(&id) };
    for request in [by_id(&unknown), by_ref(&base, "nobody"), elsewhere] {
        let status = admin.members.list_member_changes(request).await.unwrap_err();
        refused(&status, Code::NotFound, "MEMBER_NOT_FOUND");
    }
    let delete = v1::DeleteMemberBaseRequest { id: base.clone(), ..Default::default() };
    admin.bases.delete_member_base(delete).await.unwrap();
    let status = admin.members.list_member_changes(by_id(&id)).await.unwrap_err();
    refused(&status, Code::NotFound, "MEMBER_NOT_FOUND");
    let status = admin.members.list_member_changes(by_ref(&base, "a")).await.unwrap_err();
    refused(&status, Code::NotFound, "MEMBER_BASE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn audiences_that_are_changed_by_themselves_are_no_change_of_a_member() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let id = base.fill(vec![row("a")]).await.remove(0);
    let mut audiences = AudienceServiceClient::new(server.channel());
    let request = v1::CreateAudienceRequest {
        member_base_id: base.id.clone(),
        name: "All".into(),
        filters: vec![eq("status", "active")],
        ..Default::default()
    };
    audiences.create_audience(request).await.unwrap();
    let (changes, _) = all(&mut base.client, &id, 500).await;
    assert_eq!((changes.len(), changes[0].audiences.len()), (1, 0));
    offboard(&mut base, "a").await;
    let (changes, _) = all(&mut base.client, &id, 500).await;
    let moved = &changes[0].audiences[0];
    assert_eq!((moved.name.as_str(), moved.entered), ("All", false));
}
