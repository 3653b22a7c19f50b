//! `StartRevert`: changes are taken back as a job.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::JobState::{Held, Succeeded};
use memberbase::api::grpc::v1::Outcome;
use memberbase::api::grpc::v1::api_token_service_client::ApiTokenServiceClient;
use memberbase::api::grpc::v1::job_service_client::JobServiceClient;
use memberbase::api::grpc::v1::member_service_client::MemberServiceClient;
use memberbase::api::grpc::v1::record_service_client::RecordServiceClient;
use prost_types::Timestamp;
use tonic::codegen::{Body, Bytes, StdError};
use tonic::{Code, Status};

use super::jobs::{Jobs, approve, follow, get, results, results_without_input, with_members};
use super::sync::{list, send, sync};
use crate::harness::{Base, Bearer, Server, refused, row};

fn of_job(id: &str) -> v1::StartRevertRequest {
    v1::StartRevertRequest { job_id: id.to_owned(), ..Default::default() }
}

fn of_revisions(base: &Base, first_revision: u64, last_revision: u64) -> v1::StartRevertRequest {
    let member_base_id = base.id.clone();
    v1::StartRevertRequest { member_base_id, first_revision, last_revision, ..Default::default() }
}

async fn revert(jobs: &mut Jobs, request: v1::StartRevertRequest) -> v1::Job {
    let started = jobs.start_revert(request).await.unwrap().into_inner().job;
    follow(jobs, started).await
}

