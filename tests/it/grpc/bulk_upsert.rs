//! `BulkUpsertMembers`.

use memberbase::api::grpc::v1::{self, BulkMode, FieldSemantics, MatchBy, Outcome, ResultDetail};
use prost_types::Struct;

use crate::harness::{Server, number, outcomes, row, row_reason, rows, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_unchanged_and_a_change_is_updated() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let first = base.upsert(rows("a", 3)).await;
    assert_eq!(outcomes(&first), [Outcome::Created; 3]);
    let again = base.upsert(rows("a", 3)).await;
    assert_eq!(outcomes(&again), [Outcome::Unchanged; 3]);
    assert_eq!(again.revision, first.revision);
    let ids = |reply: &v1::BulkUpsertMembersResponse| {
        reply.results.iter().map(|result| result.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&again), ids(&first));
    let changed = v1::MemberInput { tier: Some("gold".into()), ..row("a1") };
    let third = base.upsert(vec![row("a0"), changed, row("new")]).await;
    assert_eq!(outcomes(&third), [Outcome::Unchanged, Outcome::Updated, Outcome::Created]);
    assert!(third.revision > first.revision);
    let counts = third.counts.unwrap();
    assert_eq!((counts.unchanged, counts.updated, counts.created, counts.failed), (1, 1, 1, 0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rows_with_one_ref_write_one_member_and_the_last_row_wins() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let tier = |tier: &str| v1::MemberInput { tier: Some(tier.into()), ..row("a") };
    let reply = base.upsert(vec![tier("one"), tier("two")]).await;
    assert_eq!(outcomes(&reply), [Outcome::Created, Outcome::Updated]);
    assert_eq!(reply.results[0].id, reply.results[1].id);
    assert_eq!(base.get("a").await.unwrap().tier.as_deref(), Some("two"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_reads_back_as_it_was_written() {
    let server = Server::start().await;
    let mut base = server.base().await;
    server.schema(&base.id, &[("size", "number"), ("colour", "string")]).await;
    let attributes = [("size", number(42.5)), ("colour", text("grün"))];
    let attributes = Struct { fields: attributes.into_iter().map(|(k, v)| (k.to_owned(), v)).collect() };
    let account = v1::AccountDetails {
        uk: Some(v1::UkAccount {
            account_holder: "Ana Ånd".into(),
            sort_code: "20-00-00".into(),
            account_number: "5577 9911".into(),
        }),
        eu: None,
    };
    let input = v1::MemberInput {
        r#ref: Some("user_001".into()),
        email: Some("Ana@Example.com".into()),
        first_name: Some("Ana".into()),
        last_name: Some("Ånd".into()),
        phone: Some("+44 20 7946 0000".into()),
        worker_id: Some("w-1".into()),
        tier: Some("gold".into()),
        status: Some("invited".into()),
        dob: Some("1990-02-28".into()),
        gender: Some("NonBinary".into()),
        role: Some("Driver".into()),
        company: Some("Example, Inc.".into()),
        enable_payroll: Some(false),
        account_details: Some(account),
        attributes: Some(attributes.clone()),
        ..Default::default()
    };
    base.upsert(vec![input]).await;
    let member = base.get("user_001").await.unwrap();
    assert_eq!(member.member_base_id, base.id);
    assert!(member.id.starts_with("m_") && member.id.len() == 28, "{}", member.id);
    assert_eq!(member.email.as_deref(), Some("Ana@Example.com"));
    assert_eq!(member.last_name.as_deref(), Some("Ånd"));
    assert_eq!(member.phone.as_deref(), Some("+442079460000"));
    assert_eq!(member.worker_id.as_deref(), Some("w-1"));
    assert_eq!((member.tier.as_deref(), member.status.as_str()), (Some("gold"), "invited"));
    assert_eq!((member.dob.as_deref(), member.gender.as_deref()), (Some("1990-02-28"), Some("NonBinary")));
    assert_eq!((member.role.as_deref(), member.company.as_deref()), (Some("Driver"), Some("Example, Inc.")));
    assert_eq!(member.enable_payroll, Some(false));
    let uk = member.account_details.unwrap().uk.unwrap();
    assert_eq!((uk.sort_code.as_str(), uk.account_number.as_str()), ("200000", "55779911"));
    assert_eq!(member.attributes, Some(attributes));
    assert_eq!(member.created_at, member.updated_at);
    assert!(member.revision > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn merge_keeps_what_a_row_leaves_out_and_replace_clears_it() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let full =
        v1::MemberInput { tier: Some("gold".into()), company: Some("Acme".into()), ..rows("a", 1).remove(0) };
    base.upsert(vec![full]).await;
    let merge =
        v1::MemberInput { tier: Some("silver".into()), clear_fields: vec!["company".into()], ..row("a0") };
    base.upsert(vec![merge]).await;
    let member = base.get("a0").await.unwrap();
    assert_eq!(
        (member.tier.as_deref(), member.company, member.first_name.as_deref()),
        (Some("silver"), None, Some("Ana"))
    );
    let mut replace = base.request(vec![row("a0")]);
    replace.semantics = FieldSemantics::Replace.into();
    base.send(replace).await;
    let member = base.get("a0").await.unwrap();
    assert_eq!(
        (member.tier, member.first_name, member.email, member.status.as_str()),
        (None, None, None, "active")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_can_be_matched_by_email_or_worker_id() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let first = base
        .upsert(vec![v1::MemberInput {
            email: Some("Ana@example.com".into()),
            worker_id: Some("7".into()),
            ..row("a")
        }])
        .await;
    let by_email = v1::MemberInput {
        email: Some("ANA@EXAMPLE.COM".into()),
        tier: Some("x".into()),
        ..Default::default()
    };
    let mut request = base.request(vec![by_email]);
    request.match_by = MatchBy::Email.into();
    let reply = base.send(request).await;
    assert_eq!((outcomes(&reply), &reply.results[0].id), (vec![Outcome::Updated], &first.results[0].id));
    let by_worker =
        v1::MemberInput { worker_id: Some("7".into()), tier: Some("y".into()), ..Default::default() };
    let mut request = base.request(vec![by_worker]);
    request.match_by = MatchBy::WorkerId.into();
    let reply = base.send(request).await;
    assert_eq!((outcomes(&reply), &reply.results[0].id), (vec![Outcome::Updated], &first.results[0].id));
    let member = base.get("a").await.unwrap();
    assert_eq!((member.tier.as_deref(), member.email.as_deref()), (Some("y"), Some("ANA@EXAMPLE.COM")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_member_is_refused_and_a_swap_needs_one_atomic_call() {
    let server = Server::start().await;
    let mut base = server.base().await;
    base.upsert(rows("a", 2)).await;
    let swap = vec![
        v1::MemberInput { email: Some("a1@example.com".into()), ..row("a0") },
        v1::MemberInput { email: Some("A0@example.com".into()), ..row("a1") },
    ];
    let partial = base.upsert(swap.clone()).await;
    assert_eq!(outcomes(&partial), [Outcome::Failed; 2]);
    let error = partial.results[0].error.as_ref().unwrap();
    assert_eq!((error.code.as_str(), error.reason.as_str()), ("ALREADY_EXISTS", "EMAIL_TAKEN"));
    // A failed row reports the member that it found, and the member that holds the taken value.
    let ids = [base.get("a0").await.unwrap().id, base.get("a1").await.unwrap().id];
    for (place, result) in partial.results.iter().enumerate() {
        assert_eq!((&result.id, &result.error.as_ref().unwrap().member_id), (&ids[place], &ids[1 - place]));
    }
    let mut atomic = base.request(swap);
    atomic.mode = BulkMode::Atomic.into();
    let reply = base.send(atomic).await;
    assert_eq!(outcomes(&reply), [Outcome::Updated; 2]);
    assert_eq!(base.get("a0").await.unwrap().email.as_deref(), Some("a1@example.com"));
    assert_eq!(base.get("a1").await.unwrap().email.as_deref(), Some("A0@example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_atomic_call_with_a_bad_row_writes_nothing_and_reports_the_row() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let bad = v1::MemberInput { email: Some("nobody".into()), ..row("b") };
    let mut request = base.request(vec![row("a"), bad, row("c")]);
    request.mode = BulkMode::Atomic.into();
    let reply = base.send(request).await;
    assert_eq!(outcomes(&reply), [Outcome::Failed; 3]);
    let reasons: Vec<_> = reply.results.iter().map(row_reason).collect();
    assert_eq!(reasons, ["BATCH_REJECTED", "EMAIL_INVALID", "BATCH_REJECTED"]);
    assert_eq!(reply.results[0].error.as_ref().unwrap().code, "ABORTED");
    assert_eq!(reply.results[1].error.as_ref().unwrap().violations[0].field, "email");
    assert!(base.refs(Vec::new()).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn validate_only_reports_and_writes_nothing() {
    let server = Server::start().await;
    let mut base = server.base().await;
    base.upsert(vec![row("a")]).await;
    let changed = v1::MemberInput { tier: Some("x".into()), ..row("a") };
    let mut request = base.request(vec![changed, row("b"), row("")]);
    request.mode = BulkMode::ValidateOnly.into();
    let reply = base.send(request).await;
    assert_eq!(outcomes(&reply), [Outcome::Updated, Outcome::Created, Outcome::Failed]);
    assert!(!reply.results[0].id.is_empty());
    assert!(reply.results[1].id.is_empty());
    assert_eq!(base.refs(Vec::new()).await, ["a"]);
    assert_eq!(base.get("a").await.unwrap().tier, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn if_revision_guards_a_row() {
    let server = Server::start().await;
    let mut base = server.base().await;
    base.upsert(vec![row("a")]).await;
    let revision = base.get("a").await.unwrap().revision;
    let guarded = |r#ref: &str, tier: &str, revision: u64| v1::MemberInput {
        tier: Some(tier.into()),
        if_revision: Some(revision),
        ..row(r#ref)
    };
    let reply = base.upsert(vec![guarded("a", "x", revision), guarded("b", "x", 0)]).await;
    assert_eq!(outcomes(&reply), [Outcome::Updated, Outcome::Created]);
    let reply = base.upsert(vec![guarded("a", "y", revision), guarded("a", "y", 0)]).await;
    assert_eq!(outcomes(&reply), [Outcome::Failed; 2]);
    assert!(reply.results.iter().all(|result| row_reason(result) == "REVISION_MISMATCH"));
    assert_eq!(reply.results[0].error.as_ref().unwrap().code, "ABORTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_applies_only_to_rows_that_create_or_reactivate() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let status = |status: &str| v1::MemberInput { status: Some(status.into()), ..row("a") };
    base.upsert(vec![status("inactive")]).await;
    let reply = base.upsert(vec![status("active")]).await;
    assert_eq!(outcomes(&reply), [Outcome::Unchanged]);
    assert_eq!(base.get("a").await.unwrap().status, "inactive");
    let mut request = base.request(vec![status("invited")]);
    request.reactivate = true;
    assert_eq!(outcomes(&base.send(request.clone()).await), [Outcome::Reactivated]);
    assert_eq!(base.get("a").await.unwrap().status, "invited");
    assert_eq!(outcomes(&base.send(request).await), [Outcome::Unchanged]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_takes_fifty_thousand_rows() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let mut request = base.request(rows("a", 50_000));
    let reply = base.send(request.clone()).await;
    assert_eq!(reply.counts.unwrap().created, 50_000);
    assert_eq!(reply.results.len(), 50_000);
    assert_eq!(reply.results[49_999].r#ref.as_deref(), Some("a49999"));
    request.results = ResultDetail::Failed.into();
    request.members[7].email = Some("nobody".into());
    let reply = base.send(request).await;
    let counts = reply.counts.unwrap();
    assert_eq!((counts.unchanged, counts.failed), (49_999, 1));
    assert_eq!((reply.results.len(), reply.results[0].index), (1, 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_rows_succeeds() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let reply = base.upsert(Vec::new()).await;
    assert_eq!((reply.results.len(), reply.counts), (0, Some(v1::BulkCounts::default())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_row_reports_no_member_that_does_not_exist() {
    let server = Server::start().await;
    let mut base = server.base().await;
    let worker = |r#ref: &str, id: &str| v1::MemberInput { worker_id: Some(id.into()), ..row(r#ref) };
    base.fill(vec![worker("old", "w0")]).await;
    let old = base.get("old").await.unwrap().id;
    let call = || {
        vec![
            worker("old", "w0"),
            worker("new", "w1"),
            v1::MemberInput { tier: Some("gold".into()), ..row("new") },
            worker("third", "w1"),
            worker("fourth", "w0"),
            v1::MemberInput { phone: Some("12".into()), ..row("old") },
        ]
    };
    for mode in [BulkMode::Atomic, BulkMode::ValidateOnly] {
        let mut request = base.request(call());
        request.mode = mode.into();
        let reply = base.send(request).await;
        let ids: Vec<&str> = reply.results.iter().map(|result| result.id.as_str()).collect();
        assert_eq!(ids, [old.as_str(), "", "", "", "", ""], "{mode:?}");
        let holder = |place: usize| reply.results[place].error.as_ref().unwrap().member_id.as_str();
        assert_eq!((row_reason(&reply.results[3]), holder(3)), ("WORKER_ID_TAKEN", ""), "{mode:?}");
        assert_eq!((row_reason(&reply.results[4]), holder(4)), ("WORKER_ID_TAKEN", old.as_str()), "{mode:?}");
    }
    let reply = base.send(base.request(call())).await;
    let new = base.get("new").await.unwrap().id;
    let ids: Vec<&str> = reply.results.iter().map(|result| result.id.as_str()).collect();
    assert_eq!(ids, [old.as_str(), &new, &new, "", "", ""]);
    let holders: Vec<&str> =
        reply.results.iter().filter_map(|result| Some(result.error.as_ref()?.member_id.as_str())).collect();
    assert_eq!(holders, [new.as_str(), old.as_str(), ""]);
}
