//! `UndeleteMembers`.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::UndeleteOutcome::{NotDeleted, NotFound, Refused, Restored};
use memberbase::api::grpc::v1::record_service_client::RecordServiceClient;
use prost_types::Timestamp;
use tonic::{Code, Status};

use crate::harness::{Base, Server, refused, row, rows};

async fn undelete(
    base: &mut Base,
    change: impl FnOnce(&mut v1::UndeleteMembersRequest),
) -> Result<v1::UndeleteMembersResponse, Status> {
    let mut request = v1::UndeleteMembersRequest { member_base_id: base.id.clone(), ..Default::default() };
    change(&mut request);
    Ok(base.client.undelete_members(request).await?.into_inner())
}

fn outcomes(reply: &v1::UndeleteMembersResponse) -> Vec<v1::UndeleteOutcome> {
    reply.results.iter().map(v1::UndeleteResult::outcome).collect()
}

async fn all(base: &mut Base) -> Vec<v1::Member> {
    let request = base.list_request(Vec::new());
    base.client.list_members(request).await.unwrap().into_inner().members
}

/// The members as they are, revision and time of the last change aside.
fn lasting(members: &[v1::Member]) -> Vec<v1::Member> {
    let lasting = |member: &v1::Member| v1::Member { revision: 0, updated_at: None, ..member.clone() };
    members.iter().map(lasting).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn members_come_back_under_their_ids_as_they_were_with_their_records() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let ids = base.fill(rows("a", 5)).await;
    let mut records = RecordServiceClient::new(server.channel());
    let event = |name: &str| v1::TransactionEvent {
        member_id: ids[1].clone(),
        external_id: name.into(),
        auth_code: "A1B2".into(),
        network: "visa".into(),
        bin: "411111".into(),
        merchant_id: "mer_1".into(),
        authed_at: Some(Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        ..Default::default()
    };
    let events = vec![event("t1"), event("t2")];
    records
        .ingest_transactions(v1::IngestTransactionsRequest { events, ..Default::default() })
        .await
        .unwrap();
    let list = v1::ListTransactionsRequest { member_id: ids[1].clone(), ..Default::default() };
    let bought = records.list_transactions(list.clone()).await.unwrap().into_inner();
    let before = all(&mut base).await;
    let deleted = base.delete(vec![ids[3].clone()], vec!["a1".into(), "a0".into()]).await;
    assert_eq!((deleted.deleted, deleted.records.unwrap().transactions), (3, 2));
    assert_eq!(deleted.revisions, [deleted.revision]);
    let by_revision = undelete(&mut base, |r| r.deleted_at_revision = Some(deleted.revision)).await.unwrap();
    assert_eq!(outcomes(&by_revision), [Restored; 3]);
    let back: Vec<&str> = by_revision.results.iter().map(|result| &*result.id).collect();
    assert_eq!(back, [&ids[3], &ids[1], &ids[0]]);
    assert_eq!(by_revision.revision, deleted.revision + 1);
    let after = all(&mut base).await;
    assert_eq!(lasting(&after), lasting(&before));
    assert!(after[3].revision == by_revision.revision && after[2].revision == before[2].revision);
    assert_eq!(records.list_transactions(list).await.unwrap().into_inner().transactions, bought.transactions);
    let again = undelete(&mut base, |r| r.deleted_at_revision = Some(deleted.revision)).await.unwrap();
    assert_eq!((outcomes(&again), again.revision), (vec![NotDeleted; 3], by_revision.revision));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_revisions_of_a_delete_bring_back_all_that_it_deleted_and_nothing_else() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let ids = base.fill(rows("a", 2_100)).await;
    base.delete(ids[..5].to_vec(), Vec::new()).await;
    let request = v1::BulkDeleteMembersRequest {
        member_base_id: base.id.clone(),
        member_ids: ids.clone(),
        request_id: "all".into(),
        ..Default::default()
    };
    let deleted = base.client.bulk_delete_members(request.clone()).await.unwrap().into_inner();
    assert_eq!((deleted.deleted, deleted.revisions.len()), (2_095, 3));
    assert_eq!(deleted.revisions.last(), Some(&deleted.revision));
    let repeated = base.client.bulk_delete_members(request).await.unwrap().into_inner();
    assert_eq!(repeated, deleted);
    let mut back = 0;
    for revision in deleted.revisions {
        let reply = undelete(&mut base, |r| r.deleted_at_revision = Some(revision)).await.unwrap();
        back += outcomes(&reply).iter().filter(|outcome| **outcome == Restored).count();
    }
    assert_eq!((back, base.refs(Vec::new()).await.len()), (2_095, 2_095));
    let reply = undelete(&mut base, |r| r.member_ids = ids[3..6].to_vec()).await.unwrap();
    assert_eq!(outcomes(&reply), [Restored, Restored, NotDeleted]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_id_and_ref_has_its_own_result_and_a_refusal_names_the_holder() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let mut other = server.base().await;
    let foreign = other.fill(rows("x", 1)).await.remove(0);
    let ids = base.fill(rows("a", 4)).await;
    base.delete(ids[..3].to_vec(), Vec::new()).await;
    let holder = base.fill(vec![v1::MemberInput { email: Some("A1@example.com".into()), ..row("b") }]).await;
    let unknown = format!("m_{}", "0".repeat(26));
    let asked = vec![ids[0].clone(), unknown.clone(), ids[1].clone(), ids[3].clone(), foreign.clone()];
    let reply = undelete(&mut base, |r| r.member_ids = asked.clone()).await.unwrap();
    assert_eq!(outcomes(&reply), [Restored, NotFound, Refused, NotDeleted, NotFound]);
    let echoed: Vec<String> = reply.results.iter().map(|result| result.id.clone()).collect();
    assert_eq!(echoed, asked);
    let errors: Vec<_> = reply.results.iter().filter_map(|result| result.error.as_ref()).collect();
    let [error] = errors[..] else { panic!("{errors:?}") };
    assert_eq!((&*error.code, &*error.reason), ("ALREADY_EXISTS", "EMAIL_TAKEN"));
    assert_eq!((&error.member_id, &*error.violations[0].field), (&holder[0], "email"));
    let refs = vec!["a2".to_owned(), "nobody".to_owned(), "a3".to_owned()];
    let reply = undelete(&mut base, |r| r.refs = refs).await.unwrap();
    assert_eq!(outcomes(&reply), [Restored, NotFound, NotDeleted]);
    assert_eq!((&*reply.results[0].id, &*reply.results[1].id), (&*ids[2], ""));
    assert_eq!(base.refs(Vec::new()).await, ["a0", "a2", "a3", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_not_clear_brings_nobody_back() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let ids = base.fill(rows("a", 2)).await;
    base.delete(ids.clone(), Vec::new()).await;
    let status = undelete(&mut base, |_| {}).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FIELD_REQUIRED"), ["member_ids"]);
    let status = undelete(&mut base, |r| (r.member_ids, r.refs) = (ids.clone(), vec!["a1".into()])).await;
    assert_eq!(refused(&status.unwrap_err(), Code::InvalidArgument, "FIELD_CONFLICT"), ["refs"]);
    let status =
        undelete(&mut base, |r| r.member_ids = vec![ids[0].clone(), "m_short".into()]).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "ID_MALFORMED"), ["member_ids[1]"]);
    let status = undelete(&mut base, |r| r.refs = vec!["a".into(), String::new()]).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "REF_INVALID"), ["refs[1]"]);
    let status = undelete(&mut base, |r| r.deleted_at_revision = Some(0)).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FIELD_INVALID"), ["deleted_at_revision"]);
    let status = undelete(&mut base, |r| r.deleted_at_revision = Some(99)).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "REVISION_AHEAD");
    let many = (0..10_001).map(|i| i.to_string()).collect();
    let status = undelete(&mut base, |r| r.refs = many).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "TOO_MANY_ROWS");
    assert!(base.refs(Vec::new()).await.is_empty());
}
