//! An approval lets pass what was shown, and nothing else.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::JobState::{Held, Rejected, Succeeded};

use super::jobs::{approve, follow, get, with_members, with_rows};
use super::sync::{list, send, sync};
use crate::harness::{Server, row};

fn tier(name: String) -> Vec<v1::Filter> {
    let value = prost_types::Value { kind: Some(prost_types::value::Kind::StringValue(name)) };
    vec![v1::Filter { key: "tier".into(), eq: Some(value), ..Default::default() }]
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_plans_that_only_waited_for_an_answer_do_not_get_past_the_guard() {
    let server = Server::start().await;
    let members = (0..100).map(|n| v1::MemberInput {
        email: Some(format!("a{n}@example.com")),
        tier: Some(format!("t{}", n / 20)),
        ..row(&format!("a{n}"))
    });
    let (mut base, mut jobs) = with_rows(&server, members.collect()).await;
    let mut held = Vec::new();
    for part in 0..5 {
        let file = format!("ref\na{}\na{}\n", part * 20, part * 20 + 1);
        let job = send(&mut jobs, &base, file, |options| {
            (options.ask_first, options.scope) = (true, tier(format!("t{part}")));
        });
        let job = job.await.unwrap();
        let job = follow(&mut jobs, job).await;
        assert_eq!((job.state(), job.reason.as_str()), (Held, "APPROVAL_REQUESTED"), "{job:?}");
        held.push(job);
    }
    let mut ended = Vec::new();
    for job in &held {
        ended.push(approve(&mut jobs, job).await);
    }
    assert_eq!((ended[0].state(), ended[0].applied.unwrap().removed), (Succeeded, 18), "{:?}", ended[0]);
    for job in &ended[1..] {
        assert_eq!((job.state(), job.reason.as_str()), (Held, "REMOVAL_GUARD"), "{job:?}");
    }
    assert_eq!(base.refs(active()).await.len(), 82);
    // Somebody who sees that it is over the limit may approve it.
    let again = approve(&mut jobs, &ended[1]).await;
    assert_eq!((again.state(), again.applied.unwrap().removed), (Succeeded, 18), "{again:?}");
}

fn active() -> Vec<v1::Filter> {
    let mut filters = tier("active".to_owned());
    filters[0].key = "status".to_owned();
    filters
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_would_now_change_other_values_waits_again() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 100).await;
    let rows: Vec<String> = (0..100).map(|n| format!("a{n},a{n}@example.com,New{n}\n")).collect();
    let file = format!("ref,email,last_name\n{}", rows.concat());
    let job = send(&mut jobs, &base, file, |options| options.ask_first = true).await.unwrap();
    let held = follow(&mut jobs, job).await;
    assert_eq!((held.state(), held.reason.as_str()), (Held, "APPROVAL_REQUESTED"), "{held:?}");
    let corrected = (0..60).map(|n| v1::MemberInput {
        email: Some(format!("corrected{n}@example.com")),
        ..row(&format!("a{n}"))
    });
    let expect = Some(v1::GuardExpectation { identities: Some(60), ..Default::default() });
    let request = v1::BulkUpsertMembersRequest { expect, ..base.request(corrected.collect()) };
    assert_eq!(base.send(request).await.counts.unwrap().updated, 60);
    let held = approve(&mut jobs, &held).await;
    assert_eq!(held.state(), Held, "{held:?}");
    let plan = held.plan.as_ref().unwrap();
    assert!(plan.holds.iter().any(|hold| hold == "PLAN_CHANGED"), "{plan:?}");
    assert!(plan.holds.iter().any(|hold| hold == "CHANGE_GUARD"), "{plan:?}");
    assert_eq!(base.get("a0").await.unwrap().email.as_deref(), Some("corrected0@example.com"));
    // A change of a field that the plan leaves alone does not matter.
    let rows: Vec<String> =
        (0..100).map(|n| format!("a{n},{}\n", if n == 7 { "Gold" } else { "" })).collect();
    let file = format!("ref,tier\n{}", rows.concat());
    let job = send(&mut jobs, &base, file, |options| options.ask_first = true).await.unwrap();
    let held = follow(&mut jobs, job).await;
    base.upsert(vec![v1::MemberInput { company: Some("Elsewhere".into()), ..row("a7") }]).await;
    let done = approve(&mut jobs, &held).await;
    assert_eq!((done.state(), done.applied.unwrap().updated), (Succeeded, 1), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_list_takes_the_place_of_older_ones_that_are_held() {
    let server = Server::start().await;
    let (base, mut jobs) = with_members(&server, 100).await;
    let older = sync(&mut jobs, &base, &list(40)).await;
    let newer = sync(&mut jobs, &base, &list(41)).await;
    assert_eq!((older.state(), newer.state()), (Held, Held));
    assert_eq!(approve(&mut jobs, &newer).await.state(), Succeeded);
    let older = get(&mut jobs, &older.id).await;
    assert_eq!((older.state(), older.reason.as_str()), (Rejected, "LIST_SUPERSEDED"), "{older:?}");
}
