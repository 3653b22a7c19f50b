//! `MemberBaseService`.

use memberbase::api::grpc::v1::{
    CreateMemberBaseRequest, DeleteMemberBaseRequest, Filter, GetMemberBaseRequest, ListMemberBasesRequest,
    MemberBase, MemberInput, Pagination, Regex, UndeleteMemberBaseRequest, UpdateMemberBaseRequest,
};
use tonic::{Code, Status};

use crate::harness::{MemberBases, Server, condition, eq, refused, row, rows};

async fn get(client: &mut MemberBases, id: &str) -> Result<MemberBase, Status> {
    let request = GetMemberBaseRequest { id: id.into() };
    Ok(client.get_member_base(request).await?.into_inner().member_base.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memberbase_counts_its_members_by_status() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let with = |name: &str, status: &str| MemberInput { status: Some(status.into()), ..row(name) };
    base.fill(vec![with("a", "active"), with("b", "active"), with("c", "invited"), with("d", "inactive")])
        .await;
    base.delete(Vec::new(), vec!["b".into()]).await;
    let shown = get(&mut server.bases(), &base.id).await.unwrap();
    let counts = shown.counts.unwrap();
    assert_eq!((counts.active, counts.invited, counts.inactive, counts.total), (1, 1, 1, 3));
    assert!(shown.id.starts_with("mb_") && shown.deleted_at.is_none());
    assert_eq!((shown.name.as_str(), shown.new_members.as_str(), shown.share_accounts), ("Test", "", false));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_change_one_by_one_and_apply_to_new_members() {
    let server = Server::start().await;
    let mut client = server.bases();
    let request = CreateMemberBaseRequest {
        name: "One".into(),
        new_members: Some("invited".into()),
        share_accounts: Some(true),
        ..Default::default()
    };
    let mut base = server.base_with(request).await;
    base.fill(vec![row("a")]).await;
    assert_eq!(base.get("a").await.unwrap().status, "invited");
    let update = UpdateMemberBaseRequest {
        id: base.id.clone(),
        new_members: Some("active".into()),
        ..Default::default()
    };
    let updated = client.update_member_base(update).await.unwrap().into_inner().member_base.unwrap();
    assert_eq!(
        (updated.name.as_str(), updated.new_members.as_str(), updated.share_accounts),
        ("One", "active", true)
    );
    base.fill(vec![row("b")]).await;
    assert_eq!(base.get("a").await.unwrap().status, "invited");
    assert_eq!(base.get("b").await.unwrap().status, "active");
    let rename =
        UpdateMemberBaseRequest { id: base.id.clone(), name: Some("Two".into()), ..Default::default() };
    client.update_member_base(rename).await.unwrap();
    assert_eq!(get(&mut client, &base.id).await.unwrap().name, "Two");
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_hides_base_and_members_at_once_and_undelete_restores_them() {
    let server = Server::start().await;
    let mut client = server.bases();
    let mut base = server.base().await;
    let ids = base.fill(rows("a", 3)).await;
    let delete = DeleteMemberBaseRequest { id: base.id.clone(), ..Default::default() };
    let undelete = UndeleteMemberBaseRequest { id: base.id.clone(), ..Default::default() };
    let status = client.undelete_member_base(undelete.clone()).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "NOT_DELETED");
    let deleted = client.delete_member_base(delete.clone()).await.unwrap().into_inner().member_base.unwrap();
    assert!(deleted.deleted_at.is_some());

    let gone = "MEMBER_BASE_NOT_FOUND";
    refused(&get(&mut client, &base.id).await.unwrap_err(), Code::NotFound, gone);
    refused(&client.delete_member_base(delete).await.unwrap_err(), Code::NotFound, gone);
    refused(&base.get("a0").await.unwrap_err(), Code::NotFound, gone);
    refused(&base.list(base.list_request(Vec::new())).await.unwrap_err(), Code::NotFound, gone);
    let write = base.request(rows("b", 1));
    refused(&base.client.bulk_upsert_members(write).await.unwrap_err(), Code::NotFound, gone);
    let update =
        UpdateMemberBaseRequest { id: base.id.clone(), name: Some("x".into()), ..Default::default() };
    refused(&client.update_member_base(update).await.unwrap_err(), Code::NotFound, gone);
    let list = |include_deleted| ListMemberBasesRequest { include_deleted, ..Default::default() };
    let shown = client.list_member_bases(list(false)).await.unwrap().into_inner();
    assert!(shown.member_bases.is_empty());
    let shown = client.list_member_bases(list(true)).await.unwrap().into_inner();
    assert!(shown.member_bases[0].deleted_at.is_some());

    let back = client.undelete_member_base(undelete).await.unwrap().into_inner().member_base.unwrap();
    assert_eq!((back.deleted_at, back.counts.unwrap().total), (None, 3));
    assert_eq!(base.get("a0").await.unwrap().id, ids[0]);
    assert_eq!(base.fill(rows("a", 3)).await, ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn memberbases_are_listed_by_name_in_pages() {
    let server = Server::start().await;
    let mut client = server.bases();
    for i in 0..25 {
        let name = if i % 2 == 0 { format!("Even {i}") } else { format!("odd {i}") };
        server.base_with(CreateMemberBaseRequest { name, ..Default::default() }).await;
    }
    let regex = Regex { pattern: "^EVEN".into(), case_insensitive: true };
    let filters = vec![condition("name", |filter| filter.regex = Some(regex))];
    let mut names = Vec::new();
    let mut cursor = None;
    loop {
        let pagination = Some(Pagination { limit: Some(5), cursor: cursor.clone(), skip: None });
        let request = ListMemberBasesRequest { pagination, filters: filters.clone(), ..Default::default() };
        let reply = client.list_member_bases(request).await.unwrap().into_inner();
        names.extend(reply.member_bases.into_iter().map(|base| base.name));
        cursor = reply.page.unwrap().cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names, (0..13).map(|i| format!("Even {}", 2 * i)).collect::<Vec<_>>());
    let skip = Some(Pagination { skip: Some(24), ..Default::default() });
    let request = ListMemberBasesRequest { pagination: skip, ..Default::default() };
    let last = client.list_member_bases(request).await.unwrap().into_inner().member_bases;
    assert_eq!((last.len(), last[0].name.as_str()), (1, "Even 24"));
    let unknown: Filter = eq("tier", "gold");
    let request = ListMemberBasesRequest { filters: vec![unknown], ..Default::default() };
    refused(&client.list_member_bases(request).await.unwrap_err(), Code::InvalidArgument, "FILTER_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_settings_have_limits() {
    let server = Server::start().await;
    let mut client = server.bases();
    let bad = [
        (CreateMemberBaseRequest::default(), vec!["name"]),
        (CreateMemberBaseRequest { name: "x".repeat(257), ..Default::default() }, vec!["name"]),
        (
            CreateMemberBaseRequest {
                name: "a\nb".into(),
                new_members: Some("inactive".into()),
                ..Default::default()
            },
            vec!["name", "new_members"],
        ),
    ];
    for (request, fields) in bad {
        let status = client.create_member_base(request).await.unwrap_err();
        assert_eq!(refused(&status, Code::InvalidArgument, "NAME_INVALID"), fields);
    }
    let request = CreateMemberBaseRequest {
        name: "é".repeat(256),
        request_id: "two words".into(),
        ..Default::default()
    };
    assert_eq!(client.create_member_base(request).await.unwrap_err().code(), Code::InvalidArgument);
    refused(&get(&mut client, "").await.unwrap_err(), Code::InvalidArgument, "FIELD_REQUIRED");
    refused(&get(&mut client, "mb_1").await.unwrap_err(), Code::InvalidArgument, "ID_MALFORMED");
    let unknown = format!("mb_{}", "0".repeat(26));
    refused(&get(&mut client, &unknown).await.unwrap_err(), Code::NotFound, "MEMBER_BASE_NOT_FOUND");
}
