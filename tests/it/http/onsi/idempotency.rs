//! `x-idempotency-key`: every call that changes something is done once under it.

use serde_json::json;
use tokio::task::JoinSet;

use super::{Onsi, member};
use crate::harness::Server;
use crate::http::Reply;

fn is_replay(reply: &Reply) -> bool {
    reply.head.to_ascii_lowercase().contains("\r\nidempotency-replayed: true")
}

fn keyed(onsi: &Onsi, key: &str) -> Onsi {
    onsi.with(&format!("x-idempotency-key: {key}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_that_changes_something_is_done_once_under_one_key() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let (_, id) = onsi.create(member("a@example.com")).await;
    let path = format!("members/{id}");
    let member_path = path.clone();
    let calls = [
        ("POST", "members".to_owned(), 201, Some(member("b@example.com"))),
        ("PATCH", path.clone(), 200, Some(json!({"firstName": "Ana"}))),
        ("POST", format!("{path}/activate"), 200, None),
        ("DELETE", path.clone(), 200, None),
        ("PUT", path.clone(), 200, Some(member("a@example.com"))),
    ];
    for (index, (method, path, status, body)) in calls.into_iter().enumerate() {
        let keyed = keyed(&onsi, &format!("key-{index}"));
        let first = keyed.call(method, &path, body.clone()).await;
        let again = keyed.call(method, &path, body).await;
        assert_eq!((is_replay(&first), is_replay(&again)), (false, true), "{method} {path}");
        assert_eq!(first.is(status), again.is(status));
        // Another method, path or body is another request.
        let other = keyed.call("PATCH", &member_path, Some(json!({"firstName": "Eve"}))).await;
        assert_eq!(other.issues(422), [("UnprocessableEntity", "-")], "{method} {path}");
    }
    assert_eq!(onsi.get("members").await.is(200)["total"], 2);
    // Reads have no use for it.
    let read = keyed(&onsi, "key-0").get("members").await;
    assert!(read.status == 200 && !is_replay(&read));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_under_a_key_runs_again() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let id = onsi.member("a@example.com", "invited").await;
    let keyed = keyed(&onsi, "key");
    for _ in 0..2 {
        let refused = keyed.call("POST", "members", Some(member("a@example.com"))).await;
        assert_eq!(refused.issues(400), [("MemberAlreadyInvited", "email")]);
    }
    onsi.call("DELETE", &format!("members/{id}"), None).await.is(200);
    let revived = keyed.call("POST", "members", Some(member("a@example.com"))).await;
    assert_eq!(revived.is(201)["memberId"], id);
    assert!(is_replay(&keyed.call("POST", "members", Some(member("a@example.com"))).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_calls_at_once_under_one_key_add_one_member() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let onsi = keyed(&onsi, "key");
        tasks.spawn(async move {
            loop {
                let reply = onsi.call("POST", "members", Some(member("a@example.com"))).await;
                match reply.status {
                    // The first one is still running.
                    409 => assert_eq!(reply.issues(409), [("Conflict", "-")]),
                    _ => return reply,
                }
            }
        });
    }
    let replies = tasks.join_all().await;
    let made = replies[0].is(201);
    assert!(replies.iter().all(|reply| reply.is(201) == made));
    assert_eq!(replies.iter().filter(|reply| !is_replay(reply)).count(), 1);
    assert_eq!(onsi.get("members").await.is(200)["total"], 1);
}
