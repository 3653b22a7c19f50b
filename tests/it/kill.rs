//! Kills a server with kill -9 under load, many times on one store. Afterwards all acknowledged content is
//! there, an atomic request that was running took effect completely or not at all, ids are unchanged, and
//! counters equal a recount.
//!
//! No two writers use the same ref, so a test knows exactly what may be stored: what was acknowledged, or
//! what was being written at the kill.

mod audiences;
mod batches;
mod chain;
pub mod jobs;
mod lists;
mod maintenance;
mod model;
mod moments;
mod reverts;
pub mod writer;

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use rustix::process::Signal;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::harness::{self, Process};
use model::Model;
use writer::{Random, Writer};

/// The number of kills, unless the environment sets another.
const ROUNDS: u64 = 100;
/// In one round out of this many, the server is also killed while it opens.
const KILL_OPEN_EVERY: u64 = 4;
const LONGEST_OPEN_MILLIS: u64 = 120;
const WRITERS: u64 = 4;
/// The most acknowledgements before the kill.
const MOST_ACKS: u64 = 60;

/// Kills the server while writers run, after a random number of acknowledgements up to a limit.
async fn kill_while_writing(
    mut server: Process,
    (channel, base): (&Channel, &str),
    model: &mut Model,
    random: &mut Random,
    most_acks: u64,
) {
    let acks = Arc::new(Semaphore::new(0));
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let writer = Writer::new(number, channel, base, acks.clone(), Random(random.next()));
        writers.spawn(writer.write(model.take_part(number)));
    }
    let target = u32::try_from(1 + random.next() % most_acks).unwrap();
    let acknowledged = tokio::time::timeout(harness::PATIENCE, acks.acquire_many(target)).await;
    acknowledged.expect("no writer got an acknowledgement").unwrap().forget();
    server.signal(Signal::KILL);
    server.wait();
    while let Some(part) = writers.join_next().await {
        let (number, part) = part.unwrap();
        model.put_part(number, part);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_in_a_hundred_kills() {
    let rounds = harness::rounds(ROUNDS);
    let data = tempfile::tempdir().unwrap();
    let mut random = Random(2);
    let mut model = Model::default();
    let base = {
        let server = Process::serve(data.path());
        let mut bases = MemberBaseServiceClient::new(harness::connect(&server.address).await);
        let request = v1::CreateMemberBaseRequest {
            name: "killed".into(),
            guard_limits: crate::harness::guard_off(),
            ..Default::default()
        };
        bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap().id
    };
    for round in 0..rounds {
        if round % KILL_OPEN_EVERY == 0 {
            kill_while_opening(data.path(), Duration::from_millis(random.next() % LONGEST_OPEN_MILLIS));
        }
        let server = Process::serve(data.path());
        let channel = harness::connect(&server.address).await;
        model.check(&channel, &base, round).await;
        kill_while_writing(server, (&channel, &base), &mut model, &mut random, MOST_ACKS).await;
    }
    let server = Process::serve(data.path());
    let channel = harness::connect(&server.address).await;
    model.check(&channel, &base, rounds).await;
    assert!(model.acknowledged() > rounds, "{} rows acknowledged", model.acknowledged());
}

/// Starts a server and kills it when it accepts connections, or after `moment` if that is earlier.
fn kill_while_opening(data: &std::path::Path, moment: Duration) {
    let mut child = harness::command(data).stdout(Stdio::piped()).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let (serves, waits) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(stdout).read_line(&mut line);
        let _ = serves.send(());
    });
    let _ = waits.recv_timeout(moment);
    child.kill().unwrap();
    child.wait().unwrap();
}
