//! `JobService`: jobs that are planned, held, approved, applied and cancelled.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::JobState::{Cancelled, Held, Rejected, Succeeded};
use memberbase::api::grpc::v1::job_service_client::JobServiceClient;
use prost_types::Value;
use prost_types::value::Kind;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::harness::{Base, Server, refused, row, rows};

pub type Jobs = JobServiceClient<Channel>;

/// A memberbase with the usual limits and these members.
pub async fn with_members(server: &Server, members: usize) -> (Base, Jobs) {
    with_rows(server, rows("a", members)).await
}

pub async fn with_rows(server: &Server, members: Vec<v1::MemberInput>) -> (Base, Jobs) {
    let request = v1::CreateMemberBaseRequest { name: "Jobs".into(), ..Default::default() };
    let mut base = server.base_with(request).await;
    base.fill(members).await;
    (base, JobServiceClient::new(server.channel()))
}

/// Follows a job until it is held or has ended.
pub async fn follow(jobs: &mut Jobs, job: Option<v1::Job>) -> v1::Job {
    let id = job.unwrap().id;
    let mut stream = jobs.watch_job(v1::WatchJobRequest { id: id.clone() }).await.unwrap().into_inner();
    while stream.message().await.unwrap().is_some() {}
    get(jobs, &id).await
}

pub async fn get(jobs: &mut Jobs, id: &str) -> v1::Job {
    jobs.get_job(v1::GetJobRequest { id: id.to_owned() }).await.unwrap().into_inner().job.unwrap()
}

pub async fn approve(jobs: &mut Jobs, job: &v1::Job) -> v1::Job {
    let plan_hash = job.plan.clone().unwrap().hash;
    let request = v1::ApproveJobRequest { id: job.id.clone(), plan_hash };
    let approved = jobs.approve_job(request).await.unwrap().into_inner().job;
    follow(jobs, approved).await
}

pub async fn results(jobs: &mut Jobs, id: &str, failed_only: bool) -> Vec<v1::JobResult> {
    listed(jobs, v1::ListJobResultsRequest { id: id.to_owned(), failed_only, with_input: false }).await
}

/// The results of a job without an input, which are the same if rows are asked for as they were received.
pub async fn results_without_input(jobs: &mut Jobs, id: &str) -> Vec<v1::JobResult> {
    let with_input = v1::ListJobResultsRequest { id: id.to_owned(), failed_only: false, with_input: true };
    let results = results(jobs, id, false).await;
    assert_eq!(listed(jobs, with_input).await, results);
    results
}

async fn listed(jobs: &mut Jobs, request: v1::ListJobResultsRequest) -> Vec<v1::JobResult> {
    let mut stream = jobs.list_job_results(request).await.unwrap().into_inner();
    let mut results = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        results.extend(message.results);
    }
    results
}

fn tier(name: &str) -> Vec<v1::Filter> {
    let value = Value { kind: Some(Kind::StringValue(name.to_owned())) };
    vec![v1::Filter { key: "tier".into(), eq: Some(value), ..Default::default() }]
}

fn delete(base: &Base, filters: Vec<v1::Filter>) -> v1::DeleteMembersByFilterRequest {
    v1::DeleteMembersByFilterRequest { member_base_id: base.id.clone(), filters, ..Default::default() }
}

/// Gives these members a tier.
async fn set_tier(base: &mut Base, members: std::ops::Range<usize>, name: &str) {
    let rows = members.map(|n| v1::MemberInput { tier: Some(name.into()), ..row(&format!("a{n}")) });
    let reply = base.upsert(rows.collect()).await;
    assert_eq!(reply.counts.unwrap().failed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_by_filter_deletes_those_who_match_and_lists_them() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 30).await;
    set_tier(&mut base, 3..8, "Gold").await;
    let request =
        v1::DeleteMembersByFilterRequest { request_id: "one".into(), ..delete(&base, tier("Gold")) };
    let started = jobs.delete_members_by_filter(request.clone()).await.unwrap().into_inner().job;
    let job = follow(&mut jobs, started).await;
    assert_eq!(job.state(), Succeeded, "{job:?}");
    assert_eq!((job.applied.unwrap().removed, job.plan.clone().unwrap().counts.unwrap().removed), (5, 5));
    assert_eq!(base.refs(Vec::new()).await.len(), 25);
    let results = results_without_input(&mut jobs, &job.id).await;
    assert!(results.iter().all(|result| result.removed && result.applied), "{results:?}");
    // They are gone, but the commit that deleted them knows their keys.
    let keys: Vec<_> = results.iter().map(|result| result.key.as_str()).collect();
    assert_eq!(keys, ["a3", "a4", "a5", "a6", "a7"]);
    // A repeat finds the same job.
    let again = jobs.delete_members_by_filter(request).await.unwrap();
    assert!(again.metadata().contains_key("idempotency-replayed"));
    assert_eq!(again.into_inner().job.unwrap().id, job.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_matches_everyone_is_held_until_somebody_approves_it() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 60).await;
    let exists = vec![v1::Filter { key: "ref".into(), exists: Some(true), ..Default::default() }];
    let started = jobs.delete_members_by_filter(delete(&base, exists)).await.unwrap().into_inner().job;
    let held = follow(&mut jobs, started).await;
    assert_eq!((held.state(), held.reason.as_str()), (Held, "REMOVAL_GUARD"), "{held:?}");
    assert_eq!(base.refs(Vec::new()).await.len(), 60);
    let get = v1::GetJobRequest { id: held.id.clone() };
    let shown = jobs.get_job(get).await.unwrap().into_inner().job.unwrap().plan.unwrap();
    assert_eq!(shown.examples.len(), 60);
    assert!(shown.examples.iter().all(|example| example.removed), "{shown:?}");
    let planned = results(&mut jobs, &held.id, false).await;
    let keys = |of: Vec<String>| of.into_iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(
        keys(shown.examples.into_iter().map(|example| example.key).collect()),
        keys(planned.into_iter().map(|result| result.key).collect())
    );
    let wrong = v1::ApproveJobRequest { id: held.id.clone(), plan_hash: "0".repeat(32) };
    refused(&jobs.approve_job(wrong).await.unwrap_err(), Code::FailedPrecondition, "PLAN_HASH");
    // Somebody else leaves meanwhile: the plan removes no others, so it goes on.
    base.delete(Vec::new(), vec!["a0".into()]).await;
    let done = approve(&mut jobs, &held).await;
    assert_eq!((done.state(), done.applied.unwrap().removed), (Succeeded, 59), "{done:?}");
    assert!(base.refs(Vec::new()).await.is_empty());
    let again = v1::ApproveJobRequest { id: held.id, plan_hash: "0".repeat(32) };
    refused(&jobs.approve_job(again).await.unwrap_err(), Code::FailedPrecondition, "JOB_STATE");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_plan_that_would_now_delete_others_is_held_again() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 60).await;
    set_tier(&mut base, 0..40, "Gold").await;
    let started = jobs.delete_members_by_filter(delete(&base, tier("Gold"))).await.unwrap().into_inner().job;
    let held = follow(&mut jobs, started).await;
    set_tier(&mut base, 40..41, "Gold").await;
    let again = approve(&mut jobs, &held).await;
    assert_eq!((again.state(), again.reason.as_str()), (Held, "REMOVAL_GUARD"), "{again:?}");
    assert!(again.plan.clone().unwrap().holds.contains(&"PLAN_CHANGED".to_owned()), "{again:?}");
    assert_eq!(base.refs(Vec::new()).await.len(), 60);
    let done = approve(&mut jobs, &again).await;
    assert_eq!((done.state(), done.applied.unwrap().removed), (Succeeded, 41));
}

