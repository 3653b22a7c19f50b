//! Tokens: the form says what a token will see, and revoking one asks first.

use serde_json::json;

use super::{Browser, between, server, token};

#[tokio::test(flavor = "multi_thread")]
async fn the_form_makes_what_it_says() {
    let (_server, _, admin, browser) = server().await;
    let base = admin.base().await;
    let form = browser.page("/console/tokens").await;
    assert!(form.contains("seen if it may write"), "{form}");
    assert!(form.contains(&format!("<option value=\"{base}\">only ")), "{form}");
    let proof = browser.proof().await;
    for (access, pii, sees) in [
        ("read", "", false),
        ("read", "yes", true),
        ("write", "", true),
        ("write", "no", false),
        ("admin", "", true),
    ] {
        let what = format!("{access}-{pii}");
        let sent =
            [("proof", &*proof), ("description", &what), ("access", access), ("pii", pii), ("base", &base)];
        let made = browser.post("/console/tokens", &sent).await;
        assert!(made.status == 200 && made.text.contains("shown only now"), "{made:?}");
        let list = browser.page("/console/tokens").await;
        let line = between(&list, &format!(">{what}</bdi>"), "</tr>");
        let words = if sees { ", and sees bank details" } else { "; sees no bank details" };
        assert!(line.contains(&format!("<td>{access}{words}")) && line.contains("one memberbase"), "{line}");
    }
    let wrong =
        [("proof", &*proof), ("description", "For June"), ("access", "read"), ("expires", "2001-01-01")];
    let refused = browser.post("/console/tokens", &wrong).await;
    assert!(refused.status == 400 && refused.text.contains("must be in the future"), "{refused:?}");
    assert!(
        refused.text.contains("value=\"For June\"") && refused.text.contains("value=\"2001-01-01\""),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_revoked_after_a_question() {
    let (server, _, admin, browser) = server().await;
    let (id, secret) = token(&admin, json!({"access": "admin", "description": "Nightly job"})).await;
    let list = browser.page("/console/tokens").await;
    assert!(list.contains(&format!("href=\"/console/tokens/{id}/revoke\"")), "{list}");
    let question = browser.page(&format!("/console/tokens/{id}/revoke")).await;
    assert!(
        question.contains("Nightly job") && question.contains("cannot be made valid again"),
        "{question}"
    );
    let own = Browser::signed_in(&server, &secret).await;
    assert!(own.page(&format!("/console/tokens/{id}/revoke")).await.contains("so you are signed out"));
    let after = browser.act(&format!("/console/tokens/{id}/revoke"), &[]).await;
    assert!(browser.page(&after).await.contains("The token was revoked"));
    assert_eq!(own.load("/console/tokens").await.status, 303);
    // An address says nothing that is not so.
    let (other, _) = token(&admin, json!({"access": "read"})).await;
    let page = browser.page(&format!("/console/tokens?revoked={other}")).await;
    assert!(!page.contains("The token was revoked"), "{page}");
    assert_eq!(browser.load("/console/tokens/atok_1/revoke").await.status, 400);
}
