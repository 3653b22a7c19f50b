//! Signing in and out, and what a session is good for.

use serde_json::json;

use super::{Browser, header, server, token};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_a_page_without_a_session_and_sign_in_leads_back_to_it() {
    let (server, secret, ..) = server().await;
    let mut browser = Browser::new(&server);
    for path in ["/console", "/console/tokens", "/console/bases/mb_1/members?filter=tier%3DGold"] {
        let reply = browser.load(path).await;
        assert_eq!(reply.status, 303, "{path}: {reply:?}");
        let next = super::encoded(&[("next", path)]);
        assert_eq!(header(&reply, "location").unwrap(), format!("/console/sign-in?{next}"));
    }
    let form = browser.load("/console/sign-in?next=%2Fconsole%2Ftokens").await;
    assert!(form.status == 200 && form.text.contains("value=\"/console/tokens\""), "{form:?}");
    let reply = browser.post("/console/sign-in", &[("token", &secret), ("next", "/console/tokens")]).await;
    assert_eq!((reply.status, header(&reply, "location").unwrap().as_str()), (303, "/console/tokens"));
    let away = browser.post("/console/sign-in", &[("token", &secret), ("next", "//evil.example")]).await;
    assert_eq!(header(&away, "location").unwrap(), "/console");
    browser.sign_in(&secret).await;
    assert!(browser.page("/console").await.contains("Memberbases"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_out_of_reach_and_the_secret_is_nowhere() {
    let (server, secret, _, mut browser) = server().await;
    let reply = browser.sign_in(&secret).await;
    let cookie = header(&reply, "set-cookie").unwrap();
    for part in ["Path=/console", "HttpOnly", "SameSite=Strict", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "the connection is not encrypted: {cookie}");
    assert!(!format!("{reply:?}").contains(&secret));
    for path in ["/console", "/console/tokens"] {
        assert!(!format!("{:?}", browser.load(path).await).contains(&secret), "{path}");
    }
    // A browser that got the page over TLS, from a proxy, sends the cookie over TLS alone.
    browser.origin = "Origin: https://localhost\r\n".to_owned();
    assert!(header(&browser.sign_in(&secret).await, "set-cookie").unwrap().ends_with("; Secure"));
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_signs_nobody_in() {
    let (server, secret, admin, _) = server().await;
    let (id, revoked) = token(&admin, json!({"access": "admin"})).await;
    admin.ok("api-token/revoke", json!({"id": id})).await;
    let browser = Browser::new(&server);
    for (wrong, status) in [("", 400), ("sk_wrong", 401), (revoked.as_str(), 401), (&secret[1..], 401)] {
        let reply = browser.post("/console/sign-in", &[("token", wrong)]).await;
        assert_eq!(reply.status, status, "{wrong}: {reply:?}");
        assert!(header(&reply, "set-cookie").is_none() && reply.text.contains("Sign in"), "{reply:?}");
        assert!(wrong.is_empty() || !reply.text.contains(wrong), "{reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_out_at_the_next_request() {
    let (server, _, admin, _) = server().await;
    let (id, secret) = token(&admin, json!({"access": "read"})).await;
    let browser = Browser::signed_in(&server, &secret).await;
    browser.page("/console").await;
    admin.ok("api-token/revoke", json!({"id": id})).await;
    let reply = browser.load("/console").await;
    assert_eq!(reply.status, 303, "{reply:?}");
    assert!(browser.page("/console/sign-in").await.contains("Your token was revoked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_chooses_the_session_of_somebody_else() {
    let (server, secret, admin, _) = server().await;
    let (_, other) = token(&admin, json!({"access": "read"})).await;
    let attacker = Browser::signed_in(&server, &other).await;
    // A session that was planted before sign-in is replaced by a new one.
    let mut victim = Browser { cookie: attacker.cookie.clone(), ..Browser::new(&server) };
    victim.sign_in(&secret).await;
    assert!(victim.cookie.is_some() && victim.cookie != attacker.cookie);
    // Two sessions of the same token differ, so that one cannot stand for the other.
    let first = victim.cookie.clone();
    victim.sign_in(&secret).await;
    assert_ne!(victim.cookie, first);
    // A planted second cookie leaves no session at all.
    victim.cookie = Some(format!("{}; {}", victim.cookie.unwrap(), attacker.cookie.unwrap()));
    assert_eq!(victim.load("/console").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_takes_the_cookie_away() {
    let (_server, _, _, browser) = server().await;
    let proof = browser.proof().await;
    let reply = browser.post("/console/sign-out", &[("proof", &proof)]).await;
    assert_eq!(header(&reply, "location").unwrap(), "/console/sign-in");
    assert!(header(&reply, "set-cookie").unwrap().starts_with("memberbase_console=; "), "{reply:?}");
    let refused = browser.post("/console/sign-out", &[("proof", "wrong")]).await;
    assert_eq!(refused.status, 403, "nobody signs another out");
}
