//! `member/get`, `member/list` and `member/bulk-delete`, with the bodies of the published documentation.

use serde_json::{Value, json};

use crate::harness::Server;
use crate::http::Http;

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_bodies_work() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let upsert = json!({
        "member_base_id": base,
        "members": [{ "ref": "user_001" }, { "ref": "user_002" }, { "ref": "user_003" }]
    });
    let ids = http.ok("member/bulk-upsert", upsert.clone()).await;
    let ids: Vec<String> = serde_json::from_value(ids).unwrap();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| id.starts_with("m_")));
    assert_eq!(http.ok("member/bulk-upsert", upsert).await, json!(ids));

    let by_ref = http.ok("member/get", json!({"member_base_id": base, "ref": "user_001"})).await;
    assert_eq!((&by_ref["id"], &by_ref["ref"]), (&json!(ids[0]), &json!("user_001")));
    assert_eq!(by_ref["member_base_id"], json!(base));
    for time in ["created_at", "updated_at"] {
        let time = by_ref[time].as_str().unwrap();
        assert!(time.ends_with('Z') && time.contains('T'), "{time}");
    }
    assert_eq!(http.ok("member/get", json!({"id": ids[0]})).await, by_ref);

    let list = json!({
        "member_base_id": base,
        "pagination": { "limit": 100 },
        "filters": [{ "key": "ref", "in": ["user_001", "user_002"] }]
    });
    let listed = http.ok("member/list", list).await;
    let refs: Vec<&Value> = listed["data"].as_array().unwrap().iter().map(|member| &member["ref"]).collect();
    assert_eq!(refs, ["user_001", "user_002"]);
    assert_eq!(listed["page"], json!({"page_size": 2, "cursor": null, "more": false}));

    let delete = json!({"member_base_id": base, "member_ids": [ids[0], ids[1]]});
    assert_eq!(http.ok("member/bulk-delete", delete.clone()).await, json!({"deleted": 2}));
    assert_eq!(http.ok("member/bulk-delete", delete).await, json!({"deleted": 0}));
    let gone = http.call("member/get", json!({"id": ids[0]})).await;
    assert_eq!(gone.refused(404, "not_found")["resource"], "member");
    let again =
        http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": [{"ref": "user_001"}]}));
    assert_ne!(again.await, json!([ids[0]]));
    let by_refs = json!({"member_base_id": base, "refs": ["user_001", "user_003", "nobody"]});
    assert_eq!(http.ok("member/bulk-delete", by_refs).await, json!({"deleted": 2}));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_run_in_both_directions_and_cursors_are_bound_to_their_list() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let members: Vec<Value> = (0..25).map(|i| json!({"ref": format!("r{i:02}"), "tier": "Gold"})).collect();
    http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": members})).await;
    let all: Vec<String> = (0..25).map(|i| format!("r{i:02}")).collect();
    let reversed: Vec<String> = all.iter().rev().cloned().collect();
    let limit = json!({"limit": 7});
    assert_eq!(http.refs(&base, json!({"pagination": limit})).await, all);
    for key in ["id", "created_at"] {
        let request = json!({"pagination": limit, "sorts": [{"key": key, "direction": "desc"}]});
        assert_eq!(http.refs(&base, request).await, reversed);
    }
    let skipping = json!({"pagination": {"limit": 7, "skip": 20}});
    assert_eq!(http.refs(&base, skipping).await, all[20..]);
    let total = http.ok("member/list", json!({"member_base_id": base, "include_total": true})).await;
    assert_eq!(total["total"], 25);

    let first = http.ok("member/list", json!({"member_base_id": base, "pagination": limit})).await;
    let cursor = &first["page"]["cursor"];
    for other in [
        json!({"pagination": {"cursor": cursor}, "filters": [{"key": "tier", "eq": "Gold"}]}),
        json!({"pagination": {"cursor": cursor}, "sorts": [{"key": "id", "direction": "desc"}]}),
        json!({"pagination": {"cursor": "eyJpZCI6Im1fMTIzNCJ9"}}),
    ] {
        let mut request = other;
        request["member_base_id"] = json!(base);
        let refused = http.call("member/list", request).await;
        assert_eq!(refused.refused(400, "bad_request")["path"], "pagination.cursor");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_nest_and_know_every_operator() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let members = json!([
        {"ref": "a", "tier": "Gold", "email": "a@x.com", "company": "Acme"},
        {"ref": "b", "tier": "Silver", "email": "b@x.com"},
        {"ref": "c", "status": "invited"},
    ]);
    http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": members})).await;
    let cases = [
        (json!({"key": "tier", "eq": "Gold"}), &["a"][..]),
        (json!({"key": "tier", "ne": "Gold"}), &["b", "c"]),
        (json!({"key": "tier", "in": ["Gold", "Silver"]}), &["a", "b"]),
        (json!({"key": "tier", "nin": ["Gold"]}), &["b", "c"]),
        (json!({"key": "email", "exists": false}), &["c"]),
        (json!({"key": "email", "exists": true}), &["a", "b"]),
        (json!({"key": "ref", "regex": {"pattern": "^[AB]$", "case_insensitive": true}}), &["a", "b"]),
        (json!({"key": "email", "prefix": "b@"}), &["b"]),
        (json!({"key": "ref", "gte": "b"}), &["b", "c"]),
        (
            json!({"or": [{"key": "status", "eq": "invited"}, {"and": [{"key": "tier", "eq": "Gold"}, {"key": "company", "eq": "Acme"}]}]}),
            &["a", "c"],
        ),
    ];
    for (filter, expected) in cases {
        assert_eq!(http.refs(&base, json!({"filters": [filter]})).await, expected, "{filter}");
    }
    let bad = [
        (json!({"key": "shoe_size", "eq": 1}), "filters[0].key"),
        (json!({"key": "tier"}), "filters[0]"),
        (json!({"key": "tier", "eq": "a", "ne": "b"}), "filters[0]"),
        (json!({"key": "tier", "like": "a"}), "filters[0].like"),
        (json!({"key": "tier", "eq": null}), "filters[0].eq"),
        (json!({"key": "tier", "exists": "yes"}), "filters[0].exists"),
        (json!({"and": []}), "filters[0].and"),
        (json!({"key": "ref", "regex": {"pattern": "("}}), "filters[0].regex.pattern"),
    ];
    for (filter, path) in bad {
        let reply = http.call("member/list", json!({"member_base_id": base, "filters": [filter]})).await;
        assert_eq!(reply.refused(400, "bad_request")["path"], path, "{filter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_name_the_field() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let cases = [
        ("member/get", json!({}), "id"),
        ("member/get", json!({"ref": "a"}), "member_base_id"),
        ("member/get", json!({"id": "m_1"}), "id"),
        (
            "member/get",
            json!({"id": "m_00000000000000000000000000", "member_base_id": base, "ref": "a"}),
            "id",
        ),
        ("member/get", json!({"member_base_id": base, "ref": ""}), "ref"),
        ("member/get", json!({"member_base_id": base, "ref": 5}), "ref"),
        ("member/list", json!({}), "member_base_id"),
        ("member/list", json!({"member_base_id": "x"}), "member_base_id"),
        ("member/list", json!({"member_base_id": base, "pagination": {"limit": 0}}), "pagination.limit"),
        ("member/list", json!({"member_base_id": base, "pagination": {"limit": 1.5}}), "pagination.limit"),
        ("member/list", json!({"member_base_id": base, "pagination": {"size": 1}}), "pagination.size"),
        ("member/list", json!({"member_base_id": base, "sorts": [{"key": "name"}]}), "sorts[0].key"),
        ("member/list", json!({"member_base_id": base, "limit": 5}), "limit"),
        ("member/bulk-delete", json!({"member_base_id": base}), "member_ids"),
        ("member/bulk-delete", json!({"member_base_id": base, "member_ids": ["m_1"]}), "member_ids[0]"),
        ("member/bulk-delete", json!({"member_base_id": base, "member_ids": "m_1"}), "member_ids"),
    ];
    for (call, body, path) in cases {
        let reply = http.call(call, body.clone()).await;
        assert_eq!(reply.refused(400, "bad_request")["path"], path, "{call} {body}");
    }
    let no_base = "mb_00000000000000000000000000";
    for call in ["member/list", "member/get", "member/bulk-delete"] {
        let mut body = json!({"member_base_id": no_base});
        match call {
            "member/get" => body["ref"] = json!("a"),
            "member/bulk-delete" => body["refs"] = json!(["a"]),
            _ => {}
        }
        assert_eq!(http.call(call, body).await.refused(404, "not_found")["resource"], "member_base");
    }
}
