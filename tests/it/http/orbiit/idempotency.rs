//! `x-idempotency-key`: every call that changes something is done once for each key.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Orbiit, member};
use crate::harness::Server;
use crate::http::Reply;

fn is_replay(reply: &Reply) -> bool {
    reply.head.to_ascii_lowercase().contains("\r\nidempotency-replayed: true")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_done_once_under_one_key() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let (other, _) = Orbiit::base(&server).await;
    let ids = orbiit.filled(2).await;
    for (index, (method, body)) in [
        ("POST", json!({"members": [member("b@example.com"), {"email": "M0@example.com", "role": "QA"}]})),
        ("DELETE", json!({"memberIds": [ids[1]]})),
    ]
    .into_iter()
    .enumerate()
    {
        let header = format!("x-idempotency-key: key-{index}");
        let keyed = orbiit.with(&header);
        let first = keyed.call(method, "members", Some(body.clone())).await;
        let again = keyed.call(method, "members", Some(body.clone())).await;
        assert_eq!((is_replay(&first), is_replay(&again)), (false, true), "{method}");
        assert_eq!(first.is(200), again.is(200));
        // Another body or workspace is another request.
        let changed = keyed.call(method, "members", Some(json!({"members": []}))).await;
        assert_eq!(changed.faults(422, "request_id_reused"), ["x-idempotency-key"], "{method}");
        let elsewhere = other.with(&header).call(method, "members", Some(body)).await;
        assert_eq!(elsewhere.faults(422, "request_id_reused"), ["x-idempotency-key"], "{method}");
    }
    assert_eq!(orbiit.get("members").await.is(200)["totalCount"], 2);
    let bad = orbiit.with("x-idempotency-key: ").call("POST", "members", Some(json!({"members": []}))).await;
    assert_eq!(bad.faults(400, "invalid_request"), ["x-idempotency-key"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_calls_under_one_key_create_one_member() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let mut tasks = JoinSet::new();
    for _ in 0..32 {
        let keyed = orbiit.with("x-idempotency-key: key");
        tasks.spawn(async move {
            loop {
                let body = json!({"members": [member("a@example.com")]});
                let reply = keyed.call("POST", "members", Some(body)).await;
                match reply.status {
                    // The first call is still running.
                    409 => assert!(reply.faults(409, "conflict").is_empty()),
                    _ => return reply,
                }
            }
        });
    }
    let replies = tasks.join_all().await;
    let made = replies[0].is(200);
    assert!(replies.iter().all(|reply| reply.is(200) == made));
    assert_eq!(replies.iter().filter(|reply| !is_replay(reply)).count(), 1);
    assert_eq!(orbiit.get("members").await.is(200)["totalCount"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_an_audience_is_done_once_under_one_key() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let ids = orbiit.filled(2).await;
    let twice = async |key: &str, method: &str, path: &str, body: Option<Value>| {
        let keyed = orbiit.with(&format!("x-idempotency-key: {key}"));
        let first = keyed.call(method, path, body.clone()).await;
        let again = keyed.call(method, path, body).await;
        assert_eq!((is_replay(&first), is_replay(&again)), (false, true), "{method} {path}: {again:?}");
        assert_eq!(first.is(200), again.is(200), "{method} {path}");
        first.is(200)
    };
    let made = twice("key-1", "POST", "audiences", Some(json!({"name": "Mentors"}))).await;
    let path = format!("audiences/{}", made["id"].as_str().unwrap());
    let members = format!("{path}/members");
    let both = || Some(json!({ "memberIds": ids }));
    assert_eq!(twice("key-2", "POST", &members, both()).await, json!({"addedCount": 2}));
    assert_eq!(twice("key-3", "DELETE", &members, both()).await, json!({"removedCount": 2}));
    let changed = twice("key-4", "PATCH", &path, Some(json!({"name": "Tutors"}))).await;
    assert_eq!((&changed["name"], &changed["memberCount"]), (&json!("Tutors"), &json!(0)));
    assert_eq!(twice("key-5", "DELETE", &path, None).await["isArchived"], true);
    assert_eq!(orbiit.get("audiences?includeArchived=true").await.is(200)["totalCount"], 1);
}
