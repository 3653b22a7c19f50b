//! Which token may make which call at this door, and how its errors look in the log.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use prost_types::Timestamp;
use serde_json::{Value, json};

use super::calls::{Place, every_store_call};
use crate::harness::Server;
use crate::http::{Http, exchange};

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_have_every_documented_call() {
    let server = Server::start().await;
    let head = "GET /publisher.v1/openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let document = exchange(server.address(), head, b"").await.body;
    let documented = document["paths"].as_object().unwrap().keys();
    let documented: BTreeSet<_> =
        documented.map(|path| path.strip_prefix("/publisher.v1/").unwrap()).collect();
    let of_places = Place::nowhere().every_call().into_iter().map(|(call, ..)| call);
    let of_stores = every_store_call().into_iter().map(|(call, _)| call);
    let listed: BTreeSet<_> = of_places.chain(of_stores).chain(["member-base/list"]).collect();
    assert_eq!(listed, documented);
}

async fn token(admin: &Http, server: &Server, request: Value) -> (Http, Value) {
    let made = admin.ok("api-token/create", request).await;
    (Http::with_token(server, made["token"].as_str().unwrap()), made["id"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_level_allows_its_calls_and_no_others_with_any_body() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let place = Place::new(&admin).await;
    for (access, allowed) in
        [("read", &["read"][..]), ("write", &["read", "write"]), ("admin", &["read", "write", "admin"])]
    {
        let (http, _) = token(&admin, &server, json!({"access": access})).await;
        for place in [&place, &Place::nowhere()] {
            for (call, needs, body) in place.every_call() {
                let reply = http.call(call, body).await;
                if allowed.contains(&needs) {
                    assert!(!matches!(reply.status, 401 | 403), "{access} {call}: {reply:?}");
                } else {
                    reply.refused(403, "authorization_error");
                    // The server checks permission before the body.
                    http.send(call, b"no JSON").await.refused(403, "authorization_error");
                }
            }
        }
        for (call, body) in every_store_call() {
            let reply = http.call(call, body).await;
            if access == "admin" {
                assert!(!matches!(reply.status, 401 | 403), "{call}: {reply:?}");
            } else {
                reply.refused(403, "authorization_error");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_works_for_its_memberbase_only() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let (own, other) = (Place::new(&admin).await, Place::new(&admin).await);
    let (bound, _) = token(&admin, &server, json!({"access": "admin", "member_base_id": own.base})).await;
    for (call, _, body) in own.every_call() {
        let reply = bound.call(call, body).await;
        assert!(!matches!(reply.status, 401 | 403), "{call}: {reply:?}");
    }
    for (call, _, body) in [other.every_call(), Place::nowhere().base_calls()].concat() {
        bound.call(call, body).await.refused(403, "authorization_error");
    }
    // An unknown id does not show to which memberbase it would belong.
    for (call, _, body) in Place::nowhere().member_calls() {
        bound.call(call, body).await.refused(404, "not_found");
    }
    for (call, body) in every_store_call() {
        bound.call(call, body).await.refused(403, "authorization_error");
    }
    assert_eq!(bound.ok("member-base/list", json!({})).await["data"][0]["id"], json!(own.base));
}

/// A token that has expired.
async fn expired(admin: &Http, server: &Server) -> Http {
    let soon = Timestamp::from(SystemTime::now() + Duration::from_millis(300)).to_string();
    let (http, _) = token(admin, server, json!({"access": "admin", "expires_at": soon})).await;
    // Repeats the call until the token has expired.
    while http.call("api-token/list", json!({})).await.status == 200 {}
    http
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_token_every_call_is_unauthenticated() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let place = Place::new(&admin).await;
    let (revoked, id) = token(&admin, &server, json!({"access": "admin"})).await;
    admin.ok("api-token/revoke", json!({"id": id})).await;
    let callers = [
        Http::new(&server),
        revoked,
        expired(&admin, &server).await,
        Http::with_token(&server, ""),
        Http::with_token(&server, "sk_"),
        Http::with_token(&server, &format!("{secret}x")),
    ];
    for http in &callers {
        for (call, _, body) in place.every_call() {
            let reply = http.call(call, body).await;
            reply.refused(401, "authentication_error");
            assert!(reply.head.to_ascii_lowercase().contains("www-authenticate: bearer"), "{}", reply.head);
        }
        for (call, body) in every_store_call().into_iter().chain([("member-base/list", json!({}))]) {
            http.call(call, body).await.refused(401, "authentication_error");
        }
        http.call("no/such-call", json!({})).await.refused(401, "authentication_error");
        http.raw("GET", "member/list", "", b"").await.refused(401, "authentication_error");
    }
    let twice = format!("Bearer {secret}\r\nAuthorization: Bearer {secret}");
    for malformed in ["Basic c2VjcmV0", "Bearer", &secret, &twice] {
        let head =
            format!("Authorization: {malformed}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n");
        callers[0].raw("POST", "api-token/list", &head, b"{}").await.refused(401, "authentication_error");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_fields_are_omitted_for_a_token_without_the_right() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let base = admin.base().await;
    let account =
        json!({"uk": {"account_holder": "Ada", "sort_code": "20-00-00", "account_number": "55779911"}});
    let member = json!({"ref": "a", "dob": "1990-02-03", "account_details": account});
    admin.ok("member/bulk-upsert", json!({"member_base_id": base, "members": [member]})).await;
    for (request, sees) in
        [(json!({"access": "read"}), false), (json!({"access": "read", "pii": true}), true)]
    {
        let (http, _) = token(&admin, &server, request).await;
        let got = http.ok("member/get", json!({"member_base_id": base, "ref": "a"})).await;
        let listed = http.ok("member/list", json!({"member_base_id": base})).await;
        for member in [&got, &listed["data"][0]] {
            assert_eq!((member.get("dob").is_some(), member.get("account_details").is_some()), (sees, sees));
        }
        let filters = json!([{"key": "account_details", "exists": true}]);
        let filtered = http.call("member/list", json!({"member_base_id": base, "filters": filters})).await;
        assert_eq!(filtered.status, if sees { 200 } else { 403 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_the_trace_id_and_no_secret_and_nothing_personal() {
    let data = tempfile::tempdir().unwrap();
    let created = Command::new(env!("CARGO_BIN_EXE_memberbase"))
        .args(["token", "create", "--access", "admin", "--new-store", "--data"])
        .arg(data.path())
        .output()
        .unwrap();
    let secret = String::from_utf8(created.stdout).unwrap().lines().last().unwrap().to_owned();
    let log = data.path().join("log.txt");
    let mut server = Command::new(env!("CARGO_BIN_EXE_memberbase"))
        .args(["serve", "--listen", "127.0.0.1:0", "--reserve", "1MiB", "--log", "trace", "--data"])
        .arg(data.path())
        .stdout(Stdio::piped())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap().parse().unwrap();
    let http = Http::at(address, Some(secret.clone()));
    let base = http.base().await;
    let made = http.ok("api-token/create", json!({"access": "read"})).await;
    let member = json!({"ref": "private-ref", "email": "private@x.com", "first_name": "Privata"});
    http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": [member]})).await;
    let id = http.ok("member/get", json!({"member_base_id": base, "ref": "private-ref"})).await["id"].clone();
    let clip =
        json!({"member_id": id, "creative_id": "private-creative", "deal_creative_content": {"private": 1}});
    http.ok("wallet.clip/save", clip).await;
    let mut purchase = super::record::event(id.as_str().unwrap(), "private-purchase");
    http.ok("transaction/ingest", json!({"events": [purchase]})).await;
    purchase["bin"] = json!("private-bin");
    let replies = [
        http.call("transaction/ingest", json!({"events": [purchase]})).await,
        http.call("wallet.clip/delete", json!({"member_id": id, "creative_id": "private-other"})).await,
        http.call("member/get", json!({"member_base_id": base, "ref": "another-private-ref"})).await,
        http.call(
            "member/bulk-upsert",
            json!({"member_base_id": base, "members": [{"ref": "private-ref", "email": "private"}]}),
        )
        .await,
        http.call("member/list", json!({"member_base_id": base, "private-field": 1})).await,
        Http::at(address, Some(format!("{secret}x"))).call("member/list", json!({})).await,
    ];
    // Refusals are logged every second, and at the end.
    rustix::process::kill_process(rustix::process::Pid::from_child(&server), rustix::process::Signal::TERM)
        .unwrap();
    server.wait().unwrap();
    let log = std::fs::read_to_string(log).unwrap();
    for reply in replies {
        let trace_id = reply.body["error"]["trace_id"].as_str().unwrap().to_owned();
        assert_eq!(log.matches(&trace_id).count(), 1, "{reply:?}\n{log}");
    }
    for secret in [secret.as_str(), made["token"].as_str().unwrap(), "private", "Privata"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
