//! What a token without the right to personal data learns about audiences that depend on it.

use memberbase::api::grpc::v1;
use tonic::{Code, Status};

use crate::grpc::caller::{Caller, caller, wanted};
use crate::harness::{Server, condition, eq, refused, row};

async fn create(caller: &mut Caller, base: &str, name: &str, filter: v1::Filter) -> Result<String, Status> {
    let (member_base_id, name, filters) = (base.to_owned(), name.to_owned(), vec![filter]);
    let request = v1::CreateAudienceRequest { member_base_id, name, filters, ..Default::default() };
    Ok(caller.audiences.create_audience(request).await?.into_inner().audience.unwrap().id)
}

async fn get(caller: &mut Caller, id: &str) -> v1::Audience {
    let request = v1::GetAudienceRequest { audience_id: id.to_owned() };
    caller.audiences.get_audience(request).await.unwrap().into_inner().audience.unwrap()
}

async fn update(caller: &mut Caller, id: &str, filter: v1::Filter) -> Result<(), Status> {
    let (audience_id, filters) = (id.to_owned(), vec![filter]);
    let request = v1::UpdateAudienceRequest { audience_id, filters, ..Default::default() };
    caller.audiences.update_audience(request).await.map(drop)
}

/// Every call whose reply would depend on who is in the audience.
async fn telling(caller: &mut Caller, base: &str, id: &str, member: &str) -> Vec<Option<Status>> {
    let member_ids = vec![member.to_owned()];
    let add = v1::AddAudienceMembersRequest {
        audience_id: id.to_owned(),
        member_ids: member_ids.clone(),
        ..Default::default()
    };
    let remove =
        v1::RemoveAudienceMembersRequest { audience_id: id.to_owned(), member_ids, ..Default::default() };
    let key = Some(v1::MemberKey { r#ref: Some("a".to_owned()), ..Default::default() });
    let explain = v1::ExplainMembershipRequest { audience_id: id.to_owned(), key };
    let filters = vec![eq("audience", id)];
    let list = v1::ListMembersRequest {
        member_base_id: base.to_owned(),
        filters: filters.clone(),
        ..Default::default()
    };
    let export = v1::ExportMembersRequest {
        member_base_id: base.to_owned(),
        filters: filters.clone(),
        ..Default::default()
    };
    let preview = v1::PreviewAudienceRequest { member_base_id: base.to_owned(), filters, limit: None };
    vec![
        // A member that was removed and added again is in the audience as before.
        caller.audiences.remove_audience_members(remove).await.err(),
        caller.audiences.add_audience_members(add).await.err(),
        caller.audiences.explain_membership(explain).await.err(),
        caller.audiences.preview_audience(preview).await.err(),
        caller.members.list_members(list).await.err(),
        caller.members.export_members(export).await.err(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_a_personal_audience_needs_the_right_to_personal_data() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = caller(&server, &secret);
    let base = admin.base().await;
    let born = v1::MemberInput { dob: Some("1990-01-01".into()), ..row("a") };
    let member = admin.upsert(&base, vec![born]).await.unwrap().results.remove(0).id;
    let blind = admin.token(v1::CreateApiTokenRequest { pii: Some(false), ..wanted("admin") }).await.token;
    let mut blind = caller(&server, &blind);
    let has = |key: &str| condition(key, |filter| filter.exists = Some(true));
    let old = create(&mut admin, &base, "Old", has("dob")).await.unwrap();
    let through = create(&mut admin, &base, "Through", eq("audience", &old)).await.unwrap();
    let plain = create(&mut admin, &base, "Plain", eq("status", "active")).await.unwrap();
    for (id, is_pii) in [(&old, true), (&through, true), (&plain, false)] {
        let seen = get(&mut admin, id).await;
        assert_eq!((seen.pii, seen.member_count), (is_pii, Some(1)), "{seen:?}");
        let found = get(&mut blind, id).await;
        assert_eq!(found, v1::Audience { member_count: (!is_pii).then_some(1), ..seen });
        for status in telling(&mut admin, &base, id, &member).await {
            assert!(status.is_none(), "{status:?}");
        }
        for status in telling(&mut blind, &base, id, &member).await {
            if is_pii {
                refused(&status.unwrap(), Code::PermissionDenied, "PERMISSION_DENIED");
            } else {
                assert!(status.is_none(), "{status:?}");
            }
        }
    }
    for filter in [has("dob"), has("account_details"), eq("audience", &through)] {
        let status = create(&mut blind, &base, "New", filter.clone()).await.unwrap_err();
        refused(&status, Code::PermissionDenied, "PERMISSION_DENIED");
        let status = update(&mut blind, &plain, filter).await.unwrap_err();
        refused(&status, Code::PermissionDenied, "PERMISSION_DENIED");
    }
    // An audience becomes personal with the audience that it uses.
    let user = create(&mut blind, &base, "User", eq("audience", &plain)).await.unwrap();
    assert!(!get(&mut blind, &user).await.pii);
    update(&mut admin, &plain, has("dob")).await.unwrap();
    assert!(get(&mut blind, &user).await.pii);
    for status in telling(&mut blind, &base, &user, &member).await {
        refused(&status.unwrap(), Code::PermissionDenied, "PERMISSION_DENIED");
    }
    // Names and archiving are no data of members.
    let request = v1::ArchiveAudienceRequest { audience_id: user, ..Default::default() };
    blind.audiences.archive_audience(request).await.unwrap();
}
