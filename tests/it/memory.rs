//! Memory that requests take: requests that are small on the wire but large in memory are refused before they
//! take it.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use prost::Message;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::grpc::bytes::Bytes;
use crate::harness::{Process, command, connect, members, refused, row, rows};
use crate::http::Http;

/// The highest peak memory that a server with 128 MiB and few members may have.
const PEAK_MAX_BYTES: usize = (128 << 20) + 150_000_000;
/// Entries of two or three bytes each: 8 MB on the wire, gigabytes in memory.
const ENTRIES: usize = 4_000_000;
/// Rows that each cause a kilobyte of error details.
const WRONG_ROWS: usize = 150_000;

async fn send(server: &Process, method: &str, message: Vec<u8>, compressed: bool) -> Result<(), Status> {
    send_on(connect(&server.address).await, method, message, compressed).await
}

async fn send_on(channel: Channel, method: &str, message: Vec<u8>, compressed: bool) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(channel).max_encoding_message_size(64 << 20);
    if compressed {
        client = client.send_compressed(CompressionEncoding::Zstd);
    }
    client.ready().await.unwrap();
    let path = format!("/publisher.v1.{method}").parse().unwrap();
    let messages = Request::new(tokio_stream::iter([message]));
    let mut answers = client.streaming(messages, path, Bytes).await?.into_inner();
    while answers.message().await?.is_some() {}
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_entries_take_no_memory_at_any_door() {
    let data = tempfile::tempdir().unwrap();
    let mut command = command(data.path());
    let server = Process::start(command.env("MEMBERBASE_BODY_LIMIT", "64MiB"));
    let mut bases = MemberBaseServiceClient::new(connect(&server.address).await);
    let request = v1::CreateMemberBaseRequest { name: "Test".into(), ..Default::default() };
    let base = bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap().id;

    let of_base = v1::BulkUpsertMembersRequest { member_base_id: base.clone(), ..Default::default() };
    let options = Some(v1::ImportOptions { member_base_id: base.clone(), ..Default::default() });
    let of_import = v1::ImportMembersRequest { options, ..Default::default() };
    // Empty entries of the field with this number, after the memberbase.
    let flood = |head: Vec<u8>, number: u8| [head, [number << 3 | 2, 0].repeat(ENTRIES)].concat();
    let floods = [
        ("MemberService/BulkUpsertMembers", flood(of_base.encode_to_vec(), 2), "MESSAGE_TOO_LARGE"),
        ("MemberService/ImportMembers", flood(of_import.encode_to_vec(), 3), "TOO_MANY_ROWS"),
        ("MemberService/BatchGetMembers", flood(of_base.encode_to_vec(), 2), "TOO_MANY_ROWS"),
        ("MemberService/ListMembers", flood(of_base.encode_to_vec(), 3), "MESSAGE_TOO_LARGE"),
        ("AttributeService/SetMemberAttributes", flood(of_base.encode_to_vec(), 2), "TOO_MANY_ROWS"),
        ("RecordService/IngestTransactions", flood(Vec::new(), 1), "TOO_MANY_ROWS"),
    ];
    for (method, message, reason) in floods {
        for compressed in [false, true] {
            let status = send(&server, method, message.clone(), compressed).await.unwrap_err();
            let code =
                if reason == "TOO_MANY_ROWS" { Code::InvalidArgument } else { Code::ResourceExhausted };
            refused(&status, code, reason);
        }
    }
    let http = Http::at(server.socket(), None);
    let list = |item: &str| {
        let items = format!("{}{item}", format!("{item},").repeat(ENTRIES));
        format!(
            r#"{{"member_base_id": "{base}", "members": [{{"ref": "a", "attributes": {{"a": [{items}]}}}}]}}"#
        )
    };
    let bodies = [
        ("member/bulk-upsert", list("0")),
        ("member/bulk-upsert", list("[]")),
        ("member/bulk-upsert", list("{}")),
        (
            "member/bulk-upsert",
            format!(r#"{{"member_base_id": "{base}", "members": [{}{{}}]}}"#, "{},".repeat(ENTRIES)),
        ),
        (
            "member/list",
            format!(r#"{{"member_base_id": "{base}", "filters": [{}{{}}]}}"#, "{},".repeat(ENTRIES)),
        ),
    ];
    for (call, body) in bodies {
        let reply = http.send(call, body.as_bytes()).await;
        assert_eq!(reply.status, 413, "{call}: {reply:?}");
    }
    // Rows with a fault in every field; only the first ones get error details.
    let channel = connect(&server.address).await;
    let x = || Some("x".repeat(10));
    let wrong = v1::MemberInput { email: x(), phone: x(), dob: x(), gender: x(), status: x(), ..row("") };
    let upsert = v1::BulkUpsertMembersRequest {
        member_base_id: base.clone(),
        members: vec![wrong; WRONG_ROWS],
        results: v1::ResultDetail::Failed.into(),
        ..Default::default()
    };
    let reply = members(&channel).bulk_upsert_members(upsert).await.unwrap().into_inner();
    assert_eq!(reply.counts.unwrap().failed, WRONG_ROWS as u64);
    let peak = server.peak_bytes();
    assert!(peak < PEAK_MAX_BYTES, "{} MiB", peak >> 20);

    // Ordinary rows are accepted as before.
    let upsert = v1::BulkUpsertMembersRequest {
        member_base_id: base,
        members: rows("r", 100_000),
        ..Default::default()
    };
    let reply = members(&channel).bulk_upsert_members(upsert).await.unwrap().into_inner();
    assert_eq!(reply.counts.unwrap().created, 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_messages_of_many_rows_count_with_their_decoded_size() {
    let data = tempfile::tempdir().unwrap();
    let server = Process::serve(data.path());
    let mut bases = MemberBaseServiceClient::new(connect(&server.address).await);
    let request = v1::CreateMemberBaseRequest { name: "Test".into(), ..Default::default() };
    let base = bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap().id;
    let of_base = v1::BulkUpsertMembersRequest { member_base_id: base.clone(), ..Default::default() };
    // Two bytes each, and half a kilobyte once they are decoded.
    let rows = [of_base.encode_to_vec(), [0x12, 0].repeat(2_000)].concat();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let channel = connect(&server.address).await;
        for _ in 0..200 {
            let (channel, rows) = (channel.clone(), rows.clone());
            calls
                .spawn(async move { send_on(channel, "MemberService/BulkUpsertMembers", rows, false).await });
        }
    }
    let answers = calls.join_all().await;
    assert!(answers.iter().any(Result::is_ok), "at least one call must find room");
    for refusal in answers.into_iter().filter_map(Result::err) {
        refused(&refusal, Code::ResourceExhausted, "OVERLOADED");
    }
    let peak = server.peak_bytes();
    assert!(peak < PEAK_MAX_BYTES, "{} MiB", peak >> 20);
}

#[tokio::test]
async fn a_server_makes_its_allocator_return_freed_memory_soon() {
    let data = tempfile::tempdir().unwrap();
    let server = Process::serve(data.path());
    assert_eq!(server.environment("MIMALLOC_PURGE_DELAY").as_deref(), Some("100"));
    let data = tempfile::tempdir().unwrap();
    let server = Process::start(command(data.path()).env("MIMALLOC_PURGE_DELAY", "7"));
    assert_eq!(
        server.environment("MIMALLOC_PURGE_DELAY").as_deref(),
        Some("7"),
        "a value that the user set stays"
    );
}
