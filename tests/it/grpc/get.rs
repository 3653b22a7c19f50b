//! `GetMember`.

use memberbase::api::grpc::v1::{self, GetMemberRequest};
use tonic::Code;

use crate::harness::{Server, refused, row};

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_found_by_each_of_its_keys() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let input =
        v1::MemberInput { email: Some("Ana@example.com".into()), worker_id: Some("7".into()), ..row("a") };
    let id = base.upsert(vec![input]).await.results[0].id.clone();
    let in_base = GetMemberRequest { member_base_id: Some(base.id.clone()), ..Default::default() };
    let requests = [
        GetMemberRequest { id: Some(id.clone()), ..Default::default() },
        GetMemberRequest { id: Some(id.to_uppercase()), ..in_base.clone() },
        GetMemberRequest { r#ref: Some("a".into()), ..in_base.clone() },
        GetMemberRequest { email: Some("ANA@example.COM".into()), ..in_base.clone() },
        GetMemberRequest { worker_id: Some("7".into()), ..in_base },
    ];
    for request in requests {
        let reply = base.client.get_member(request.clone()).await.unwrap().into_inner();
        assert_eq!(reply.member.unwrap().id, id, "{request:?}");
        assert!(reply.revision > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_and_deleted_members_are_not_found() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let mut other = server.base().await;
    let id = base.upsert(vec![row("a")]).await.results[0].id.clone();
    let unknown = format!("m_{}", "0".repeat(26));
    let requests = [
        GetMemberRequest { id: Some(unknown), ..Default::default() },
        GetMemberRequest {
            id: Some(id.clone()),
            member_base_id: Some(other.id.clone()),
            ..Default::default()
        },
        GetMemberRequest {
            r#ref: Some("a".into()),
            member_base_id: Some(other.id.clone()),
            ..Default::default()
        },
        GetMemberRequest {
            r#ref: Some("A".into()),
            member_base_id: Some(base.id.clone()),
            ..Default::default()
        },
    ];
    for request in requests {
        let status = other.client.get_member(request).await.unwrap_err();
        refused(&status, Code::NotFound, "MEMBER_NOT_FOUND");
    }
    base.delete(vec![id.clone()], Vec::new()).await;
    let request = GetMemberRequest { id: Some(id), ..Default::default() };
    refused(&base.client.get_member(request).await.unwrap_err(), Code::NotFound, "MEMBER_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_needs_exactly_one_key_and_a_memberbase_unless_the_key_is_an_id() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let in_base = GetMemberRequest { member_base_id: Some(base.id.clone()), ..Default::default() };
    let two =
        GetMemberRequest { r#ref: Some("a".into()), email: Some("a@example.com".into()), ..in_base.clone() };
    let alone = GetMemberRequest { r#ref: Some("a".into()), ..Default::default() };
    for request in [in_base.clone(), two, alone] {
        let status = base.client.get_member(request).await.unwrap_err();
        assert_eq!(refused(&status, Code::InvalidArgument, "FIELD_REQUIRED").len(), 1);
    }
    let malformed = [
        (GetMemberRequest { id: Some("m_123".into()), ..Default::default() }, "ID_MALFORMED", "id"),
        (GetMemberRequest { id: Some(base.id.clone()), ..Default::default() }, "ID_MALFORMED", "id"),
        (GetMemberRequest { r#ref: Some(String::new()), ..in_base.clone() }, "REF_INVALID", "ref"),
        (GetMemberRequest { email: Some("nobody".into()), ..in_base }, "EMAIL_INVALID", "email"),
    ];
    for (request, reason, field) in malformed {
        let status = base.client.get_member(request).await.unwrap_err();
        assert_eq!(refused(&status, Code::InvalidArgument, reason), [field]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_can_require_a_revision() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let revision = base.upsert(vec![row("a")]).await.revision;
    let at = |min_revision| GetMemberRequest {
        member_base_id: Some(base.id.clone()),
        r#ref: Some("a".into()),
        min_revision: Some(min_revision),
        ..Default::default()
    };
    let (known, ahead) = (at(revision), at(revision + 1));
    assert!(base.client.get_member(known).await.is_ok());
    refused(&base.client.get_member(ahead).await.unwrap_err(), Code::FailedPrecondition, "REVISION_AHEAD");
}
