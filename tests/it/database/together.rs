//! Calls that two servers of one store get at the same time. One of them is active, so each call sees what
//! was acknowledged at the other; whichever comes first, both answers fit one order.

use memberbase::api::grpc::v1;
use tokio::sync::Barrier;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::forward::pair;
use super::{get_member, make_base, run, upsert};
use crate::harness::{Database, Process, connect, database, members, outcomes, row, rows};

const ROUNDS: usize = 60;

type Written = Result<v1::BulkUpsertMembersResponse, Status>;

/// Sends one request to each server at the same moment.
async fn at_once(servers: [&Process; 2], requests: [v1::BulkUpsertMembersRequest; 2]) -> [Written; 2] {
    let start = Barrier::new(2);
    let mut stubs = Vec::new();
    for server in servers {
        stubs.push(members(&connect(&server.address).await));
    }
    let sent = stubs.into_iter().zip(requests).map(async |(mut stub, request)| {
        start.wait().await;
        stub.bulk_upsert_members(request).await.map(tonic::Response::into_inner)
    });
    futures_util::future::join_all(sent).await.try_into().unwrap()
}

fn with_role(role: &str) -> v1::MemberInput {
    v1::MemberInput { role: Some(role.to_owned()), ..row("m") }
}

/// Stops both, and checks the store as a whole.
async fn stop(database: &Database, (mut active, mut standby): (Process, Process), words: &str) {
    for server in [&mut standby, &mut active] {
        server.signal(rustix::process::Signal::TERM);
        assert!(server.wait().success());
    }
    let (code, said) = run(database, &["check", "--store", &database.url()]).await;
    assert!(code == 0 && said.contains(words) && said.contains("\nfindings 0\n"), "{code} {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unchanged_here_is_in_order_with_a_change_there() {
    let Some(database) = database() else { return };
    let servers = pair(&database).await;
    let base = make_base(&servers.0.address, "base").await;
    let mut stub = members(&connect(&servers.0.address).await);
    let mut unchanged = 0;
    for round in 0..ROUNDS {
        let (one, other) = (format!("one{round}"), format!("other{round}"));
        stub.bulk_upsert_members(upsert(&base, vec![with_role(&one)], "")).await.unwrap();
        let requests = [&one, &other].map(|role| upsert(&base, vec![with_role(role)], ""));
        let at = if round % 2 == 0 { [&servers.0, &servers.1] } else { [&servers.1, &servers.0] };
        let [same, change] = at_once(at, requests).await.map(|reply| outcomes(&reply.unwrap())[0]);
        let last = get_member(&servers.1.address, &base, "m").await.unwrap().role.unwrap();
        assert_eq!(change, v1::Outcome::Updated);
        // Either it came first and found its own value, or it came last and put its value back.
        match same {
            v1::Outcome::Unchanged => assert_eq!(last, other),
            v1::Outcome::Updated => assert_eq!(last, one),
            outcome => panic!("{outcome:?}"),
        }
        unchanged += usize::from(same == v1::Outcome::Unchanged);
    }
    assert!(unchanged > 0, "a change always came first");
    stop(&database, servers, "\nmembers 1\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_id_at_two_servers_is_one_request_and_at_two_bases_a_wrong_one() {
    let Some(database) = database() else { return };
    let servers = pair(&database).await;
    let at = [&servers.0, &servers.1];
    let bases = [make_base(&servers.0.address, "a").await, make_base(&servers.1.address, "b").await];
    for round in 0..ROUNDS {
        let id = format!("same{round}");
        let request = upsert(&bases[0], rows(&format!("s{round}-"), 3), &id);
        let [here, there] = at_once(at, [request.clone(), request]).await;
        assert_eq!(here.unwrap(), there.unwrap());
        let id = format!("bases{round}");
        let replies =
            at_once(at, [0, 1].map(|n| upsert(&bases[n], rows(&format!("t{round}-"), 3), &id))).await;
        let refused: Vec<_> = replies.iter().filter_map(|reply| reply.as_ref().err()).collect();
        assert_eq!(refused.len(), 1, "{replies:?}");
        assert_eq!(refused[0].code(), Code::InvalidArgument, "{replies:?}");
        assert_eq!(refused[0].get_details_error_info().unwrap().reason, "REQUEST_ID_REUSED");
        let winner = usize::from(replies[0].is_err());
        for (n, base) in bases.iter().enumerate() {
            let found = get_member(&servers.1.address, base, &format!("t{round}-0")).await;
            assert_eq!(found.is_ok(), n == winner, "{found:?}");
        }
    }
    stop(&database, servers, &format!("\nmembers {}\n", ROUNDS * 6)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_both_servers_are_asked_for_goes_to_one() {
    let Some(database) = database() else { return };
    let servers = pair(&database).await;
    let base = make_base(&servers.0.address, "base").await;
    for round in 0..ROUNDS {
        let email = Some(format!("wanted{round}@example.com"));
        let wants = |name: &str| v1::MemberInput { email: email.clone(), ..row(&format!("{name}{round}")) };
        let requests = ["x", "y"].map(|name| upsert(&base, vec![wants(name)], ""));
        let replies =
            at_once([&servers.0, &servers.1], requests).await.map(|reply| outcomes(&reply.unwrap())[0]);
        assert!(
            replies.contains(&v1::Outcome::Created) && replies.contains(&v1::Outcome::Failed),
            "{replies:?}"
        );
    }
    stop(&database, servers, &format!("\nmembers {ROUNDS}\n")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_writes_the_other_finds_by_every_key_while_indexes_grow() {
    let Some(database) = database() else { return };
    let servers = pair(&database).await;
    let base = make_base(&servers.0.address, "base").await;
    let at = [&servers.0, &servers.1];
    // Enough for buckets to be split many times, between a lookup and the write that it is for.
    for round in 0..12 {
        let requests = ["x", "y"].map(|name| upsert(&base, rows(&format!("{name}{round}-"), 2_000), ""));
        for reply in at_once(at, requests).await {
            assert_eq!(reply.unwrap().counts.unwrap().created, 2_000);
        }
        let mut stub = members(&connect(&at[round % 2].address).await);
        for n in (0..2_000).step_by(97) {
            for name in ["x", "y"] {
                let wanted = format!("{name}{round}-{n}");
                let request = v1::GetMemberRequest {
                    member_base_id: Some(base.clone()),
                    email: Some(format!("{wanted}@example.com")),
                    ..Default::default()
                };
                let found = stub.get_member(request).await.unwrap().into_inner().member.unwrap();
                assert_eq!(found.r#ref.as_deref(), Some(&wanted[..]));
                assert_eq!(get_member(&at[(round + 1) % 2].address, &base, &wanted).await.unwrap(), found);
            }
        }
    }
    stop(&database, servers, "\nmembers 48000\n").await;
}
