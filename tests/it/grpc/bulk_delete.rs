//! `BulkDeleteMembers`.

use memberbase::api::grpc::v1::BulkDeleteMembersRequest;
use tonic::Code;

use crate::harness::{Server, refused, row, rows};

#[tokio::test(flavor = "multi_thread")]
async fn members_are_deleted_by_id_and_by_ref_and_unknown_ones_are_ignored() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let mut other = server.base().await;
    let foreign = other.fill(rows("x", 1)).await.remove(0);
    let ids = base.fill(rows("a", 5)).await;
    let unknown = format!("m_{}", "0".repeat(26));
    let refs = vec!["a1".to_owned(), "a0".to_owned(), "nobody".to_owned()];
    let reply = base.delete(vec![ids[0].clone(), ids[4].clone(), foreign, unknown], refs.clone()).await;
    assert_eq!(reply.deleted, 3);
    assert_eq!(base.refs(Vec::new()).await, ["a2", "a3"]);
    assert_eq!(other.refs(Vec::new()).await, ["x0"]);
    let again = base.delete(vec![ids[0].clone()], refs).await;
    assert_eq!((again.deleted, again.revision), (0, reply.revision));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_with_the_ref_of_a_deleted_member_creates_another_member() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let first = base.fill(rows("a", 1)).await.remove(0);
    base.delete(Vec::new(), vec!["a0".into()]).await;
    let second = base.fill(vec![row("a0")]).await.remove(0);
    assert_ne!(first, second);
    assert_eq!(base.get("a0").await.unwrap().email, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_id_or_ref_deletes_nothing() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let ids = base.fill(rows("a", 2)).await;
    let request = BulkDeleteMembersRequest {
        member_base_id: base.id.clone(),
        member_ids: vec![ids[0].clone(), "m_short".into()],
        refs: vec!["a1".into(), "x".repeat(513)],
        ..Default::default()
    };
    let status = base.client.bulk_delete_members(request).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "ID_MALFORMED"), ["member_ids[1]", "refs[1]"]);
    let many = BulkDeleteMembersRequest {
        member_base_id: base.id.clone(),
        refs: (0..100_001).map(|i| i.to_string()).collect(),
        ..Default::default()
    };
    refused(
        &base.client.bulk_delete_members(many).await.unwrap_err(),
        Code::InvalidArgument,
        "TOO_MANY_ROWS",
    );
    assert_eq!(base.refs(Vec::new()).await.len(), 2);
}
