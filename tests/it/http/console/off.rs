//! A server without a console, and one without tokens.

use super::{Browser, header};
use crate::harness::Server;
use crate::http::{Http, exchange};

#[tokio::test(flavor = "multi_thread")]
async fn without_the_console_its_addresses_are_unknown() {
    let server = Server::start_with(|config| config.no_console = true).await;
    let browser = Browser::new(&server);
    for path in ["/console", "/console/sign-in", "/console/assets/console.css"] {
        let reply = browser.load(path).await;
        assert_eq!(reply.status, 404, "{reply:?}");
        assert!(header(&reply, "content-security-policy").is_none(), "{reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tokens_everybody_on_this_machine_may_do_everything_and_nobody_else() {
    let server = Server::start().await;
    let browser = Browser::new(&server);
    let page = browser.page("/console").await;
    assert!(page.contains("everybody on this machine may do everything"), "{page}");
    browser.act("/console/bases", &[("name", "Staff")]).await;
    // A page of another server, whose name resolves to this machine.
    let head = "GET /console HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    let refused = exchange(server.address(), head, b"").await;
    assert!(refused.status == 403 && !refused.text.contains("Staff"), "{refused:?}");
    // The first token is shown once, and from then on everybody needs one.
    let proof = browser.proof().await;
    let form = [("proof", proof.as_str()), ("description", "first"), ("access", "admin")];
    let made = browser.post("/console/tokens", &form).await;
    let secret = super::between(&made.text, "class=\"secret\">", "<").to_owned();
    assert!(made.status == 200 && secret.starts_with("sk_"), "{made:?}");
    assert_eq!(browser.load("/console").await.status, 303);
    let browser = Browser::signed_in(&server, &secret).await;
    assert!(browser.page("/console").await.contains("Staff"));
    assert!(!browser.page("/console/tokens").await.contains(&secret));
    assert_eq!(Http::with_token(&server, &secret).base().await.len(), 29);
}
