//! Calls about one member: how each changes status and fields, what it refuses, and that concurrent calls are
//! safe.

mod masks;

use memberbase::api::grpc::v1::{self, Outcome};
use prost_types::FieldMask;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::harness::{Base, Server, eq, number, refused, row};

const STATUSES: [&str; 3] = ["invited", "active", "inactive"];

fn input(r#ref: &str, email: &str) -> v1::MemberInput {
    v1::MemberInput { email: Some(email.into()), first_name: Some("Ana".into()), ..row(r#ref) }
}

fn by_ref(r#ref: &str) -> Option<v1::MemberKey> {
    Some(v1::MemberKey { r#ref: Some(r#ref.into()), ..Default::default() })
}

/// The member after a call and the outcome, or the reason of the refusal.
type Answer = Result<(v1::Member, Outcome), Status>;

/// The calls, with the memberbase filled in.
#[derive(Clone)]
struct Calls(Base);

impl Calls {
    async fn create(&mut self, member: v1::MemberInput, reactivate: bool) -> Answer {
        let member_base_id = self.0.id.clone();
        let request = v1::CreateMemberRequest {
            member_base_id,
            member: Some(member),
            reactivate,
            ..Default::default()
        };
        let reply = self.0.client.create_member(request).await?.into_inner();
        Ok((reply.member.clone().unwrap(), reply.outcome()))
    }

    async fn update(&mut self, r#ref: &str, member: v1::MemberInput, mask: Option<&[&str]>) -> Answer {
        let update_mask =
            mask.map(|paths| FieldMask { paths: paths.iter().map(|path| (*path).into()).collect() });
        let request = v1::UpdateMemberRequest {
            member_base_id: self.0.id.clone(),
            key: by_ref(r#ref),
            member: Some(member),
            update_mask,
            ..Default::default()
        };
        let reply = self.0.client.update_member(request).await?.into_inner();
        Ok((reply.member.clone().unwrap(), reply.outcome()))
    }

    async fn replace(&mut self, r#ref: &str, member: v1::MemberInput) -> Answer {
        let request = v1::ReplaceMemberRequest {
            member_base_id: self.0.id.clone(),
            key: by_ref(r#ref),
            member: Some(member),
            ..Default::default()
        };
        let reply = self.0.client.replace_member(request).await?.into_inner();
        Ok((reply.member.clone().unwrap(), reply.outcome()))
    }

    async fn activate(&mut self, r#ref: &str) -> Answer {
        let member_base_id = self.0.id.clone();
        let request = v1::ActivateMemberRequest { member_base_id, key: by_ref(r#ref), ..Default::default() };
        let reply = self.0.client.activate_member(request).await?.into_inner();
        Ok((reply.member.clone().unwrap(), reply.outcome()))
    }

    async fn rename(&mut self, r#ref: &str, new: &str) -> Answer {
        let request = v1::RenameMemberRequest {
            member_base_id: self.0.id.clone(),
            key: by_ref(r#ref),
            r#ref: new.into(),
            ..Default::default()
        };
        let reply = self.0.client.rename_member(request).await?.into_inner();
        Ok((reply.member.clone().unwrap(), reply.outcome()))
    }

    async fn offboard(&mut self, r#ref: &str) -> Answer {
        let member_base_id = self.0.id.clone();
        let request = v1::OffboardMemberRequest { member_base_id, key: by_ref(r#ref), ..Default::default() };
        let reply = self.0.client.offboard_member(request).await?.into_inner();
        Ok((reply.member.clone().unwrap(), reply.outcome()))
    }
}

async fn calls(server: &Server) -> Calls {
    Calls(server.base().await)
}

fn word(answer: Answer) -> String {
    match answer {
        Ok((member, outcome)) => format!("{} {}", outcome.as_str_name(), member.status),
        Err(status) => status.get_details_error_info().unwrap().reason,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_changes_every_status_as_the_table_says() {
    let server = Server::start().await;
    let mut calls = calls(&server).await;
    let table = [
        ("activate", ["OUTCOME_UPDATED active", "OUTCOME_UNCHANGED active", "STATUS_TRANSITION"]),
        ("offboard", ["OUTCOME_UPDATED inactive", "OUTCOME_UPDATED inactive", "OUTCOME_UNCHANGED inactive"]),
        ("replace", ["OUTCOME_UPDATED invited", "OUTCOME_UPDATED active", "OUTCOME_REACTIVATED active"]),
        (
            "replace as invited",
            ["OUTCOME_UPDATED invited", "OUTCOME_UPDATED active", "OUTCOME_REACTIVATED invited"],
        ),
        ("update", ["OUTCOME_UPDATED invited", "OUTCOME_UPDATED active", "OUTCOME_UPDATED inactive"]),
        ("update e-mail", ["OUTCOME_UPDATED invited", "EMAIL_FIXED", "EMAIL_FIXED"]),
        ("replace e-mail", ["OUTCOME_UPDATED invited", "EMAIL_FIXED", "OUTCOME_REACTIVATED active"]),
        // The same address in another case counts as the same address.
        (
            "update e-mail's case",
            ["OUTCOME_UPDATED invited", "OUTCOME_UPDATED active", "OUTCOME_UPDATED inactive"],
        ),
        ("create", ["EMAIL_TAKEN", "EMAIL_TAKEN", "EMAIL_TAKEN"]),
        ("create or bring back", ["EMAIL_TAKEN", "EMAIL_TAKEN", "OUTCOME_REACTIVATED active"]),
        ("rename", ["OUTCOME_UPDATED invited", "OUTCOME_UPDATED active", "OUTCOME_UPDATED inactive"]),
    ];
    for (number, (call, expected)) in table.into_iter().enumerate() {
        for (status, expected) in STATUSES.into_iter().zip(expected) {
            let r#ref = format!("{number}-{status}");
            let email = format!("{ref}@example.com");
            let start = v1::MemberInput { status: Some(status.into()), ..input(&r#ref, &email) };
            let (before, _) = calls.create(start, false).await.unwrap();
            let other = v1::MemberInput { company: Some("Other".into()), ..input(&r#ref, &email) };
            let moved = v1::MemberInput { email: Some(format!("new-{email}")), ..other.clone() };
            let upper = v1::MemberInput { email: Some(email.to_uppercase()), ..other.clone() };
            let invited = v1::MemberInput { status: Some("invited".into()), ..other.clone() };
            let newcomer = v1::MemberInput { r#ref: None, ..other.clone() };
            let answer = match call {
                "activate" => calls.activate(&r#ref).await,
                "offboard" => calls.offboard(&r#ref).await,
                "replace" => calls.replace(&r#ref, other).await,
                "replace as invited" => calls.replace(&r#ref, invited).await,
                "update" => calls.update(&r#ref, other, None).await,
                "update e-mail" => calls.update(&r#ref, moved, None).await,
                "update e-mail's case" => calls.update(&r#ref, upper, None).await,
                "create" => calls.create(newcomer, false).await,
                "create or bring back" => calls.create(newcomer, true).await,
                "rename" => calls.rename(&r#ref, &format!("new-{ref}")).await,
                _ => calls.replace(&r#ref, moved).await,
            };
            assert_eq!(word(answer), expected, "{call} of one who is {status}");
            let after = calls.0.get(&r#ref).await.unwrap();
            assert_eq!(after.id, before.id);
            let changed = !expected.contains("UNCHANGED") && expected.contains("OUTCOME");
            assert_eq!(after.revision > before.revision, changed, "{call} of one who is {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_a_taken_value_names_its_field_and_holder() {
    let server = Server::start().await;
    let mut calls = calls(&server).await;
    let (holder, _) = calls
        .create(v1::MemberInput { worker_id: Some("w1".into()), ..input("a", "a@example.com") }, false)
        .await
        .unwrap();
    calls.create(input("b", "b@example.com"), false).await.unwrap();
    let mut holders = Vec::new();
    let mut check = |status: Status, reason: &str, fields: &[&str]| {
        assert_eq!(refused(&status, Code::AlreadyExists, reason), fields);
        holders.push(status.get_details_error_info().unwrap().metadata["member_id"].clone());
    };
    check(calls.create(input("a", "x@example.com"), false).await.unwrap_err(), "REF_TAKEN", &["member.ref"]);
    check(
        calls.create(input("c", "A@Example.com"), false).await.unwrap_err(),
        "EMAIL_TAKEN",
        &["member.email"],
    );
    let worker = v1::MemberInput { worker_id: Some("w1".into()), ..Default::default() };
    check(
        calls.update("b", worker.clone(), None).await.unwrap_err(),
        "WORKER_ID_TAKEN",
        &["member.worker_id"],
    );
    calls.offboard("a").await.unwrap();
    check(
        calls.update("b", worker.clone(), None).await.unwrap_err(),
        "WORKER_ID_TAKEN",
        &["member.worker_id"],
    );
    // The error names every taken value.
    let both = v1::MemberInput { r#ref: None, email: Some("A@example.COM".into()), ..worker };
    check(calls.create(both, false).await.unwrap_err(), "EMAIL_TAKEN", &["member.email", "member.worker_id"]);
    // Worker ids are compared exactly.
    let upper = v1::MemberInput { worker_id: Some("W1".into()), ..Default::default() };
    calls.update("b", upper, None).await.unwrap();
    assert!(holders.iter().all(|id| *id == holder.id), "{holders:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn creating_an_inactive_member_reactivates_it_only_on_request() {
    let server = Server::start().await;
    let mut calls = calls(&server).await;
    let first = v1::MemberInput { company: Some("Acme".into()), ..input("a", "a@example.com") };
    let (before, _) = calls.create(first, false).await.unwrap();
    calls.offboard("a").await.unwrap();
    let again = v1::MemberInput { r#ref: None, ..input("", "A@example.com") };
    let status = calls.create(again.clone(), false).await.unwrap_err();
    refused(&status, Code::AlreadyExists, "EMAIL_TAKEN");
    let (back, outcome) = calls.create(again.clone(), true).await.unwrap();
    assert_eq!((outcome, &back.id, back.status.as_str()), (Outcome::Reactivated, &before.id, "active"));
    assert_eq!((back.company, back.r#ref.as_deref()), (None, Some("a")));
    let status = calls.create(again, true).await.unwrap_err();
    refused(&status, Code::AlreadyExists, "EMAIL_TAKEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_about_an_unknown_member_find_nothing() {
    let server = Server::start().await;
    let mut calls = calls(&server).await;
    let (member, _) = calls.create(input("a", "a@example.com"), false).await.unwrap();
    for answer in [
        calls.update("nobody", v1::MemberInput::default(), None).await,
        calls.replace("nobody", v1::MemberInput::default()).await,
        calls.activate("nobody").await,
        calls.rename("nobody", "somebody").await,
        calls.offboard("nobody").await,
    ] {
        refused(&answer.unwrap_err(), Code::NotFound, "MEMBER_NOT_FOUND");
    }
    let nobody = v1::ActivateMemberRequest { member_base_id: calls.0.id.clone(), ..Default::default() };
    let status = calls.0.client.activate_member(nobody).await.unwrap_err();
    assert_eq!(refused(&status, Code::InvalidArgument, "FIELD_REQUIRED"), ["key"]);
    assert_eq!(calls.0.get("a").await.unwrap().revision, member.revision);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_of_a_member_can_require_a_revision() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let mut client = base.client.clone();
    let id = base.id.clone();
    let invited = v1::MemberInput { status: Some("invited".into()), ..input("a", "a@example.com") };
    base.fill(vec![invited]).await;
    macro_rules! held {
        ($call:ident, $field:literal, |$revision:ident| $request:expr) => {
            let before = base.get("a").await.unwrap();
            for stale in [0, before.revision - 1, before.revision + 1, u64::MAX] {
                let $revision = Some(stale);
                let status = client.$call($request).await.unwrap_err();
                assert_eq!(refused(&status, Code::Aborted, "REVISION_MISMATCH"), [$field], stringify!($call));
            }
            assert_eq!(base.get("a").await.unwrap(), before, stringify!($call));
            let $revision = Some(before.revision);
            let reply = client.$call($request).await.unwrap().into_inner();
            assert!(reply.member.unwrap().revision > before.revision, stringify!($call));
        };
    }
    let member = |if_revision, company: &str| {
        Some(v1::MemberInput { if_revision, company: Some(company.into()), ..input("a", "a@example.com") })
    };
    let (key, member_base_id) = (by_ref("a"), id.clone());
    held!(update_member, "member.if_revision", |revision| v1::UpdateMemberRequest {
        member_base_id: member_base_id.clone(),
        key: key.clone(),
        member: member(revision, "A"),
        ..Default::default()
    });
    held!(replace_member, "member.if_revision", |revision| v1::ReplaceMemberRequest {
        member_base_id: member_base_id.clone(),
        key: key.clone(),
        member: member(revision, "B"),
        ..Default::default()
    });
    held!(rename_member, "if_revision", |if_revision| v1::RenameMemberRequest {
        member_base_id: member_base_id.clone(),
        key: key.clone(),
        r#ref: "b".into(),
        if_revision,
        ..Default::default()
    });
    held!(activate_member, "if_revision", |if_revision| v1::ActivateMemberRequest {
        member_base_id: member_base_id.clone(),
        key: key.clone(),
        if_revision,
        ..Default::default()
    });
    held!(offboard_member, "if_revision", |if_revision| v1::OffboardMemberRequest {
        member_base_id: member_base_id.clone(),
        key: key.clone(),
        if_revision,
        ..Default::default()
    });
    // This applies to a reactivation as well; a new member has no revision yet.
    held!(create_member, "member.if_revision", |revision| v1::CreateMemberRequest {
        member_base_id: member_base_id.clone(),
        member: member(revision, "C"),
        reactivate: true,
        ..Default::default()
    });
    let newcomer = |if_revision| v1::CreateMemberRequest {
        member_base_id: id.clone(),
        member: Some(v1::MemberInput { if_revision, ..input("c", "c@example.com") }),
        ..Default::default()
    };
    let status = client.create_member(newcomer(Some(1))).await.unwrap_err();
    assert_eq!(refused(&status, Code::Aborted, "REVISION_MISMATCH"), ["member.if_revision"]);
    client.create_member(newcomer(Some(0))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_transition_names_both_states_and_a_refused_tier_its_field() {
    let server = Server::start().await;
    let mut calls = calls(&server).await;
    calls.create(input("a", "a@example.com"), false).await.unwrap();
    calls.offboard("a").await.unwrap();
    let status = calls.activate("a").await.unwrap_err();
    assert_eq!(refused(&status, Code::FailedPrecondition, "STATUS_TRANSITION"), ["status"]);
    assert!(status.message().contains("cannot change from inactive to active"), "{status:?}");

    let tiers = v1::SetTiersRequest {
        member_base_id: calls.0.id.clone(),
        tiers: vec!["Gold".into()],
        ..Default::default()
    };
    server.bases().set_tiers(tiers).await.unwrap();
    let tier = |tier: &str| v1::MemberInput { tier: Some(tier.into()), ..input("b", "b@example.com") };
    calls.create(tier("Gold"), false).await.unwrap();
    for answer in [
        calls.create(v1::MemberInput { r#ref: None, email: None, ..tier("Iron") }, false).await,
        calls.update("b", tier("Iron"), None).await,
        calls.replace("b", tier("Iron")).await,
    ] {
        let status = answer.unwrap_err();
        assert_eq!(refused(&status, Code::InvalidArgument, "TIER_INVALID"), ["member.tier"]);
    }
    assert_eq!(calls.0.get("b").await.unwrap().tier.as_deref(), Some("Gold"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_concurrent_creates_of_one_address_one_succeeds() {
    let server = Server::start().await;
    let calls = calls(&server).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..64 {
        let mut calls = calls.clone();
        tasks
            .spawn(async move { calls.create(input(&format!("r{number}"), "one@example.com"), false).await });
    }
    let answers = tasks.join_all().await;
    let mut made = answers.iter().flatten();
    let (member, _) = made.next().unwrap();
    assert_eq!(made.count(), 0);
    for status in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        refused(status, Code::AlreadyExists, "EMAIL_TAKEN");
        assert_eq!(status.get_details_error_info().unwrap().metadata["member_id"], member.id);
    }
    let mut base = calls.0;
    let list = base.list(base.list_request(vec![eq("email", "one@example.com")])).await.unwrap();
    assert_eq!(list.members.len(), 1);
}
