//! `member-base/…`

use serde_json::json;

use crate::harness::Server;
use crate::http::Http;

#[tokio::test(flavor = "multi_thread")]
async fn a_memberbase_is_created_changed_deleted_and_restored() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let made = http.ok("member-base/create", json!({"name": "Coffee"})).await;
    let id = made["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("mb_"));
    assert_eq!((&made["name"], &made["deleted_at"]), (&json!("Coffee"), &json!(null)));
    assert_eq!(http.ok("member-base/get", json!({"id": id})).await, made);
    http.ok("member/bulk-upsert", json!({"member_base_id": id, "members": [{"ref": "a"}]})).await;
    let changed =
        http.ok("member-base/update", json!({"id": id, "name": "Tea", "new_members": "invited"})).await;
    assert_eq!((&changed["name"], &changed["new_members"]), (&json!("Tea"), &json!("invited")));
    assert_eq!(changed["counts"]["total"], 1);

    let deleted = http.ok("member-base/delete", json!({"id": id})).await;
    assert!(deleted["deleted_at"].is_string());
    for (call, body) in [
        ("member-base/get", json!({"id": id})),
        ("member-base/update", json!({"id": id, "name": "x"})),
        ("member-base/delete", json!({"id": id})),
        ("member/list", json!({"member_base_id": id})),
        ("member/get", json!({"member_base_id": id, "ref": "a"})),
        ("member/bulk-upsert", json!({"member_base_id": id, "members": [{"ref": "b"}]})),
        ("member/bulk-delete", json!({"member_base_id": id, "refs": ["a"]})),
    ] {
        let reply = http.call(call, body).await;
        assert_eq!(reply.refused(404, "not_found")["resource"], "member_base", "{call}");
    }
    assert_eq!(http.ok("member-base/list", json!({})).await["data"], json!([]));
    let all = http.ok("member-base/list", json!({"include_deleted": true})).await;
    assert_eq!(all["data"][0]["id"], json!(id));
    assert_eq!(http.ok("member-base/undelete", json!({"id": id})).await["deleted_at"], json!(null));
    assert_eq!(http.refs(&id, json!({})).await, ["a"]);
    http.call("member-base/undelete", json!({"id": id})).await.refused(409, "conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn memberbases_are_listed_by_page_and_name() {
    let server = Server::start().await;
    let http = Http::new(&server);
    for name in ["Alpha", "Beta", "alphabet"] {
        http.ok("member-base/create", json!({"name": name})).await;
    }
    let names = async |body| -> Vec<String> {
        let page = http.ok("member-base/list", body).await;
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|base| base["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let regex =
        json!({"filters": [{"key": "name", "regex": {"pattern": "^alpha", "case_insensitive": true}}]});
    assert_eq!(names(regex).await, ["Alpha", "alphabet"]);
    assert_eq!(names(json!({"sorts": [{"key": "created_at", "direction": "desc"}]})).await[0], "alphabet");
    let first = http.ok("member-base/list", json!({"pagination": {"limit": 2}})).await;
    assert_eq!((&first["page"]["page_size"], &first["page"]["more"]), (&json!(2), &json!(true)));
    assert_eq!(
        names(json!({"pagination": {"limit": 2, "cursor": first["page"]["cursor"]}})).await,
        ["alphabet"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_name_the_field() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let cases = [
        ("member-base/create", json!({}), "name"),
        ("member-base/create", json!({"name": ""}), "name"),
        ("member-base/create", json!({"name": "x".repeat(257)}), "name"),
        ("member-base/create", json!({"name": "x", "new_members": "inactive"}), "new_members"),
        ("member-base/create", json!({"name": "x", "colour": 1}), "colour"),
        ("member-base/get", json!({}), "id"),
        ("member-base/get", json!({"id": ""}), "id"),
        ("member-base/get", json!({"id": "m_00000000000000000000000000"}), "id"),
        ("member-base/update", json!({"id": "mb_1"}), "id"),
        ("member-base/list", json!({"filters": [{"key": "ref", "eq": "a"}]}), "filters[0].key"),
    ];
    for (call, body, path) in cases {
        let reply = http.call(call, body.clone()).await;
        assert_eq!(reply.refused(400, "bad_request")["path"], path, "{call} {body}");
    }
    let unknown = json!({"id": "mb_00000000000000000000000000"});
    for call in ["member-base/get", "member-base/update", "member-base/delete", "member-base/undelete"] {
        http.call(call, unknown.clone()).await.refused(404, "not_found");
    }
}
