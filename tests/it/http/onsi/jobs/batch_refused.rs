//! Batches that are refused, and requests that are repeated.

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::job_service_client::JobServiceClient;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use serde_json::{Value, json};

use super::batch::{add, offboard, replace, update};
use crate::harness::Server;
use crate::http::Reply;
use crate::http::onsi::calls::NO_MEMBER;
use crate::http::onsi::{Onsi, member, with};

/// Sends a body as it is.
async fn send(onsi: &Onsi, body: &str) -> Reply {
    onsi.send("POST", "members/jobs", "application/json", body.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_fault_refuses_the_whole_batch_with_the_faults_of_all_actions() {
    let server = Server::start().await;
    let (onsi, _, base) = Onsi::base(&server).await;
    let active = onsi.member("active@x.com", "active").await;
    let (_, worker) = onsi.create(with(member("worker@x.com"), json!({ "workerId": "w1" }))).await;
    let inactive = onsi.member("inactive@x.com", "inactive").await;
    let mut bases = MemberBaseServiceClient::new(server.channel());
    let tiers = v1::SetTiersRequest {
        member_base_id: base.clone(),
        tiers: vec!["Gold".into()],
        ..Default::default()
    };
    bases.set_tiers(tiers).await.unwrap();
    let account = json!({ "accountHolder": "A", "sortCode": "1", "accountNumber": "55779911" });
    let refused = onsi
        .post_batch(
            "",
            json!([
                add("good@x.com"),
                add("ACTIVE@x.com"),
                with(add("other@x.com"), json!({ "workerId": "w1" })),
                with(add("tier@x.com"), json!({ "tier": "Bronze" })),
                with(add("nobody"), json!({ "memberId": active, "lastName": null })),
                with(add("bank@x.com"), json!({ "accountDetails": account })),
                update(&active, json!({ "email": "moved@x.com" })),
                update(NO_MEMBER, json!({ "firstName": "A" })),
                replace(&active, "worker@x.com"),
                offboard("mem_1"),
                { "type": "Remove", "memberId": active },
                // The first action adds this address.
                add("good@x.com"),
                offboard(&worker),
                add("inactive@x.com"),
            ]),
        )
        .await;
    let issues = refused.issues(400);
    let at = |code, path: &'static str| (code, path);
    let expected = [
        at("MemberAlreadyInvited", "actions[1].email"),
        at("InvalidAddMemberPayload", "actions[2].workerId"),
        at("InvalidAddMemberPayload", "actions[3].tier"),
        at("BodyValidation", "actions[4].email"),
        at("BodyValidation", "actions[4].lastName"),
        at("BodyValidation", "actions[4].memberId"),
        at("BankAccountInvalid", "actions[5].accountDetails.sortCode"),
        at("InvalidUpdateMemberPayload", "actions[6].email"),
        at("MemberNotFound", "actions[7].memberId"),
        at("InvalidUpdateMemberPayload", "actions[8].email"),
        at("BodyValidation", "actions[9].memberId"),
        at("BodyValidation", "actions[10].type"),
        at("MemberAlreadyInvited", "actions[11].email"),
    ];
    assert_eq!(issues, expected);
    let issue = |index: usize| &refused.body["issues"][index];
    assert_eq!((&issue(0)["memberId"], &issue(0)["email"]), (&json!(active), &json!("ACTIVE@x.com")));
    assert_eq!(issue(1)["email"], "other@x.com");
    assert_eq!((&issue(7)["memberId"], &issue(8)["memberId"]), (&json!(active), &json!(NO_MEMBER)));
    assert_eq!(issue(12).get("memberId"), None, "the member has no id yet");
    let message = issue(4)["message"].as_str().unwrap();
    assert!(message.starts_with("actions[4].lastName "), "{message}");
    assert_eq!(onsi.get("members").await.is(200)["total"], 3);
    assert_eq!(onsi.get(&format!("members/{inactive}")).await.is(200)["status"], "inactive");
    let mut jobs = JobServiceClient::new(server.channel());
    let list = v1::ListJobsRequest { member_base_id: base, ..Default::default() };
    assert_eq!(jobs.list_jobs(list).await.unwrap().into_inner().jobs, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_of_a_body_is_checked() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let good = add("a@x.com").to_string();
    let long = format!(r#"{{"actions": [{{"type": "{}"}}]}}"#, "x".repeat(300 * 1024));
    for (body, paths) in [
        (String::new(), vec![""]),
        ("[]".to_owned(), vec![""]),
        ("{}".to_owned(), vec!["actions"]),
        (r#"{"actions": []}"#.to_owned(), vec!["actions"]),
        (r#"{"actions": {}}"#.to_owned(), vec!["actions"]),
        (r#"{"actions": null, "dryRun": true}"#.to_owned(), vec!["actions", "dryRun"]),
        (format!(r#"{{"actions": [{good}], "name": "x"}}"#), vec!["name"]),
        (format!(r#"{{"actions": [{good}], "actions": [{good}]}}"#), vec!["actions"]),
        (format!(r#"{{"actions": [{good}"#), vec![""]),
        (format!(r#"{{"actions": [{good},]}}"#), vec![""]),
        (format!(r#"{{"actions": [{good} {good}]}}"#), vec!["", "actions[1].email"]),
        (format!(r#"{{"actions": [{good}]}} x"#), vec![""]),
        (format!(r#"{{"actions": [5, {good}, {{"type": }}, {{}}]}}"#), vec!["actions[0]", "actions[2]"]),
        (long, vec!["actions[0]"]),
    ] {
        let reply = send(&onsi, &body).await;
        let start: String = body.chars().take(80).collect();
        let paths: Vec<&str> = paths;
        let issues = reply.issues(400);
        assert_eq!(issues.iter().map(|(_, path)| *path).collect::<Vec<_>>(), paths, "{start}: {reply:?}");
    }
    let many = Value::from(vec![json!({}); 150]);
    assert_eq!(onsi.post_batch("", many).await.issues(400).len(), 100);
    for kind in ["text/plain", "application/json; charset=utf-8"] {
        let reply = onsi.send("POST", "members/jobs?a=1", kind, b"{}").await;
        let mut expected = vec![("QueryValidation", "a")];
        if kind == "text/plain" {
            expected.insert(0, ("HeaderValidation", "content-type"));
        }
        assert_eq!(reply.issues(400), expected, "{kind}");
    }
    let reply = onsi.post_batch("?dryRun=yes", json!([add("a@x.com")])).await;
    assert_eq!(reply.issues(400), [("QueryValidation", "dryRun")]);
    assert_eq!(onsi.get("members").await.is(200)["total"], 0);
    assert_eq!(onsi.call("GET", "members/jobs", None).await.status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_under_its_key_is_the_same_job() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let keyed = onsi.with("x-idempotency-key: batch-1");
    // A request that was refused runs again.
    assert_eq!(
        keyed.post_batch("", json!([add("nobody")])).await.issues(400),
        [("BodyValidation", "actions[0].email")]
    );
    let actions = json!([add("a@x.com"), add("b@x.com")]);
    let first = keyed.post_batch("", actions.clone()).await;
    onsi.settled(&first).await;
    let again = keyed.post_batch("", actions.clone()).await;
    assert_eq!(again.is(202), first.is(202));
    assert!(again.head.to_ascii_lowercase().contains("idempotency-replayed: true"), "{}", again.head);
    assert_eq!(onsi.get("members").await.is(200)["total"], 2);
    for other in [
        keyed.post_batch("", json!([add("a@x.com")])).await,
        keyed.post_batch("", json!([add("nobody")])).await,
        keyed.post_batch("?dryRun=true", actions.clone()).await,
        keyed.call("POST", "members", Some(member("c@x.com"))).await,
    ] {
        assert_eq!(other.issues(422), [("UnprocessableEntity", "-")]);
    }
    // Without the key it is another request, whose members are there already.
    assert_eq!(
        onsi.post_batch("", actions).await.issues(400)[0],
        ("MemberAlreadyInvited", "actions[0].email")
    );
}
