//! Who may do what, about which memberbase, and what is no call.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use memberbase::model::Timestamp;
use serde_json::{Value, json};

use super::{Onsi, member};
use crate::harness::Server;
use crate::http::Http;

const NO_BASE: &str = "mb_00000000000000000000000000";
const NO_MEMBER: &str = "mem_00000000000000000000000000";

/// Every call, with the level of access that it needs.
fn every_call() -> Vec<(&'static str, String, &'static str, Option<Value>)> {
    let one = format!("members/{NO_MEMBER}");
    vec![
        ("GET", "members".into(), "read", None),
        ("GET", one.clone(), "read", None),
        ("GET", "tiers".into(), "read", None),
        ("POST", "members".into(), "write", Some(json!({}))),
        ("PATCH", one.clone(), "write", Some(json!({}))),
        ("PUT", one.clone(), "write", Some(json!({}))),
        ("DELETE", one.clone(), "write", None),
        ("POST", format!("{one}/activate"), "write", None),
    ]
}

async fn token(admin: &Http, request: Value) -> (String, Value) {
    let made = admin.ok("api-token/create", request).await;
    (made["token"].as_str().unwrap().to_owned(), made["id"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_has_every_call_of_the_document() {
    let server = Server::start().await;
    let document = Onsi::new(&server, None, None).get("openapi.json").await.is(200);
    let paths = document["paths"].as_object().unwrap().iter();
    let documented: BTreeSet<String> = paths
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let listed = every_call().into_iter();
    let listed = listed.map(|(method, path, ..)| format!("{method} /v1/{}", path.replace(NO_MEMBER, "{id}")));
    assert_eq!(listed.collect::<BTreeSet<_>>(), documented);
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
    // Until its time has come, it is good; each try is a call of its own.
    while Onsi::new(&server, Some(&expired), None).get("tiers").await.status == 200 {}
    let (reader, _) = token(&admin, json!({"access": "read", "member_base_id": base})).await;
    let (writer, _) = token(&admin, json!({"access": "write", "member_base_id": base})).await;
    for (method, path, needs, body) in every_call() {
        let call = |key: Option<&str>| {
            let (onsi, path, body) = (Onsi::new(&server, key, None), path.clone(), body.clone());
            async move { onsi.call(method, &path, body).await }
        };
        let without = call(None).await;
        assert_eq!(without.issues(401), [("HeaderValidation", "x-api-key")], "{method} {path}");
        assert!(without.head.to_ascii_lowercase().contains("www-authenticate: bearer"));
        for bad in [revoked.as_str(), expired.as_str(), "sk_", &format!("{secret}x")] {
            assert_eq!(call(Some(bad)).await.issues(401), [("Forbidden", "-")], "{method} {path}");
        }
        let read = call(Some(&reader)).await;
        if needs == "read" {
            assert!(!matches!(read.status, 401 | 403), "{method} {path}: {read:?}");
        } else {
            assert_eq!(read.issues(403), [("Forbidden", "-")], "{method} {path}");
        }
        let write = call(Some(&writer)).await;
        assert!(!matches!(write.status, 401 | 403), "{method} {path}: {write:?}");
        let bearer = Onsi::new(&server, None, None).with(&format!("Authorization: Bearer {writer}"));
        assert_eq!(bearer.call(method, &path, body.clone()).await.body, write.body);
    }
    let two = Onsi::new(&server, Some(&writer), None).with(&format!("Authorization: Bearer {reader}"));
    assert_eq!(two.get("tiers").await.issues(401), [("Forbidden", "-")]);
    for (method, path) in [("GET", "nothing"), ("DELETE", "tiers")] {
        let stranger = Onsi::new(&server, None, None).call(method, path, None).await;
        assert_eq!(stranger.issues(401), [("HeaderValidation", "x-api-key")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_or_a_header_says_which_memberbase_is_meant() {
    let (server, secret) = Server::start_with_token().await;
    let admin = Http::with_token(&server, &secret);
    let (own, other) = (admin.base().await, admin.base().await);
    let (bound, _) = token(&admin, json!({"access": "write", "member_base_id": own})).await;
    let header = "x-member-base-id";
    // The key, the header, the status, and the issue's code and path.
    type Case<'a> = (&'a str, Option<&'a str>, u16, &'a [(&'a str, &'a str)]);
    let cases: [Case<'_>; 9] = [
        (&bound, None, 200, &[]),
        (&bound, Some(&own), 200, &[]),
        (&bound, Some(&other), 403, &[("Forbidden", "-")]),
        (&bound, Some(NO_BASE), 403, &[("Forbidden", "-")]),
        (&secret, Some(&own), 200, &[]),
        (&secret, None, 400, &[("HeaderValidation", header)]),
        (&secret, Some(""), 400, &[("HeaderValidation", header)]),
        (&secret, Some("mb_1"), 400, &[("HeaderValidation", header)]),
        (&secret, Some(NO_BASE), 404, &[("NotFound", "-")]),
    ];
    for (key, base, status, issues) in cases {
        let reply = Onsi::new(&server, Some(key), base).get("members").await;
        if status == 200 {
            reply.is(200);
        } else {
            assert_eq!(reply.issues(status), issues, "{base:?}");
        }
    }
    let twice = Onsi::new(&server, Some(&secret), Some(&own)).with(&format!("{header}: {own}"));
    assert_eq!(twice.get("members").await.issues(400), [("HeaderValidation", header)]);

    // A member of one memberbase does not exist in another.
    let onsi = Onsi::new(&server, Some(&secret), Some(&own));
    let (_, id) = onsi.create(member("a@example.com")).await;
    let elsewhere = Onsi::new(&server, Some(&secret), Some(&other)).get(&format!("members/{id}")).await;
    assert_eq!(elsewhere.issues(404), [("MemberNotFound", "-")]);
    admin.ok("member-base/delete", json!({"id": own})).await;
    for path in ["members".to_owned(), format!("members/{id}"), "tiers".to_owned()] {
        assert_eq!(onsi.get(&path).await.issues(404), [("NotFound", "-")]);
    }
    assert_eq!(
        onsi.call("POST", "members", Some(member("b@example.com"))).await.issues(404),
        [("NotFound", "-")]
    );
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
async fn a_key_that_has_used_up_its_requests_is_told_when_to_come_back() {
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

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_call_has_the_same_envelope() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    for path in ["", "member", "members/", "members/x/y", "tiers/Gold", "members/x/activate/y"] {
        assert_eq!(onsi.get(path).await.issues(404), [("NotFound", "-")], "{path}");
    }
    for (method, path) in
        [("PUT", "members"), ("DELETE", "members"), ("POST", "tiers"), ("GET", "members/x/activate")]
    {
        assert_eq!(onsi.call(method, path, None).await.issues(405), [("BadRequest", "-")], "{method} {path}");
    }
}
