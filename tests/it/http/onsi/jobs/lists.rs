//! What a list does to members.

use serde_json::{Value, json};

use super::{HEADER, list};
use crate::harness::Server;
use crate::http::onsi::{Onsi, member, with};

#[tokio::test(flavor = "multi_thread")]
async fn a_list_adds_changes_revives_and_offboards() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    for (email, status) in [
        ("same@x.com", "active"),
        ("changed@x.com", "active"),
        ("back@x.com", "inactive"),
        ("left@x.com", "invited"),
    ] {
        onsi.member(email, status).await;
    }
    let text =
        format!("{}changed@x.com,Jane,Smith,Silver\n", list(&["new@x.com", "same@x.com", "BACK@x.com"]));
    let job = onsi.apply("v1", &text).await;
    let summary = json!({
        "toAdd": 1, "toUpdate": 1, "toReactivate": 1, "toOffboard": 1, "unchanged": 1, "failed": 0,
    });
    assert_eq!(job["summary"], summary);
    let progress =
        json!({ "type": "Completed", "totalActions": 5, "totalComplete": 5, "totalProcessing": 0 });
    assert_eq!(job["progress"], progress);
    assert_eq!(job["createdAt"].as_str().unwrap().len(), "2026-01-01".len());
    assert!(
        job["finishedAt"].as_str().unwrap().contains('T') && job["planHash"].as_str().unwrap().len() == 32
    );
    assert_eq!((&job["reason"], &job["message"]), (&Value::Null, &Value::Null));
    for (email, status, tier) in [
        ("new@x.com", "invited", "Gold"),
        ("same@x.com", "active", "Gold"),
        ("changed@x.com", "active", "Silver"),
        ("back@x.com", "invited", "Gold"),
        ("left@x.com", "inactive", "Gold"),
    ] {
        let member = onsi.member_of(email).await;
        assert_eq!((&member["status"], &member["tier"]), (&json!(status), &json!(tier)), "{email}");
    }
    let again = onsi.apply("v1", &text).await;
    assert_eq!((&again["summary"]["unchanged"], &again["summary"]["toOffboard"]), (&json!(4), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_finds_its_member_by_worker_id_or_else_by_address() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let worker = |email, id: &str| with(member(email), json!({ "workerId": id }));
    let (_, first) = onsi.create(worker("one@x.com", "w1")).await;
    let (_, second) = onsi.create(member("two@x.com")).await;
    onsi.create(worker("three@x.com", "w3")).await;
    onsi.create(worker("four@x.com", "w4")).await;
    let text = format!(
        "{HEADER},worker_id\nrenamed@x.com,A,A,Gold,w1\ntwo@x.com,B,B,Gold,w2\nfour@x.com,C,C,Gold,w3\n"
    );
    let job = onsi.apply("v1", &text).await;
    // The last row names two members: it fails, and neither of them is offboarded.
    assert_eq!((&job["summary"]["failed"], &job["summary"]["toOffboard"]), (&json!(1), &json!(0)), "{job}");
    assert_eq!(onsi.member_of("renamed@x.com").await["memberId"], first);
    let two = onsi.member_of("two@x.com").await;
    assert_eq!((&two["memberId"], &two["workerId"]), (&json!(second), &json!("w2")));
    for email in ["three@x.com", "four@x.com"] {
        assert_eq!(onsi.member_of(email).await["status"], "invited");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_bank_columns_keep_details_in_v1_and_remove_them_in_v2() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let uk = json!({ "accountHolder": "Jane", "sortCode": "200000", "accountNumber": "55779911" });
    let header = format!("{HEADER},Sort Code,account-number,account_holder\n");
    let filled = format!("{header}a@x.com,A,A,Gold,20-00-00,55779911,Jane\nb@x.com,B,B,Gold,,,\n");
    let empty = format!("{header}a@x.com,A,A,Gold,,,\nb@x.com,B,B,Gold,,,\n");
    let absent = "email,first_name,last_name,tier\na@x.com,A,A,Gold\nb@x.com,B,B,Gold\n";
    for (version, text, expected) in [
        ("v1", filled.as_str(), &uk),
        ("v1", &empty, &uk),
        ("v2", absent, &uk),
        ("v2", &empty, &Value::Null),
        ("v2", &filled, &uk),
    ] {
        onsi.apply(version, text).await;
        assert_eq!(&onsi.member_of("a@x.com").await["accountDetails"], expected, "{version} {text}");
        assert_eq!(onsi.member_of("b@x.com").await["accountDetails"], Value::Null);
    }
    let iban = format!(
        "{HEADER},iban,account_holder\na@x.com,A,A,Gold,DE89370400440532013000,Jane\nb@x.com,B,B,Gold,,\n"
    );
    onsi.apply("v1", &iban).await;
    assert_eq!(onsi.member_of("a@x.com").await["accountDetails"]["iban"], "DE89370400440532013000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_plans_and_writes_nothing() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    onsi.member("left@x.com", "active").await;
    let job = onsi.apply("v2?dryRun=true", &list(&["new@x.com"])).await;
    assert_eq!((&job["summary"]["toAdd"], &job["summary"]["toOffboard"]), (&json!(1), &json!(1)));
    let found = onsi.get("members").await.is(200);
    assert_eq!((&found["total"], &found["members"][0]["status"]), (&json!(1), &json!("active")));
    onsi.apply("v2?dryRun=false", &list(&["new@x.com", "left@x.com"])).await;
    assert_eq!(onsi.get("members").await.is(200)["total"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_under_a_key_makes_one_job() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let keyed = onsi.with("x-idempotency-key: list-1");
    let is_replay = |head: &str| head.to_ascii_lowercase().contains("\r\nidempotency-replayed: true");
    // A refused file is no result.
    keyed.put_list("v1", "nothing\n").await.is(400);
    let first = keyed.put_list("v1", &list(&["a@x.com"])).await;
    onsi.settled(&first).await;
    let again = keyed.put_list("v1", &list(&["a@x.com"])).await;
    assert_eq!(first.is(202), again.is(202));
    assert_eq!((is_replay(&first.head), is_replay(&again.head)), (false, true));
    // The same file in a form is the same request.
    let (kind, body) = super::form(list(&["a@x.com"]).as_bytes());
    assert_eq!(keyed.send("PUT", "members/jobs/csv", kind, &body).await.is(202), first.is(202));
    for other in
        [keyed.put_list("v1", &list(&["b@x.com"])).await, keyed.put_list("v2", &list(&["a@x.com"])).await]
    {
        assert_eq!(other.issues(422), [("UnprocessableEntity", "-")]);
    }
    assert_eq!(onsi.get("members").await.is(200)["total"], 1);
}
