//! `SyncMembers`: a full list makes the memberbase equal to it, or changes nothing.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::JobState::{Failed, Held, Rejected, Succeeded};
use memberbase::api::grpc::v1::Outcome;
use tonic::{Code, Status};

use super::jobs::{Jobs, approve, follow, get, results, with_members};
use crate::harness::{Base, Server, refused, row};

/// Sends a file, and returns the job.
pub async fn send(
    jobs: &mut Jobs,
    base: &Base,
    file: impl AsRef<[u8]>,
    change: impl FnOnce(&mut v1::SyncOptions),
) -> Result<Option<v1::Job>, Status> {
    let mut options = v1::SyncOptions { member_base_id: base.id.clone(), ..Default::default() };
    change(&mut options);
    let first = v1::SyncMembersRequest { options: Some(options), ..Default::default() };
    // Pieces that end anywhere.
    let file = file.as_ref();
    let pieces = file
        .chunks(37 + file.len() / 500)
        .map(|data| v1::SyncMembersRequest { data: data.to_vec().into(), ..Default::default() });
    let complete = Some(v1::SyncComplete::default());
    let last = v1::SyncMembersRequest { complete, ..Default::default() };
    let messages: Vec<_> = std::iter::once(first).chain(pieces).chain([last]).collect();
    Ok(jobs.sync_members(tokio_stream::iter(messages)).await?.into_inner().job)
}

pub async fn sync(jobs: &mut Jobs, base: &Base, file: &str) -> v1::Job {
    let job = send(jobs, base, file, |_| {}).await.unwrap();
    follow(jobs, job).await
}

/// A list of the members `a0` to `a<count - 1>`.
pub fn list(count: usize) -> String {
    let rows: Vec<String> = (0..count).map(|n| format!("a{n},a{n}@example.com\n")).collect();
    format!("ref,email\n{}", rows.concat())
}

