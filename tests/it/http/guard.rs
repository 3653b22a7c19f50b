//! The guard against changing many members by mistake, at the JSON doors.

use serde_json::{Value, json};

use crate::harness::Server;
use crate::http::Http;
use crate::http::onsi::Onsi;

/// Makes a call of the Publisher door with one more header.
async fn with(http: &Http, call: &str, header: &str, body: &Value) -> super::Reply {
    let body = body.to_string();
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n{header}\r\n", body.len());
    http.raw("POST", call, &headers, body.as_bytes()).await
}

async fn filled(http: &Http, base: &str, members: usize) {
    let rows: Vec<Value> =
        (0..members).map(|n| json!({"ref": format!("a{n}"), "email": format!("a{n}@example.com")})).collect();
    http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": rows})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_publisher_door_refuses_and_accepts_by_its_header() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    assert_eq!(http.ok("member-base/get", json!({"id": base})).await["removal_limit_percent"], 20);
    filled(&http, &base, 50).await;
    let refs: Vec<String> = (0..12).map(|n| format!("a{n}")).collect();
    let delete = json!({"member_base_id": base, "refs": refs});
    let refused = http.call("member/bulk-delete", delete.clone()).await;
    let data = refused.refused(409, "conflict");
    assert_eq!(data["reason"], "REMOVAL_GUARD");
    let numbers = ["would_remove", "of", "limit", "window"].map(|key| data[key].as_u64().unwrap());
    assert_eq!(numbers, [12, 50, 20, 0]);
    for wrong in ["x-expect-removals: 11", "x-expect-members: 12"] {
        with(&http, "member/bulk-delete", wrong, &delete).await.refused(409, "conflict");
    }
    let data = with(&http, "member/bulk-delete", "x-expect-removals: many", &delete).await;
    assert_eq!(data.refused(400, "bad_request")["path"], "x-expect-removals");
    let deleted = with(&http, "member/bulk-delete", "x-expect-removals: 12", &delete).await;
    assert_eq!(deleted.body, json!({"deleted": 12}));

    let whole = json!({"id": base});
    assert_eq!(
        http.call("member-base/delete", whole.clone()).await.refused(409, "conflict")["would_remove"],
        38
    );
    let deleted = with(&http, "member-base/delete", "x-expect-members: 38", &whole).await;
    assert_eq!(deleted.status, 200, "{deleted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_set_at_the_publisher_door() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let limit = |percent: u64| json!({"id": base, "removal_limit_percent": percent});
    assert_eq!(http.ok("member-base/update", limit(100)).await["removal_limit_percent"], 100);
    http.call("member-base/update", limit(101)).await.refused(400, "bad_request");
    for number in [json!(-1), json!(0.5), json!("5")] {
        let wrong = json!({"id": base, "removal_limit_percent": number});
        http.call("member-base/update", wrong).await.refused(400, "bad_request");
    }
    // A whole number may have a fraction of zero.
    let whole = json!({"id": base, "removal_limit_percent": 100.0});
    assert_eq!(http.ok("member-base/update", whole).await["removal_limit_percent"], 100);
    filled(&http, &base, 30).await;
    let refs: Vec<String> = (0..30).map(|n| format!("a{n}")).collect();
    let delete = json!({"member_base_id": base, "refs": refs});
    assert_eq!(http.ok("member/bulk-delete", delete).await, json!({"deleted": 30}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_publisher_door_sets_and_names_the_limit_of_a_tier() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let rows: Vec<Value> = (0..60).map(|n| json!({"ref": format!("a{n}"), "tier": "Gold"})).collect();
    http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": rows})).await;
    let limits = |tiers: Value| json!({"id": base, "guard_limits": {"removals_of_tiers": tiers}});
    let set = http.ok("member-base/update", limits(json!([{"tier": "Gold", "count": 11}]))).await;
    let expected = json!([{"tier": "Gold", "percent": 100, "count": 11}]);
    assert_eq!(set["guard_limits"]["removals_of_tiers"], expected);
    let wrong = limits(json!([{"tier": "Gold", "percent": 101}]));
    let refused = http.call("member-base/update", wrong).await;
    let data = refused.refused(400, "bad_request");
    assert!(data.to_string().contains("removals_of_tiers[0].percent"), "{data}");
    let refs: Vec<String> = (0..12).map(|n| format!("a{n}")).collect();
    let delete = json!({"member_base_id": base, "refs": refs});
    let refused = http.call("member/bulk-delete", delete.clone()).await;
    let data = refused.refused(409, "conflict");
    assert_eq!((&data["tier"], &data["reason"]), (&json!("Gold"), &json!("REMOVAL_GUARD")));
    let numbers = ["would_remove", "of", "limit_count", "window"].map(|key| data[key].as_u64().unwrap());
    assert_eq!(numbers, [12, 60, 11, 0]);
    let deleted = with(&http, "member/bulk-delete", "x-expect-removals: 12", &delete).await;
    assert_eq!(deleted.body, json!({"deleted": 12}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_onsi_door_offboards_ten_members_and_then_only_those_that_its_header_expects() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base_at(server.address(), 20).await;
    let mut ids = Vec::new();
    for n in 0..12 {
        ids.push(onsi.member(&format!("a{n}@example.com"), "active").await);
    }
    for id in &ids[..10] {
        onsi.call("DELETE", &format!("members/{id}"), None).await.is(200);
    }
    let path = format!("members/{}", ids[10]);
    let refused = onsi.call("DELETE", &path, None).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    let issue = &refused.body["issues"][0];
    assert_eq!(issue["code"], "Conflict");
    assert!(issue["message"].as_str().unwrap().contains("x-expect-removals"), "{issue}");
    let bad = onsi.with("x-expect-removals: one").call("DELETE", &path, None).await;
    assert_eq!((bad.status, &bad.body["issues"][0]["code"]), (400, &json!("HeaderValidation")));
    onsi.with("x-expect-removals: 1").call("DELETE", &path, None).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_publisher_door_counts_changed_identities_and_lost_attributes() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let made = http.ok("member-base/get", json!({"id": base})).await;
    assert_eq!(made["guard_limits"]["identities"], json!({"percent": 5, "count": 0}));
    filled(&http, &base, 30).await;
    let rows: Vec<Value> =
        (0..11).map(|n| json!({"ref": format!("a{n}"), "email": format!("b{n}@example.com")})).collect();
    let upsert = json!({"member_base_id": base, "members": rows});
    let refused = http.call("member/bulk-upsert", upsert.clone()).await;
    assert_eq!(refused.body["error"]["data"]["rows"][0]["code"], "CHANGE_GUARD", "{refused:?}");
    let done = with(&http, "member/bulk-upsert", "x-expect-identities: 11", &upsert).await;
    assert_eq!(done.status, 200, "{done:?}");

    let schema = json!({"member_base_id": base, "schema": {"size": {"type": "string"}}});
    http.ok("attribute.schema/set", schema).await;
    let ids = done.body.as_array().unwrap();
    let entries: Vec<Value> =
        ids.iter().map(|id| json!({"member_id": id, "attribute_key": "size", "value": "M"})).collect();
    http.ok("member.attributes/set", json!({"member_base_id": base, "attributes": entries})).await;
    let all = json!({"member_base_id": base, "delete_all": true});
    let data = http.call("member.attributes/delete", all.clone()).await;
    assert_eq!(data.refused(409, "conflict")["would_change"], 11);
    let deleted = with(&http, "member.attributes/delete", "x-expect-clears: 11", &all).await;
    assert_eq!(deleted.status, 200, "{deleted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_set_at_the_publisher_door() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let update = |limits: Value| json!({"id": base, "guard_limits": limits});
    let changed =
        http.ok("member-base/update", update(json!({"tiers": {"percent": 50.0, "count": 7}}))).await;
    assert_eq!(changed["guard_limits"]["tiers"], json!({"percent": 50, "count": 7}));
    for wrong in [json!({"tiers": {"percent": 101}}), json!({"tiers": {"count": -1}}), json!({"tier": {}})] {
        http.call("member-base/update", update(wrong)).await.refused(400, "bad_request");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_onsi_door_brings_ten_members_back_and_then_only_those_that_its_header_expects() {
    let server = Server::start().await;
    let (onsi, http, base) = Onsi::base_at(server.address(), 100).await;
    let limits = json!({"id": base, "guard_limits": {"reactivations": {"percent": 5}}});
    http.ok("member-base/update", limits).await;
    let invite = |n: usize| {
        let email = format!("a{n}@example.com");
        json!({"email": email, "firstName": "Ana", "lastName": "Silva", "tier": "Gold"})
    };
    for n in 0..11 {
        let made = onsi.call("POST", "members", Some(invite(n))).await;
        let id = made.body["memberId"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned();
        onsi.call("DELETE", &format!("members/{id}"), None).await.is(200);
    }
    for n in 0..10 {
        onsi.call("POST", "members", Some(invite(n))).await.is(201);
    }
    let refused = onsi.call("POST", "members", Some(invite(10))).await;
    assert_eq!(
        (refused.status, &refused.body["issues"][0]["code"]),
        (409, &json!("Conflict")),
        "{refused:?}"
    );
    onsi.with("x-expect-reactivations: 1").call("POST", "members", Some(invite(10))).await.is(201);
}
