//! `memberbase bench`: every phase once, small.

use memberbase::api::grpc::v1::ListMemberBasesRequest;
use serde_json::Value;

use super::{World, memberbase};

#[tokio::test(flavor = "multi_thread")]
async fn every_phase_runs_on_a_server_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let arguments =
        ["bench", "--members", "3000", "--seconds", "1", "--json", "--data", data, "--", "--reserve", "1MiB"];
    let ended = memberbase(&arguments).await.expect(0);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["good"], true);
    let phases: Vec<_> =
        report["phases"].as_array().unwrap().iter().map(|phase| phase["name"].as_str().unwrap()).collect();
    for name in [
        "fresh",
        "unchanged",
        "10 % changed, random",
        "get by ref",
        "get by id",
        "pages",
        "page 1",
        "mixed 80/20",
        "open after kill -9",
    ] {
        assert!(phases.contains(&name), "no {name} in {phases:?}");
    }
    assert!(std::path::Path::new(data).exists(), "a folder that was named is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_runs_already_can_be_measured_and_is_left_clean() {
    let world = World::new().await;
    let arguments = [
        "bench",
        "--server",
        &world.url,
        "--members",
        "500",
        "--via",
        "bulk",
        "--phases",
        "fresh,unchanged",
        "--batch",
        "100",
    ];
    let ended = memberbase(&arguments).await.expect(0);
    assert!(ended.stdout.lines().any(|line| line.starts_with("unchanged")), "{}", ended.stdout);
    memberbase(&[&arguments[..], &["--phases", "reopen"]].concat()).await.expect(64);
    let left =
        world.server.bases().list_member_bases(ListMemberBasesRequest::default()).await.unwrap().into_inner();
    assert_eq!(left.member_bases, []);
}
