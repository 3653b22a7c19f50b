//! Which key may make which call about which memberbase, and which requests are not calls.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use memberbase::model::Timestamp;
use serde_json::{Value, json};

use super::calls::{NO_MEMBER, every_call, job_calls};
use super::{Onsi, member};
use crate::harness::Server;
use crate::http::Http;

const NO_BASE: &str = "mb_00000000000000000000000000";
/// The member that the calls are about.
const EMAIL: &str = "own@example.com";

async fn token(admin: &Http, request: Value) -> (String, Value) {
    let made = admin.ok("api-token/create", request).await;
    (made["token"].as_str().unwrap().to_owned(), made["id"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_has_every_documented_call() {
    let server = Server::start().await;
    let document = Onsi::new(&server, None, None).get("openapi.json").await.is(200);
    let paths = document["paths"].as_object().unwrap().iter();
    let documented: BTreeSet<String> = paths
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let listed = every_call(NO_MEMBER, EMAIL).into_iter();
    let listed = listed.map(|call| format!("{} /v1/{}", call.method, call.path.replace(NO_MEMBER, "{id}")));
    let of_jobs = job_calls("{jobId}")
        .into_iter()
        .map(|call| format!("{} {}", call.method, call.path.split('?').next().unwrap()));
    assert_eq!(listed.chain(of_jobs).collect::<BTreeSet<_>>(), documented);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_needs_a_good_key_and_enough_access() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let base = admin.base().await;
    let (revoked, id) = token(&admin, json!({"access": "admin"})).await;
    admin.ok("api-token/revoke", json!({"id": id})).await;
    let soon = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(2);
    let soon = Timestamp::from_micros(i64::try_from(soon.as_micros()).unwrap()).to_string();
    let (expired, _) =
        token(&admin, json!({"access": "write", "member_base_id": base, "expires_at": soon})).await;
    // Repeats the call until the token has expired.
    while Onsi::new(&server, Some(&expired), None).get("tiers").await.status == 200 {}
    let (reader, _) = token(&admin, json!({"access": "read", "member_base_id": base})).await;
    let (writer, _) = token(&admin, json!({"access": "write", "member_base_id": base})).await;
    for call in every_call(NO_MEMBER, EMAIL) {
        let with_key = |key: Option<&str>| {
            let (onsi, call) = (Onsi::new(&server, key, None), call.clone());
            async move { call.of(&onsi).await }
        };
        let without = with_key(None).await;
        assert_eq!(without.issues(401), [("HeaderValidation", "x-api-key")], "{call:?}");
        assert!(without.head.to_ascii_lowercase().contains("www-authenticate: bearer"));
        for bad in [revoked.as_str(), expired.as_str(), "sk_", &format!("{secret}x")] {
            assert_eq!(with_key(Some(bad)).await.issues(401), [("Forbidden", "-")], "{call:?}");
        }
        let read = with_key(Some(&reader)).await;
        if call.needs == "read" {
            assert!(!matches!(read.status, 401 | 403), "{call:?}: {read:?}");
        } else {
            assert_eq!(read.issues(403), [("Forbidden", "-")], "{call:?}");
            // The server checks permission before the body.
            let onsi = Onsi::new(&server, Some(&reader), None);
            let bad = onsi.send(call.method, &format!("{}?a=1", call.path), "text/plain", b"no JSON").await;
            assert_eq!(bad.issues(403), [("Forbidden", "-")], "{call:?}");
        }
        let write = with_key(Some(&writer)).await;
        assert!(!matches!(write.status, 401 | 403), "{call:?}: {write:?}");
        let bearer = Onsi::new(&server, None, None).with(&format!("Authorization: Bearer {writer}"));
        let bearer = call.of(&bearer).await;
        assert!(!matches!(bearer.status, 401 | 403), "{call:?}: {bearer:?}");
    }
    let two = Onsi::new(&server, Some(&writer), None).with(&format!("Authorization: Bearer {reader}"));
    assert_eq!(two.get("tiers").await.issues(401), [("Forbidden", "-")]);
    for (method, path) in [("GET", "nothing"), ("DELETE", "tiers")] {
        let stranger = Onsi::new(&server, None, None).call(method, path, None).await;
        assert_eq!(stranger.issues(401), [("HeaderValidation", "x-api-key")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_or_a_header_selects_the_memberbase_of_every_call() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let (own, other) = (admin.base().await, admin.base().await);
    let (bound, _) = token(&admin, json!({"access": "write", "member_base_id": own})).await;
    let (elsewhere, _) = token(&admin, json!({"access": "write", "member_base_id": other})).await;
    let client = |key: &str, base: Option<&str>| Onsi::new(&server, Some(key), base);
    let (_, id) = client(&bound, None).create(member(EMAIL)).await;
    let before = admin.ok("member/get", json!({"id": id})).await;
    let header = "x-member-base-id";
    let twice = client(&secret, Some(&own)).with(&format!("{header}: {own}"));
    // The client, and the status, code and path of the refusal.
    let refused = [
        (client(&bound, Some(&other)), 403, "Forbidden", "-"),
        (client(&bound, Some(NO_BASE)), 403, "Forbidden", "-"),
        (client(&secret, None), 400, "HeaderValidation", header),
        (client(&secret, Some("")), 400, "HeaderValidation", header),
        (client(&secret, Some("mb_1")), 400, "HeaderValidation", header),
        (client(&secret, Some(&id)), 400, "HeaderValidation", header),
        (client(&secret, Some("\u{e9}")), 400, "HeaderValidation", header),
        (twice, 400, "HeaderValidation", header),
        (client(&secret, Some(NO_BASE)), 404, "NotFound", "-"),
    ];
    for call in every_call(&id, EMAIL) {
        for (onsi, status, code, path) in &refused {
            let reply = call.of(onsi).await;
            assert_eq!(reply.issues(*status), [(*code, *path)], "{call:?} {onsi:?}");
        }
        // A member of one memberbase does not exist in another.
        for onsi in [client(&elsewhere, None), client(&secret, Some(&other))] {
            if call.is_about_one {
                let reply = call.of(&onsi).await;
                assert_eq!(reply.issues(call.missing()), [("MemberNotFound", "-")], "{call:?}");
                assert_eq!(reply.body["issues"][0]["memberId"], id);
            }
        }
    }
    let there = client(&elsewhere, None);
    assert_eq!(there.get("members").await.is(200)["total"], 0);
    assert_eq!(there.get("tiers").await.is(200), json!([]));
    assert_eq!(admin.ok("member/get", json!({"id": id})).await, before);
    for onsi in [client(&bound, None), client(&bound, Some(&own)), client(&secret, Some(&own))] {
        for call in every_call(&id, EMAIL) {
            call.of(&onsi).await.is(call.status);
        }
    }
    admin.ok("member-base/delete", json!({"id": own})).await;
    for onsi in [client(&bound, None), client(&secret, Some(&own))] {
        for call in every_call(&id, EMAIL) {
            assert_eq!(call.of(&onsi).await.issues(404), [("NotFound", "-")], "{call:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bank_details_and_dates_of_birth_are_null_for_a_key_without_the_right_to_them() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let base = admin.base().await;
    let account = json!({"accountHolder": "Jane", "iban": "DE89370400440532013000"});
    let full = super::with(member("a@example.com"), json!({"dob": "1990-02-03", "accountDetails": account}));
    let (_, id) = Onsi::new(&server, Some(&secret), Some(&base)).create(full).await;
    let path = format!("members/{id}");
    for pii in [false, true] {
        let request = json!({"access": "write", "pii": pii, "member_base_id": base});
        let onsi = Onsi::new(&server, Some(&token(&admin, request).await.0), None);
        let replies = [
            onsi.get(&path).await.is(200),
            onsi.get("members").await.is(200)["members"][0].clone(),
            onsi.call("PATCH", &path, Some(json!({"firstName": format!("Jane {pii}")}))).await.is(200),
        ];
        for shown in replies {
            let (dob, details) = (&shown["dob"], &shown["accountDetails"]);
            let expected =
                if pii { (json!("1990-02-03"), account.clone()) } else { (Value::Null, Value::Null) };
            assert_eq!((dob, details), (&expected.0, &expected.1));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_beyond_its_limit_gets_the_time_to_retry() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let base = admin.base().await;
    let request = json!({"access": "read", "member_base_id": base, "requests_per_second": 1});
    let onsi = Onsi::new(&server, Some(&token(&admin, request).await.0), None);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let onsi = onsi.clone();
        tasks.spawn(async move { onsi.get("tiers").await });
    }
    let replies = tasks.join_all().await;
    let (served, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert!(!served.is_empty() && !refused.is_empty());
    for reply in refused {
        assert_eq!(reply.issues(429), [("RateLimitExceeded", "-")]);
        assert!(reply.head.to_ascii_lowercase().contains("retry-after: "), "{}", reply.head);
    }
}