async fn status(base: &mut Base, r#ref: &str) -> String {
    base.get(r#ref).await.unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_list_adds_updates_and_removes_and_says_what_it_did() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 10).await;
    let file = list(8).replace("a3,a3@example.com", "a3,new@example.com").replace('\n', ",\n");
    let file = file.replacen("email,\n", "email,phone\n", 1);
    let file = file + "b1,b1@example.com,\nb2,b2@example.com,not a number\n";
    let job = sync(&mut jobs, &base, &file).await;
    assert_eq!(job.state(), Succeeded, "{job:?}");
    let counts = job.applied.unwrap();
    assert_eq!((counts.created, counts.failed, counts.removed), (1, 1, 2), "{counts:?}");
    assert_eq!(job.plan.as_ref().unwrap().counts.unwrap().created, 1);
    assert_eq!(status(&mut base, "a9").await, "inactive");
    assert_eq!(status(&mut base, "a7").await, "active");
    assert_eq!(base.get("a3").await.unwrap().email.as_deref(), Some("new@example.com"));
    let failed = results(&mut jobs, &job.id, true).await;
    assert_eq!((failed.len(), failed[0].line), (1, 11), "{failed:?}");
    let all = results(&mut jobs, &job.id, false).await;
    assert_eq!(all.len(), 12);
    assert_eq!(all.iter().filter(|result| result.removed).count(), 2);
    // The same list again changes nothing.
    let again = sync(&mut jobs, &base, &file).await;
    assert_eq!(again.state(), Succeeded);
    let counts = again.plan.unwrap().counts.unwrap();
    assert_eq!((counts.unchanged, counts.failed, counts.removed), (9, 1, 0), "{counts:?}");
    assert_eq!(again.first_revision, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_would_remove_too_many_is_held_and_removes_nobody_until_it_is_approved() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 100).await;
    sync(&mut jobs, &base, &list(100)).await;
    for (file, reason) in [(list(40), "REMOVAL_GUARD"), ("ref,email\n".to_owned(), "REMOVAL_GUARD")] {
        let held = sync(&mut jobs, &base, &file).await;
        assert_eq!((held.state(), held.reason.as_str()), (Held, reason), "{held:?}");
        for n in [39, 40, 99] {
            assert_eq!(status(&mut base, &format!("a{n}")).await, "active");
        }
    }
    let empty = send(&mut jobs, &base, "", |_| {}).await.unwrap_err();
    refused(&empty, Code::InvalidArgument, "FILE_REFUSED");
    let held = sync(&mut jobs, &base, &list(40)).await;
    let done = approve(&mut jobs, &held).await;
    assert_eq!((done.state(), done.applied.unwrap().removed), (Succeeded, 60), "{done:?}");
    assert_eq!(status(&mut base, "a40").await, "inactive");
    // All come back with the next list.
    let held = sync(&mut jobs, &base, &list(100)).await;
    assert_eq!((held.state(), held.reason.as_str()), (Held, "CHANGE_GUARD"), "{held:?}");
    let back = approve(&mut jobs, &held).await;
    assert_eq!(back.applied.unwrap().reactivated, 60, "{back:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_cannot_be_read_remove_nobody() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 100).await;
    // A bad phone number: the row fails, and its member stays.
    let mut file = "ref,email,phone\n".to_owned();
    for n in 0..100 {
        let phone = if n < 2 { "x" } else { "" };
        file.push_str(&format!("a{n},a{n}@example.com,{phone}\n"));
    }
    let job = sync(&mut jobs, &base, &file).await;
    assert_eq!(job.state(), Succeeded, "{job:?}");
    let counts = job.plan.unwrap().counts.unwrap();
    assert_eq!((counts.failed, counts.removed), (2, 0));
    // A key that cannot be read: it may be that of the member who seems to be missing.
    let file = list(99) + "101.0,other@example.com\n";
    let held = sync(&mut jobs, &base, &file).await;
    assert_eq!((held.state(), held.reason.as_str()), (Held, "UNREADABLE_ROWS"), "{held:?}");
    assert_eq!(status(&mut base, "a99").await, "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_not_whole_makes_no_job() {
    let server = Server::start().await;
    let (base, mut jobs) = with_members(&server, 5).await;
    let options = v1::SyncOptions { member_base_id: base.id.clone(), ..Default::default() };
    let first = v1::SyncMembersRequest { options: Some(options), ..Default::default() };
    let data = v1::SyncMembersRequest { data: list(1).into_bytes().into(), ..Default::default() };
    let complete = |rows, sha256: Option<&str>| {
        let complete = v1::SyncComplete { rows, sha256: sha256.map(str::to_owned) };
        v1::SyncMembersRequest { complete: Some(complete), ..Default::default() }
    };
    for (last, reason) in [
        (None, "LIST_INCOMPLETE"),
        (Some(complete(Some(2), None)), "LIST_INCOMPLETE"),
        (Some(complete(None, Some(&"0".repeat(64)))), "LIST_INCOMPLETE"),
        (Some(complete(None, Some("0"))), "FIELD_INVALID"),
    ] {
        let messages: Vec<_> = [first.clone(), data.clone()].into_iter().chain(last).collect();
        let refusal = jobs.sync_members(tokio_stream::iter(messages)).await.unwrap_err();
        refused(&refusal, Code::InvalidArgument, reason);
    }
    let whole = vec![first, data, complete(Some(1), None)];
    assert!(jobs.sync_members(tokio_stream::iter(whole)).await.is_ok());
    let list = v1::ListJobsRequest { member_base_id: base.id.clone(), ..Default::default() };
    assert_eq!(jobs.list_jobs(list).await.unwrap().into_inner().jobs.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_with_wrong_headings_are_refused_before_anything_is_planned() {
    let server = Server::start().await;
    let (base, mut jobs) = with_members(&server, 5).await;
    for (file, text) in [
        ("email\na@example.com\n", "ref"),
        ("ref,ref\na,b\n", "duplicate"),
        ("ref,nonsense\na,b\n", "nonsense"),
        ("ref,email\n\"a,b\n", "line 2"),
        ("ref,email\na,\"b\"c\n", "line 2"),
    ] {
        let refusal = send(&mut jobs, &base, file, |_| {}).await.unwrap_err();
        refused(&refusal, Code::InvalidArgument, "FILE_REFUSED");
        assert!(refusal.message().contains(text), "{}", refusal.message());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_younger_than_the_list_and_those_out_of_its_scope_stay() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 10).await;
    let rows = [("b1", "Store"), ("b2", "Office")]
        .map(|(name, tier)| v1::MemberInput { tier: Some(tier.into()), ..row(name) });
    base.upsert(rows.into()).await;
    let old = Some(prost_types::Timestamp { seconds: 1_000_000_000, nanos: 0 });
    let job = send(&mut jobs, &base, &list(1), |options| options.as_of = old).await.unwrap();
    let job = follow(&mut jobs, job).await;
    assert_eq!((job.state(), job.plan.unwrap().counts.unwrap().removed), (Succeeded, 0));
    let scope = |tier: &str| {
        let tier = prost_types::Value { kind: Some(prost_types::value::Kind::StringValue(tier.into())) };
        vec![v1::Filter { key: "tier".into(), eq: Some(tier), ..Default::default() }]
    };
    let file = "ref,tier\nb3,Store\n";
    let job = send(&mut jobs, &base, file, |options| options.scope = scope("Store")).await.unwrap();
    let job = follow(&mut jobs, job).await;
    assert_eq!(job.state(), Succeeded, "{job:?}");
    assert_eq!(
        (status(&mut base, "b1").await, status(&mut base, "b2").await),
        ("inactive".into(), "active".into())
    );
    assert_eq!(status(&mut base, "a5").await, "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_list_after_a_newer_one_is_refused() {
    let server = Server::start().await;
    let (base, mut jobs) = with_members(&server, 10).await;
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let future = send(&mut jobs, &base, &list(10), |options| options.as_of = at(now + 400)).await;
    refused(&future.unwrap_err(), Code::InvalidArgument, "FIELD_INVALID");
    let job = send(&mut jobs, &base, &list(10), |options| options.as_of = at(now)).await.unwrap();
    assert_eq!(follow(&mut jobs, job).await.state(), Succeeded);
    let job = send(&mut jobs, &base, &list(9), |options| options.as_of = at(now - 1)).await.unwrap();
    let job = follow(&mut jobs, job).await;
    assert_eq!((job.state(), job.reason.as_str()), (Failed, "LIST_SUPERSEDED"), "{job:?}");
    // A list that does not say when it was made is as new as its arrival.
    assert_eq!(sync(&mut jobs, &base, &list(10)).await.state(), Succeeded);
    let job = send(&mut jobs, &base, &list(9), |options| options.as_of = at(now)).await.unwrap();
    assert_eq!(follow(&mut jobs, job).await.reason, "LIST_SUPERSEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_applied_takes_the_place_of_a_held_one_and_a_dry_run_does_not() {
    let server = Server::start().await;
    let (base, mut jobs) = with_members(&server, 100).await;
    let held = sync(&mut jobs, &base, &list(40)).await;
    assert_eq!(held.state(), Held, "{held:?}");
    let job = send(&mut jobs, &base, &list(100), |options| options.dry_run = true).await.unwrap();
    assert_eq!(follow(&mut jobs, job).await.state(), Succeeded);
    assert_eq!(get(&mut jobs, &held.id).await.state(), Held);
    assert_eq!(sync(&mut jobs, &base, &list(100)).await.state(), Succeeded);
    let ended = get(&mut jobs, &held.id).await;
    assert_eq!((ended.state(), ended.reason.as_str()), (Rejected, "LIST_SUPERSEDED"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_whom_rows_make_inactive_count_as_removals_in_the_plan() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 100).await;
    let rows: Vec<String> = (0..99)
        .map(|n| format!("a{n},a{n}@example.com,{}\n", if n < 30 { "inactive" } else { "" }))
        .collect();
    let file = format!("ref,email,status\n{}", rows.concat());
    let mut plan = async |expected: Option<u64>, dry_run: bool| {
        let job = send(&mut jobs, &base, &file, |options| {
            (options.apply_status, options.expect_removals, options.dry_run) = (true, expected, dry_run);
        });
        let job = job.await.unwrap();
        follow(&mut jobs, job).await
    };
    assert_eq!(plan(None, true).await.plan.unwrap().holds, ["REMOVAL_GUARD"]);
    // One member is missing, and 30 become inactive.
    for wrong in [1, 30] {
        let held = plan(Some(wrong), false).await;
        assert_eq!((held.state(), held.reason.as_str()), (Held, "REMOVAL_GUARD"), "{held:?}");
    }
    let done = plan(Some(31), false).await;
    assert_eq!(done.state(), Succeeded, "{done:?}");
    for (n, expected) in [(0, "inactive"), (29, "inactive"), (30, "active"), (99, "inactive")] {
        assert_eq!(status(&mut base, &format!("a{n}")).await, expected, "{n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expected_number_does_not_pass_an_empty_list() {
    let server = Server::start().await;
    let (base, mut jobs) = with_members(&server, 5).await;
    let job = send(&mut jobs, &base, "ref,email\n", |options| options.expect_removals = Some(5)).await;
    let held = follow(&mut jobs, job.unwrap()).await;
    assert_eq!((held.state(), held.reason.as_str()), (Held, "EMPTY_LIST"), "{held:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_active_elsewhere_starts_active_from_a_list_too() {
    let server = Server::start().await;
    let sharing = || v1::CreateMemberBaseRequest {
        name: "Shared".into(),
        new_members: Some("invited".into()),
        share_accounts: Some(true),
        ..Default::default()
    };
    let mut there = server.base_with(sharing()).await;
    let mut here = server.base_with(sharing()).await;
    let status_there = Some("active".into());
    let email = Some("Ada@example.com".into());
    there.fill(vec![v1::MemberInput { status: status_there, email, ..row("1") }]).await;
    let mut jobs = v1::job_service_client::JobServiceClient::new(server.channel());
    let file = "ref,email\n1,ada@example.com\n2,ben@example.com\n";
    let job = sync(&mut jobs, &here, file).await;
    assert_eq!(job.state(), Succeeded, "{job:?}");
    assert_eq!(
        (status(&mut here, "1").await, status(&mut here, "2").await),
        ("active".into(), "invited".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_sent_as_messages_are_a_list_too_and_repeats_find_their_job() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 3).await;
    let options = v1::SyncOptions {
        member_base_id: base.id.clone(),
        request_id: "nightly".into(),
        name: "nightly".into(),
        ..Default::default()
    };
    let members = vec![row("a0"), row("a1"), v1::MemberInput { tier: Some("Gold".into()), ..row("a2") }];
    let message = v1::SyncMembersRequest {
        options: Some(options),
        members,
        complete: Some(v1::SyncComplete { rows: Some(3), sha256: None }),
        ..Default::default()
    };
    let reply = jobs.sync_members(tokio_stream::iter(vec![message.clone()])).await.unwrap().into_inner();
    let job = follow(&mut jobs, reply.job).await;
    assert_eq!((job.state(), job.applied.unwrap().updated, job.rows), (Succeeded, 1, 3), "{job:?}");
    assert_eq!(base.get("a2").await.unwrap().tier.as_deref(), Some("Gold"));
    let again = jobs.sync_members(tokio_stream::iter(vec![message])).await.unwrap();
    assert!(again.metadata().contains_key("idempotency-replayed"));
    assert_eq!(again.into_inner().job.unwrap().id, job.id);
    let mut input =
        jobs.download_job_input(v1::DownloadJobInputRequest { id: job.id }).await.unwrap().into_inner();
    let mut text = Vec::new();
    while let Some(message) = input.message().await.unwrap() {
        text.extend(message.data);
    }
    assert_eq!(String::from_utf8(text).unwrap().lines().count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_examples_and_writes_nothing() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 12).await;
    let file = "ref,tier\na0,Gold\nnew,\na1,\na1,\n";
    let job = send(&mut jobs, &base, file, |options| options.dry_run = true).await.unwrap();
    let job = follow(&mut jobs, job).await;
    assert_eq!((job.state(), job.applied.unwrap()), (Succeeded, v1::JobCounts::default()));
    let plan = job.plan.unwrap();
    let counts = plan.counts.unwrap();
    assert_eq!(
        (counts.created, counts.updated, counts.unchanged, counts.failed, counts.removed),
        (1, 1, 1, 1, 10)
    );
    let of = |outcome: Outcome| {
        plan.examples.iter().filter(move |example| example.outcome() == outcome && !example.removed)
    };
    let updated = of(Outcome::Updated).next().unwrap();
    let change = v1::JobFieldChange { field: "tier".into(), before: None, after: Some("Gold".into()) };
    assert_eq!((updated.line, updated.key.as_str(), &updated.changes[..]), (2, "a0", &[change][..]));
    assert_eq!(of(Outcome::Failed).next().unwrap().error.as_ref().unwrap().reason, "DUPLICATE_IN_LIST");
    assert_eq!(plan.examples.iter().filter(|example| example.removed).count(), 10);
    assert_eq!(base.get("a0").await.unwrap().tier, None);
    assert_eq!(base.get("new").await.unwrap_err().code(), Code::NotFound);
}
