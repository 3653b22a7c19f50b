//! Kills a server with kill -9, or stops it, while it plans and applies reverts, and starts it again. After
//! each revert all members are as they were before the changes that it takes back, and it has written each of
//! them once.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::JobState;
use memberbase::api::grpc::v1::job_service_client::JobServiceClient;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::sync::watch;
use tonic::Status;
use tonic::transport::Channel;

use super::jobs::{follow, writes};
use super::maintenance::all;
use super::moments::{self, Moments};
use super::writer::Random;
use crate::harness::{self, Process, row};

/// How often changes are taken back while servers end, unless the environment sets another number.
const ROUNDS: u64 = 5;
/// Rounds on one store: each of them checks all that the store has from its beginning.
const ROUNDS_OF_STORE: u64 = 10;
/// The members, of which a round changes, deletes and adds so many.
const MEMBERS: usize = 5_000;
const CHANGED: usize = 2_000;
const DELETED: usize = 1_500;
const ADDED: usize = 500;
/// The most servers that end before a revert has ended.
const MOST_ENDS: u64 = 4;
/// The longest time from the event that a server waits for to its end.
const MOST_MILLIS: u64 = 40;

/// Members by their ids, without the revision and time of their last changes.
type Members = BTreeMap<String, v1::Member>;

async fn members(channel: &Channel, base: &str) -> Members {
    let plain = |member: v1::Member| v1::Member { revision: 0, updated_at: None, ..member };
    all(channel, base).await.into_iter().map(|member| (member.id.clone(), plain(member))).collect()
}

fn member(number: usize, email: usize, tier: &str) -> v1::MemberInput {
    v1::MemberInput {
        email: Some(format!("m{email}@example.com")),
        tier: Some(tier.to_owned()),
        ..row(&format!("m{number}"))
    }
}

struct Store {
    data: TempDir,
    base: String,
    random: Random,
    rounds: u64,
}

impl Store {
    async fn new(seed: u64) -> Self {
        let data = tempfile::tempdir().unwrap();
        let server = Process::serve(data.path());
        let channel = harness::connect(&server.address).await;
        let guard_limits = harness::guard_off();
        let request =
            v1::CreateMemberBaseRequest { name: "reverts".into(), guard_limits, ..Default::default() };
        let mut bases = MemberBaseServiceClient::new(channel.clone());
        let base = bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap().id;
        let store = Self { data, base, random: Random(seed), rounds: 0 };
        store.upsert(&channel, (0..MEMBERS).map(|n| member(n, n, "Gold")).collect()).await;
        store
    }

    async fn upsert(&self, channel: &Channel, members: Vec<v1::MemberInput>) -> u64 {
        let member_base_id = self.base.clone();
        let request = v1::BulkUpsertMembersRequest { member_base_id, members, ..Default::default() };
        let reply = harness::members(channel).bulk_upsert_members(request).await.unwrap().into_inner();
        assert!(reply.results.iter().all(|result| result.error.is_none()));
        reply.revision
    }

    /// Changes, deletes and adds members, and returns the first and the last revision of that.
    async fn change(&mut self, channel: &Channel) -> (u64, u64) {
        let request = v1::GetMemberBaseRequest { id: self.base.clone() };
        let mut bases = MemberBaseServiceClient::new(channel.clone());
        let base = bases.get_member_base(request).await.unwrap().into_inner().member_base.unwrap();
        let from = usize::try_from(self.random.next()).unwrap() % MEMBERS;
        let number = |n: usize| (from + n) % MEMBERS;
        // The addresses move one further each, from the last on.
        let spare = MEMBERS + usize::try_from(self.rounds).unwrap() + 1;
        let moved = (0..CHANGED).rev().map(|n| {
            let email = if n + 1 == CHANGED { spare } else { number(n + 1) };
            member(number(n), email, "Silver")
        });
        self.upsert(channel, moved.collect()).await;
        let refs = (CHANGED..CHANGED + DELETED).map(|n| format!("m{}", number(n))).collect();
        let member_base_id = self.base.clone();
        let request = v1::BulkDeleteMembersRequest { member_base_id, refs, ..Default::default() };
        harness::members(channel).bulk_delete_members(request).await.unwrap();
        let added = (0..ADDED).map(|n| row(&format!("new {} {n}", self.rounds))).collect();
        (base.revision + 1, self.upsert(channel, added).await)
    }

