//! What a batch of actions does to members.

use serde_json::{Value, json};

use crate::harness::Server;
use crate::http::onsi::{Onsi, member, with};

pub fn add(email: &str) -> Value {
    with(member(email), json!({ "type": "Add" }))
}

pub fn replace(id: &str, email: &str) -> Value {
    with(member(email), json!({ "type": "Replace", "memberId": id }))
}

pub fn update(id: &str, changes: Value) -> Value {
    with(changes, json!({ "type": "Update", "memberId": id }))
}

pub fn offboard(id: &str) -> Value {
    json!({ "type": "Offboard", "memberId": id })
}

fn counts(add: u64, update: u64, reactivate: u64, offboard: u64, unchanged: u64) -> Value {
    json!({
        "toAdd": add, "toUpdate": update, "toReactivate": reactivate, "toOffboard": offboard,
        "unchanged": unchanged, "failed": 0,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_of_action_does_what_its_call_does() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let account = json!({ "accountHolder": "Jane", "sortCode": "200000", "accountNumber": "55779911" });
    let whole = |email| with(member(email), json!({ "phone": "+447123456789", "accountDetails": account }));
    let (_, replaced) = onsi.create(whole("replaced@x.com")).await;
    let (_, updated) = onsi.create(whole("updated@x.com")).await;
    let (back, gone) =
        (onsi.member("back@x.com", "inactive").await, onsi.member("gone@x.com", "inactive").await);
    let left = onsi.member("left@x.com", "active").await;
    let revived = onsi.member("revived@x.com", "inactive").await;
    let job = onsi
        .run_batch(json!([
            add("new@x.com"),
            add("REVIVED@x.com"),
            replace(&replaced, "replaced@x.com"),
            replace(&back.replace("mem_", "m_"), "back@x.com"),
            update(&updated, json!({ "tier": "Silver", "accountDetails": null })),
            update(&gone, json!({ "firstName": "Ana" })),
            offboard(&left),
            offboard(&gone),
        ]))
        .await;
    assert_eq!(job["summary"], counts(1, 3, 2, 1, 1), "{job}");
    let progress =
        json!({ "type": "Completed", "totalActions": 8, "totalComplete": 8, "totalProcessing": 0 });
    assert_eq!(job["progress"], progress);
    for (email, status) in [
        ("new@x.com", "invited"),
        ("REVIVED@x.com", "invited"),
        ("replaced@x.com", "invited"),
        ("back@x.com", "invited"),
        ("updated@x.com", "invited"),
        // An update does not bring a member back.
        ("gone@x.com", "inactive"),
        ("left@x.com", "inactive"),
    ] {
        assert_eq!(onsi.member_of(email).await["status"], status, "{email}");
    }
    assert_eq!(onsi.member_of("revived@x.com").await["memberId"], revived);
    assert_eq!(onsi.member_of("gone@x.com").await["firstName"], "Ana");
    // A replacement keeps bank details that it leaves out; null removes them.
    let replaced = onsi.member_of("replaced@x.com").await;
    assert_eq!((&replaced["phone"], &replaced["accountDetails"]), (&Value::Null, &account));
    let updated = onsi.member_of("updated@x.com").await;
    assert_eq!((&updated["phone"], &updated["tier"]), (&json!("+447123456789"), &json!("Silver")));
    assert_eq!(updated["accountDetails"], Value::Null);

    let results = onsi.results(&job).await;
    let shown: Vec<_> = results.iter().map(|result| result["outcome"].as_str().unwrap()).collect();
    let expected =
        ["Added", "Reactivated", "Updated", "Reactivated", "Updated", "Updated", "Offboarded", "Unchanged"];
    assert_eq!(shown, expected, "{results:?}");
    let rows: Vec<u64> = results.iter().map(|result| result["row"].as_u64().unwrap()).collect();
    assert_eq!(rows, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(results.iter().all(|result| result["applied"] == true));
    assert_eq!((&results[0]["key"], &results[6]["memberId"]), (&json!("new@x.com"), &json!(left)));
    assert_eq!(results[6]["key"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_actions_on_one_member_are_applied_in_their_order() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    onsi.member("other@x.com", "active").await;
    onsi.member("more@x.com", "active").await;
    let id = onsi.member("a@x.com", "inactive").await;
    let job = onsi
        .run_batch(json!([
            add("a@x.com"),
            update(&id, json!({ "email": "b@x.com" })),
            offboard(&id),
            // The address is free again.
            add("a@x.com"),
        ]))
        .await;
    assert_eq!(job["summary"], counts(1, 1, 1, 1, 0), "{job}");
    let member = onsi.member_of("b@x.com").await;
    assert_eq!((&member["memberId"], &member["status"]), (&json!(id), &json!("inactive")));
    assert_eq!(onsi.member_of("a@x.com").await["status"], "invited");
    // In another order they have a fault.
    let swapped = json!([update(&id, json!({ "email": "c@x.com" })), add("b@x.com")]);
    let refused = onsi.post_batch("", swapped).await;
    assert_eq!(refused.issues(400), [("InvalidUpdateMemberPayload", "actions[0].email")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_swap_their_addresses() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let (one, two) = (onsi.member("1@x.com", "invited").await, onsi.member("2@x.com", "invited").await);
    let email = |id: &str, email: &str| update(id, json!({ "email": email }));
    let direct = onsi.post_batch("", json!([email(&one, "2@x.com"), email(&two, "1@x.com")])).await;
    assert_eq!(direct.issues(400)[0], ("MemberAlreadyInvited", "actions[0].email"));
    assert_eq!(direct.body["issues"][0]["memberId"], two);
    onsi.run_batch(json!([email(&one, "free@x.com"), email(&two, "1@x.com"), email(&one, "2@x.com")])).await;
    assert_eq!(onsi.member_of("1@x.com").await["memberId"], two);
    assert_eq!(onsi.member_of("2@x.com").await["memberId"], one);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_plans_and_writes_nothing() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let id = onsi.member("a@x.com", "invited").await;
    onsi.member("b@x.com", "invited").await;
    let job =
        onsi.settled(&onsi.post_batch("?dryRun=true", json!([add("c@x.com"), offboard(&id)])).await).await;
    assert_eq!((&job["progress"]["type"], &job["summary"]), (&json!("Completed"), &counts(1, 0, 0, 1, 0)));
    assert_eq!(onsi.get("members?statuses=invited").await.is(200)["total"], 2);
    let results = onsi.results(&job).await;
    assert!(results.iter().all(|result| result["applied"] == false), "{results:?}");
    assert_eq!((&results[0]["memberId"], &results[1]["outcome"]), (&Value::Null, &json!("Offboarded")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_over_the_limit_awaits_a_review() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let ids = [onsi.member("a@x.com", "active").await, onsi.member("b@x.com", "active").await];
    let actions = json!([offboard(&ids[0]), add("c@x.com"), offboard(&ids[1])]);
    let job = onsi.settled(&onsi.post_batch("", actions.clone()).await).await;
    assert_eq!(
        (&job["progress"]["type"], &job["reason"]),
        (&json!("AwaitingReview"), &json!("EVERYBODY_REMOVED"))
    );
    assert_eq!(job["progress"]["totalActions"], 3);
    assert_eq!(onsi.get("members?statuses=active").await.is(200)["total"], 2);
    let path = format!("members/jobs/{}", job["id"].as_str().unwrap());
    let approval = json!({ "planHash": job["planHash"] });
    onsi.call("POST", &format!("{path}/approve"), Some(approval)).await.is(200);
    let done = onsi.settled_job(job["id"].as_str().unwrap()).await;
    assert_eq!((&done["progress"]["type"], &done["summary"]), (&json!("Completed"), &counts(1, 0, 0, 2, 0)));
    assert_eq!(onsi.get("members?statuses=inactive").await.is(200)["total"], 2);
    assert_eq!(onsi.member_of("c@x.com").await["status"], "invited");

    let again = json!([offboard(onsi.member_of("c@x.com").await["memberId"].as_str().unwrap())]);
    let job = onsi.settled(&onsi.post_batch("", again).await).await;
    let path = format!("members/jobs/{}/reject", job["id"].as_str().unwrap());
    assert_eq!(onsi.call("POST", &path, None).await.is(200)["progress"]["type"], "Rejected");
    assert_eq!(onsi.member_of("c@x.com").await["status"], "invited");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_can_no_longer_be_applied_fails_alone() {
    let server = Server::start().await;
    let (onsi, http, base) = Onsi::base(&server).await;
    let ids = [onsi.member("a@x.com", "active").await, onsi.member("b@x.com", "invited").await];
    // The plan awaits a review while others write.
    let actions = json!([
        offboard(&ids[0]),
        update(&ids[1], json!({ "tier": "Silver" })),
        add("c@x.com"),
        offboard(&ids[1])
    ]);
    let job = onsi.settled(&onsi.post_batch("", actions).await).await;
    assert_eq!(job["progress"]["type"], "AwaitingReview", "{job}");
    http.ok(
        "member/bulk-delete",
        json!({ "member_base_id": base, "member_ids": [ids[1].replace("mem_", "m_")] }),
    )
    .await;
    onsi.member("c@x.com", "invited").await;
    let id = job["id"].as_str().unwrap();
    let approve = async |job: &Value| {
        let approval = json!({ "planHash": job["planHash"] });
        onsi.call("POST", &format!("members/jobs/{id}/approve"), Some(approval)).await.is(200);
        onsi.settled_job(id).await
    };
    // The plan is another one now, so it is shown again.
    let changed = approve(&job).await;
    assert_eq!(
        (&changed["progress"]["type"], &changed["reason"]),
        (&json!("AwaitingReview"), &json!("PLAN_CHANGED"))
    );
    assert_eq!(changed["summary"]["failed"], 3);
    let done = approve(&changed).await;
    assert_eq!(done["progress"]["type"], "Completed", "{done}");
    let results = onsi.results(&done).await;
    let shown: Vec<_> =
        results.iter().map(|result| (result["outcome"].as_str().unwrap(), result["code"].as_str())).collect();
    let missing = ("Failed", Some("MEMBER_NOT_FOUND"));
    assert_eq!(shown, [("Offboarded", None), missing, ("Failed", Some("EMAIL_TAKEN")), missing]);
    assert!(results.iter().all(|result| result["applied"] == true), "{results:?}");
    assert_eq!(results[1]["memberId"], ids[1], "an action that fails is about its member");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_actions_are_one_batch_and_one_more_is_too_many() {
    const MOST: usize = 100_000;
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let action = |number: usize| {
        format!(
            r#"{{"type": "Add", "email": "{number}@x.com", "firstName": "A", "lastName": "B", "tier": "Gold"}}"#
        )
    };
    let body = |count: usize| {
        let actions: Vec<String> = (0..count).map(action).collect();
        format!("{{\"actions\": [{}]}}", actions.join(",\n"))
    };
    let send =
        async |count| onsi.send("POST", "members/jobs", "application/json", body(count).as_bytes()).await;
    let refused = send(MOST + 1).await;
    assert_eq!(refused.issues(400), [("BodyValidation", "actions")]);
    let job = onsi.settled(&send(MOST).await).await;
    assert_eq!(
        (&job["progress"]["type"], &job["summary"]),
        (&json!("Completed"), &counts(100_000, 0, 0, 0, 0))
    );
    assert_eq!(onsi.get("members?take=1").await.is(200)["total"], MOST);
}
