//! `RecordService`: clips, stamp collections, transactions.

mod access;
mod exported;

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::record_service_client::RecordServiceClient;
use prost_types::{Struct, Timestamp};
use tonic::Code;
use tonic::transport::Channel;

use crate::harness::{Base, Bearer, Server, number, refused, row, rows, text};

fn records(server: &Server) -> RecordServiceClient<Channel> {
    RecordServiceClient::new(server.channel()).max_decoding_message_size(64 << 20)
}

fn event(member_id: &str, external_id: &str) -> v1::TransactionEvent {
    v1::TransactionEvent {
        member_id: member_id.into(),
        external_id: external_id.into(),
        auth_code: "A1B2".into(),
        network: "visa".into(),
        bin: "411111".into(),
        merchant_id: "mer_1".into(),
        authed_at: Some(Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        ..Default::default()
    }
}

fn ingest(events: Vec<v1::TransactionEvent>) -> v1::IngestTransactionsRequest {
    v1::IngestTransactionsRequest { events, ..Default::default() }
}

fn clip(member_id: &str, creative_id: &str) -> v1::SaveClipRequest {
    v1::SaveClipRequest { member_id: member_id.into(), creative_id: creative_id.into(), ..Default::default() }
}

fn enrolment(member_id: &str, external_id: &str) -> v1::CreateStampCollectionRequest {
    v1::CreateStampCollectionRequest {
        member_id: member_id.into(),
        loyalty_program_id: "lp_1".into(),
        external_id: external_id.into(),
        ..Default::default()
    }
}

async fn member(base: &mut Base) -> String {
    base.fill(vec![row("a")]).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_is_saved_once_per_creative_and_returns_its_content_unchanged() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let id = member(&mut base).await;
    let mut client = records(&server);
    let content =
        Struct { fields: [("title".to_owned(), text("5% off")), ("n".to_owned(), number(5.0))].into() };
    let request = v1::SaveClipRequest {
        deal_id: Some("deal_1".into()),
        deal_creative_content: Some(content.clone()),
        ..clip(&id, "dc_1")
    };
    let first = client.save_clip(request).await.unwrap().into_inner();
    let saved = first.clip.unwrap();
    assert!(first.created && saved.id.starts_with("dclip_"));
    let again = client.save_clip(clip(&id, "dc_1")).await.unwrap().into_inner();
    assert_eq!((again.created, again.revision, again.clip.as_ref()), (false, first.revision, Some(&saved)));
    let redeemed_at = Some(Timestamp { seconds: 5, nanos: 0 });
    let redeemed = client
        .save_clip(v1::SaveClipRequest { redeemed_at, ..clip(&id, "dc_1") })
        .await
        .unwrap()
        .into_inner();
    let redeemed = redeemed.clip.unwrap();
    assert_eq!((redeemed.id.as_str(), redeemed.redeemed_at), (saved.id.as_str(), redeemed_at));
    client.save_clip(clip(&id, "dc_2")).await.unwrap();
    let list = v1::ListClipsRequest { member_id: id.clone(), ..Default::default() };
    let clips = client.list_clips(list.clone()).await.unwrap().into_inner().clips;
    assert_eq!(clips.iter().map(|clip| clip.creative_id.as_str()).collect::<Vec<_>>(), ["dc_1", "dc_2"]);
    assert_eq!(clips[0].deal_creative_content, Some(content));
    assert_eq!((clips[0].deal_id.as_deref(), clips[0].member_id.as_str()), (Some("deal_1"), id.as_str()));
    let by_id = v1::DeleteClipRequest {
        member_id: id.clone(),
        id: Some(saved.id.to_uppercase()),
        ..Default::default()
    };
    client.delete_clip(by_id.clone()).await.unwrap();
    refused(&client.delete_clip(by_id).await.unwrap_err(), Code::NotFound, "RECORD_NOT_FOUND");
    let by_creative =
        v1::DeleteClipRequest { member_id: id, creative_id: Some("dc_2".into()), ..Default::default() };
    client.delete_clip(by_creative).await.unwrap();
    assert!(client.list_clips(list).await.unwrap().into_inner().clips.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn stamps_are_counted_in_the_collection_of_one_program() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let id = member(&mut base).await;
    let mut client = records(&server);
    let made = client.create_stamp_collection(enrolment(&id, "sc_1")).await.unwrap().into_inner();
    let collection = made.stamp_collection.unwrap();
    assert_eq!((made.created, collection.stamps), (true, 0));
    let again = client.create_stamp_collection(enrolment(&id, "sc_1")).await.unwrap().into_inner();
    assert_eq!((again.created, again.stamp_collection.as_ref()), (false, Some(&collection)));
    let other =
        v1::CreateStampCollectionRequest { loyalty_program_id: "lp_2".into(), ..enrolment(&id, "sc_1") };
    let status = client.create_stamp_collection(other).await.unwrap_err();
    assert_eq!(refused(&status, Code::AlreadyExists, "STAMP_COLLECTION_TAKEN"), ["external_id"]);
    let add = v1::AddStampsRequest { member_id: id.clone(), stamps: 3, ..Default::default() };
    let by_id = v1::AddStampsRequest { id: Some(collection.id.clone()), ..add.clone() };
    let by_own = v1::AddStampsRequest { external_id: Some("sc_1".into()), ..add.clone() };
    client.add_stamps(by_id.clone()).await.unwrap();
    let added = client.add_stamps(by_own.clone()).await.unwrap().into_inner().stamp_collection.unwrap();
    assert_eq!(added.stamps, 6);
    let both = v1::AddStampsRequest { id: by_id.id, ..by_own.clone() };
    for (request, field) in
        [(add, "id"), (both, "id"), (v1::AddStampsRequest { stamps: 0, ..by_own.clone() }, "stamps")]
    {
        let status = client.add_stamps(request).await.unwrap_err();
        let fields = status_fields(&status);
        assert_eq!((status.code(), fields), (Code::InvalidArgument, vec![field.to_owned()]));
    }
    let unknown = v1::AddStampsRequest { external_id: Some("sc_9".into()), ..by_own };
    refused(&client.add_stamps(unknown).await.unwrap_err(), Code::NotFound, "RECORD_NOT_FOUND");
    let list = v1::ListStampCollectionsRequest { member_id: id, ..Default::default() };
    let listed = client.list_stamp_collections(list).await.unwrap().into_inner().stamp_collections;
    assert_eq!(listed, [added]);
}

fn status_fields(status: &tonic::Status) -> Vec<String> {
    use tonic_types::StatusExt;
    let faults = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    faults.into_iter().map(|fault| fault.field).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_transaction_is_updated_and_never_doubled() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let id = member(&mut base).await;
    let mut client = records(&server);
    let first = v1::TransactionEvent { amount: Some(4999), currency: Some("EUR".into()), ..event(&id, "t1") };
    let counted = |reply: v1::IngestTransactionsResponse| {
        assert_eq!(reply.status, "ok");
        (reply.created, reply.updated, reply.unchanged)
    };
    let events = vec![first.clone(), event(&id, "t2"), first.clone()];
    let reply = client.ingest_transactions(ingest(events.clone())).await.unwrap().into_inner();
    let revision = reply.revision;
    assert_eq!(counted(reply), (2, 0, 1));
    let reply = client.ingest_transactions(ingest(events)).await.unwrap().into_inner();
    assert_eq!(reply.revision, revision);
    assert_eq!(counted(reply), (0, 0, 3));
    let cleared_at = Some(Timestamp { seconds: 1_700_000_100, nanos: 0 });
    let cleared = v1::TransactionEvent { cleared_at, auth_code: "other".into(), ..event(&id, "t1") };
    assert_eq!(
        counted(client.ingest_transactions(ingest(vec![cleared])).await.unwrap().into_inner()),
        (0, 1, 0)
    );
    let list = v1::ListTransactionsRequest { member_id: id, ..Default::default() };
    let listed = client.list_transactions(list).await.unwrap().into_inner().transactions;
    assert_eq!(listed.iter().map(|t| t.external_id.as_str()).collect::<Vec<_>>(), ["t2", "t1"]);
    let t1 = &listed[1];
    assert_eq!((t1.amount, t1.cleared_at, t1.auth_code.as_str()), (Some(4999), cleared_at, "A1B2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_event_rejects_all_events_of_its_memberbase_and_lists_every_fault() {
    let server = Server::start().await;
    let (mut base, mut other) = (server.base().await, server.base().await);
    let ids = base.fill(rows("a", 2)).await;
    let foreign = member(&mut other).await;
    let mut client = records(&server);
    let bad = v1::TransactionEvent {
        network: "diners".into(),
        bin: "12".into(),
        currency: Some("euro".into()),
        amount: Some(1 << 53),
        authed_at: None,
        ..event("m_short", "")
    };
    let status = client.ingest_transactions(ingest(vec![event(&ids[0], "t1"), bad])).await.unwrap_err();
    let mut fields = status_fields(&status);
    fields.sort();
    let expected = ["amount", "authed_at", "bin", "currency", "external_id", "member_id", "network"];
    assert_eq!(fields, expected.map(|field| format!("events[1].{field}")));
    assert_eq!(status.code(), Code::InvalidArgument);
    let unknown = format!("m_{}", "0".repeat(26));
    let status = client
        .ingest_transactions(ingest(vec![event(&ids[0], "t1"), event(&unknown, "t2")]))
        .await
        .unwrap_err();
    assert_eq!(refused(&status, Code::NotFound, "MEMBER_NOT_FOUND"), ["events[1].member_id"]);
    client.ingest_transactions(ingest(vec![event(&ids[0], "t0")])).await.unwrap();
    let events = vec![event(&ids[1], "t1"), event(&ids[1], "t0")];
    let status = client.ingest_transactions(ingest(events)).await.unwrap_err();
    assert_eq!(refused(&status, Code::AlreadyExists, "TRANSACTION_TAKEN"), ["events[1].external_id"]);
    let list = v1::ListTransactionsRequest { member_id: ids[1].clone(), ..Default::default() };
    assert!(client.list_transactions(list).await.unwrap().into_inner().transactions.is_empty());
    // The same external id in another memberbase is another transaction.
    let reply = client.ingest_transactions(ingest(vec![event(&ids[0], "t0"), event(&foreign, "t0")])).await;
    let reply = reply.unwrap().into_inner();
    assert_eq!((reply.created, reply.unchanged, reply.revision), (1, 1, None));
    let many = ingest(vec![event(&ids[0], "x"); 5_001]);
    refused(&client.ingest_transactions(many).await.unwrap_err(), Code::InvalidArgument, "TOO_MANY_ROWS");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_records_are_paged_in_both_orders_and_their_cursors_belong_to_them() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let ids = base.fill(rows("a", 2)).await;
    let mut client = records(&server);
    let names: Vec<String> = (0..1_000).map(|i| format!("t{i}")).collect();
    client
        .ingest_transactions(ingest(names.iter().map(|name| event(&ids[0], name)).collect()))
        .await
        .unwrap();
    for direction in ["asc", "desc"] {
        let sorts = vec![v1::Sort { key: "created_at".into(), direction: direction.into() }];
        let pagination = Some(v1::Pagination { limit: Some(300), skip: Some(10), ..Default::default() });
        let mut request = v1::ListTransactionsRequest {
            member_id: ids[0].clone(),
            sorts,
            pagination,
            ..Default::default()
        };
        let mut seen = Vec::new();
        loop {
            let reply = client.list_transactions(request.clone()).await.unwrap().into_inner();
            assert!(reply.transactions.len() <= 300);
            seen.extend(reply.transactions.into_iter().map(|t| t.external_id));
            let Some(cursor) = reply.page.unwrap().cursor else { break };
            request.pagination = Some(v1::Pagination { limit: Some(300), cursor: Some(cursor), skip: None });
        }
        let mut expected = names.clone();
        if direction == "desc" {
            expected.reverse();
        }
        assert_eq!(seen, expected[10..]);
        let other = v1::ListTransactionsRequest { member_id: ids[1].clone(), ..request.clone() };
        let status = client.list_transactions(other).await.unwrap_err();
        assert_eq!(refused(&status, Code::InvalidArgument, "CURSOR_INVALID"), ["pagination.cursor"]);
        let clips = v1::ListClipsRequest {
            member_id: ids[0].clone(),
            sorts: request.sorts,
            pagination: request.pagination,
            ..Default::default()
        };
        refused(&client.list_clips(clips).await.unwrap_err(), Code::InvalidArgument, "CURSOR_INVALID");
    }
    let ahead = v1::ListTransactionsRequest {
        member_id: ids[0].clone(),
        min_revision: Some(1_000),
        ..Default::default()
    };
    refused(&client.list_transactions(ahead).await.unwrap_err(), Code::FailedPrecondition, "REVISION_AHEAD");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_member_deletes_its_records_and_a_new_member_with_its_ref_has_none() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let id = member(&mut base).await;
    let mut client = records(&server);
    client.save_clip(clip(&id, "dc_1")).await.unwrap();
    client.save_clip(clip(&id, "dc_2")).await.unwrap();
    client.create_stamp_collection(enrolment(&id, "sc_1")).await.unwrap();
    client
        .ingest_transactions(ingest((0..500).map(|i| event(&id, &format!("t{i}"))).collect()))
        .await
        .unwrap();
    let reply = base.delete(Vec::new(), vec!["a".into()]).await;
    let gone = v1::RecordCounts { clips: 2, stamp_collections: 1, transactions: 500 };
    assert_eq!((reply.deleted, reply.records), (1, Some(gone)));
    let again = base.delete(vec![id.clone()], Vec::new()).await;
    assert_eq!((again.deleted, again.records), (0, Some(v1::RecordCounts::default())));
    let not_found = |status: tonic::Status| {
        refused(&status, Code::NotFound, "MEMBER_NOT_FOUND");
    };
    not_found(client.save_clip(clip(&id, "dc_1")).await.unwrap_err());
    let delete = v1::DeleteClipRequest {
        member_id: id.clone(),
        creative_id: Some("dc_1".into()),
        ..Default::default()
    };
    not_found(client.delete_clip(delete).await.unwrap_err());
    not_found(client.create_stamp_collection(enrolment(&id, "sc_1")).await.unwrap_err());
    let add = v1::AddStampsRequest {
        member_id: id.clone(),
        external_id: Some("sc_1".into()),
        stamps: 1,
        ..Default::default()
    };
    not_found(client.add_stamps(add).await.unwrap_err());
    not_found(client.ingest_transactions(ingest(vec![event(&id, "t0")])).await.unwrap_err());
    for member_id in [id, member(&mut base).await] {
        let is_new = base.get("a").await.unwrap().id == member_id;
        let clips = v1::ListClipsRequest { member_id: member_id.clone(), ..Default::default() };
        let clips = client.list_clips(clips).await.map(|reply| reply.into_inner().clips.len());
        let stamps = v1::ListStampCollectionsRequest { member_id: member_id.clone(), ..Default::default() };
        let stamps = client
            .list_stamp_collections(stamps)
            .await
            .map(|reply| reply.into_inner().stamp_collections.len());
        let transactions = v1::ListTransactionsRequest { member_id, ..Default::default() };
        let transactions =
            client.list_transactions(transactions).await.map(|reply| reply.into_inner().transactions.len());
        for listed in [clips, stamps, transactions] {
            match listed {
                Ok(count) => assert!(is_new && count == 0),
                Err(status) => {
                    assert!(!is_new);
                    not_found(status);
                }
            }
        }
    }
    assert_eq!(exported(&mut client, &base.id, &[]).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_fields_of_clips_and_collections_are_named() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let id = member(&mut base).await;
    let mut client = records(&server);
    let large = Struct { fields: [("x".to_owned(), text(&"x".repeat(17_000)))].into() };
    let bad = v1::SaveClipRequest {
        deal_id: Some(String::new()),
        variant_id: Some("x".repeat(256)),
        deal_creative_content: Some(large),
        ..clip("", "")
    };
    let fields = status_fields(&client.save_clip(bad).await.unwrap_err());
    assert_eq!(fields, ["member_id", "creative_id", "deal_id", "variant_id", "deal_creative_content"]);
    let fields = status_fields(
        &client
            .create_stamp_collection(v1::CreateStampCollectionRequest {
                loyalty_program_id: "a\nb".into(),
                ..enrolment(&id, "")
            })
            .await
            .unwrap_err(),
    );
    assert_eq!(fields, ["loyalty_program_id", "external_id"]);
    let malformed = client.save_clip(clip("m_1", "dc_1")).await.unwrap_err();
    assert_eq!(refused(&malformed, Code::InvalidArgument, "ID_MALFORMED"), ["member_id"]);
    let skip = v1::ListClipsRequest {
        member_id: id,
        pagination: Some(v1::Pagination { skip: Some(10_001), ..Default::default() }),
        ..Default::default()
    };
    refused(&client.list_clips(skip).await.unwrap_err(), Code::InvalidArgument, "SKIP_INVALID");
}

async fn exported(client: &mut RecordServiceClient<Channel>, base: &str, kinds: &[&str]) -> usize {
    let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let request = v1::ExportRecordsRequest { member_base_id: base.into(), kinds, ..Default::default() };
    let mut stream = client.export_records(request).await.unwrap().into_inner();
    let mut seen = 0;
    while let Some(part) = stream.message().await.unwrap() {
        assert!(part.start_revision > 0);
        seen += part.clips.len() + part.stamp_collections.len() + part.transactions.len();
    }
    seen
}