async fn statuses(base: &mut Base, prefix: &str, count: usize) -> Vec<String> {
    let mut statuses = Vec::new();
    for n in 0..count {
        statuses.push(base.get(&format!("{prefix}{n}")).await.map_or_else(|_| String::new(), |it| it.status));
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_list_did_is_taken_back_and_so_is_the_revert() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 12).await;
    let untouched = base.get("a3").await.unwrap();
    let file = list(8).replace("a1,a1@example.com", "a1,new@example.com") + "b1,b1@example.com\n";
    let done = sync(&mut jobs, &base, &file).await;
    assert_eq!(done.state(), Succeeded, "{done:?}");
    let plan = revert(&mut jobs, v1::StartRevertRequest { dry_run: true, ..of_job(&done.id) }).await;
    assert_eq!((plan.state(), plan.kind()), (Succeeded, v1::JobKind::Revert), "{plan:?}");
    let counts = plan.plan.as_ref().unwrap().counts.unwrap();
    assert_eq!(
        (counts.updated, counts.reactivated, counts.removed, counts.failed),
        (1, 4, 1, 0),
        "{counts:?}"
    );
    assert_eq!((plan.first_revision, plan.rows), (0, 6));
    let examples = plan.plan.unwrap().examples;
    let change = examples.iter().find(|example| example.key == "a1").unwrap().changes.clone();
    let (before, after) = (Some("new@example.com".to_owned()), Some("a1@example.com".to_owned()));
    assert_eq!(change, [v1::JobFieldChange { field: "email".into(), before, after }]);
    assert_eq!(statuses(&mut base, "a", 12).await[8..], ["inactive"; 4]);

    let taken_back = revert(&mut jobs, of_job(&done.id)).await;
    assert_eq!(taken_back.state(), Succeeded, "{taken_back:?}");
    assert_eq!(taken_back.applied, Some(counts));
    assert_eq!(statuses(&mut base, "a", 12).await, ["active"; 12]);
    assert_eq!(base.get("a1").await.unwrap().email.as_deref(), Some("a1@example.com"));
    assert!(base.get("b1").await.is_err());
    assert_eq!(base.get("a3").await.unwrap(), untouched);
    let all = results(&mut jobs, &taken_back.id, false).await;
    assert_eq!((all.len(), all.iter().filter(|result| result.removed).count()), (6, 1), "{all:?}");
    assert!(all.iter().all(|result| result.applied && !result.member_id.is_empty()), "{all:?}");
    assert!(results(&mut jobs, &taken_back.id, true).await.is_empty());

    // Again: everything is as before already.
    let again = revert(&mut jobs, of_job(&done.id)).await;
    let counts = again.applied.unwrap();
    assert_eq!((again.state(), counts.unchanged, again.first_revision), (Succeeded, 6, 0), "{again:?}");
    let redone = revert(&mut jobs, of_job(&taken_back.id)).await;
    let counts = redone.applied.unwrap();
    assert_eq!((redone.state(), counts.created, counts.updated), (Succeeded, 1, 5), "{redone:?}");
    assert_eq!(statuses(&mut base, "a", 12).await[8..], ["inactive"; 4]);
    assert_eq!(base.get("a1").await.unwrap().email.as_deref(), Some("new@example.com"));
    assert_eq!(base.get("b1").await.unwrap().status, "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_go_back_stays_and_says_why() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 6).await;
    let file = list(5) + "b0,b0@example.com\nb1,b1@example.com\nb2,b2@example.com\n";
    let done = sync(&mut jobs, &base, &file).await;
    // a5 became inactive and was brought back by somebody; b0 was changed, and b1 got a clip.
    base.upsert(vec![v1::MemberInput { last_name: Some("New".into()), ..row("b0") }]).await;
    base.upsert(vec![v1::MemberInput { last_name: Some("New".into()), ..row("a5") }]).await;
    let member_id = base.get("b1").await.unwrap().id;
    let clip = v1::SaveClipRequest { member_id, creative_id: "c".into(), ..Default::default() };
    RecordServiceClient::new(server.channel()).save_clip(clip).await.unwrap();
    let taken_back = revert(&mut jobs, of_job(&done.id)).await;
    let counts = taken_back.applied.unwrap();
    assert_eq!(taken_back.state(), Succeeded, "{taken_back:?}");
    assert_eq!((counts.failed, counts.removed, counts.updated), (1, 3, 0), "{counts:?}");
    assert_eq!(statuses(&mut base, "b", 3).await, ["inactive", "inactive", ""]);
    let mut why = Vec::new();
    for result in results(&mut jobs, &taken_back.id, true).await {
        let reason = result.error.as_ref().unwrap().reason.clone();
        why.push((result.removed, result.outcome(), reason));
    }
    why.sort();
    let (gone, failed) = (Outcome::Unspecified, Outcome::Failed);
    let expected = [
        (false, failed, "CHANGED_SINCE".to_owned()),
        (true, gone, "CHANGED_SINCE".to_owned()),
        (true, gone, "RECORDS_ATTACHED".to_owned()),
    ];
    assert_eq!(why, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_members_come_back_with_their_records_unless_a_key_is_taken() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 4).await;
    let kept = base.get("a0").await.unwrap();
    let mut records = RecordServiceClient::new(server.channel());
    let clip =
        v1::SaveClipRequest { member_id: kept.id.clone(), creative_id: "c".into(), ..Default::default() };
    records.save_clip(clip).await.unwrap();
    let exists = v1::Filter { key: "ref".into(), exists: Some(true), ..Default::default() };
    let member_base_id = base.id.clone();
    let request =
        v1::DeleteMembersByFilterRequest { member_base_id, filters: vec![exists], ..Default::default() };
    let started = jobs.delete_members_by_filter(request).await.unwrap().into_inner().job;
    let deleted = follow(&mut jobs, started).await;
    assert_eq!(deleted.applied.unwrap().removed, 4, "{deleted:?}");
    let holder = base.fill(vec![row("a2")]).await.pop().unwrap();
    let taken_back = revert(&mut jobs, of_job(&deleted.id)).await;
    let counts = taken_back.applied.unwrap();
    assert_eq!((counts.created, counts.failed), (3, 1), "{taken_back:?}");
    let back = base.get("a0").await.unwrap();
    assert_eq!((back.id, back.created_at), (kept.id.clone(), kept.created_at));
    let clips = v1::ListClipsRequest { member_id: kept.id, ..Default::default() };
    assert_eq!(records.list_clips(clips).await.unwrap().into_inner().clips.len(), 1);
    results_without_input(&mut jobs, &taken_back.id).await;
    let listed = results(&mut jobs, &taken_back.id, true).await;
    let error = listed[0].error.clone().unwrap();
    assert_eq!((listed.len(), error.reason.as_str()), (1, "REF_TAKEN"), "{listed:?}");
    assert_eq!(error.member_id, holder, "{error:?}");
    // Once a record that came back has changed, its member is not deleted again.
    let redeemed_at = Some(Timestamp { seconds: 1, nanos: 0 });
    let member_id = base.get("a0").await.unwrap().id;
    let clip = v1::SaveClipRequest { member_id, creative_id: "c".into(), redeemed_at, ..Default::default() };
    records.save_clip(clip).await.unwrap();
    let again = revert(&mut jobs, of_job(&taken_back.id)).await;
    assert_eq!(again.state(), Succeeded, "{again:?}");
    assert_eq!(statuses(&mut base, "a", 2).await, ["inactive", ""]);
    let listed = results(&mut jobs, &again.id, true).await;
    assert_eq!(listed[0].error.as_ref().unwrap().reason, "RECORDS_ATTACHED", "{listed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guard_holds_a_revert_that_removes_many() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 20).await;
    let more: String = (0..40).map(|n| format!("b{n},b{n}@example.com\n")).collect();
    let done = sync(&mut jobs, &base, &(list(20) + &more)).await;
    assert_eq!(done.state(), Succeeded, "{done:?}");
    let held = revert(&mut jobs, of_job(&done.id)).await;
    assert_eq!((held.state(), held.reason.as_str()), (Held, "REMOVAL_GUARD"), "{held:?}");
    assert_eq!(statuses(&mut base, "b", 40).await, ["active"; 40]);
    let planned = results(&mut jobs, &held.id, false).await;
    assert!(planned.len() == 40 && planned.iter().all(|result| result.removed && !result.applied));
    let applied = approve(&mut jobs, &held).await;
    assert_eq!((applied.state(), applied.applied.unwrap().removed), (Succeeded, 40), "{applied:?}");
    assert_eq!(statuses(&mut base, "b", 40).await, [""; 40]);
    // Somebody changed a member between plan and approval: the plan is made again, and differs.
    let redone = revert(&mut jobs, v1::StartRevertRequest { ask_first: true, ..of_job(&applied.id) }).await;
    assert_eq!(redone.reason, "APPROVAL_REQUESTED", "{redone:?}");
    base.fill(vec![row("b7")]).await;
    let changed = approve(&mut jobs, &redone).await;
    assert_eq!((changed.state(), changed.reason.as_str()), (Held, "PLAN_CHANGED"), "{changed:?}");
    let redone = approve(&mut jobs, &changed).await;
    let counts = redone.applied.unwrap();
    assert_eq!((redone.state(), counts.created, counts.failed), (Succeeded, 39, 1), "{redone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_token_did_since_a_time_is_taken_back() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Bearer(secret);
    let mut tokens = ApiTokenServiceClient::with_interceptor(server.channel(), admin.clone());
    let mut bases = v1::member_base_service_client::MemberBaseServiceClient::with_interceptor(
        server.channel(),
        admin.clone(),
    );
    let request = v1::CreateMemberBaseRequest { name: "Test".into(), ..Default::default() };
    let member_base_id =
        bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap().id;
    let mut callers = Vec::new();
    for pii in [true, false] {
        let request =
            v1::CreateApiTokenRequest { access: "admin".into(), pii: Some(pii), ..Default::default() };
        let made = tokens.create_api_token(request).await.unwrap().into_inner();
        callers.push((made.api_token.unwrap().id, Bearer(made.token)));
    }
    let member = |number: usize, last: &str, dob: &str| v1::MemberInput {
        last_name: Some(last.into()),
        dob: Some(dob.into()),
        ..row(&format!("a{number}"))
    };
    let upsert = async |bearer: &Bearer, members: Vec<v1::MemberInput>| {
        let request = v1::BulkUpsertMembersRequest {
            member_base_id: member_base_id.clone(),
            members,
            ..Default::default()
        };
        let mut client = MemberServiceClient::with_interceptor(server.channel(), bearer.clone());
        let reply = client.bulk_upsert_members(request).await.unwrap().into_inner();
        assert!(reply.results.iter().all(|result| result.error.is_none()), "{reply:?}");
    };
    let first = (0..4).map(|n| member(n, "First", "1990-01-01")).collect();
    upsert(&admin, first).await;
    let (id, wrong) = &callers[0];
    upsert(wrong, vec![member(0, "Early", "1990-01-01")]).await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let (seconds, nanos) =
        (i64::try_from(since.as_secs()).unwrap(), i32::try_from(since.subsec_nanos()).unwrap());
    upsert(wrong, (0..3).map(|n| member(n, "Wrong", "1980-12-31")).collect()).await;
    upsert(&admin, vec![member(3, "Right", "1990-01-01")]).await;
    upsert(&admin, vec![member(2, "Since", "1990-01-01")]).await;
    let request = v1::StartRevertRequest {
        member_base_id: member_base_id.clone(),
        api_token_id: id.clone(),
        since: Some(Timestamp { seconds, nanos }),
        ask_first: true,
        ..Default::default()
    };
    let mut jobs = JobServiceClient::with_interceptor(server.channel(), admin.clone());
    let held = jobs.start_revert(request).await.unwrap().into_inner().job.unwrap();
    wait(&mut jobs, &held.id).await;
    // A caller without the right `pii` sees neither dates of birth nor bank details in the examples.
    let mut blind = JobServiceClient::with_interceptor(server.channel(), callers[1].1.clone());
    for (client, fields) in [(&mut jobs, vec!["dob", "last_name"]), (&mut blind, vec!["last_name"])] {
        let shown = client
            .get_job(v1::GetJobRequest { id: held.id.clone() })
            .await
            .unwrap()
            .into_inner()
            .job
            .unwrap();
        let plan = shown.plan.unwrap();
        let counts = plan.counts.unwrap();
        assert_eq!((counts.updated, counts.failed), (2, 1), "{counts:?}");
        let example = plan.examples.iter().find(|example| example.key == "a1").unwrap();
        assert_eq!(example.changes.iter().map(|change| &change.field).collect::<Vec<_>>(), fields);
    }
    // What the token does after the request is not part of it, and nobody has approved to lose it.
    upsert(wrong, vec![member(0, "Later", "1990-01-01")]).await;
    let mut ends = Vec::new();
    for _ in 0..2 {
        let get = v1::GetJobRequest { id: held.id.clone() };
        let job = jobs.get_job(get.clone()).await.unwrap().into_inner().job.unwrap();
        let request = v1::ApproveJobRequest { id: job.id, plan_hash: job.plan.unwrap().hash };
        jobs.approve_job(request).await.unwrap();
        wait(&mut jobs, &held.id).await;
        let job = jobs.get_job(get).await.unwrap().into_inner().job.unwrap();
        ends.push((job.state(), job.reason));
    }
    assert_eq!(ends, [(Held, "PLAN_CHANGED".to_owned()), (Succeeded, String::new())]);
    let mut members = MemberServiceClient::with_interceptor(server.channel(), admin);
    for (number, last) in ["Later", "First", "Since", "Right"].into_iter().enumerate() {
        let request = v1::GetMemberRequest {
            member_base_id: Some(member_base_id.clone()),
            r#ref: Some(format!("a{number}")),
            ..Default::default()
        };
        let found = members.get_member(request).await.unwrap().into_inner().member.unwrap();
        assert_eq!(found.last_name.as_deref(), Some(last));
    }
}

/// Waits until a job is held or has ended.
async fn wait<T>(jobs: &mut JobServiceClient<T>, id: &str)
where
    T: tonic::client::GrpcService<tonic::body::Body>,
    T::Error: Into<StdError>,
    T::ResponseBody: Body<Data = Bytes> + Send + 'static,
    <T::ResponseBody as Body>::Error: Into<StdError> + Send,
{
    let request = v1::WatchJobRequest { id: id.to_owned() };
    let mut stream = jobs.watch_job(request).await.unwrap().into_inner();
    while stream.message().await.unwrap().is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_of_revisions_is_taken_back_without_the_settings_in_it() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 3).await;
    let upserted = base.upsert(vec![v1::MemberInput { last_name: Some("X".into()), ..row("a0") }]).await;
    let first = upserted.revision;
    let request = v1::SetTiersRequest {
        member_base_id: base.id.clone(),
        tiers: vec!["Gold".into()],
        ..Default::default()
    };
    server.bases().set_tiers(request).await.unwrap();
    base.upsert(vec![v1::MemberInput { tier: Some("Gold".into()), ..row("a1") }]).await;
    base.upsert(vec![v1::MemberInput { tier: Some("Gold".into()), ..row("a2") }]).await;
    let taken_back = revert(&mut jobs, of_revisions(&base, first, first + 2)).await;
    let counts = taken_back.applied.unwrap();
    assert_eq!((taken_back.state(), counts.updated, counts.failed), (Succeeded, 2, 1), "{taken_back:?}");
    let listed = results(&mut jobs, &taken_back.id, true).await;
    assert_eq!((listed.len(), listed[0].member_id.as_str()), (1, ""), "{listed:?}");
    assert_eq!(listed[0].error.as_ref().unwrap().reason, "NOT_REVERTED");
    let tiers: Vec<_> = [base.get("a1").await, base.get("a2").await].map(|it| it.unwrap().tier).into();
    assert_eq!(tiers, [None, Some("Gold".to_owned())]);
    // The tier exists no more, so what had it stays as it is.
    let cleared = base.upsert(vec![v1::MemberInput { clear_fields: vec!["tier".into()], ..row("a2") }]).await;
    let request = v1::SetTiersRequest {
        member_base_id: base.id.clone(),
        tiers: vec!["Blue".into()],
        ..Default::default()
    };
    server.bases().set_tiers(request).await.unwrap();
    let stays = revert(&mut jobs, of_revisions(&base, cleared.revision, cleared.revision)).await;
    let listed = results(&mut jobs, &stays.id, true).await;
    assert_eq!(listed[0].error.as_ref().unwrap().reason, "TIER_INVALID", "{listed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_the_same_job_and_what_is_no_revert_is_refused() {
    let server = Server::start().await;
    let (base, mut jobs) = with_members(&server, 3).await;
    let ranged =
        v1::StartRevertRequest { request_id: "one".into(), name: "oops".into(), ..of_revisions(&base, 1, 0) };
    let started = jobs.start_revert(ranged.clone()).await.unwrap().into_inner().job;
    let job = follow(&mut jobs, started).await;
    assert_eq!(job.name, "oops");
    let again = jobs.start_revert(ranged).await.unwrap().into_inner().job.unwrap();
    assert_eq!(again.id, job.id);
    let invalid = Code::InvalidArgument;
    let since = Some(Timestamp { seconds: 1, nanos: 0 });
    let token = "atok_00000000000000000000000001".to_owned();
    let none = v1::StartRevertRequest { member_base_id: base.id.clone(), ..Default::default() };
    for (request, code, reason) in [
        (none.clone(), invalid, "FIELD_REQUIRED"),
        (v1::StartRevertRequest { first_revision: 1, ..of_job(&job.id) }, invalid, "FIELD_CONFLICT"),
        (
            v1::StartRevertRequest { member_base_id: base.id.clone(), ..of_job(&job.id) },
            invalid,
            "FIELD_CONFLICT",
        ),
        (
            v1::StartRevertRequest { api_token_id: token.clone(), ..of_revisions(&base, 1, 1) },
            invalid,
            "FIELD_CONFLICT",
        ),
        (v1::StartRevertRequest { since, ..of_revisions(&base, 1, 1) }, invalid, "FIELD_CONFLICT"),
        (v1::StartRevertRequest { api_token_id: token.clone(), ..none.clone() }, invalid, "FIELD_REQUIRED"),
        (
            v1::StartRevertRequest { api_token_id: "tok".into(), since, ..none.clone() },
            invalid,
            "ID_MALFORMED",
        ),
        (
            v1::StartRevertRequest { api_token_id: token.clone(), since, last_revision: 3, ..none.clone() },
            invalid,
            "FIELD_CONFLICT",
        ),
        (
            v1::StartRevertRequest { api_token_id: token, since, ..none.clone() },
            Code::NotFound,
            "API_TOKEN_NOT_FOUND",
        ),
        (of_revisions(&base, 3, 2), invalid, "FIELD_INVALID"),
        (of_revisions(&base, 1, 1_000), Code::FailedPrecondition, "REVISION_AHEAD"),
        (
            v1::StartRevertRequest { name: "x".repeat(201), ..of_revisions(&base, 1, 1) },
            invalid,
            "FIELD_INVALID",
        ),
        (of_job("job_00000000000000000000000001"), Code::NotFound, "JOB_NOT_FOUND"),
        (of_job("job_1"), invalid, "ID_MALFORMED"),
    ] {
        let status: Status = jobs.start_revert(request.clone()).await.expect_err("it is refused");
        assert_eq!(status.code(), code, "{request:?}: {status:?}");
        refused(&status, code, reason);
    }
    // A job that is held has not ended.
    let asked = send(&mut jobs, &base, &list(2), |options| options.ask_first = true).await.unwrap();
    let held = follow(&mut jobs, asked).await;
    refused(&jobs.start_revert(of_job(&held.id)).await.unwrap_err(), Code::FailedPrecondition, "JOB_STATE");
    assert_eq!(get(&mut jobs, &held.id).await.state(), Held);
}
