//! `member/list-changes`: what happened to one member.

use serde_json::{Value, json};

use crate::harness::Server;
use crate::http::Http;

#[tokio::test(flavor = "multi_thread")]
async fn a_member_has_its_changes_newest_first_in_pages() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let upsert = async |member: Value| {
        http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": [member]})).await
    };
    let id = upsert(json!({"ref": "a"})).await[0].clone();
    upsert(json!({"ref": "a", "tier": "Gold", "dob": "1990-02-03"})).await;
    upsert(json!({"ref": "a", "tier": null})).await;
    let whole = http.ok("member/list-changes", json!({"id": id})).await;
    let expected = json!([
        ["updated", [{"field": "tier", "before": "Gold", "after": null}]],
        ["updated", [
            {"field": "dob", "before": null, "after": "1990-02-03"},
            {"field": "tier", "before": null, "after": "Gold"},
        ]],
        ["created", [
            {"field": "ref", "before": null, "after": "a"},
            {"field": "status", "before": null, "after": "active"},
        ]],
    ]);
    let changes = whole["data"].as_array().unwrap();
    let told: Vec<Value> = changes.iter().map(|change| json!([change["kind"], change["fields"]])).collect();
    assert_eq!(json!(told), expected);
    let origin = json!({
        "actor": "anybody", "token_id": null, "token_description": null, "door": "publisher",
        "call": "upsert_all_members", "job_id": null, "import_id": null,
    });
    assert!(changes.iter().all(|change| change["origin"] == origin), "{whole}");
    assert_eq!(whole["page"], json!({"page_size": 3, "cursor": null, "more": false}));
    assert_eq!((&whole["end"], &whole["member_id"]), (&json!("creation"), &id));
    let member = http.ok("member/get", json!({"id": id})).await;
    assert_eq!(
        (&changes[0]["revision"], &changes[0]["changed_at"]),
        (&member["revision"], &member["updated_at"])
    );

    let mut paged = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let request =
            json!({"member_base_id": base, "ref": "a", "pagination": {"limit": 1, "cursor": cursor}});
        let page = http.ok("member/list-changes", request).await;
        paged.extend(page["data"].as_array().unwrap().clone());
        cursor = page["page"]["cursor"].clone();
        assert_eq!(page["end"].is_null(), !cursor.is_null());
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(&paged, changes);
    let other = upsert(json!({"ref": "b"})).await[0].clone();
    let first = http.ok("member/list-changes", json!({"id": id, "pagination": {"limit": 1}})).await;
    let request = json!({"id": other, "pagination": {"cursor": first["page"]["cursor"]}});
    let reply = http.call("member/list-changes", request).await;
    assert_eq!(reply.refused(400, "bad_request")["path"], "pagination.cursor");

    http.ok("member/bulk-delete", json!({"member_base_id": base, "member_ids": [id]})).await;
    let gone = http.call("member/list-changes", json!({"member_base_id": base, "ref": "a"})).await;
    assert_eq!(gone.refused(404, "not_found")["resource"], "member");
    let deleted = http.ok("member/list-changes", json!({"id": id})).await;
    assert_eq!(
        (&deleted["data"][0]["kind"], deleted["data"].as_array().unwrap().len()),
        (&json!("deleted"), 4)
    );
    for faulty in [
        json!({}),
        json!({"ref": "a"}),
        json!({"id": id, "ref": "a"}),
        json!({"id": id, "pagination": {"skip": 1}}),
        json!({"id": id, "pagination": {"limit": 0}}),
        json!({"id": id, "sorts": []}),
    ] {
        http.call("member/list-changes", faulty).await.refused(400, "bad_request");
    }
}
