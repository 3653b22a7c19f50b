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
    // What bench gives its server itself may be given again.
    let arguments = [&arguments[..], &["--listen", "127.0.0.1:0"]].concat();
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
async fn a_server_that_the_environment_names_is_not_loaded_by_accident() {
    let world = World::new().await;
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_memberbase"));
    command
        .args(["bench", "--members", "10", "--phases", "fresh", "--data"])
        .arg(world.path("data"))
        .args(["--", "--reserve", "1MiB"])
        .env("MEMBERBASE_SERVER", &world.url);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let all = ListMemberBasesRequest { include_deleted: true, ..Default::default() };
    let touched = world.server.bases().list_member_bases(all).await.unwrap().into_inner();
    assert_eq!(touched.member_bases, []);
    let misplaced = memberbase(&["bench", "--", "--data", "x"]).await.expect(64);
    assert!(misplaced.stderr.contains("--data before the --"), "{}", misplaced.stderr);
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
