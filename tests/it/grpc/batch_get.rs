//! `BatchGetMembers`.

use memberbase::api::grpc::v1::{self, BatchGetMembersRequest, MemberKey};
use tonic::Code;

use crate::harness::{Base, Server, refused, row, rows};

fn request(base: &Base, keys: Vec<MemberKey>) -> BatchGetMembersRequest {
    BatchGetMembersRequest { member_base_id: base.id.clone(), keys, min_revision: None }
}

fn by_ref(r#ref: &str) -> MemberKey {
    MemberKey { r#ref: Some(r#ref.into()), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_all_kinds_get_their_results_in_order() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let mut other = server.base().await;
    let foreign = other.fill(rows("x", 1)).await.remove(0);
    let ids = base.fill(rows("a", 2)).await;
    let keys = vec![
        MemberKey { id: Some(ids[1].clone()), ..Default::default() },
        by_ref("missing"),
        MemberKey { email: Some("A0@example.com".into()), ..Default::default() },
        MemberKey { id: Some(foreign), ..Default::default() },
        by_ref("a1"),
    ];
    let request = request(&base, keys);
    let reply = base.client.batch_get_members(request).await.unwrap().into_inner();
    let found: Vec<_> = reply.results.iter().map(|r| r.member.as_ref().map(|m| m.id.clone())).collect();
    assert_eq!(found, [Some(ids[1].clone()), None, Some(ids[0].clone()), None, Some(ids[1].clone())]);
    let missing: Vec<_> = reply.results.iter().map(|result| result.missing).collect();
    assert_eq!(missing, [false, true, false, true, false]);
    assert!(reply.results.iter().enumerate().all(|(index, r)| r.index as usize == index && !r.omitted));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_reply_marks_the_members_that_it_omits() {
    let server = Server::start().await;
    let mut base = server.base().await;
    server.schema(&base.id, &[("a", "string")]).await;
    let text = "x".repeat(4_096);
    let big = |i: usize| {
        let value = crate::harness::text(&text);
        let attributes = prost_types::Struct { fields: [("a".to_owned(), value)].into() };
        v1::MemberInput { attributes: Some(attributes), ..row(&format!("a{i}")) }
    };
    base.fill((0..2_000).map(big).collect()).await;
    let request = request(&base, (0..2_000).map(|i| by_ref(&format!("a{i}"))).collect());
    let response = base.client.batch_get_members(request).await.unwrap().into_inner();
    assert!(prost::Message::encoded_len(&response) < 3_670_016);
    let first_omitted = response.results.iter().position(|result| result.omitted).unwrap();
    assert!(first_omitted > 500, "{first_omitted}");
    assert!(response.results[..first_omitted].iter().all(|result| result.member.is_some()));
    assert!(response.results[first_omitted..].iter().all(|r| r.omitted && r.member.is_none() && !r.missing));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_name_bad_keys_by_their_position() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let bad = [by_ref("a"), MemberKey::default()];
    let status = base.client.batch_get_members(request(&base, bad.to_vec())).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FIELD_REQUIRED"), ["keys[1]"]);
    let keys = vec![by_ref("a"), by_ref(""), MemberKey { id: Some("m_1".into()), ..Default::default() }];
    let status = base.client.batch_get_members(request(&base, keys)).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "REF_INVALID"), ["keys[1].ref", "keys[2].id"]);
    let many = (0..10_001).map(|i| by_ref(&i.to_string())).collect();
    let status = base.client.batch_get_members(request(&base, many)).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "TOO_MANY_ROWS");
    let none = base.client.batch_get_members(request(&base, Vec::new())).await.unwrap().into_inner();
    assert!(none.results.is_empty());
}