    /// Changes members and takes that back, while servers end, and checks everything.
    async fn round(&mut self, signal: Signal, ended_at: &mut Moments) {
        let server = Process::serve(self.data.path());
        let channel = harness::connect(&server.address).await;
        let before = members(&channel, &self.base).await;
        let (first_revision, last_revision) = self.change(&channel).await;
        drop(channel);
        drop(server);
        self.rounds += 1;
        let request = v1::StartRevertRequest {
            member_base_id: self.base.clone(),
            first_revision,
            last_revision,
            request_id: format!("revert-{}", self.rounds),
            ..Default::default()
        };
        let ends = 1 + self.random.next() % MOST_ENDS;
        for end in 0..=ends {
            let mut server = Process::serve(self.data.path());
            let channel = harness::connect(&server.address).await;
            let (state, mut seen) = watch::channel(JobState::Unspecified.into());
            let last_seen = seen.clone();
            let wanted: i32 = self
                .random
                .one_of([JobState::Unspecified, JobState::Planning, JobState::Running, JobState::Running])
                .into();
            let delay = Duration::from_millis(self.random.next() % MOST_MILLIS);
            let ended = async {
                if end == ends {
                    std::future::pending::<()>().await;
                }
                seen.wait_for(|state| *state >= wanted).await.unwrap();
                tokio::time::sleep(delay).await;
                server.signal(signal);
            };
            tokio::select! {
                done = revert(&channel, &request, &state) => {
                    self.check(&channel, &done.unwrap(), &before).await;
                    server.signal(signal);
                    server.wait();
                    break;
                }
                () = ended => {
                    let status = server.wait();
                    assert_eq!(status.success(), signal == Signal::TERM, "{status}");
                    ended_at.note(*last_seen.borrow());
                }
            }
        }
        self.check_commits().await;
    }

    async fn check(&self, channel: &Channel, id: &str, before: &Members) {
        let request = v1::GetJobRequest { id: id.to_owned() };
        let mut jobs = JobServiceClient::new(channel.clone());
        let job = jobs.get_job(request).await.unwrap().into_inner().job.unwrap();
        assert_eq!(job.state(), JobState::Succeeded, "{job:?}");
        let count = |count: usize| count as u64;
        let (created, updated, removed) = (count(DELETED), count(CHANGED), count(ADDED));
        let counts = Some(v1::JobCounts { created, updated, removed, ..Default::default() });
        assert_eq!((job.plan.unwrap().counts, job.applied), (counts, counts));
        let after = members(channel, &self.base).await;
        let other = before.iter().find(|(id, member)| after.get(*id) != Some(*member));
        assert!(*before == after, "{other:?}");
    }

    /// Checks the stored data of a server that has ended, and that each revert wrote each member once.
    async fn check_commits(&self) {
        let mut check = harness::offline(self.data.path(), &["check", "--deep"]);
        let output = check.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let written = writes(self.data.path()).await;
        assert_eq!(written.len() as u64, self.rounds);
        for members in written.values() {
            let twice = members.iter().find(|(_, changes)| changes.len() > 1);
            assert!(twice.is_none(), "{twice:?}");
            assert_eq!(members.len(), CHANGED + DELETED + ADDED);
        }
    }
}

/// Starts a revert, maybe not for the first time, and follows it to its end.
async fn revert(
    channel: &Channel,
    request: &v1::StartRevertRequest,
    state: &watch::Sender<i32>,
) -> Result<String, Status> {
    let mut jobs = JobServiceClient::new(channel.clone());
    let id = jobs.start_revert(request.clone()).await?.into_inner().job.unwrap().id;
    follow(&mut jobs, &id, |now| {
        state.send_replace(now);
    })
    .await?;
    Ok(id)
}

/// Takes changes back in each of so many rounds, on servers that `signal` ends.
async fn rounds(rounds: u64, seed: u64, signal: Signal) {
    let mut ended_at = Moments::default();
    for (seed, rounds) in moments::stores(seed, rounds, ROUNDS_OF_STORE) {
        let mut store = Store::new(seed).await;
        for _ in 0..rounds {
            store.round(signal, &mut ended_at).await;
        }
    }
    println!("{rounds} reverts; {ended_at}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reverts_are_applied_exactly_once_whenever_the_server_is_killed() {
    rounds(harness::rounds(ROUNDS), 11, Signal::KILL).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reverts_are_applied_exactly_once_whenever_the_server_is_stopped() {
    rounds(harness::rounds(ROUNDS / 2), 13, Signal::TERM).await;
}
