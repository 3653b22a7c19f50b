//! Every step of a stream checks the token again: revoking it ends the stream.

use memberbase::api::grpc::v1;
use prost_types::Timestamp;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::grpc::caller::{Caller, caller, wanted};
use crate::harness::{Server, is_in_folders, refused, row, text};

/// The number of members with attributes of the maximum length: over 8 MiB, where a page or chunk of a stream
/// has a megabyte. A client accepts two before it reads.
const MEMBERS: usize = 300;
const ATTRIBUTES: usize = 7;
/// The number of transactions with texts of the maximum length: again about 8 MiB.
const TRANSACTIONS: usize = 10_000;

/// A text that compression does not make smaller.
fn noise(seed: u64, length: usize) -> String {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + (state >> 58) as u8)
    };
    (0..length).map(|_| next()).collect()
}

/// A server, its admin, and a memberbase with more data than a stream sends ahead of its reader.
async fn full() -> (Server, Caller, String) {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = caller(&server, &secret);
    let base = admin.base().await;
    let definition = v1::AttributeDefinition { r#type: "string".into(), indexed: false };
    let schema = (0..ATTRIBUTES).map(|i| (format!("a{i}"), definition.clone())).collect();
    let request =
        v1::SetAttributeSchemaRequest { member_base_id: base.clone(), schema, ..Default::default() };
    admin.attributes.set_attribute_schema(request).await.unwrap();
    let long = |member: usize, i: usize| text(&noise((member * ATTRIBUTES + i) as u64, 4_096));
    let fields = |member: usize| (0..ATTRIBUTES).map(|i| (format!("a{i}"), long(member, i))).collect();
    let member = |i: usize| v1::MemberInput {
        attributes: Some(prost_types::Struct { fields: fields(i) }),
        ..row(&format!("r{i}"))
    };
    let reply = admin.upsert(&base, (0..MEMBERS).map(member).collect()).await.unwrap();
    assert_eq!(reply.counts.unwrap().created as usize, MEMBERS);
    let member_id = &reply.results[0].id;
    let event = |i: usize| v1::TransactionEvent {
        member_id: member_id.clone(),
        external_id: format!("t{i}"),
        auth_code: "a".repeat(255),
        network: "visa".into(),
        bin: "411111".into(),
        merchant_id: "m".repeat(255),
        statement_descriptor: Some("s".repeat(255)),
        authed_at: Some(Timestamp::default()),
        ..Default::default()
    };
    for part in (0..TRANSACTIONS).collect::<Vec<_>>().chunks(5_000) {
        let events = part.iter().map(|i| event(*i)).collect();
        let request = v1::IngestTransactionsRequest { events, ..Default::default() };
        admin.records.ingest_transactions(request).await.unwrap();
    }
    (server, admin, base)
}

/// A token with all rights, and its clients.
async fn holder(server: &Server, admin: &mut Caller) -> (v1::CreateApiTokenResponse, Caller) {
    let created = admin.token(wanted("admin")).await;
    let holder = caller(server, &created.token);
    (created, holder)
}

#[track_caller]
fn revoked(status: &Status) {
    refused(status, Code::Unauthenticated, "UNAUTHENTICATED");
    assert_eq!(status.message(), "the token was revoked");
}

/// Reads the first part of a stream, has its token revoked, and reads on until the revocation ends the
/// stream.
async fn read_while_revoked<T>(
    mut stream: Streaming<T>,
    admin: &mut Caller,
    token: &v1::CreateApiTokenResponse,
) {
    assert!(stream.message().await.unwrap().is_some());
    admin.revoke(token).await;
    loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended without an error"),
            Err(status) => return revoked(&status),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_to_a_caller_end_when_its_token_is_revoked() {
    let (server, mut admin, member_base_id) = full().await;

    let (token, mut reader) = holder(&server, &mut admin).await;
    let request = v1::ExportMembersRequest { member_base_id: member_base_id.clone(), ..Default::default() };
    let stream = reader.members.export_members(request).await.unwrap().into_inner();
    read_while_revoked(stream, &mut admin, &token).await;

    let (token, mut reader) = holder(&server, &mut admin).await;
    let request = v1::ExportRecordsRequest { member_base_id, ..Default::default() };
    let stream = reader.records.export_records(request).await.unwrap().into_inner();
    read_while_revoked(stream, &mut admin, &token).await;

    if !is_in_folders() {
        return;
    }
    let (token, mut reader) = holder(&server, &mut admin).await;
    let stream = reader.backups.stream_backup(v1::StreamBackupRequest::default()).await.unwrap();
    read_while_revoked(stream.into_inner(), &mut admin, &token).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_ends_when_its_token_is_revoked() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = caller(&server, &secret);
    let member_base_id = admin.base().await;
    let created = admin.token(wanted("write")).await;
    let mut writer = caller(&server, &created.token);
    let (send, chunks) = tokio::sync::mpsc::channel(1);
    let options = Some(v1::ImportOptions { member_base_id: member_base_id.clone(), ..Default::default() });
    send.send(v1::ImportMembersRequest { options, members: vec![row("a")], chunk: 1, ..Default::default() })
        .await
        .unwrap();
    let mut answers = writer.members.import_members(ReceiverStream::new(chunks)).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap().unwrap().chunk, 1);
    admin.revoke(&created).await;
    send.send(v1::ImportMembersRequest { members: vec![row("b")], chunk: 2, ..Default::default() })
        .await
        .unwrap();
    revoked(&answers.message().await.unwrap_err());
    // The chunks before the revocation stay, and nothing of the later ones was applied.
    assert!(admin.get(&member_base_id, "a").await.is_ok());
    refused(&admin.get(&member_base_id, "b").await.unwrap_err(), Code::NotFound, "MEMBER_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_rows_ends_when_its_token_is_revoked() {
    let (server, secret) = Server::start_with_token().await;
    let mut admin = caller(&server, &secret);
    let member_base_id = admin.base().await;
    let created = admin.token(wanted("write")).await;
    let mut writer = caller(&server, &created.token);
    let (send, rows) = tokio::sync::mpsc::channel(1);
    let options =
        Some(v1::UpsertMembersOptions { member_base_id: member_base_id.clone(), ..Default::default() });
    let message = |sequence, member| v1::UpsertMembersRequest { sequence, member, options: None };
    send.send(v1::UpsertMembersRequest { options, ..message(1, Some(row("a"))) }).await.unwrap();
    let mut answers = writer.members.upsert_members(ReceiverStream::new(rows)).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap().unwrap().sequence, 1);
    admin.revoke(&created).await;
    send.send(message(2, Some(row("b")))).await.unwrap();
    revoked(&answers.message().await.unwrap_err());
    assert!(admin.get(&member_base_id, "a").await.is_ok());
    refused(&admin.get(&member_base_id, "b").await.unwrap_err(), Code::NotFound, "MEMBER_NOT_FOUND");
}