#[tokio::test(flavor = "multi_thread")]
async fn held_jobs_are_rejected_or_cancelled_and_then_nothing_more_happens() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 60).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let exists = vec![v1::Filter { key: "ref".into(), exists: Some(true), ..Default::default() }];
        let started = jobs.delete_members_by_filter(delete(&base, exists)).await.unwrap().into_inner().job;
        held.push(follow(&mut jobs, started).await.id);
    }
    let reject = v1::RejectJobRequest { id: held[0].clone() };
    let rejected = jobs.reject_job(reject.clone()).await.unwrap().into_inner().job.unwrap();
    assert_eq!(rejected.state(), Rejected);
    refused(&jobs.reject_job(reject).await.unwrap_err(), Code::FailedPrecondition, "JOB_STATE");
    let cancel = v1::CancelJobRequest { id: held[1].clone() };
    for _ in 0..2 {
        let cancelled = jobs.cancel_job(cancel.clone()).await.unwrap().into_inner().job.unwrap();
        assert_eq!(cancelled.state(), Cancelled);
    }
    let list = v1::ListJobsRequest { member_base_id: base.id.clone(), ..Default::default() };
    let listed = jobs.list_jobs(list.clone()).await.unwrap().into_inner().jobs;
    let states: Vec<_> = listed.iter().map(v1::Job::state).collect();
    assert_eq!(states, [Cancelled, Rejected]);
    let only = v1::ListJobsRequest { states: vec![Rejected.into()], ..list };
    assert_eq!(jobs.list_jobs(only).await.unwrap().into_inner().jobs.len(), 1);
    assert_eq!(base.refs(Vec::new()).await.len(), 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_jobs_come_in_pages() {
    let server = Server::start().await;
    let (base, mut jobs) = with_members(&server, 1).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        let request = v1::DeleteMembersByFilterRequest { dry_run: true, ..delete(&base, tier("none")) };
        let started = jobs.delete_members_by_filter(request).await.unwrap().into_inner().job;
        made.push(follow(&mut jobs, started).await.id);
    }
    made.reverse();
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let pagination = Some(v1::Pagination { limit: Some(2), cursor, skip: None });
        let request = v1::ListJobsRequest { member_base_id: base.id.clone(), states: Vec::new(), pagination };
        let page = jobs.list_jobs(request).await.unwrap().into_inner();
        found.extend(page.jobs.into_iter().map(|job| job.id));
        cursor = page.page.unwrap().cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, made);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_jobs_and_senseless_requests_are_refused() {
    let server = Server::start().await;
    let (base, mut jobs) = with_members(&server, 1).await;
    for (id, code, reason) in [
        ("", Code::InvalidArgument, "FIELD_REQUIRED"),
        ("job_x", Code::InvalidArgument, "ID_MALFORMED"),
        ("job_00000000000000000000000000", Code::NotFound, "JOB_NOT_FOUND"),
    ] {
        let get = v1::GetJobRequest { id: id.to_owned() };
        refused(&jobs.get_job(get).await.unwrap_err(), code, reason);
        let watch = v1::WatchJobRequest { id: id.to_owned() };
        refused(&jobs.watch_job(watch).await.unwrap_err(), code, reason);
    }
    let status: Status = jobs.delete_members_by_filter(delete(&base, Vec::new())).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "FIELD_REQUIRED");
    let long = v1::DeleteMembersByFilterRequest { name: "x".repeat(201), ..delete(&base, tier("Gold")) };
    refused(&jobs.delete_members_by_filter(long).await.unwrap_err(), Code::InvalidArgument, "FIELD_INVALID");
}
