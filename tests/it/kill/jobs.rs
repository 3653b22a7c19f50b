//! Kills a server with kill -9, or stops it, while it plans and applies full lists, and starts it again. Each
//! list whose job was acknowledged is applied exactly once: the members are those of the list, the job counts
//! and lists every row and every removed member once, and no member is written twice.
//!
//! Nobody else writes, so a test knows exactly what must be stored.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::JobState;
use memberbase::api::grpc::v1::job_service_client::JobServiceClient;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use memberbase::engine::{Direction, Engine, Key, KeyRange, Value};
use memberbase::model::Row;
use memberbase::model::origin::Cause;
use memberbase::stored::commit::{Change, CommitPart};
use memberbase::stored::key;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::sync::watch;
use tonic::Status;
use tonic::transport::Channel;

use super::lists::{List, People, Person};
use super::maintenance::all;
use super::moments::{self, Moments};
use super::writer::Random;
use crate::grpc::jobs::{Jobs, results};
use crate::harness::{self, Process};

/// How often lists are sent while servers end, unless the environment sets another number.
const ROUNDS: u64 = 6;
/// Rounds on one store: each of them checks all that the store has from its beginning.
const ROUNDS_OF_STORE: u64 = 10;
/// The members of the first list, and the new ones of each other list.
const FIRST: u64 = 4_000;
const ADDED: u64 = 50;
/// The most servers that end before all jobs of a round have ended.
const MOST_ENDS: u64 = 3;
/// The longest time from the event that a moment waits for to the end of the server.
const MOST_MILLIS: u64 = 30;
/// The bytes of a message.
const MESSAGE_BYTES: usize = 20_000;
/// Keys read at once.
const READ_AT_ONCE: usize = 500;

/// How far the jobs of a round are: the place of the last job that changed, and its state. Greater is later.
type Progress = (usize, i32);

/// When a server ends.
struct Moment {
    /// Not before the jobs are so far.
    progress: Progress,
    delay: Duration,
}

impl Moment {
    fn any(jobs: usize, random: &mut Random) -> Self {
        let states =
            [JobState::Unspecified, JobState::Pending, JobState::Planning, JobState::Held, JobState::Running];
        let job = usize::try_from(random.next()).unwrap() % jobs;
        let progress = (job, random.one_of(states).into());
        Self { progress, delay: Duration::from_millis(random.next() % MOST_MILLIS) }
    }

    async fn come(&self, mut progress: watch::Receiver<Progress>) {
        progress.wait_for(|progress| *progress >= self.progress).await.unwrap();
        tokio::time::sleep(self.delay).await;
    }
}

/// A memberbase into which lists are sent, and what it must have.
struct Store {
    data: TempDir,
    base: String,
    random: Random,
    /// The members.
    people: People,
    /// The number of lists that were sent.
    lists: u64,
    /// The last revision that a job wrote.
    revision: u64,
}

impl Store {
    async fn new(seed: u64, guard_limits: Option<v1::GuardLimits>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let server = Process::serve(data.path());
        let mut bases = MemberBaseServiceClient::new(harness::connect(&server.address).await);
        let name = "lists".into();
        let request = v1::CreateMemberBaseRequest { name, guard_limits, ..Default::default() };
        let base = bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap();
        let (random, people) = (Random(seed), People::default());
        Self { data, base: base.id, random, people, lists: 0, revision: 0 }
    }

    /// The next lists, each made for what the one before it leaves.
    fn next_lists(&mut self, count: usize) -> Vec<List> {
        let mut lists: Vec<List> = Vec::new();
        for _ in 0..count {
            let before = lists.last().map_or(&self.people, |list| &list.after);
            let added = if self.lists == 0 { FIRST } else { ADDED };
            lists.push(before.list(self.lists, added, &mut self.random));
            self.lists += 1;
        }
        lists
    }

