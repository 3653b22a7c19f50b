//! What health checks report while the store cannot accept writes.

use memberbase::api::grpc::v1;
use memberbase::server;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::{config, connect, refused};

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
