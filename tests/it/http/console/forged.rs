//! Requests that no page of this server sent change nothing.

use serde_json::json;

use super::{Browser, between, save, server, token};

const LIST: &[u8] = b"ref,first_name\nada,Ada\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_form_needs_the_origin_of_this_server() {
    let (server, secret, admin, browser) = server().await;
    let base = admin.base().await;
    let proof = browser.proof().await;
    for origin in [
        "",
        "Origin: null\r\n",
        "Origin: http://evil.example\r\n",
        "Origin: http://localhost:8080\r\n",
        "Origin: http://localhost\r\nOrigin: http://evil.example\r\n",
        "Referer: http://localhost/console\r\n",
    ] {
        let forged = Browser { origin: origin.to_owned(), ..browser.clone() };
        let reply = forged.post("/console/bases", &[("proof", &proof), ("name", "Forged")]).await;
        assert_eq!(reply.status, 403, "{origin}: {reply:?}");
        assert_eq!(forged.upload(&base, &[("proof", &proof), ("match", "ref")], LIST).await.status, 403);
        assert_eq!(forged.post("/console/sign-out", &[("proof", &proof)]).await.status, 403);
        // Nobody is signed in by the page of somebody else.
        let outside = Browser { cookie: None, ..forged };
        let reply = outside.post("/console/sign-in", &[("token", &secret)]).await;
        assert!(reply.status == 403 && super::header(&reply, "set-cookie").is_none(), "{reply:?}");
    }
    assert!(!browser.page("/console").await.contains("Forged"));
    assert!(browser.page(&format!("/console/bases/{base}/jobs")).await.contains("There are no jobs yet"));
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_needs_the_proof_of_its_own_session() {
    let (server, secret, admin, browser) = server().await;
    let base = admin.base().await;
    let other = Browser::signed_in(&server, &secret).await.proof().await;
    let of_nobody = between(&browser.page("/console").await, "value=\"", "\"").len();
    assert!(of_nobody > 20);
    for proof in ["", "wrong", &other] {
        let reply = browser.post("/console/bases", &[("proof", proof), ("name", "Forged")]).await;
        assert_eq!(reply.status, 403, "{proof}: {reply:?}");
        let reply = browser.upload(&base, &[("proof", proof), ("match", "ref")], LIST).await;
        assert_eq!(reply.status, 403, "{proof}: {reply:?}");
    }
    let proof = browser.proof().await;
    // A proof that comes after the file comes too late.
    let mut late = LIST.to_vec();
    late.extend(
        format!("\r\n--x\r\nContent-Disposition: form-data; name=\"proof\"\r\n\r\n{proof}").into_bytes(),
    );
    assert_eq!(browser.upload(&base, &[("match", "ref")], &late).await.status, 403);
    assert!(!browser.page("/console").await.contains("Forged"));
    assert!(browser.page(&format!("/console/bases/{base}/jobs")).await.contains("There are no jobs yet"));
    browser.act("/console/bases", &[("name", "Mine")]).await;
    assert!(browser.page("/console").await.contains("Mine"));
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_an_address_changes_nothing() {
    let (_server, _, admin, browser) = server().await;
    let base = admin.base().await;
    let id = save(&admin, &base, json!([{"ref": "ada", "first_name": "Ada"}])).await.remove(0);
    let (token, _) = token(&admin, json!({"access": "read"})).await;
    // The first two ask.
    for (path, status) in [
        (format!("/console/members/{id}/offboard"), 200),
        (format!("/console/tokens/{token}/revoke"), 200),
        ("/console/bases".to_owned(), 404),
        ("/console/sign-out".to_owned(), 404),
    ] {
        assert_eq!(browser.load(&path).await.status, status, "{path}");
    }
    let member = admin.ok("member/get", json!({"id": id})).await;
    assert_eq!(member["status"], "active", "{member}");
    assert!(browser.page("/console/tokens").await.contains(&format!("Revoke {token}")));
}