    /// Sends lists, one after another, to servers that `signal` ends, until all their jobs have ended. Then
    /// checks everything.
    async fn sync(&mut self, count: usize, signal: Signal, ended_at: &mut Moments) {
        let lists = self.next_lists(count);
        let mut ids = Vec::new();
        let ends = 1 + self.random.next() % MOST_ENDS;
        for end in 0..=ends {
            let mut server = Process::serve(self.data.path());
            let channel = harness::connect(&server.address).await;
            let (progress, seen) = watch::channel((0, JobState::Unspecified.into()));
            let work = work(&channel, &self.base, &lists, &mut ids, &progress);
            let moment = Moment::any(count, &mut self.random);
            let last_seen = seen.clone();
            // The signal is sent while calls still run.
            let ended = async {
                if end == ends {
                    std::future::pending::<()>().await;
                }
                moment.come(seen).await;
                server.signal(signal);
            };
            tokio::select! {
                done = work => {
                    done.unwrap();
                    self.check(&channel, &lists, &ids).await;
                    server.signal(signal);
                    server.wait();
                    break;
                }
                () = ended => {
                    let status = server.wait();
                    assert_eq!(status.success(), signal == Signal::TERM, "{status}");
                    ended_at.note(last_seen.borrow().1);
                }
            }
        }
        self.check_commits(&lists, &ids).await;
    }

