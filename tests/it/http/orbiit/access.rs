//! Which token may make which call about which workspace, and which requests are not calls.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Orbiit;
use super::audiences::create;
use super::calls::{every_call, single_calls};
use crate::harness::Server;
use crate::http::{Http, exchange};

const NO_BASE: &str = "mb_00000000000000000000000000";

async fn token(admin: &Http, request: Value) -> String {
    admin.ok("api-token/create", request).await["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_has_every_documented_call() {
    let server = Server::start().await;
    let head = "GET /v0/openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let document = exchange(server.address(), head, b"").await.is(200);
    let paths = document["paths"].as_object().unwrap().iter();
    let documented: BTreeSet<String> = paths
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let listed = every_call("{audienceId}").into_iter().chain(single_calls("{audienceId}"));
    let listed = listed.map(|call| format!("{} /v0/workspaces/{{workspaceId}}/{}", call.method, call.path));
    assert_eq!(listed.collect::<BTreeSet<_>>(), documented);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_needs_a_good_token_and_enough_access() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let base = admin.base().await;
    let revoked = admin.ok("api-token/create", json!({"access": "admin"})).await;
    admin.ok("api-token/revoke", json!({"id": revoked["id"]})).await;
    let reader = token(&admin, json!({"access": "read", "member_base_id": base})).await;
    let writer = token(&admin, json!({"access": "write", "member_base_id": base})).await;
    let client = |token: Option<&str>| Orbiit::new(server.address(), &base, token);
    let audience = create(&client(Some(&secret)), "Mentors").await;
    let audience = audience.strip_prefix("audiences/").unwrap();
    // The last call archives the audience.
    for call in every_call(audience).into_iter().chain(single_calls(audience)) {
        let strangers = [None, Some("sk_"), revoked["token"].as_str()];
        for stranger in strangers {
            let refused = call.of(&client(stranger)).await;
            assert!(refused.faults(401, "unauthenticated").is_empty(), "{call:?}");
            assert!(refused.head.to_ascii_lowercase().contains("www-authenticate: bearer"));
        }
        // This door takes the token only as a bearer token.
        let key = client(None).with(&format!("x-api-key: {writer}"));
        assert!(call.of(&key).await.faults(401, "unauthenticated").is_empty(), "{call:?}");
        let read = call.of(&client(Some(&reader))).await;
        if call.needs == "read" {
            read.is(200);
        } else {
            assert!(read.faults(403, "permission_denied").is_empty(), "{call:?}");
            // The server checks permission before the body and the parameters.
            let path = format!("{}?a=1", call.path);
            let bad = client(Some(&reader)).send(call.method, &path, "text/plain", b"no JSON").await;
            assert!(bad.faults(403, "permission_denied").is_empty(), "{call:?}");
        }
        call.of(&client(Some(&writer))).await.is(200);
    }
    for call in every_call(audience).iter().take(3) {
        call.of(&client(Some(&secret))).await.is(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_path_names_the_workspace_of_every_call() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let (own, other) = (admin.base().await, admin.base().await);
    let bound = token(&admin, json!({"access": "write", "member_base_id": own})).await;
    let refused: [(&str, &str, u16, &str, &[&str]); 6] = [
        (&bound, &other, 403, "permission_denied", &[]),
        (&bound, NO_BASE, 403, "permission_denied", &[]),
        (&secret, NO_BASE, 404, "not_found", &[]),
        (&secret, "mb_1", 400, "invalid_request", &["workspaceId"]),
        (&secret, "%ff", 400, "invalid_request", &["workspaceId"]),
        (&secret, "3062636f713871746175756b", 400, "invalid_request", &["workspaceId"]),
    ];
    let audience = create(&Orbiit::new(server.address(), &own, Some(&secret)), "Mentors").await;
    let audience = audience.strip_prefix("audiences/").unwrap();
    for call in every_call(audience) {
        for (token, workspace, status, code, faults) in refused {
            let reply = call.of(&Orbiit::new(server.address(), workspace, Some(token))).await;
            assert_eq!(reply.faults(status, code), faults, "{call:?} {workspace}");
        }
    }
    admin.ok("member-base/delete", json!({"id": own})).await;
    for call in every_call(audience) {
        let gone = call.of(&Orbiit::new(server.address(), &own, Some(&bound))).await;
        assert!(gone.faults(404, "not_found").is_empty(), "{call:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_call_is_refused_in_the_form_of_this_door() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let base = admin.base().await;
    let client = |token: Option<&str>| Orbiit::new(server.address(), &base, token);
    for (method, path, status, code) in [
        ("GET", "engagements", 404, "not_found"),
        ("GET", "members/m_1", 404, "not_found"),
        ("PUT", "members", 405, "method_not_allowed"),
    ] {
        let known = client(Some(&secret)).call(method, path, None).await;
        assert!(known.faults(status, code).is_empty(), "{method} {path}");
        let stranger = client(None).call(method, path, None).await;
        assert!(stranger.faults(401, "unauthenticated").is_empty(), "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_beyond_its_limit_gets_the_time_to_retry() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let base = admin.base().await;
    let request = json!({"access": "read", "member_base_id": base, "requests_per_second": 1});
    let orbiit = Orbiit::new(server.address(), &base, Some(&token(&admin, request).await));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let orbiit = orbiit.clone();
        tasks.spawn(async move { orbiit.get("members").await });
    }
    let replies = tasks.join_all().await;
    let (served, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert!(!served.is_empty() && !refused.is_empty());
    for reply in refused {
        assert!(reply.faults(429, "rate_limited").is_empty());
        assert!(reply.head.to_ascii_lowercase().contains("retry-after: "), "{}", reply.head);
    }
}
