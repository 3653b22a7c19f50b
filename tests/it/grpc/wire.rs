//! Features besides the calls: health, reflection and compression.

use memberbase::api::grpc::v1;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1 as reflection, v1alpha};

use crate::harness::{Server, rows};

const SERVICES: [&str; 7] = [
    "",
    "publisher.v1.ApiTokenService",
    "publisher.v1.AttributeService",
    "publisher.v1.BackupService",
    "publisher.v1.JobService",
    "publisher.v1.MemberBaseService",
    "publisher.v1.MemberService",
];

#[tokio::test(flavor = "multi_thread")]
async fn health_is_serving() {
    let server = Server::start().await;
    let mut client = HealthClient::new(server.channel());
    for service in SERVICES {
        let reply = client.check(HealthCheckRequest { service: service.into() }).await.unwrap();
        assert_eq!(reply.into_inner().status, 1, "{service}");
    }
}

type MessageRequest = reflection::server_reflection_request::MessageRequest;

async fn reflect(server: &Server, request: MessageRequest) -> Result<Vec<String>, Status> {
    use reflection::server_reflection_client::ServerReflectionClient;
    use reflection::server_reflection_response::MessageResponse;
    let request = reflection::ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let mut client = ServerReflectionClient::new(server.channel());
    let mut stream = client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
    Ok(match stream.message().await?.unwrap().message_response.unwrap() {
        MessageResponse::ListServicesResponse(list) => {
            list.service.into_iter().map(|service| service.name).collect()
        }
        MessageResponse::FileDescriptorResponse(files) => {
            files.file_descriptor_proto.iter().map(|file| format!("{} bytes", file.len())).collect()
        }
        other => vec![format!("{other:?}")],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_shows_the_services_and_error_details_and_no_stored_record() {
    let server = Server::start().await;
    let services = reflect(&server, MessageRequest::ListServices(String::new())).await.unwrap();
    for service in &SERVICES[1..] {
        assert!(services.iter().any(|name| name == service), "{services:?}");
    }
    assert!(!services.iter().any(|name| name.contains("storage")), "{services:?}");
    for symbol in [
        "publisher.v1.MemberInput",
        "google.rpc.BadRequest",
        "google.rpc.ErrorInfo",
        "google.protobuf.Struct",
    ] {
        let files = reflect(&server, MessageRequest::FileContainingSymbol(symbol.into())).await.unwrap();
        assert!(files[0].ends_with(" bytes"), "{symbol}: {files:?}");
    }
    let stored =
        reflect(&server, MessageRequest::FileContainingSymbol("publisher.storage.v1.Header".into())).await;
    assert_eq!(stored.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn older_clients_find_the_services_too() {
    use v1alpha::server_reflection_client::ServerReflectionClient;
    use v1alpha::server_reflection_request::MessageRequest;
    let server = Server::start().await;
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(server.channel());
    let mut stream = client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
    let reply = format!("{:?}", stream.message().await.unwrap().unwrap());
    assert!(reply.contains("publisher.v1.MemberService"), "{reply}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_may_be_compressed_both_ways() {
    let server = Server::start().await;
    let base = server.base().await;
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let mut client = server.members().send_compressed(encoding).accept_compressed(encoding);
        let reply = client.bulk_upsert_members(base.request(rows("a", 1_000))).await.unwrap();
        assert_eq!(reply.into_inner().results.len(), 1_000);
        let request = v1::ListMembersRequest { member_base_id: base.id.clone(), ..Default::default() };
        let reply = client.list_members(request).await.unwrap();
        let used = reply.metadata().get("grpc-encoding").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(
            used.as_deref(),
            Some(if encoding == CompressionEncoding::Gzip { "gzip" } else { "zstd" })
        );
        assert_eq!(reply.into_inner().members.len(), 500);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_message_cannot_grow_beyond_the_limit() {
    let server = Server::start().await;
    let base = server.base().await;
    let big = v1::MemberInput { company: Some("x".repeat(1_000)), ..crate::harness::row("a") };
    let mut client = server.members().send_compressed(CompressionEncoding::Gzip);
    let status = client.bulk_upsert_members(base.request(vec![big; 35_000])).await.unwrap_err();
    crate::harness::refused(&status, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
}
