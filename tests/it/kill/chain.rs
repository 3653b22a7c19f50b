//! Kills servers and backup clients with kill -9 between the backups into one folder. Each backup continues
//! from the one before, and a restored backup has everything that was acknowledged.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tonic::transport::Channel;

use super::kill_while_writing;
use super::maintenance::{all, create_base, memberbase};
use super::model::Model;
use super::writer::Random;
use crate::harness::{self, Base, Process, rows};

/// The number of backups, with kills around each, unless the environment sets another.
const ROUNDS: u64 = 3;
const MOST_ACKS: u64 = 20;
/// The bytes of the server's reply that a client gets before it is killed: a part of the plan, some of the
/// files, more of them.
const ANSWERED_BYTES: [u64; 3] = [200, 4_000, 40_000];

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs a command, asserts that it succeeds, and returns its output.
fn printed(arguments: &[&str]) -> String {
    let output = memberbase(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn back_up(server: &Process, out: &Path) -> String {
    printed(&["backup", "--out", text(out), "--server", &server.address])
}

/// Restores the backup into a new folder, checks it, and starts a server on it.
async fn restored(out: &Path, new: &Path) -> (Process, Channel) {
    printed(&["restore", "--from", text(out), "--data", text(new)]);
    printed(&["check", "--deep", "--data", text(new)]);
    let server = Process::serve(new);
    let channel = harness::connect(&server.address).await;
    (server, channel)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_continues_after_kills_and_has_all_acknowledged_writes() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    let mut model = Model::default();
    let mut base = String::new();
    for round in 0..harness::rounds(ROUNDS) {
        let server = Process::serve(&data);
        let channel = harness::connect(&server.address).await;
        if round == 0 {
            base = create_base(&channel).await;
        }
        kill_while_writing(server, (&channel, &base), &mut model, &mut Random(round), MOST_ACKS).await;

        let server = Process::serve(&data);
        let channel = harness::connect(&server.address).await;
        model.check(&channel, &base, round).await;
        let how = if round == 0 { "complete" } else { "brought up to date" };
        let said = back_up(&server, &out);
        assert!(said.contains(how), "round {round}: {said}");
        let (_copy, channel) = restored(&out, &folder.path().join(format!("new{round}"))).await;
        model.check(&channel, &base, round).await;
        // This kills the server; nothing was written since the backup.
        drop(server);
    }
    assert!(model.acknowledged() > 0);
}

/// Passes on everything that a client sends, and `bytes` bytes of the server's reply. Signals when the client
/// has got them and waits for more; if the reply is shorter, the sender is dropped.
async fn stall(server: SocketAddr, bytes: u64) -> (String, oneshot::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stalls, stalled) = oneshot::channel();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (from_server, mut to_server) = TcpStream::connect(server).await.unwrap().into_split();
        let upwards = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
        let passed = tokio::io::copy(&mut from_server.take(bytes), &mut to_client).await;
        if passed.is_ok_and(|passed| passed == bytes) {
            let _ = stalls.send(());
        }
        // The connection lasts until the client has ended.
        let _ = upwards.await;
    });
    (url, stalled)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_continues_after_kills_of_its_client_and_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    let mut server = Process::serve(&data);
    let id = create_base(&harness::connect(&server.address).await).await;
    let on = async |server: &Process| {
        let client = harness::members(&harness::connect(&server.address).await);
        Base { id: id.clone(), client }
    };
    on(&server).await.fill(rows("first-", 300)).await;
    back_up(&server, &out);
    for (round, bytes) in ANSWERED_BYTES.into_iter().enumerate() {
        // Two kills without a write between them, and then many writes.
        for _ in 0..2 {
            drop(server);
            server = Process::serve(&data);
        }
        on(&server).await.fill(rows(&format!("r{round}-"), 2_000)).await;
        let (url, stalled) = stall(server.socket(), bytes).await;
        let mut client = memberbase(&["backup", "--out", text(&out), "--server", &url]).spawn().unwrap();
        let stalled =
            tokio::time::timeout(harness::PATIENCE, stalled).await.expect("the client did not connect");
        stalled.unwrap_or_else(|_| panic!("the whole reply is shorter than {bytes} bytes"));
        client.kill().unwrap();
        client.wait().unwrap();
        printed(&["verify", text(&out)]);
    }
    let expected = all(&harness::connect(&server.address).await, &id).await;
    assert_eq!(expected.len(), 6_300);
    let said = back_up(&server, &out);
    assert!(said.contains("brought up to date"), "{said}");
    let (_copy, channel) = restored(&out, &folder.path().join("new")).await;
    assert_eq!(all(&channel, &id).await, expected);
}
