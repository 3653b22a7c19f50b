//! Filters on indexed attributes find the same members as reading one by one.

use serde_json::{Value, json};

use crate::harness::Server;
use crate::http::Http;

fn schema(indexed: bool) -> Value {
    let definition = |kind: &str| {
        let mut definition = json!({"type": kind});
        if indexed {
            definition["indexed"] = json!(true);
        }
        definition
    };
    json!({
        "plan": definition("string"), "points": definition("number"), "vip": definition("boolean"),
        "since": definition("date"), "tags": {"type": "array"},
    })
}

fn members(long: &str) -> Vec<Value> {
    let member = |n: usize| {
        let plan = ["Pro", "pro", "Basic", long, "1", "true", "2026-01-02"][n % 7];
        let attributes = match n % 5 {
            0 => json!({}),
            1 => json!({"plan": plan}),
            _ => json!({
                "plan": plan, "points": n % 4, "vip": n.is_multiple_of(2), "since": format!("2026-01-0{}", n % 3 + 1),
                "tags": ["a"],
            }),
        };
        json!({"ref": format!("r{n:02}"), "attributes": attributes})
    };
    (0..70).map(member).collect()
}

/// Filters, and whether sets evaluate them.
fn filters(long: &str) -> Vec<(Value, bool)> {
    vec![
        (json!({"key": "attributes.plan", "eq": "Pro"}), true),
        (json!({"key": "attributes.plan", "eq": long}), true),
        (json!({"key": "attributes.plan", "eq": "2026-01-02"}), true),
        (json!({"key": "attributes.plan", "ne": "Pro"}), true),
        (json!({"key": "attributes.plan", "in": ["Basic", "pro", "none"]}), true),
        (json!({"key": "attributes.plan", "nin": ["Basic", "pro"]}), true),
        (json!({"key": "attributes.plan", "exists": false}), true),
        (json!({"key": "attributes.plan", "prefix": "P"}), false),
        (json!({"key": "attributes.points", "eq": 3}), true),
        (json!({"key": "attributes.points", "gte": 2}), false),
        (json!({"key": "attributes.vip", "eq": false}), true),
        (json!({"key": "attributes.vip", "exists": true}), true),
        (json!({"key": "attributes.since", "eq": "2026-01-02"}), true),
        (json!({"key": "attributes.since", "eq": "2026-01-02T01:00:00+01:00"}), true),
        (json!({"key": "attributes.since", "in": ["2026-01-02", "2026-01-03T00:00:00Z"]}), true),
        (json!({"key": "attributes.since", "nin": ["2026-01-02", "2026-01-03T01:00:00+01:00"]}), true),
        (json!({"key": "attributes.since", "lt": "2026-01-02"}), false),
        (json!({"key": "attributes.tags", "eq": "a"}), false),
        (
            json!({"or": [{"key": "attributes.plan", "eq": "Pro"}, {"key": "attributes.vip", "eq": true}]}),
            true,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_find_the_same_members_with_and_without_indexes() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let long = "x".repeat(300);
    http.ok("attribute.schema/set", json!({"member_base_id": base, "schema": schema(false)})).await;
    http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": members(&long)})).await;
    let mut before = Vec::new();
    for (filter, _) in filters(&long) {
        before.push(http.refs(&base, json!({"filters": [filter]})).await);
    }
    let set = http.ok("attribute.schema/set", json!({"member_base_id": base, "schema": schema(true)})).await;
    assert_eq!(set["schema"], schema(true));
    for ((filter, is_exact), before) in filters(&long).into_iter().zip(&before) {
        assert!(!before.is_empty(), "{filter} finds no member");
        assert_eq!(&http.refs(&base, json!({"filters": [filter]})).await, before, "{filter}");
        let counted = json!({"member_base_id": base, "filters": [filter], "include_total": true});
        let total = http.ok("member/list", counted).await["total"].clone();
        assert_eq!(total, if is_exact { json!(before.len()) } else { Value::Null }, "{filter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn arrays_are_not_indexed_and_an_index_is_true_or_false() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    for (definition, path) in [
        (json!({"type": "array", "indexed": true}), "schema.a.indexed"),
        (json!({"type": "string", "indexed": "yes"}), "schema.a.indexed"),
    ] {
        let request = json!({"member_base_id": base, "schema": {"a": definition}});
        let reply = http.call("attribute.schema/set", request).await;
        assert_eq!(reply.refused(400, "bad_request")["path"], path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refusal_of_an_unknown_attribute_lists_the_known_ones() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let list = |filter: Value| json!({"member_base_id": base, "filters": [filter]});
    let phone = http.call("member/list", list(json!({"key": "phone", "prefix": " (-"}))).await;
    assert_eq!(phone.refused(400, "bad_request")["path"], "filters[0].prefix");
    http.ok("attribute.schema/set", json!({"member_base_id": base, "schema": schema(false)})).await;
    let unknown = json!({"and": [{"key": "ref", "exists": true}, {"key": "attributes.Plan", "ne": "Pro"}]});
    let reply = http.call("member/list", list(unknown)).await;
    assert_eq!(reply.refused(400, "bad_request")["path"], "filters[0].and[1].key");
    assert!(reply.body["error"]["message"].as_str().unwrap().contains("plan, points"), "{reply:?}");
    let misfit = json!({"key": "attributes.plan", "in": ["Basic", 1, true]});
    let reply = http.call("member/list", list(misfit)).await;
    assert_eq!(reply.refused(400, "bad_request")["path"], "filters[0].in[1]");
}
