//! `memberbase bench`: each phase once, with few members.

use memberbase::api::grpc::v1::ListMemberBasesRequest;
use serde_json::Value;

use super::{World, memberbase};

#[tokio::test(flavor = "multi_thread")]
async fn every_phase_runs_on_a_server_that_bench_starts() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let arguments =
        ["bench", "--members", "3000", "--seconds", "1", "--json", "--data", data, "--", "--reserve", "1MiB"];
    // Options that bench passes to its server may be repeated.
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
        "changes on a stream",
        "open after kill -9",
    ] {
        assert!(phases.contains(&name), "no {name} in {phases:?}");
    }
    assert!(std::path::Path::new(data).exists(), "bench must not remove a folder that the user chose");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_from_the_environment_is_not_measured_by_accident() {
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
async fn a_running_server_can_be_measured_and_is_left_clean() {
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

#[tokio::test(flavor = "multi_thread")]
async fn phases_that_need_members_refuse_to_run_without_them() {
    let world = World::new().await;
    world.base("empty", &[]).await;
    let none = memberbase(&["bench", "--members", "0"]).await.expect(64);
    assert!(none.stderr.contains("--members"), "{}", none.stderr);
    for (more, why) in [
        (&["--phases", "get"][..], "the memberbase is a new one"),
        (&["--phases", "single,pages,fresh"], "the memberbase is a new one"),
        (&["--phases", "mixed", "--base", "empty"], "the memberbase of --base has none"),
    ] {
        let ended = memberbase(&[&["bench", "--server", &world.url, "--seconds", "1"], more].concat())
            .await
            .expect(64);
        let phase = ["get", "pages", "mixed"].into_iter().find(|name| more[1].contains(name)).unwrap();
        assert!(ended.stderr.contains(&format!("the phase {phase} looks at members")), "{}", ended.stderr);
        assert!(
            ended.stderr.contains(why) && ended.stderr.contains("put the phase fresh before it"),
            "{}",
            ended.stderr
        );
        assert_eq!(ended.stdout, "", "bench must measure nothing");
    }
    let load =
        ["bench", "--server", &world.url, "--members", "50", "--seconds", "1", "--base", "empty", "--phases"];
    memberbase(&[&load[..], &["fresh,get"]].concat()).await.expect(0);
    memberbase(&[&load[..], &["get"]].concat()).await.expect(0);
}
