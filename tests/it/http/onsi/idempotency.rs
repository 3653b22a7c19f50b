//! `x-idempotency-key`: every call that changes something is done once for each key.

use std::collections::HashMap;

use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::task::JoinSet;

use super::{Onsi, member, with};
use crate::harness::{Process, Server};
use crate::http::{Http, Reply};

fn is_replay(reply: &Reply) -> bool {
    reply.head.to_ascii_lowercase().contains("\r\nidempotency-replayed: true")
}

fn keyed(onsi: &Onsi, key: &str) -> Onsi {
    onsi.with(&format!("x-idempotency-key: {key}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_done_once_under_one_key() {
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
        // A different method, path or body counts as a different request.
        let other = keyed.call("PATCH", &member_path, Some(json!({"firstName": "Eve"}))).await;
        assert_eq!(other.issues(422), [("UnprocessableEntity", "-")], "{method} {path}");
    }
    assert_eq!(onsi.get("members").await.is(200)["total"], 2);
    // Reads ignore the key.
    let read = keyed(&onsi, "key-0").get("members").await;
    assert!(read.status == 200 && !is_replay(&read));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_call_under_a_key_runs_again() {
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
async fn sixty_four_concurrent_calls_under_one_key_add_one_member() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let onsi = keyed(&onsi, "key");
        tasks.spawn(async move {
            loop {
                let reply = onsi.call("POST", "members", Some(member("a@example.com"))).await;
                match reply.status {
                    // The first call is still running.
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

#[tokio::test(flavor = "multi_thread")]
async fn a_key_identifies_one_method_path_body_and_memberbase() {
    let server = Server::start().await;
    let (onsi, _, base) = Onsi::base(&server).await;
    let (other, _, _) = Onsi::base(&server).await;
    let (one, two) =
        (onsi.member("1@example.com", "invited").await, onsi.member("2@example.com", "invited").await);
    let (path, body) = (format!("members/{one}"), member("1@example.com"));
    let put = async |onsi: &Onsi, path: &str, body: &Value| {
        keyed(onsi, "key").call("PUT", path, Some(body.clone())).await
    };
    assert!(!is_replay(&put(&onsi, &path, &body).await));
    let patch = keyed(&onsi, "key").call("PATCH", &path, Some(body.clone())).await;
    let others = [
        ("method", patch),
        ("path", put(&onsi, &format!("members/{two}"), &body).await),
        // Even if both bodies mean the same.
        ("way to write the path", put(&onsi, &path.replace("mem_", "m_"), &body).await),
        ("body", put(&onsi, &path, &with(body.clone(), json!({"tier": "Silver"}))).await),
        ("parameter", put(&onsi, &format!("{path}?a=1"), &body).await),
        ("memberbase", put(&other, &path, &body).await),
    ];
    for (what, reply) in others {
        assert_eq!(reply.issues(422), [("UnprocessableEntity", "-")], "another {what}");
        let message = &reply.body["issues"][0]["message"];
        assert_eq!(message, "x-idempotency-key: was used for another request");
    }
    // Other headers do not matter.
    let onsi = Onsi::new(&server, Some("any"), Some(&base)).with("x-request-number: 2");
    assert!(is_replay(&put(&onsi, &path, &body).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_the_token_of_its_call() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let base = admin.base().await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        let made = admin.ok("api-token/create", json!({"access": "write", "member_base_id": base})).await;
        clients.push(keyed(&Onsi::new(&server, made["token"].as_str(), None), "key"));
    }
    let send = async |client: &Onsi, email: &str| client.call("POST", "members", Some(member(email))).await;
    for (client, email) in clients.iter().zip(["1@example.com", "2@example.com"]) {
        let first = send(client, email).await;
        let again = send(client, email).await;
        assert_eq!((is_replay(&first), is_replay(&again)), (false, true));
        assert_eq!(first.is(201), again.is(201));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_repeated_after_a_kill_are_done_once_and_get_the_same_reply() {
    const AT_ONCE: usize = 64;
    let data = tempdir().unwrap();
    let mut server = Process::serve(data.path());
    let (mut onsi, _, _) = Onsi::base_at(server.socket(), 100).await;
    for round in 1..=4 {
        let send_all = |onsi: &Onsi| {
            let mut tasks = JoinSet::new();
            for number in 0..AT_ONCE {
                let name = format!("{round}-{number}");
                let onsi = keyed(onsi, &name);
                tasks.spawn(
                    async move { (number, onsi.attempt(member(&format!("{name}@example.com"))).await) },
                );
            }
            tasks
        };
        // At the kill some requests have a reply, some are done without a reply, and some are not done.
        let (mut tasks, mut answered) = (send_all(&onsi), HashMap::new());
        while let Some(done) = tasks.join_next().await {
            if let (number, Some(reply)) = done.unwrap() {
                answered.insert(number, reply.is(201));
            }
            if answered.len() == round * 10 {
                server.signal(rustix::process::Signal::KILL);
            }
        }
        server.wait();
        server = Process::serve(data.path());
        onsi.address = server.socket();
        for (number, reply) in send_all(&onsi).join_all().await {
            let reply = reply.unwrap();
            if let Some(before) = answered.remove(&number) {
                assert!(is_replay(&reply));
                assert_eq!(reply.is(201), before);
            }
            reply.is(201);
        }
        assert!(answered.is_empty());
        assert_eq!(onsi.get("members?take=1").await.is(200)["total"], round * AT_ONCE);
    }
}
