//! `api-token/…`

use serde_json::{Value, json};

use crate::harness::Server;
use crate::http::Http;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_created_listed_and_revoked() {
    let (server, secret) = Server::start_with_token().await;
    let http = Http::with_token(&server, &secret);
    let base = http.base().await;
    let wanted = json!({
        "access": "read", "description": "reports", "expires_at": "2999-01-01T00:00:00Z", "member_base_id": base,
    });
    let made = http.ok("api-token/create", wanted).await;
    let token = made["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("sk_") && made["id"].as_str().unwrap().starts_with("atok_"));
    assert_eq!((&made["access"], &made["description"]), (&json!("read"), &json!("reports")));
    assert_eq!(made["expires_at"], "2999-01-01T00:00:00Z");
    let bound = Http::with_token(&server, &token);
    assert!(bound.refs(&base, json!({})).await.is_empty());

    let listed = http.ok("api-token/list", json!({})).await;
    let data = listed["data"].as_array().unwrap();
    assert_eq!((data.len(), &data[1]["id"]), (2, &made["id"]));
    assert!(data.iter().all(|token| token.get("token").is_none()));
    assert!(!listed.to_string().contains(&token) && !listed.to_string().contains(&secret));
    assert_eq!(data[1]["revoked_at"], Value::Null);

    let revoked = http.ok("api-token/revoke", json!({"id": made["id"]})).await;
    assert!(revoked["revoked_at"].is_string());
    bound.call("member/list", json!({"member_base_id": base})).await.refused(401, "authentication_error");
    assert_eq!(
        http.ok("api-token/revoke", json!({"id": made["id"]})).await["revoked_at"],
        revoked["revoked_at"]
    );
    assert_eq!(http.ok("api-token/list", json!({})).await["data"][1]["revoked_at"], revoked["revoked_at"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_name_the_field() {
    let (server, secret) = Server::start_with_token().await;
    let http = Http::with_token(&server, &secret);
    let cases = [
        ("api-token/create", json!({}), "access"),
        ("api-token/create", json!({"access": "root"}), "access"),
        ("api-token/create", json!({"access": "read", "expires_at": "1999-01-01T00:00:00Z"}), "expires_at"),
        ("api-token/create", json!({"access": "read", "expires_at": "soon"}), "expires_at"),
        ("api-token/create", json!({"access": "read", "expires_at": 5}), "expires_at"),
        ("api-token/create", json!({"access": "read", "member_base_id": "x"}), "member_base_id"),
        ("api-token/revoke", json!({}), "id"),
        ("api-token/revoke", json!({"id": secret}), "id"),
    ];
    for (call, body, path) in cases {
        let reply = http.call(call, body).await;
        assert_eq!(reply.refused(400, "bad_request")["path"], path, "{call}");
        assert!(!reply.body.to_string().contains(&secret));
    }
    let unknown = json!({"id": "atok_00000000000000000000000000"});
    let reply = http.call("api-token/revoke", unknown).await;
    assert_eq!(reply.refused(404, "not_found")["resource"], "api_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_creates_only_tokens_with_at_most_its_own_rights() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let bounds = json!({
        "access": "admin", "pii": false, "expires_at": "2999-01-01T00:00:00Z", "requests_per_second": 1_000,
        "rows_per_second": 2_000,
    });
    let made = admin.ok("api-token/create", bounds).await;
    let bounded = Http::with_token(&server, made["token"].as_str().unwrap());
    let cases = [
        ("pii", json!(true)),
        ("expires_at", json!("2999-01-01T00:00:00.000001Z")),
        ("requests_per_second", json!(1_001)),
        ("rows_per_second", json!(2_001)),
    ];
    for (field, value) in cases {
        let wanted = json!({"access": "read", field: value});
        let reply = bounded.call("api-token/create", wanted.clone()).await;
        assert_eq!(reply.refused(403, "authorization_error")["path"], field);
        assert!(
            reply.body.to_string().contains("cannot have more rights than the token that makes it"),
            "{reply:?}"
        );
        admin.ok("api-token/create", wanted).await;
    }
    let inherited = bounded.ok("api-token/create", json!({"access": "write"})).await;
    for right in ["pii", "expires_at", "requests_per_second", "rows_per_second"] {
        assert_eq!(inherited[right], made[right], "{right}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_beyond_its_row_limit_gets_the_time_to_retry() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let base = admin.base().await;
    let made = admin.ok("api-token/create", json!({"access": "write", "rows_per_second": 1})).await;
    assert_eq!((&made["rows_per_second"], &made["requests_per_second"]), (&json!(1), &Value::Null));
    let limited = Http::with_token(&server, made["token"].as_str().unwrap());
    let upsert = |count: usize| {
        let members: Vec<Value> = (0..count).map(|i| json!({"ref": format!("r{i}")})).collect();
        json!({"member_base_id": base, "members": members})
    };
    limited.ok("member/bulk-upsert", upsert(500)).await;
    let reply = limited.call("member/bulk-upsert", upsert(1)).await;
    reply.refused(429, "rate_limited");
    let header = reply.head.to_lowercase();
    let wait = header.lines().find_map(|line| line.strip_prefix("retry-after: ")).unwrap();
    assert!((60..=500).contains(&wait.parse::<u64>().unwrap()), "{wait}");
    admin.ok("member/bulk-upsert", upsert(1)).await;
}
