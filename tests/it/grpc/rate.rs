//! Limits of a token per second.

use std::time::Duration;

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::api_token_service_client::ApiTokenServiceClient;
use memberbase::api::grpc::v1::member_service_client::MemberServiceClient;
use memberbase::api::grpc::v1::record_service_client::RecordServiceClient;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::harness::{Bearer, Known, Server, refused, row, rows};

fn tokens(server: &Server, secret: &str) -> ApiTokenServiceClient<Known> {
    ApiTokenServiceClient::with_interceptor(server.channel(), Bearer(secret.to_owned()))
}

fn members(server: &Server, secret: &str) -> MemberServiceClient<Known> {
    MemberServiceClient::with_interceptor(server.channel(), Bearer(secret.to_owned()))
}

/// The secret of a token with these limits per second.
async fn limited(server: &Server, admin: &str, requests: Option<u32>, rows: Option<u32>) -> String {
    let request = v1::CreateApiTokenRequest {
        access: "write".into(),
        requests_per_second: requests,
        rows_per_second: rows,
        ..Default::default()
    };
    let created = tokens(server, admin).create_api_token(request).await.unwrap().into_inner();
    let token = created.api_token.unwrap();
    assert_eq!((token.requests_per_second, token.rows_per_second), (requests, rows));
    created.token
}

async fn base(server: &Server, admin: &str) -> String {
    use v1::member_base_service_client::MemberBaseServiceClient;
    let mut bases = MemberBaseServiceClient::with_interceptor(server.channel(), Bearer(admin.to_owned()));
    let request = v1::CreateMemberBaseRequest { name: "Test".into(), ..Default::default() };
    bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap().id
}

fn upsert(base: &str, members: Vec<v1::MemberInput>) -> v1::BulkUpsertMembersRequest {
    v1::BulkUpsertMembersRequest { member_base_id: base.into(), members, ..Default::default() }
}

#[track_caller]
fn wait_of(status: &Status) -> Duration {
    refused(status, Code::ResourceExhausted, "RATE_LIMITED");
    status.get_details_retry_info().unwrap().retry_delay.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_a_tokens_limit_get_the_time_to_retry_and_other_tokens_are_unaffected() {
    let (server, admin) = Server::start_with_token().await;
    let base = base(&server, &admin).await;
    let secret = limited(&server, &admin, Some(1), None).await;
    let list = v1::ListMembersRequest { member_base_id: base, ..Default::default() };
    let mut served = 0;
    let status = loop {
        match members(&server, &secret).list_members(list.clone()).await {
            Ok(_) => served += 1,
            Err(status) => break status,
        }
    };
    assert!(served >= 1);
    let wait = wait_of(&status);
    assert!(wait > Duration::ZERO && wait <= Duration::from_millis(1_001), "{wait:?}");
    members(&server, &admin).list_members(list).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bulk_call_counts_its_rows() {
    let (server, admin) = Server::start_with_token().await;
    let base = base(&server, &admin).await;
    let made = members(&server, &admin).bulk_upsert_members(upsert(&base, vec![row("x")])).await.unwrap();
    let member_id = made.into_inner().results[0].id.clone();
    // A call larger than the limit is accepted, and the next call has to wait for all of it except the second
    // that was saved up.
    for call in ["upsert", "delete", "batch get", "ingest", "import", "stream"] {
        let secret = limited(&server, &admin, None, Some(1)).await;
        let mut client = members(&server, &secret);
        client.bulk_upsert_members(upsert(&base, rows("a", 500))).await.unwrap();
        let status = match call {
            "upsert" => client.bulk_upsert_members(upsert(&base, rows("b", 1))).await.unwrap_err(),
            "delete" => {
                let refs = vec!["x".to_owned()];
                let member_base_id = base.clone();
                let request = v1::BulkDeleteMembersRequest { member_base_id, refs, ..Default::default() };
                client.bulk_delete_members(request).await.unwrap_err()
            }
            "batch get" => {
                let keys = vec![v1::MemberKey { r#ref: Some("x".into()), ..Default::default() }];
                let member_base_id = base.clone();
                let request = v1::BatchGetMembersRequest { member_base_id, keys, ..Default::default() };
                client.batch_get_members(request).await.unwrap_err()
            }
            "ingest" => {
                let event = v1::TransactionEvent {
                    member_id: member_id.clone(),
                    external_id: "t1".into(),
                    auth_code: "A1".into(),
                    network: "visa".into(),
                    bin: "411111".into(),
                    merchant_id: "mer_1".into(),
                    authed_at: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
                    ..Default::default()
                };
                let bearer = Bearer(secret.clone());
                let mut records = RecordServiceClient::with_interceptor(server.channel(), bearer);
                let request = v1::IngestTransactionsRequest { events: vec![event], ..Default::default() };
                records.ingest_transactions(request).await.unwrap_err()
            }
            "stream" => {
                let options =
                    Some(v1::UpsertMembersOptions { member_base_id: base.clone(), ..Default::default() });
                let message = v1::UpsertMembersRequest { options, sequence: 1, member: Some(row("b")) };
                let answers = client.upsert_members(tokio_stream::iter([message])).await.unwrap();
                answers.into_inner().message().await.unwrap_err()
            }
            _ => {
                let options = Some(v1::ImportOptions { member_base_id: base.clone(), ..Default::default() });
                let chunk = v1::ImportMembersRequest {
                    options,
                    members: vec![row("b")],
                    chunk: 1,
                    ..Default::default()
                };
                let answers = client.import_members(tokio_stream::iter([chunk])).await.unwrap();
                answers.into_inner().message().await.unwrap_err()
            }
        };
        let wait = wait_of(&status);
        assert!(wait > Duration::from_secs(60) && wait < Duration::from_secs(501), "{call}: {wait:?}");
        // Calls without rows are not counted.
        let list = v1::ListMembersRequest { member_base_id: base.clone(), ..Default::default() };
        client.list_members(list).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_zero_or_too_much_is_refused() {
    let (server, admin) = Server::start_with_token().await;
    for limit in [0, 10_000_001] {
        let request = v1::CreateApiTokenRequest {
            access: "read".into(),
            requests_per_second: Some(limit),
            rows_per_second: Some(limit),
            ..Default::default()
        };
        let status = tokens(&server, &admin).create_api_token(request).await.unwrap_err();
        let fields = refused(&status, Code::InvalidArgument, "FIELD_INVALID");
        assert_eq!(fields, ["requests_per_second", "rows_per_second"]);
    }
}
