//! Adding members to an audience, and removing them, by hand.

use serde_json::{Value, json};

use super::audiences::create;
use super::{Orbiit, emails, member};
use crate::harness::Server;

/// The names before the `@` of the members of an audience, the oldest first.
async fn members(orbiit: &Orbiit, path: &str) -> String {
    let page = orbiit.get(&format!("{path}/members?sortDirection=ASC")).await.is(200);
    assert_eq!(page["totalCount"], emails(&page).len());
    emails(&page).iter().map(|email| email.split('@').next().unwrap()).collect()
}

async fn add(orbiit: &Orbiit, path: &str, body: Value) -> Value {
    orbiit.call("POST", &format!("{path}/members"), Some(body)).await.is(200)
}

async fn remove(orbiit: &Orbiit, path: &str, ids: &[&str]) -> Value {
    orbiit.call("DELETE", &format!("{path}/members"), Some(json!({ "memberIds": ids }))).await.is(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_saved_and_their_members_added() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let known = orbiit.save(json!([member("a@example.com"), member("b@example.com")])).await;
    let path = create(&orbiit, "Mentors").await;
    let rows = json!({"members": [{"email": "A@Example.com", "role": "QA"}, member("c@example.com")]});
    let added = add(&orbiit, &path, rows.clone()).await;
    let result =
        |id: &Value, email: &str, outcome: &str| json!({"id": id, "email": email, "outcome": outcome});
    let expected = json!({
        "results": [
            result(&known[0]["id"], "A@Example.com", "updated"),
            result(&added["results"][1]["id"], "c@example.com", "created"),
        ],
        "addedCount": 2,
    });
    assert_eq!(added, expected);
    assert_eq!(members(&orbiit, &path).await, "Ac");
    assert_eq!(add(&orbiit, &path, rows).await["addedCount"], 0);
    assert_eq!(orbiit.get("members").await.is(200)["totalCount"], 3);
    // Rows that cannot be saved add nobody.
    let bad = json!({"members": [{"email": "b@example.com"}, {"email": "new@example.com"}]});
    let refused = orbiit.call("POST", &format!("{path}/members"), Some(bad)).await;
    assert_eq!(refused.faults(400, "invalid_request"), ["members[1].firstName"]);
    assert_eq!(members(&orbiit, &path).await, "Ac");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_added_and_removed() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let (other, _) = Orbiit::base(&server).await;
    let ids = orbiit.filled(3).await;
    let elsewhere = other.filled(1).await;
    let path = create(&orbiit, "Mentors").await;
    let unknown = "m_00000000000000000000000000";
    let body = json!({"memberIds": [ids[0], ids[2], ids[0], unknown, elsewhere[0]]});
    assert_eq!(add(&orbiit, &path, body).await, json!({"addedCount": 2}));
    assert_eq!(members(&orbiit, &path).await, "m0m2");
    let again = json!({"members": null, "memberIds": [ids[2]]});
    assert_eq!(add(&orbiit, &path, again).await, json!({"addedCount": 0}));
    let removed = remove(&orbiit, &path, &[&ids[0], &ids[1], unknown]).await;
    assert_eq!(removed, json!({"removedCount": 1}));
    assert_eq!(members(&orbiit, &path).await, "m2");
    assert_eq!(orbiit.get("members").await.is(200)["totalCount"], 3);
    for (body, faults) in [
        (json!({}), vec!["members"]),
        (json!({"members": null, "memberIds": null}), vec!["members"]),
        (json!({"members": [], "memberIds": []}), vec!["memberIds"]),
        (json!({"memberIds": ["m_1"]}), vec!["memberIds[0]"]),
        (json!({"memberIds": 5}), vec!["memberIds"]),
        (json!({"ids": []}), vec!["ids"]),
    ] {
        let refused = orbiit.call("POST", &format!("{path}/members"), Some(body)).await;
        assert_eq!(refused.faults(400, "invalid_request"), faults, "{refused:?}");
    }
    let many: Vec<&str> = vec![unknown; 10_001];
    for method in ["POST", "DELETE"] {
        let body = json!({ "memberIds": many });
        let refused = orbiit.call(method, &format!("{path}/members"), Some(body)).await;
        assert!(refused.faults(400, "invalid_request").is_empty());
        assert!(refused.body["error"].as_str().unwrap().contains("10000"), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hand_and_filter_meet_as_documented() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let rows = json!([
        {"email": "a@example.com", "firstName": "A", "role": "QA"},
        {"email": "b@example.com", "firstName": "B"},
    ]);
    let saved = orbiit.save(rows).await;
    let [a, b] = [0, 1].map(|index: usize| saved[index]["id"].as_str().unwrap());
    let path = create(&orbiit, "Testers").await;
    let filter = json!({"filter": {"key": "role", "eq": "QA"}});
    orbiit.call("PATCH", &path, Some(filter)).await.is(200);
    while orbiit.get(&path).await.is(200)["isBuilding"] == true {}
    assert_eq!(members(&orbiit, &path).await, "a");
    // Adding a member that the filter matches changes nothing: it leaves when the filter stops matching it.
    assert_eq!(add(&orbiit, &path, json!({"memberIds": [a]})).await["addedCount"], 0);
    orbiit.save(json!([{"email": "a@example.com", "role": null}])).await;
    assert_eq!(members(&orbiit, &path).await, "");
    orbiit.save(json!([{"email": "a@example.com", "role": "QA"}])).await;
    // Removing one that the filter matches keeps it out until it is added again.
    assert_eq!(remove(&orbiit, &path, &[a]).await["removedCount"], 1);
    assert_eq!(remove(&orbiit, &path, &[a]).await["removedCount"], 0);
    orbiit.save(json!([{"email": "a@example.com", "role": null}])).await;
    orbiit.save(json!([{"email": "a@example.com", "role": "QA"}])).await;
    assert_eq!(members(&orbiit, &path).await, "");
    assert_eq!(add(&orbiit, &path, json!({"memberIds": [a]})).await["addedCount"], 1);
    assert_eq!(members(&orbiit, &path).await, "a");
    // A member that was picked by hand stays, whatever the filter says.
    assert_eq!(add(&orbiit, &path, json!({"memberIds": [b]})).await["addedCount"], 1);
    orbiit.save(json!([{"email": "b@example.com", "role": "QA"}])).await;
    orbiit.save(json!([{"email": "b@example.com", "role": "Dev"}])).await;
    assert_eq!(members(&orbiit, &path).await, "ab");
    orbiit.call("PATCH", &path, Some(json!({"filter": []}))).await.is(200);
    while orbiit.get(&path).await.is(200)["isBuilding"] == true {}
    assert_eq!(members(&orbiit, &path).await, "b");
    // A member that is deleted leaves.
    orbiit.call("DELETE", "members", Some(json!({"memberIds": [b]}))).await.is(200);
    assert_eq!(members(&orbiit, &path).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_a_key_adds_once() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let path = create(&orbiit, "Mentors").await;
    let keyed = orbiit.with("x-idempotency-key: key-1");
    let body = json!({"members": [member("a@example.com")]});
    let first = add(&keyed, &path, body.clone()).await;
    let id = first["results"][0]["id"].as_str().unwrap();
    assert_eq!((&first["results"][0]["outcome"], &first["addedCount"]), (&json!("created"), &json!(1)));
    // The repeat neither adds the member again nor says something else.
    remove(&orbiit, &path, &[id]).await;
    let again = keyed.call("POST", &format!("{path}/members"), Some(body)).await;
    assert_eq!(again.is(200), first);
    assert!(again.head.to_ascii_lowercase().contains("idempotency-replayed: true"));
    assert_eq!(members(&orbiit, &path).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_of_an_audience_hold_while_members_enter_and_leave() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let tester = |number: usize| json!({"email": format!("m{number}@x.com"), "firstName": "M", "role": "QA"});
    orbiit.save((0..12).map(tester).collect()).await;
    let path = create(&orbiit, "Testers").await;
    orbiit.call("PATCH", &path, Some(json!({"filter": {"key": "role", "eq": "QA"}}))).await.is(200);
    while orbiit.get(&path).await.is(200)["isBuilding"] == true {}
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for round in 0.. {
        let page = orbiit.get(&format!("{path}/members?limit=3&sortDirection=ASC&cursor={cursor}")).await;
        let page = page.is(200);
        seen.extend(emails(&page).into_iter().map(str::to_owned));
        cursor = page["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        if round < 3 {
            // The last member of the page leaves, and so does one of those to come. A new one enters.
            let leaves = |number: usize| json!({"email": format!("m{number}@x.com"), "role": null});
            let rows = json!([leaves(round * 3 + 2), leaves(11 - round), tester(20 + round)]);
            orbiit.save(rows).await;
        }
    }
    let expected = [0, 1, 2, 3, 4, 5, 6, 7, 8, 20, 21, 22].map(|number| format!("m{number}@x.com"));
    assert_eq!(seen, expected);
}
