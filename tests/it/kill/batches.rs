//! Kills a server with kill -9 while it plans and applies a batch of actions, and starts it again. Every action
//! is applied exactly once, and in its order: an action that was applied twice, left out or applied too early
//! would have another outcome.

use std::process::Stdio;
use std::time::Duration;

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::job_service_client::JobServiceClient;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::writer::Random;
use crate::harness::{self, Process};
use crate::http::onsi::{Onsi, member, with};

/// How many batches are applied while servers end, unless the environment sets another number.
const ROUNDS: u64 = 2;
const MEMBERS: usize = 600;
/// How often a server is killed before the job of a batch ends.
const KILLS: u64 = 3;
/// The longest time from the moment that a kill waits for.
const MOST_MILLIS: u64 = 40;

/// The actions of a batch, and the outcome that each must have. Members give up their addresses, which new
/// members get; they leave and come back.
fn batch(round: u64, ids: &[String]) -> (Vec<Value>, Vec<&'static str>) {
    let named = |number: usize, word: &str| format!("{number}-{round}-{word}@x.com");
    let members = || ids.iter().enumerate();
    let about = |kind: &str, id: &str| json!({ "type": kind, "memberId": id });
    let email = |number, word| json!({ "email": named(number, word) });
    let mut actions = Vec::new();
    actions.extend(members().map(|(n, id)| ("Updated", with(email(n, "a"), about("Update", id)))));
    actions.extend(members().map(|(n, id)| ("Updated", with(email(n, "b"), about("Update", id)))));
    actions.extend(members().map(|(n, _)| {
        ("Added", with(member(&named(n, "a")), json!({ "type": "Add", "workerId": named(n, "w") })))
    }));
    actions.extend(members().map(|(_, id)| ("Offboarded", about("Offboard", id))));
    actions.extend(members().map(|(_, id)| ("Unchanged", about("Offboard", id))));
    actions
        .extend(members().map(|(n, id)| ("Reactivated", with(member(&named(n, "c")), about("Replace", id)))));
    let (outcomes, actions) = actions.into_iter().unzip();
    (actions, outcomes)
}

/// Sends a batch, kills servers until its job has ended, and returns the job and the last server.
async fn apply(
    data: &std::path::Path,
    onsi: &mut Onsi,
    mut server: Process,
    (name, actions): (&str, Vec<Value>),
    random: &mut Random,
) -> (Value, Process) {
    let total = actions.len() as u64;
    let keyed = |onsi: &Onsi| onsi.with(&format!("x-idempotency-key: {name}"));
    let sent = keyed(onsi).post_batch("", actions.clone().into()).await.is(202);
    for _ in 0..KILLS {
        // A repeat finds the same job, before and after a kill.
        let again = keyed(onsi).post_batch("", actions.clone().into()).await;
        assert_eq!(again.is(202), sent);
        let moment = random.next() % total;
        loop {
            let job = onsi.get(&format!("members/jobs/{}", sent["jobId"].as_str().unwrap())).await.is(200);
            let progress = &job["progress"];
            let is_planning = progress["type"] == "NotReady";
            if progress["type"] == "AwaitingReview" {
                approve(onsi, &job).await;
            } else if !is_planning && progress["totalComplete"].as_u64().unwrap() >= moment {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(random.next() % MOST_MILLIS)).await;
        server.signal(Signal::KILL);
        server.wait();
        server = Process::serve(data);
        *onsi = onsi.at(server.socket());
    }
    loop {
        let job = onsi.settled_job(sent["jobId"].as_str().unwrap()).await;
        if job["progress"]["type"] != "AwaitingReview" {
            return (job, server);
        }
        approve(onsi, &job).await;
    }
}

/// Approves the plan of a job, which the guard holds.
async fn approve(onsi: &Onsi, job: &Value) {
    let path = format!("members/jobs/{}/approve", job["id"].as_str().unwrap());
    onsi.call("POST", &path, Some(json!({ "planHash": job["planHash"] }))).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_action_is_applied_once_and_in_order_whenever_the_server_is_killed() {
    let data = tempfile::tempdir().unwrap();
    let mut random = Random(14);
    let mut server = Process::serve(data.path());
    let (mut onsi, _, _) = Onsi::base_at(server.socket(), 100).await;
    let first = (0..MEMBERS).map(|n| with(member(&format!("{n}@x.com")), json!({ "type": "Add" })));
    let job = onsi.run_batch(first.collect()).await;
    let added = onsi.results(&job).await;
    let ids: Vec<String> =
        added.iter().map(|result| result["memberId"].as_str().unwrap().to_owned()).collect();
    for round in 1..=harness::rounds(ROUNDS) {
        let (actions, outcomes) = batch(round, &ids);
        let name = format!("batch-{round}");
        let (job, last) = apply(data.path(), &mut onsi, server, (&name, actions), &mut random).await;
        server = last;
        assert_eq!(job["progress"]["type"], "Completed", "{job}");
        let results = onsi.results(&job).await;
        let shown: Vec<&str> = results.iter().map(|result| result["outcome"].as_str().unwrap()).collect();
        let first = shown.iter().zip(&outcomes).position(|(shown, expected)| shown != expected);
        assert!(shown == outcomes, "round {round}: {:?}", first.map(|place| &results[place]));
        assert!(results.iter().all(|result| result["applied"] == true), "round {round}");
        let mut jobs = JobServiceClient::new(harness::connect(&server.address).await);
        let id = job["id"].as_str().unwrap().replace("maj_", "job_");
        let stored = jobs.get_job(v1::GetJobRequest { id }).await.unwrap().into_inner().job.unwrap();
        assert_eq!(stored.plan.unwrap().counts, stored.applied, "round {round}");
        assert_eq!(onsi.get("members?take=1").await.is(200)["total"], MEMBERS as u64 * (round + 1));
    }
    server.signal(Signal::TERM);
    assert!(server.wait().success());
    let mut check = harness::offline(data.path(), &["check", "--deep"]);
    let output = check.stdout(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