    /// Checks the jobs of these lists, and the members after them.
    async fn check(&mut self, channel: &Channel, lists: &[List], ids: &[String]) {
        let mut jobs = JobServiceClient::new(channel.clone());
        let members = all(channel, &self.base).await;
        let refs: HashMap<&str, &str> =
            members.iter().map(|member| (member.id.as_str(), member.r#ref())).collect();
        for (list, id) in lists.iter().zip(ids) {
            let number = list.number;
            let request = v1::GetJobRequest { id: id.clone() };
            let job = jobs.get_job(request).await.unwrap().into_inner().job.unwrap();
            assert_eq!((job.state(), job.name), (JobState::Succeeded, number.to_string()), "{}", job.message);
            let counts = Some(list.counts());
            assert_eq!((job.plan.unwrap().counts, job.applied), (counts, counts), "list {number}");
            assert!(self.revision < job.first_revision, "{} {}", self.revision, job.first_revision);
            self.revision = job.last_revision;

            let (removed, rows): (Vec<_>, Vec<_>) =
                results(&mut jobs, id, false).await.into_iter().partition(|result| result.removed);
            let found: Vec<_> = rows.iter().map(|row| (row.line, row.outcome(), row.applied)).collect();
            let is_change = |outcome| !matches!(outcome, v1::Outcome::Unchanged | v1::Outcome::Failed);
            let rows = (2..).zip(&list.outcomes);
            let expected: Vec<_> =
                rows.map(|(line, outcome)| (line, *outcome, is_change(*outcome))).collect();
            assert!(found == expected, "list {number}: {:?}", first_difference(&found, &expected));
            assert!(removed.iter().all(|member| member.applied && member.spared.is_empty()), "list {number}");
            let count = removed.len();
            let removed: BTreeSet<&str> =
                removed.iter().map(|member| refs[member.member_id.as_str()]).collect();
            let expected: BTreeSet<&str> = list.removed.iter().map(String::as_str).collect();
            assert_eq!((removed, count), (expected, list.removed.len()), "list {number}");
        }
        let request =
            v1::ListJobsRequest { member_base_id: self.base.clone(), states: Vec::new(), pagination: None };
        let listed = jobs.list_jobs(request).await.unwrap().into_inner().jobs;
        let names: Vec<_> = listed.into_iter().map(|job| job.name).collect();
        let expected: Vec<_> = (0..self.lists).rev().map(|number| number.to_string()).collect();
        assert_eq!(names, expected, "a job that nobody started, or none for a list");

        self.people = lists.last().unwrap().after.clone();
        let found = People(members.into_iter().map(person).collect());
        let difference = found.0.iter().zip(&self.people.0).find(|(found, expected)| found != expected);
        assert!(found == self.people, "list {}: {difference:?}", self.lists);
        let request = v1::GetMemberBaseRequest { id: self.base.clone() };
        let mut bases = MemberBaseServiceClient::new(channel.clone());
        let base = bases.get_member_base(request).await.unwrap().into_inner().member_base.unwrap();
        let active = self.people.0.values().filter(|person| person.is_active).count() as u64;
        let total = self.people.0.len() as u64;
        let counts = v1::MemberCounts { total, active, inactive: total - active, ..Default::default() };
        assert_eq!((base.counts, base.revision), (Some(counts), self.revision));
    }

    /// Checks the stored data of a server that has ended, and that the commits of these jobs write each
    /// member once.
    async fn check_commits(&self, lists: &[List], ids: &[String]) {
        let mut check = harness::offline(self.data.path(), &["check", "--deep"]);
        let output = check.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let mut written = writes(self.data.path()).await;
        let mut causes: Vec<u128> = written.keys().copied().collect();
        causes.sort_unstable();
        assert_eq!((causes.len() as u64, ids.len()), (self.lists, lists.len()));
        for (list, cause) in lists.iter().rev().zip(causes.iter().rev()) {
            let written = written.remove(cause).unwrap();
            let twice = written.iter().find(|(_, changes)| changes.len() > 1);
            assert!(twice.is_none(), "list {}: {twice:?}", list.number);
            let v1::JobCounts { created, updated, reactivated, removed, .. } = list.counts();
            let of = |wanted| written.values().filter(|changes| changes[0] == wanted).count() as u64;
            assert_eq!(
                (of(Change::Created), of(Change::Reactivated), of(Change::Updated)),
                (created, reactivated, updated + removed),
                "list {}",
                list.number
            );
        }
    }
}

fn person(member: v1::Member) -> (String, Person) {
    let is_active = match member.status.as_str() {
        "active" => true,
        "inactive" => false,
        other => panic!("status {other:?}"),
    };
    let (r#ref, email, tier) = (member.r#ref.unwrap(), member.email.unwrap(), member.tier.unwrap());
    (r#ref, Person { email, tier, is_active })
}

fn first_difference<'a, T: PartialEq>(found: &'a [T], expected: &'a [T]) -> (usize, Option<(&'a T, &'a T)>) {
    (found.len(), found.iter().zip(expected).find(|(found, expected)| found != expected))
}

/// Sends the lists whose jobs are not acknowledged yet, and then approves and follows all jobs to their ends.
async fn work(
    channel: &Channel,
    base: &str,
    lists: &[List],
    ids: &mut Vec<String>,
    progress: &watch::Sender<Progress>,
) -> Result<(), Status> {
    let mut jobs = JobServiceClient::new(channel.clone());
    while let Some(list) = lists.get(ids.len()) {
        ids.push(send(&mut jobs, base, list).await?);
    }
    for (place, id) in ids.iter().enumerate() {
        follow(&mut jobs, id, |state| {
            progress.send_replace((place, state));
        })
        .await?;
    }
    Ok(())
}

/// Sends a list, maybe not for the first time, and returns the id of its job. For every other list, says how
/// many members it removes, so that the guard does not hold
/// it because of them.
async fn send(jobs: &mut Jobs, base: &str, list: &List) -> Result<String, Status> {
    let options = v1::SyncOptions {
        member_base_id: base.to_owned(),
        name: list.number.to_string(),
        request_id: list.number.to_string(),
        expect_removals: list.number.is_multiple_of(2).then_some(list.removed.len() as u64),
        ..Default::default()
    };
    let first = v1::SyncMembersRequest { options: Some(options), ..Default::default() };
    let pieces = list.text.as_bytes().chunks(MESSAGE_BYTES);
    let pieces =
        pieces.map(|data| v1::SyncMembersRequest { data: data.to_vec().into(), ..Default::default() });
    let complete = v1::SyncComplete { rows: Some(list.outcomes.len() as u64), sha256: None };
    let last = v1::SyncMembersRequest { complete: Some(complete), ..Default::default() };
    let messages: Vec<_> = std::iter::once(first).chain(pieces).chain([last]).collect();
    Ok(jobs.sync_members(tokio_stream::iter(messages)).await?.into_inner().job.unwrap().id)
}

/// Follows a job to its end, and approves its plan whenever the guard holds it.
pub async fn follow(jobs: &mut Jobs, id: &str, note: impl Fn(i32)) -> Result<(), Status> {
    loop {
        let request = v1::WatchJobRequest { id: id.to_owned() };
        let mut changes = jobs.watch_job(request).await?.into_inner();
        let mut last = None;
        while let Some(change) = changes.message().await? {
            let job = change.job.unwrap();
            note(job.state);
            last = Some(job);
        }
        let job = last.expect("a job that nobody can see");
        if job.state() != JobState::Held {
            return Ok(());
        }
        let plan = job.plan.unwrap();
        let is_guard = |hold: &String| ["REMOVAL_GUARD", "CHANGE_GUARD"].contains(&hold.as_str());
        assert!(plan.holds.iter().all(is_guard), "{:?}", plan.holds);
        assert_eq!(plan.holds.first(), Some(&job.reason));
        let request = v1::ApproveJobRequest { id: id.to_owned(), plan_hash: plan.hash };
        jobs.approve_job(request).await?;
    }
}

/// For each job, by its number, the members that its commits write, and how often.
pub async fn writes(data: &Path) -> HashMap<u128, HashMap<Row, Vec<Change>>> {
    writes_in(harness::engine(data).await).await
}

/// The same in an open store with one memberbase, which is closed.
pub async fn writes_in(engine: Arc<dyn Engine>) -> HashMap<u128, HashMap<Row, Vec<Change>>> {
    let headers = scan(&engine, key::headers()).await;
    let [(header, _)] = &headers[..] else { panic!("{} memberbases", headers.len()) };
    let mut written: HashMap<u128, HashMap<Row, Vec<Change>>> = HashMap::new();
    for (_, part) in scan(&engine, key::commits(key::header_base(header).unwrap())).await {
        let mut part = CommitPart::open(&part).unwrap();
        let Cause::Job(job) = part.origin.unwrap().cause else { continue };
        while let Some(change) = part.next_change().unwrap() {
            if !change.goes_on {
                written.entry(job).or_default().entry(change.row).or_default().push(change.change);
            }
        }
    }
    engine.close().await.unwrap();
    written
}

async fn scan(engine: &Arc<dyn Engine>, mut range: KeyRange) -> Vec<(Key, Value)> {
    let mut all = Vec::new();
    loop {
        let found = engine.scan(range.clone(), Direction::Forward, READ_AT_ONCE).await.unwrap();
        let Some((last, _)) = found.last() else { return all };
        range.start = std::ops::Bound::Excluded(last.clone());
        all.extend(found);
    }
}

/// Sends `count` lists in each of so many rounds, to servers that `signal` ends.
async fn rounds(
    rounds: u64,
    (seed, guard_limits): (u64, Option<v1::GuardLimits>),
    count: usize,
    signal: Signal,
) {
    let mut ended_at = Moments::default();
    for (seed, rounds) in moments::stores(seed, rounds, ROUNDS_OF_STORE) {
        let mut store = Store::new(seed, guard_limits.clone()).await;
        for _ in 0..rounds {
            store.sync(count, signal, &mut ended_at).await;
        }
    }
    println!("{rounds} rounds of {count} lists; {ended_at}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_applied_exactly_once_whenever_the_server_is_killed() {
    rounds(harness::rounds(ROUNDS), (3, None), 1, Signal::KILL).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_that_wait_are_applied_in_order_whenever_the_server_is_killed() {
    rounds(harness::rounds(ROUNDS / 2), (5, harness::guard_off()), 3, Signal::KILL).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_applied_exactly_once_whenever_the_server_is_stopped() {
    rounds(harness::rounds(ROUNDS / 2), (7, None), 1, Signal::TERM).await;
}
