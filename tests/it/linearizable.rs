//! Runs concurrent clients against a server that is killed at random moments. What all clients saw of a
//! member must be explainable by one order of the operations that agrees with their order in time (Wing and
//! Gong's check, by `todc-utils`). At the same time members of a second memberbase are changed, and its
//! counts and sets must add up in every reply.
//!
//! An operation whose reply was lost may have taken effect at any time after its call, or never, so it stays
//! open to the end.

mod bank;
mod client;
mod history;

use std::sync::Arc;
use std::time::Duration;

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use rustix::process::Signal;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::harness::{self, Process};
use crate::kill::writer::Random;
use client::Client;
use history::Recorder;

const KILLS: u64 = 25;
/// In a database, where each start waits until the killed server has been silent for a term.
const KILLS_IN_DATABASES: u64 = 8;
const CLIENTS: u64 = 6;
const BANKERS: u64 = 2;
/// The most replies between two kills.
const MOST_ANSWERS: u64 = 160;
/// The time allowed for the whole test; a longer run counts as a standstill.
const PATIENCE: Duration = Duration::from_secs(120);

/// The current server with the number of its start; `None` once the test is over.
pub type Lives = watch::Receiver<Option<(u64, Channel)>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_are_linearizable_and_counts_add_up_across_kills() {
    tokio::time::timeout(PATIENCE, run()).await.expect("the test came to a standstill");
}

async fn run() {
    let data = tempfile::tempdir().unwrap();
    let mut random = Random(6);
    let mut server = Process::serve(data.path());
    let channel = harness::connect(&server.address).await;
    let [members, bank] = [create(&channel, "members").await, create(&channel, "bank").await];
    bank::fill(&channel, &bank).await;

    let (lives, life) = watch::channel(Some((0, channel)));
    let answers = Arc::new(Semaphore::new(0));
    let recorder = Arc::new(Recorder::default());
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let client =
            Client::new(&members, Arc::clone(&recorder), Arc::clone(&answers), Random(random.next()));
        clients.spawn(client.run(number, life.clone()));
    }
    for _ in 0..BANKERS {
        clients.spawn(bank::move_and_check(bank.clone(), life.clone(), Random(random.next())));
    }
    let kills = if harness::is_in_folders() { KILLS } else { KILLS_IN_DATABASES };
    for kill in 1..=kills {
        let wanted = u32::try_from(20 + random.next() % MOST_ANSWERS).unwrap();
        answers.acquire_many(wanted).await.unwrap().forget();
        server.signal(Signal::KILL);
        server.wait();
        server = Process::serve(data.path());
        lives.send_replace(Some((kill, harness::connect(&server.address).await)));
    }
    answers.acquire_many(20).await.unwrap().forget();
    let (_, channel) = lives.send_replace(None).unwrap();
    let mut moves = 0;
    while let Some(ended) = clients.join_next().await {
        moves += ended.unwrap();
    }
    assert!(moves > 0, "nothing was moved in the bank");
    client::read_all(&channel, &members, &recorder).await;
    recorder.check();
}

async fn create(channel: &Channel, name: &str) -> String {
    let request = v1::CreateMemberBaseRequest {
        name: name.into(),
        guard_limits: crate::harness::guard_off(),
        ..Default::default()
    };
    let mut bases = MemberBaseServiceClient::new(channel.clone());
    bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap().id
}

/// Waits for the start after `number`; `None` if there is no other.
async fn next_life(life: &mut Lives, number: Option<u64>) -> Option<(u64, Channel)> {
    let is_next = |now: &Option<(u64, Channel)>| now.as_ref().is_none_or(|(n, _)| Some(*n) != number);
    life.wait_for(is_next).await.ok()?.clone()
}
