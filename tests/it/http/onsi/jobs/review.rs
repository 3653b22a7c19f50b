//! Plans that await a review.

use serde_json::{Value, json};

use super::list;
use crate::harness::Server;
use crate::http::Http;
use crate::http::onsi::Onsi;

/// A list without the only member of the memberbase.
async fn held(onsi: &Onsi) -> Value {
    let job = onsi.settled(&onsi.put_list("v1", &list(&["new@x.com"])).await).await;
    let progress =
        json!({ "type": "AwaitingReview", "totalActions": 2, "totalComplete": 0, "totalProcessing": 0 });
    assert_eq!((&job["progress"], &job["reason"]), (&progress, &json!("EVERYBODY_REMOVED")), "{job}");
    assert_eq!(job["finishedAt"], Value::Null);
    job
}

async fn approve(onsi: &Onsi, job: &Value, hash: &str) -> crate::http::Reply {
    let path = format!("members/jobs/{}/approve", job["id"].as_str().unwrap());
    onsi.call("POST", &path, Some(json!({ "planHash": hash }))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_over_the_limit_is_applied_only_after_its_approval() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    onsi.member("old@x.com", "active").await;
    let job = held(&onsi).await;
    assert_eq!(onsi.get("members").await.is(200)["total"], 1);
    let wrong = approve(&onsi, &job, &"0".repeat(32)).await;
    assert_eq!(wrong.issues(409), [("Conflict", "-")]);
    assert_eq!(approve(&onsi, &job, "x").await.issues(400), [("BodyValidation", "planHash")]);
    let path = format!("members/jobs/{}/approve", job["id"].as_str().unwrap());
    for (body, paths) in
        [(json!({}), vec!["planHash"]), (json!({ "planHash": 5, "a": 1 }), vec!["planHash", "a"])]
    {
        let expected: Vec<_> = paths.iter().map(|path| ("BodyValidation", *path)).collect();
        assert_eq!(onsi.call("POST", &path, Some(body)).await.issues(400), expected);
    }
    let hash = job["planHash"].as_str().unwrap().to_owned();
    let keyed = onsi.with("x-idempotency-key: approve-1");
    assert_eq!(approve(&keyed, &job, &hash).await.is(200)["id"], job["id"]);
    let done = onsi.settled_job(job["id"].as_str().unwrap()).await;
    assert_eq!(done["progress"]["type"], "Completed", "{done}");
    assert_eq!(onsi.member_of("old@x.com").await["status"], "inactive");
    assert_eq!(onsi.member_of("new@x.com").await["status"], "invited");
    // A repeat under the key is the same approval, and another one is too late.
    approve(&keyed, &job, &hash).await.is(200);
    assert_eq!(approve(&onsi, &job, &hash).await.issues(409), [("Conflict", "-")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_plan_writes_nothing() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    onsi.member("old@x.com", "active").await;
    let job = held(&onsi).await;
    let path = format!("members/jobs/{}/reject", job["id"].as_str().unwrap());
    let rejected = onsi.call("POST", &path, None).await.is(200);
    assert_eq!(
        (&rejected["progress"]["type"], &rejected["reason"]),
        (&json!("Rejected"), &json!("REJECTED"))
    );
    assert!(rejected["finishedAt"].is_string());
    assert_eq!(onsi.call("POST", &path, None).await.issues(409), [("Conflict", "-")]);
    assert_eq!(onsi.get("members").await.is(200)["total"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_approves_what_the_guard_holds_or_says_it_in_advance() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let base = admin.base().await;
    let made = admin.ok("api-token/create", json!({ "access": "write", "member_base_id": base })).await;
    let writer = Onsi::new(&server, made["token"].as_str(), None);
    writer.member("old@x.com", "active").await;
    let job = held(&writer).await;
    let hash = job["planHash"].as_str().unwrap().to_owned();
    assert_eq!(approve(&writer, &job, &hash).await.issues(403), [("Forbidden", "-")]);
    // Only an admin's number counts.
    let expecting = |onsi: &Onsi| onsi.with("x-expect-removals: 1");
    let again = expecting(&writer).put_list("v1", &list(&["new@x.com"])).await;
    assert_eq!(writer.settled(&again).await["progress"]["type"], "AwaitingReview");
    let onsi = Onsi::new(&server, Some(&secret), Some(&base));
    expecting(&onsi).apply("v1", &list(&["new@x.com"])).await;
    assert_eq!(writer.member_of("old@x.com").await["status"], "inactive");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_says_in_advance_what_a_batch_offboards() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let base = admin.base().await;
    let made = admin.ok("api-token/create", json!({ "access": "write", "member_base_id": base })).await;
    let writer = Onsi::new(&server, made["token"].as_str(), None);
    let old = writer.member("old@x.com", "active").await;
    let onsi = Onsi::new(&server, Some(&secret), Some(&base));
    let actions = json!([{ "type": "Offboard", "memberId": old }]);
    // Another number does not count, nor does that of somebody else than an admin.
    for other in [onsi.with("x-expect-removals: 2"), writer.with("x-expect-removals: 1")] {
        let job = other.settled(&other.post_batch("", actions.clone()).await).await;
        assert_eq!(
            (&job["progress"]["type"], &job["reason"]),
            (&json!("AwaitingReview"), &json!("EVERYBODY_REMOVED"))
        );
    }
    let wrong = onsi.with("x-expect-removals: -1").post_batch("", actions.clone()).await;
    assert_eq!(wrong.issues(400), [("HeaderValidation", "x-expect-removals")]);
    onsi.with("x-expect-removals: 1").run_batch(actions).await;
    assert_eq!(writer.member_of("old@x.com").await["status"], "inactive");
}
