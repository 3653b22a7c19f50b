//! A job that a takeover cuts goes on at the other server: every row is written once, and the job says so.

use memberbase::api::grpc::v1::job_service_client::JobServiceClient;
use memberbase::api::grpc::v1::{self, JobState};
use memberbase::model::BaseNumber;
use memberbase::stored::key;
use rustix::process::Signal;

use super::forward::pair;
use super::{make_base, run};
use crate::grpc::jobs::results;
use crate::harness::{Database, connect, database};
use crate::kill::jobs::{follow, writes_in};

/// So many that the job is applied in many commits.
const ROWS: usize = 40_000;

/// The commits in the store; `None` if the database is not ours.
fn commits(database: &Database) -> Option<u64> {
    let std::ops::Bound::Included(first) = key::commits(BaseNumber(1)).start else { panic!() };
    let table = format!("substring(k from 1 for 1) = '\\x{:02x}'::bytea", first[0]);
    let text =
        database.sql(&format!("SELECT count(DISTINCT k) FROM {}.kv WHERE {table}", database.schema))?;
    Some(text.trim().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_whose_server_is_killed_while_it_is_applied_is_applied_once_by_the_next() {
    let Some(database) = database() else { return };
    let (mut active, mut standby) = pair(&database).await;
    let base = make_base(&active.address, "base").await;
    let mut list = "ref,email\n".to_owned();
    (0..ROWS).for_each(|n| list.push_str(&format!("r{n},r{n}@example.com\n")));
    let options =
        v1::SyncOptions { member_base_id: base.clone(), request_id: "list".into(), ..Default::default() };
    let first = v1::SyncMembersRequest { options: Some(options), ..Default::default() };
    let pieces = list.as_bytes().chunks(200_000);
    let pieces =
        pieces.map(|data| v1::SyncMembersRequest { data: data.to_vec().into(), ..Default::default() });
    let complete = Some(v1::SyncComplete { rows: Some(ROWS as u64), sha256: None });
    let last = v1::SyncMembersRequest { complete, ..Default::default() };
    let messages: Vec<_> = std::iter::once(first).chain(pieces).chain([last]).collect();

    // Both through the standby, which is the one that is left.
    let mut jobs = JobServiceClient::new(connect(&standby.address).await);
    let sent = jobs.sync_members(tokio_stream::iter(messages.clone())).await.unwrap().into_inner();
    let id = sent.job.unwrap().id;
    let request = v1::WatchJobRequest { id: id.clone() };
    let mut changes = jobs.watch_job(request).await.unwrap().into_inner();
    loop {
        let job = changes.message().await.unwrap().expect("it ended before it ran").job.unwrap();
        let begun = job.applied.as_ref().map_or(0, |counts| counts.created);
        if job.state() == JobState::Running && begun > 0 {
            break;
        }
        assert!([JobState::Pending, JobState::Planning, JobState::Running].contains(&job.state()), "{job:?}");
    }
    active.signal(Signal::KILL);
    active.wait();
    let before = commits(&database);

    // Waits at the standby until it owns the store.
    while let Err(status) = follow(&mut jobs, &id, |_| {}).await {
        assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}");
    }
    assert!(
        before.is_none() || commits(&database) > before,
        "the job had ended before the server was killed"
    );
    let job = jobs.get_job(v1::GetJobRequest { id: id.clone() }).await.unwrap().into_inner().job.unwrap();
    assert_eq!(job.state(), JobState::Succeeded, "{job:?}");
    let counts = Some(v1::JobCounts { created: ROWS as u64, ..Default::default() });
    assert_eq!((job.plan.unwrap().counts, job.applied), (counts, counts));
    let rows = results(&mut jobs, &id, false).await;
    assert!(
        rows.len() == ROWS && rows.iter().all(|row| row.applied && row.outcome() == v1::Outcome::Created)
    );
    // The same list with the same id is the same job.
    let again = jobs.sync_members(tokio_stream::iter(messages)).await.unwrap().into_inner().job.unwrap();
    assert_eq!((&again.id, again.state()), (&id, JobState::Succeeded));
    standby.signal(Signal::TERM);
    assert!(standby.wait().success());
    let written = writes_in(database.engine().await).await;
    let written: Vec<_> = written.into_values().collect();
    assert_eq!((written.len(), written[0].len()), (1, ROWS));
    let twice = written[0].iter().find(|(_, changes)| changes.len() > 1);
    assert!(twice.is_none(), "{twice:?}");
    let (code, said) = run(&database, &["check", "--deep", "--store", &database.url()]).await;
    let members = format!("\nmembers {ROWS}\n");
    assert!(code == 0 && said.contains(&members) && said.contains("\nfindings 0\n"), "{code} {said}");
}
