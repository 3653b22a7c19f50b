//! Kills a server with kill -9 while callers write members and audiences on every path, restores it from
//! backups, and starts it again. Afterwards everybody is in the audiences whose filters they match, as far as
//! nobody changed that by hand, and the commit log tells every move once.
//!
//! No test knows what was written. What is stored is checked against itself: the sets of the audiences
//! against a plain evaluation of the stored members, and the moves in the commit log against the sets.

mod check;
mod filters;
mod moves;
mod paths;
mod values;

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::attribute_service_client::AttributeServiceClient;
use memberbase::api::grpc::v1::audience_service_client::AudienceServiceClient;
use rustix::process::Signal;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use self::moves::Caller;
use self::paths::Done;
use super::maintenance::{create_base, memberbase};
use super::writer::Random;
use crate::harness::{self, Process};

/// How often the server is killed, unless the environment sets another number.
const ROUNDS: u64 = 2;
/// After one round out of this many, beginning with the first, the store is restored from a backup of it.
const RESTORE_EVERY: u64 = 2;
/// More members than the server evaluates within the call that brings a filter, so that audiences are built.
const MEMBERS: u64 = 4_300;
const AUDIENCES: usize = 100;
const CALLERS: u64 = 4;
/// The most writes of a round, by all callers together.
const MOST_WRITES: u64 = 160;
/// The fewest: each caller takes about every path once.
const LEAST_WRITES: u64 = 110;
/// Rows of a request that loads members.
const ROWS_AT_ONCE: u64 = 1_000;

/// How many members are loaded: `MEMBERBASE_TEST_MEMBERS`, or a few.
fn size() -> u64 {
    std::env::var("MEMBERBASE_TEST_MEMBERS").map_or(MEMBERS, |size| size.parse().unwrap())
}

/// How many writes are answered in a round: `MEMBERBASE_TEST_WRITES`, or a few.
fn writes(random: &mut Random) -> u32 {
    let few = LEAST_WRITES + random.next() % (MOST_WRITES - LEAST_WRITES);
    std::env::var("MEMBERBASE_TEST_WRITES")
        .map_or_else(|_| few.try_into().unwrap(), |text| text.parse().unwrap())
}

/// Creates audiences that use those before them, until there are so many.
async fn create(channel: &Channel, base: &str, until: usize, random: &mut Random, made: &mut Vec<String>) {
    let mut service = AudienceServiceClient::new(channel.clone());
    while made.len() < until {
        let request = v1::CreateAudienceRequest {
            member_base_id: base.to_owned(),
            name: format!("Audience {}", made.len()),
            filters: filters::filters(random, made),
            ..Default::default()
        };
        let created = service.create_audience(request).await.unwrap().into_inner();
        made.push(created.audience.unwrap().id);
    }
}

/// A memberbase with members and audiences: the half of these are built before the members are loaded.
async fn fill(data: &Path, random: &mut Random) -> (String, Arc<[String]>) {
    let server = Process::serve(data);
    let channel = harness::connect(&server.address).await;
    let base = create_base(&channel).await;
    let request = v1::SetAttributeSchemaRequest {
        member_base_id: base.clone(),
        schema: values::schema(),
        ..Default::default()
    };
    AttributeServiceClient::new(channel.clone()).set_attribute_schema(request).await.unwrap();
    let mut audiences = Vec::new();
    create(&channel, &base, AUDIENCES / 2, random, &mut audiences).await;
    let mut members = harness::members(&channel);
    for first in (0..size()).step_by(usize::try_from(ROWS_AT_ONCE).unwrap()) {
        let rows = first..size().min(first + ROWS_AT_ONCE);
        let request = v1::BulkUpsertMembersRequest {
            member_base_id: base.clone(),
            members: rows.map(|number| values::member(random, number)).collect(),
            ..Default::default()
        };
        let reply = members.bulk_upsert_members(request).await.unwrap().into_inner();
        assert_eq!(reply.counts.unwrap().failed, 0, "{:?}", reply.results);
    }
    create(&channel, &base, AUDIENCES, random, &mut audiences).await;
    // The server is killed while it builds the last of them.
    (base, audiences.into())
}

/// Lets callers write until so many writes were answered, and kills the server.
async fn write(
    data: &Path,
    (base, audiences): (&str, &Arc<[String]>),
    done: &Arc<Done>,
    random: &mut Random,
) {
    let mut server = Process::serve(data);
    let channel = harness::connect(&server.address).await;
    let acks = Arc::new(Semaphore::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let random = Random(random.next());
        let caller = Caller::new(&channel, (base, audiences), (done, &acks), random, size());
        callers.spawn(caller.run());
    }
    for _ in 0..writes(random) {
        let answered = tokio::time::timeout(harness::PATIENCE, acks.acquire()).await;
        answered.expect("nothing was answered").unwrap().forget();
    }
    server.signal(Signal::KILL);
    server.wait();
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }
}

/// Runs a command and asserts that it succeeds.
fn succeed(arguments: &[&str]) {
    let output = memberbase(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {out}{error}");
}

/// Backs a store up, and restores it into a new folder.
fn restore(data: &Path, out: &Path, new: &Path) {
    let [from, to] = [out, new].map(|path| path.to_str().unwrap());
    let server = Process::serve(data);
    succeed(&["backup", "--out", from, "--server", &server.address]);
    drop(server);
    succeed(&["restore", "--from", from, "--data", to]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_audiences_have_whom_their_filters_match_whatever_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut data = folder.path().join("0");
    let mut random = Random(15 + harness::seed());
    let (base, audiences) = fill(&data, &mut random).await;
    let done = Arc::new(Done::default());
    let rounds = harness::rounds(ROUNDS);
    for round in 1..=rounds {
        write(&data, (&base, &audiences), &done, &mut random).await;
        if round % RESTORE_EVERY == 1 {
            let (out, new) =
                (folder.path().join(format!("out{round}")), folder.path().join(round.to_string()));
            restore(&data, &out, &new);
            std::fs::remove_dir_all(out).unwrap();
            std::fs::remove_dir_all(std::mem::replace(&mut data, new)).unwrap();
        }
        let checked = check::check(&data, round == rounds).await;
        assert!(checked.members > 0 && checked.moves >= checked.members, "round {round}: {checked:?}");
        println!("round {round}: {checked:?} after {} calls", done.total());
    }
    let missing = done.missing();
    assert!(missing.is_empty(), "nothing was written on these paths: {missing:?}");
    succeed(&["check", "--deep", "--data", data.to_str().unwrap()]);
}
