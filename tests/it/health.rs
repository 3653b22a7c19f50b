//! What health checks report while the store cannot accept writes.

use memberbase::api::grpc::v1;
use memberbase::server;
use rustix::process::Signal;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::{Process, command, config, connect, members, refused};
use crate::metrics::get;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_reported_by_the_health_checks_of_writing_services() {
    let data = tempfile::tempdir().unwrap();
    let mut config = config(data.path());
    // The first start creates the store, which a full disk would prevent.
    server::start(config.clone()).await.unwrap().stop().await.unwrap();
    config.reserve = u64::MAX;
    let running = server::start(config).await.unwrap();
    let channel = connect(&format!("http://{}", running.address())).await;
    let mut health = HealthClient::new(channel.clone());
    let ask = |name: &str| HealthCheckRequest { service: name.to_owned() };
    for name in ["", "publisher.v1.MemberService", "memberbase.writes"] {
        let mut told = health.watch(ask(name)).await.unwrap().into_inner();
        while told.message().await.unwrap().unwrap().status() != ServingStatus::NotServing {}
    }
    for name in ["memberbase.reads", "memberbase.housekeeping"] {
        let told = health.check(ask(name)).await.unwrap().into_inner();
        assert_eq!(told.status(), ServingStatus::Serving, "{name}");
    }
    assert_eq!(health.check(ask("another")).await.unwrap_err().code(), Code::NotFound);
    // The calls agree with the health checks.
    let mut bases = v1::member_base_service_client::MemberBaseServiceClient::new(channel);
    bases.list_member_bases(v1::ListMemberBasesRequest::default()).await.unwrap();
    let request = v1::CreateMemberBaseRequest { name: "Staff".into(), ..Default::default() };
    refused(&bases.create_member_base(request).await.unwrap_err(), Code::ResourceExhausted, "STORAGE_FULL");
    drop((bases, health));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_fails_its_probes_first_and_still_serves() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Process::start(command(data.path()).args(["--drain-pause", "1h"]));
    server.signal(Signal::TERM);
    while get(server.socket(), "/readyz", "localhost").await.status == 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(get(server.socket(), "/healthz", "localhost").await.status, 200);
    let channel = connect(&server.address).await;
    let request = HealthCheckRequest { service: "publisher.v1.MemberService".to_owned() };
    let told = HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner();
    assert_eq!(told.status(), ServingStatus::NotServing);
    // A new connection is accepted, and its call is served.
    let request = v1::GetMemberRequest { id: Some("m_short".into()), ..Default::default() };
    let status = members(&channel).get_member(request).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "ID_MALFORMED");
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(1));
}
