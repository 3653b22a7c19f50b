//! `x-idempotency-key`: every call that changes something is done once for each key.

use serde_json::{Value, json};

use crate::harness::Server;
use crate::http::{Http, Reply};

fn is_replay(reply: &Reply) -> bool {
    reply.head.to_ascii_lowercase().contains("\r\nidempotency-replayed: true")
}

async fn keyed(http: &Http, call: &str, key: &str, body: &Value) -> Reply {
    let body = body.to_string();
    let headers = format!(
        "Content-Type: application/json\r\nContent-Length: {}\r\nx-idempotency-key: {key}\r\n",
        body.len()
    );
    http.raw("POST", call, &headers, body.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_done_once_under_one_key() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let schema = json!({"member_base_id": base, "schema": {"size": {"type": "number"}}});
    http.ok("attribute.schema/set", schema.clone()).await;
    let members =
        json!({"member_base_id": base, "members": [{"ref": "a", "attributes": {"size": 1}}, {"ref": "b"}]});
    let ids = http.ok("member/bulk-upsert", members).await;
    let entry = json!({"member_id": ids[0], "attribute_key": "size", "value": 2});
    let calls = [
        ("member-base/create", json!({"name": "Another"})),
        ("member-base/update", json!({"id": base, "name": "New"})),
        ("member/bulk-upsert", json!({"member_base_id": base, "members": [{"ref": "c"}, {"ref": "d"}]})),
        ("attribute.schema/set", schema),
        ("member.attributes/set", json!({"member_base_id": base, "attributes": [entry]})),
        ("member.attributes/delete", json!({"member_base_id": base, "delete_all": true})),
        ("member/bulk-delete", json!({"member_base_id": base, "refs": ["a", "b"]})),
        ("member-base/delete", json!({"id": base})),
        ("member-base/undelete", json!({"id": base})),
    ];
    for (call, body) in calls {
        let first = keyed(&http, call, call, &body).await;
        let again = keyed(&http, call, call, &body).await;
        assert_eq!(
            (first.status, is_replay(&first), is_replay(&again)),
            (200, false, true),
            "{call}: {first:?}"
        );
        assert_eq!(first.body, again.body, "{call}");
        let mut other = body;
        other["id"] = json!("mb_x");
        let refused = keyed(&http, call, call, &other).await;
        let data = refused.refused(422, "unprocessable_entity");
        assert_eq!(
            (&data["reason"], &data["path"]),
            (&json!("REQUEST_ID_REUSED"), &json!("x-idempotency-key"))
        );
    }
    let bases = http.ok("member-base/list", json!({})).await;
    assert_eq!(bases["data"].as_array().unwrap().len(), 2);
    assert_eq!(http.refs(&base, json!({})).await, ["c", "d"]);
    // A different call under a key is a different request, and reads ignore keys.
    let other = keyed(&http, "member/bulk-delete", "member/bulk-upsert", &json!({})).await;
    other.refused(422, "unprocessable_entity");
    let read = keyed(&http, "member-base/get", "member/bulk-upsert", &json!({"id": base})).await;
    assert!(read.status == 200 && !is_replay(&read));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_created_once_and_its_secret_shown_once() {
    let (server, secret) = Server::start_with_token().await;
    let http = Http::with_token(&server, &secret);
    let body = json!({"access": "read"});
    let made = keyed(&http, "api-token/create", "key", &body).await;
    assert_eq!(made.status, 200, "{made:?}");
    let again = keyed(&http, "api-token/create", "key", &body).await;
    let data = again.refused(409, "conflict");
    assert_eq!((&data["reason"], &data["api_token_id"]), (&json!("SECRET_NOT_KEPT"), &made.body["id"]));
    let body = json!({"id": made.body["id"]});
    let first = keyed(&http, "api-token/revoke", "revoke", &body).await;
    let again = keyed(&http, "api-token/revoke", "revoke", &body).await;
    assert!(is_replay(&again) && first.body["revoked_at"] == again.body["revoked_at"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_call_under_a_key_runs_again_and_bad_keys_are_refused() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    http.ok(
        "member/bulk-upsert",
        json!({"member_base_id": base, "members": [{"ref": "a", "email": "a@x.com"}]}),
    )
    .await;
    let body = json!({"member_base_id": base, "members": [{"ref": "b", "email": "a@x.com"}]});
    for _ in 0..2 {
        keyed(&http, "member/bulk-upsert", "key", &body).await.refused(400, "bad_request");
    }
    http.ok("member/bulk-delete", json!({"member_base_id": base, "refs": ["a"]})).await;
    assert_eq!(keyed(&http, "member/bulk-upsert", "key", &body).await.status, 200);
    for bad in ["a b", "", &"x".repeat(256), "a\r\nx-idempotency-key: a"] {
        let reply = keyed(&http, "member/bulk-upsert", bad, &body).await;
        assert_eq!(reply.refused(400, "bad_request")["path"], "x-idempotency-key", "{bad:?}");
    }
}
