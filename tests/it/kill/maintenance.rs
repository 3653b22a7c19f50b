//! Kills the program with kill -9 during maintenance: snapshots and the removal of old log, backups,
//! restores.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use rustix::process::Signal;
use tonic::transport::Channel;

use super::kill_while_writing;
use super::model::Model;
use super::writer::Random;
use crate::harness::{self, Process, rows};

/// The number of kills during each activity, unless the environment sets another.
const ROUNDS: u64 = 20;
/// So small that a snapshot is due at each start of the server, which then removes old log where it may.
const SNAPSHOT_AFTER: &str = "4KiB";
/// In one round out of this many, the server is stopped in order. That confirms the working copy, so that log
/// can be removed.
const STOP_EVERY: u64 = 3;
const MOST_ACKS: u64 = 40;
const MOST_MILLIS: u64 = 80;

fn command(data: &Path) -> Command {
    let mut command = harness::command(data);
    command.args(["--snapshot-after", SNAPSHOT_AFTER]);
    command
}

pub(super) fn memberbase(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memberbase"));
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.env_remove("MEMBERBASE_SERVER").env_remove("MEMBERBASE_TOKEN");
    command
}

/// Kills the command after `moment`, unless it ends earlier.
fn kill_after(command: &mut Command, moment: Duration) {
    let mut child = command.spawn().unwrap();
    let (ended, waits) = std::sync::mpsc::channel::<()>();
    // No message is ever sent: this only waits until the kill is due.
    let _ = waits.recv_timeout(moment);
    drop(ended);
    let _ = child.kill();
    child.wait().unwrap();
}

pub(super) async fn create_base(channel: &Channel) -> String {
    let request = v1::CreateMemberBaseRequest {
        name: "killed".into(),
        guard_limits: crate::harness::guard_off(),
        ..Default::default()
    };
    let mut bases = MemberBaseServiceClient::new(channel.clone());
    bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap().id
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_during_snapshots_and_the_removal_of_log_lose_nothing() {
    let rounds = harness::rounds(ROUNDS);
    let data = tempfile::tempdir().unwrap();
    let mut random = Random(7);
    let mut model = Model::default();
    let mut base = String::new();
    for round in 0..rounds {
        let server = Process::start(&mut command(data.path()));
        let channel = harness::connect(&server.address).await;
        if round == 0 {
            base = create_base(&channel).await;
        }
        model.check(&channel, &base, round).await;
        kill_while_writing(server, (&channel, &base), &mut model, &mut random, MOST_ACKS).await;
        if round % STOP_EVERY == 0 {
            let mut server = Process::start(&mut command(data.path()));
            server.signal(Signal::TERM);
            assert!(server.wait().success());
        }
        if round % 7 == 6 {
            std::fs::remove_dir_all(data.path().join("sled")).unwrap();
        }
    }
    let server = Process::start(&mut command(data.path()));
    let channel = harness::connect(&server.address).await;
    model.check(&channel, &base, rounds).await;
    assert!(!names(&data.path().join("snapshots")).is_empty(), "no snapshot was ever made");
    let log = names(&data.path().join("wal"));
    assert!(!log.contains(&"0000000001.log".to_owned()), "no log was ever removed: {log:?}");
}

/// Starts a server with members and hashes its content.
async fn served(data: &Path) -> (Process, Channel, String) {
    let server = Process::start(&mut command(data));
    let channel = harness::connect(&server.address).await;
    let base = create_base(&channel).await;
    let mut base = harness::Base { id: base, client: harness::members(&channel) };
    for part in 0..20 {
        base.fill(rows(&format!("p{part}-"), 500)).await;
    }
    (server, channel, base.id)
}

pub(super) async fn all(channel: &Channel, base: &str) -> Vec<v1::Member> {
    let mut base = harness::Base { id: base.to_owned(), client: harness::members(channel) };
    let mut request = base.list_request(Vec::new());
    let mut all = Vec::new();
    loop {
        let reply = base.list(request.clone()).await.unwrap();
        all.extend(reply.members);
        let page = reply.page.unwrap();
        if !page.more {
            return all;
        }
        request.pagination = Some(v1::Pagination { cursor: page.cursor, ..Default::default() });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_backups_and_restores_can_be_continued() {
    let rounds = harness::rounds(ROUNDS);
    let folder = tempfile::tempdir().unwrap();
    let (data, out, new) = (folder.path().join("data"), folder.path().join("out"), folder.path().join("new"));
    let (server, channel, base) = served(&data).await;
    let expected = all(&channel, &base).await;
    assert_eq!(expected.len(), 10_000);
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let mut random = Random(11);
    for _ in 0..rounds {
        let moment = Duration::from_millis(random.next() % MOST_MILLIS);
        kill_after(&mut memberbase(&["backup", "--out", &path(&out), "--server", &server.address]), moment);
    }
    let done = memberbase(&["backup", "--out", &path(&out), "--server", &server.address]).status().unwrap();
    assert!(done.success());
    drop(server);
    assert!(memberbase(&["verify", &path(&out)]).status().unwrap().success());
    for _ in 0..rounds {
        let moment = Duration::from_millis(random.next() % MOST_MILLIS);
        kill_after(&mut memberbase(&["restore", "--from", &path(&out), "--data", &path(&new)]), moment);
        if new.exists() {
            // The restore ended before the kill.
            std::fs::remove_dir_all(&new).unwrap();
        }
    }
    let done = memberbase(&["restore", "--from", &path(&out), "--data", &path(&new)]).status().unwrap();
    assert!(done.success());
    assert_eq!(names(folder.path()), ["data", "new", "out"]);
    let restored = Process::serve(&new);
    assert_eq!(all(&harness::connect(&restored.address).await, &base).await, expected);
}
