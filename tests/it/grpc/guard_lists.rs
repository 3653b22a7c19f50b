//! The guard against lists that mix up their members.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::JobState::{Held, Succeeded};
use tonic::Code;

use super::jobs::{approve, follow, with_members};
use super::sync::{list, send, sync};
use crate::harness::{Server, refused};

#[tokio::test(flavor = "multi_thread")]
async fn a_list_with_shifted_columns_is_held_says_why_and_changes_nobody_until_it_is_approved() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 100).await;
    let cells = |n: usize, email: usize| {
        [format!("First{n}"), format!("Last{n}"), "Gold".into(), format!("a{email}@example.com")]
    };
    let file = |header: &str, cells: &dyn Fn(usize) -> String| {
        let rows: Vec<String> = (0..100).map(|n| format!("a{n},{}\n", cells(n))).collect();
        format!("ref,{header}\n{}", rows.concat())
    };
    let right = "first_name,last_name,tier,email";
    let first = file(right, &|n| cells(n, n).join(","));
    assert_eq!(sync(&mut jobs, &base, &first).await.state(), Succeeded, "first values do not count");
    // The columns of the names and of the tier stand one place further to the right than their header says.
    let shifted = file("company,first_name,last_name,email", &|n| cells(n, n).join(","));
    let moved = file(right, &|n| cells((n + 1) % 100, n).join(","));
    let others = file("email", &|n| format!("other{n}@example.com"));
    let cleared = file("email", &|_| String::new());
    let mut last = None;
    for (file, kind, text) in [
        (shifted, "identities", "it would change the identity of 100 of 100 members"),
        (moved, "identities", "it would change the identity of 100 of 100 members"),
        (cleared, "clears", "it would clear contact data, bank data or attributes of 100 of 100 members"),
        (others, "identities", "it would change the identity of 100 of 100 members"),
    ] {
        let held = sync(&mut jobs, &base, &file).await;
        assert_eq!((held.state(), held.reason.as_str()), (Held, "CHANGE_GUARD"), "{held:?}");
        assert!(held.message.starts_with(text), "{held:?}");
        let plan = held.plan.as_ref().unwrap();
        assert_eq!(plan.holds, ["CHANGE_GUARD"]);
        let guarded = plan.guarded.unwrap();
        let [counted, other] = if kind == "clears" {
            [guarded.clears, guarded.identities]
        } else {
            [guarded.identities, guarded.clears]
        };
        assert_eq!((counted, other, guarded.removals, guarded.tiers), (100, 0, 0, 0), "{held:?}");
        let member = base.get("a7").await.unwrap();
        let is = (member.first_name.as_deref(), member.email.as_deref());
        assert_eq!(is, (Some("First7"), Some("a7@example.com")));
        last = Some(held);
    }
    let done = approve(&mut jobs, &last.unwrap()).await;
    assert_eq!((done.state(), done.applied.unwrap().updated), (Succeeded, 100), "{done:?}");
    assert_eq!(base.get("a7").await.unwrap().email.as_deref(), Some("other7@example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_says_how_many_identities_a_list_changes() {
    let server = Server::start().await;
    let (mut base, mut jobs) = with_members(&server, 100).await;
    let file = list(100).replace("@example.com", "@example.org");
    for (expected, state) in [(99, Held), (100, Succeeded)] {
        let expect = Some(v1::GuardExpectation { identities: Some(expected), ..Default::default() });
        let job = send(&mut jobs, &base, &file, |options| options.expect = expect).await.unwrap();
        let job = follow(&mut jobs, job).await;
        assert_eq!(job.state(), state, "{job:?}");
    }
    assert_eq!(base.get("a7").await.unwrap().email.as_deref(), Some("a7@example.org"));
    let differs = send(&mut jobs, &base, &file, |options| {
        options.expect_removals = Some(1);
        options.expect = Some(v1::GuardExpectation { removals: Some(2), ..Default::default() });
    });
    refused(&differs.await.unwrap_err(), Code::InvalidArgument, "FIELD_CONFLICT");
}
