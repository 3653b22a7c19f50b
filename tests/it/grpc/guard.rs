//! The guard against changing many members by mistake.

use std::collections::HashMap;

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::api_token_service_client::ApiTokenServiceClient;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use memberbase::api::grpc::v1::member_service_client::MemberServiceClient;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::harness::{Base, Bearer, Server, refused, row, rows};

/// A memberbase with the usual limit and these members.
async fn guarded(server: &Server, members: usize) -> Base {
    let request = v1::CreateMemberBaseRequest { name: "Guarded".into(), ..Default::default() };
    let mut base = server.base_with(request).await;
    base.fill(rows("a", members)).await;
    base
}

fn delete(base: &Base, refs: std::ops::Range<usize>) -> v1::BulkDeleteMembersRequest {
    let refs = refs.map(|n| format!("a{n}")).collect();
    v1::BulkDeleteMembersRequest { member_base_id: base.id.clone(), refs, ..Default::default() }
}

fn by_ref(r#ref: &str) -> Option<v1::MemberKey> {
    Some(v1::MemberKey { r#ref: Some(r#ref.into()), ..Default::default() })
}

/// Asserts that the guard refused the call; returns the numbers of the refusal.
#[track_caller]
fn numbers(status: &Status) -> HashMap<String, String> {
    refused(status, Code::FailedPrecondition, "REMOVAL_GUARD");
    status.get_details_error_info().unwrap().metadata
}

fn expected(numbers: [(&str, &str); 4]) -> HashMap<String, String> {
    numbers.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_beyond_the_limit_says_how_to_get_through_and_then_does() {
    let server = Server::start().await;
    let mut base = guarded(&server, 100).await;
    assert_eq!(base.delete(Vec::new(), vec!["a99".into()]).await.deleted, 1);
    let mut request = delete(&base, 0..30);
    let status = base.client.bulk_delete_members(request.clone()).await.unwrap_err();
    let of_it = expected([("would_remove", "30"), ("of", "100"), ("limit", "20"), ("window", "1")]);
    assert_eq!(numbers(&status), of_it);
    assert!(status.message().contains("repeat it with expect_removals = 30"), "{status:?}");
    request.expect_removals = Some(29);
    numbers(&base.client.bulk_delete_members(request.clone()).await.unwrap_err());
    assert_eq!(base.refs(Vec::new()).await.len(), 99);
    request.expect_removals = Some(30);
    assert_eq!(base.client.bulk_delete_members(request).await.unwrap().into_inner().deleted, 30);

    let (member_base_id, key) = (base.id.clone(), by_ref("a50"));
    let mut offboard = v1::OffboardMemberRequest { member_base_id, key, ..Default::default() };
    let status = base.client.offboard_member(offboard.clone()).await.unwrap_err();
    let of_it = expected([("would_remove", "1"), ("of", "100"), ("limit", "20"), ("window", "31")]);
    assert_eq!(numbers(&status), of_it);
    offboard.expect_removals = Some(1);
    base.client.offboard_member(offboard).await.unwrap();
    assert_eq!(base.get("a50").await.unwrap().status, "inactive");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_chunks_that_make_too_many_inactive_fail_and_the_others_are_written() {
    let server = Server::start().await;
    let mut base = guarded(&server, 60).await;
    let leaver = |n: usize| v1::MemberInput { status: Some("inactive".into()), ..row(&format!("a{n}")) };
    let mut members: Vec<_> = (0..20).map(leaver).collect();
    members.push(row("new"));
    let mut request = v1::BulkUpsertMembersRequest { apply_status: true, ..base.request(members.clone()) };
    request.results = v1::ResultDetail::Failed.into();
    let reply = base.send(request.clone()).await;
    assert_eq!((reply.counts.unwrap().failed, reply.counts.unwrap().created), (20, 1));
    let error = reply.results[0].error.clone().unwrap();
    assert_eq!((error.code.as_str(), error.reason.as_str()), ("FAILED_PRECONDITION", "REMOVAL_GUARD"));
    assert_eq!(error.violations[0].field, "status");
    assert!(error.message.contains("would remove 20 of 60 members"), "{error:?}");

    let options =
        v1::ImportOptions { member_base_id: base.id.clone(), apply_status: true, ..Default::default() };
    let chunk = |chunk, expect_removals| v1::ImportMembersRequest {
        chunk,
        members: members.clone(),
        expect_removals,
        ..Default::default()
    };
    let first = v1::ImportMembersRequest { options: Some(options), ..chunk(1, None) };
    let chunks = tokio_stream::iter([first, chunk(2, Some(21)), chunk(3, Some(20))]);
    let mut replies = base.client.import_members(chunks).await.unwrap().into_inner();
    for failed in [20, 20, 0] {
        let reply = replies.message().await.unwrap().unwrap();
        assert_eq!(reply.failed.len(), failed);
    }
    assert_eq!(base.get("a7").await.unwrap().status, "inactive");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_gets_through_or_raises_the_limit() {
    let (server, admin) = Server::start_with_token().await;
    let bearer = Bearer(admin);
    let mut bases = MemberBaseServiceClient::with_interceptor(server.channel(), bearer.clone());
    let request = v1::CreateMemberBaseRequest { name: "Test".into(), ..Default::default() };
    let base = bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap();
    assert_eq!(base.removal_limit_percent, 20);
    let request = v1::CreateApiTokenRequest { access: "write".into(), ..Default::default() };
    let mut tokens = ApiTokenServiceClient::with_interceptor(server.channel(), bearer.clone());
    let writer = Bearer(tokens.create_api_token(request).await.unwrap().into_inner().token);
    let mut members = MemberServiceClient::with_interceptor(server.channel(), writer.clone());
    let upsert = v1::BulkUpsertMembersRequest {
        member_base_id: base.id.clone(),
        members: rows("a", 40),
        ..Default::default()
    };
    members.bulk_upsert_members(upsert).await.unwrap();
    let refs = |range: std::ops::Range<usize>| range.map(|n| format!("a{n}")).collect();
    let mut request = v1::BulkDeleteMembersRequest {
        member_base_id: base.id.clone(),
        refs: refs(0..12),
        expect_removals: Some(12),
        ..Default::default()
    };
    numbers(&members.bulk_delete_members(request.clone()).await.unwrap_err());
    let mut as_admin = MemberServiceClient::with_interceptor(server.channel(), bearer);
    assert_eq!(as_admin.bulk_delete_members(request.clone()).await.unwrap().into_inner().deleted, 12);

    let limit = |percent| v1::UpdateMemberBaseRequest {
        id: base.id.clone(),
        removal_limit_percent: Some(percent),
        ..Default::default()
    };
    let mut as_writer = MemberBaseServiceClient::with_interceptor(server.channel(), writer);
    let status = as_writer.update_member_base(limit(90)).await.unwrap_err();
    refused(&status, Code::PermissionDenied, "PERMISSION_DENIED");
    let status = bases.update_member_base(limit(101)).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FIELD_INVALID"), ["removal_limit_percent"]);
    let changed = bases.update_member_base(limit(90)).await.unwrap().into_inner().member_base.unwrap();
    assert_eq!(changed.removal_limit_percent, 90);
    (request.refs, request.expect_removals) = (refs(12..36), None);
    assert_eq!(members.bulk_delete_members(request).await.unwrap().into_inner().deleted, 24);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memberbase_with_more_than_ten_members_is_deleted_only_with_their_number() {
    let server = Server::start().await;
    let base = guarded(&server, 11).await;
    let mut request = v1::DeleteMemberBaseRequest { id: base.id, ..Default::default() };
    let status = server.bases().delete_member_base(request.clone()).await.unwrap_err();
    assert_eq!(numbers(&status)["would_remove"], "11");
    request.expect_members = Some(11);
    server.bases().delete_member_base(request).await.unwrap();
}

/// Rows that give the members of these numbers another e-mail address.
fn mixed_up(members: std::ops::Range<usize>) -> Vec<v1::MemberInput> {
    members
        .map(|n| v1::MemberInput { email: Some(format!("other{n}@example.com")), ..row(&format!("a{n}")) })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_mix_up_too_many_members_fail_until_an_admin_expects_them() {
    let server = Server::start().await;
    let mut base = guarded(&server, 100).await;
    let mut request = v1::BulkUpsertMembersRequest {
        member_base_id: base.id.clone(),
        members: mixed_up(0..11),
        ..Default::default()
    };
    let reply = base.client.bulk_upsert_members(request.clone()).await.unwrap().into_inner();
    assert_eq!(reply.counts.unwrap().failed, 11);
    let error = reply.results[0].error.as_ref().unwrap();
    assert_eq!((error.code.as_str(), error.reason.as_str()), ("FAILED_PRECONDITION", "CHANGE_GUARD"));
    assert!(error.message.contains("the identity of 11 of 100 members"), "{error:?}");
    request.expect = Some(v1::GuardExpectation { identities: Some(11), ..Default::default() });
    let reply = base.client.bulk_upsert_members(request.clone()).await.unwrap().into_inner();
    assert_eq!(reply.counts.unwrap().updated, 11);
    request.expect_removals = Some(1);
    request.expect = Some(v1::GuardExpectation { removals: Some(2), ..Default::default() });
    let status = base.client.bulk_upsert_members(request).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FIELD_CONFLICT"), ["expect_removals"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_says_how_many_changes_it_makes_in_all() {
    let server = Server::start().await;
    let mut base = guarded(&server, 100).await;
    let options = v1::ImportOptions {
        member_base_id: base.id.clone(),
        expect: Some(v1::GuardExpectation { identities: Some(30), ..Default::default() }),
        ..Default::default()
    };
    let chunk = |chunk, members| v1::ImportMembersRequest { chunk, members, ..Default::default() };
    let first = v1::ImportMembersRequest { options: Some(options), ..chunk(1, mixed_up(0..15)) };
    let chunks = tokio_stream::iter([first, chunk(2, mixed_up(15..30)), chunk(3, mixed_up(30..45))]);
    let mut replies = base.client.import_members(chunks).await.unwrap().into_inner();
    for failed in [0, 0, 15] {
        assert_eq!(replies.message().await.unwrap().unwrap().failed.len(), failed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_about_one_member_says_what_it_is_refused_for() {
    let server = Server::start().await;
    let mut base = guarded(&server, 20).await;
    let phone = |n| v1::MemberInput { phone: Some(format!("+4477009001{n:02}")), ..row(&format!("a{n}")) };
    base.fill((0..20).map(phone).collect()).await;
    let member_base_id = base.id.clone();
    let update = |n: usize, expect| v1::UpdateMemberRequest {
        member_base_id: member_base_id.clone(),
        key: by_ref(&format!("a{n}")),
        member: Some(v1::MemberInput { clear_fields: vec!["phone".into()], ..Default::default() }),
        expect,
        ..Default::default()
    };
    for n in 0..10 {
        base.client.update_member(update(n, None)).await.unwrap();
    }
    let status = base.client.update_member(update(10, None)).await.unwrap_err();
    refused(&status, Code::FailedPrecondition, "CHANGE_GUARD");
    let metadata = status.get_details_error_info().unwrap().metadata;
    let numbers = ["count", "would_change", "of", "limit", "window"].map(|key| metadata[key].as_str());
    assert_eq!(numbers, ["clears", "1", "20", "5", "10"]);
    let expect = v1::GuardExpectation { clears: Some(1), ..Default::default() };
    base.client.update_member(update(10, Some(expect))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_set_one_by_one_and_the_share_of_removals_has_two_names() {
    let server = Server::start().await;
    let base = guarded(&server, 0).await;
    let limit = |percent, count| Some(v1::GuardLimit { percent, count });
    let update = |limits, removal_limit_percent| v1::UpdateMemberBaseRequest {
        id: base.id.clone(),
        guard_limits: Some(limits),
        removal_limit_percent,
        ..Default::default()
    };
    let limits = v1::GuardLimits {
        removals: limit(Some(30), None),
        clears: limit(Some(0), None),
        tiers: limit(None, Some(500)),
        ..Default::default()
    };
    let changed = server.bases().update_member_base(update(limits, Some(30))).await.unwrap().into_inner();
    let changed = changed.member_base.unwrap();
    let expected = v1::GuardLimits {
        removals: limit(Some(30), Some(0)),
        identities: limit(Some(5), Some(0)),
        clears: limit(Some(0), Some(0)),
        reactivations: limit(Some(5), Some(0)),
        tiers: limit(Some(5), Some(500)),
        removals_of_tiers: Vec::new(),
    };
    assert_eq!((changed.guard_limits, changed.removal_limit_percent), (Some(expected), 30));
    let limits = v1::GuardLimits { removals: limit(Some(30), None), ..Default::default() };
    let status = server.bases().update_member_base(update(limits, Some(31))).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FIELD_CONFLICT"), ["removal_limit_percent"]);
    let limits = v1::GuardLimits { tiers: limit(Some(101), Some(u64::MAX)), ..Default::default() };
    let status = server.bases().update_member_base(update(limits, None)).await.unwrap_err();
    let fields = refused(&status, Code::InvalidArgument, "FIELD_INVALID");
    assert_eq!(fields, ["guard_limits.tiers.percent", "guard_limits.tiers.count"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_has_a_limit_of_its_own_for_calls_and_for_plans() {
    use memberbase::api::grpc::v1::job_service_client::JobServiceClient;

    let server = Server::start().await;
    let mut base = guarded(&server, 200).await;
    let gold = |n: usize| v1::MemberInput { tier: Some("Gold".into()), ..row(&format!("a{n}")) };
    base.upsert((0..100).map(gold).collect()).await;
    let tier = |tier: &str, percent, count| v1::GuardTierLimit { tier: tier.into(), percent, count };
    let update = |removals_of_tiers: Vec<v1::GuardTierLimit>| v1::UpdateMemberBaseRequest {
        id: base.id.clone(),
        guard_limits: Some(v1::GuardLimits { removals_of_tiers, ..Default::default() }),
        ..Default::default()
    };
    let wrong =
        update(vec![tier("Gold", Some(101), None), tier("", None, None), tier("Gold", None, Some(3))]);
    let status = server.bases().update_member_base(wrong).await.unwrap_err();
    let fields = refused(&status, Code::InvalidArgument, "FIELD_INVALID");
    let field = |index: usize, name: &str| format!("guard_limits.removals_of_tiers[{index}].{name}");
    assert_eq!(fields, [field(0, "percent"), field(1, "tier"), field(2, "tier")]);
    let request = update(vec![tier("Gold", Some(12), None)]);
    let changed = server.bases().update_member_base(request).await.unwrap().into_inner().member_base.unwrap();
    assert_eq!(changed.guard_limits.unwrap().removals_of_tiers, [tier("Gold", Some(12), Some(0))]);

    // 13 of 100 members of the tier are too many, although 20 percent of all 200 are 40.
    let mut request = delete(&base, 0..13);
    let status = base.client.bulk_delete_members(request.clone()).await.unwrap_err();
    let mut of_it = expected([("would_remove", "13"), ("of", "100"), ("limit", "12"), ("window", "0")]);
    of_it.insert("tier".to_owned(), "Gold".to_owned());
    assert_eq!(numbers(&status), of_it);
    assert!(status.message().contains("members of the tier \"Gold\""), "{status:?}");
    assert_eq!(
        base.client.bulk_delete_members(delete(&base, 100..113)).await.unwrap().into_inner().deleted,
        13
    );
    request.expect_removals = Some(13);
    assert_eq!(base.client.bulk_delete_members(request).await.unwrap().into_inner().deleted, 13);

    // A full list that leaves out two of the tier is held, says so, and can be approved.
    let mut jobs = JobServiceClient::new(server.channel());
    let options = v1::SyncOptions { member_base_id: base.id.clone(), ..Default::default() };
    let listed: String = (15..100).chain(113..200).map(|n| format!("a{n}\n")).collect();
    let messages = [
        v1::SyncMembersRequest { options: Some(options), ..Default::default() },
        v1::SyncMembersRequest { data: format!("ref\n{listed}").into(), ..Default::default() },
        v1::SyncMembersRequest { complete: Some(v1::SyncComplete::default()), ..Default::default() },
    ];
    let sent = jobs.sync_members(tokio_stream::iter(messages)).await.unwrap().into_inner().job;
    let held = crate::grpc::jobs::follow(&mut jobs, sent).await;
    assert_eq!((held.state(), held.reason.as_str()), (v1::JobState::Held, "REMOVAL_GUARD"), "{held:?}");
    assert!(held.message.contains("it would remove 2 of 100 members of the tier \"Gold\""), "{held:?}");
    let counts = held.plan.clone().unwrap().removals_of_tiers;
    assert_eq!(counts, [v1::GuardTierCount { tier: "Gold".into(), removals: 2 }]);
    let done = crate::grpc::jobs::approve(&mut jobs, &held).await;
    assert_eq!((done.state(), done.applied.unwrap().removed), (v1::JobState::Succeeded, 2), "{done:?}");
    let off = update(vec![tier("Gold", Some(100), Some(0))]);
    let changed = server.bases().update_member_base(off).await.unwrap().into_inner().member_base.unwrap();
    assert!(changed.guard_limits.unwrap().removals_of_tiers.is_empty());
    assert_eq!(base.client.bulk_delete_members(delete(&base, 20..25)).await.unwrap().into_inner().deleted, 5);
}
