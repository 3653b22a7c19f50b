//! What every page has: its headers, no inline script, and the assets.

use serde_json::json;

use super::{Browser, header, save, server};

#[tokio::test(flavor = "multi_thread")]
async fn every_page_has_its_headers_and_nothing_inline() {
    let (server, _, admin, browser) = server().await;
    let base = admin.base().await;
    let id = save(&admin, &base, json!([{"ref": "ada", "first_name": "Ada"}])).await.remove(0);
    let outside = Browser::new(&server);
    let pages = [
        browser.load("/console").await,
        browser.load(&format!("/console/bases/{base}")).await,
        browser.load(&format!("/console/bases/{base}/members")).await,
        browser.load(&format!("/console/bases/{base}/jobs")).await,
        browser.load(&format!("/console/bases/{base}/lists/new")).await,
        browser.load(&format!("/console/bases/{base}/audiences?filter=tier%3DGold")).await,
        browser.load(&format!("/console/members/{id}")).await,
        browser.load("/console/tokens").await,
        browser.load("/console/nothing").await,
        browser.load("/console/bases/nobody").await,
        outside.load("/console/sign-in").await,
        outside.load("/console").await,
        outside.post("/console/sign-in", &[("token", "sk_wrong")]).await,
        outside.post("/console/bases", &[]).await,
    ];
    assert!(pages[9].text.contains("it may have been cut"), "{:?}", pages[9]);
    for page in pages {
        let has = |name: &str, part: &str| {
            let value = header(&page, name).unwrap_or_default();
            assert!(value.contains(part), "{name}: {value} in {page:?}");
        };
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"]
        {
            has("content-security-policy", part);
        }
        assert!(!page.head.contains("unsafe-inline"));
        has("x-frame-options", "DENY");
        has("x-content-type-options", "nosniff");
        has("cache-control", "no-store");
        has("referrer-policy", "same-origin");
        let text = &page.text;
        for inline in [" style=", " onclick=", " onload=", "javascript:", "<style"] {
            assert!(!text.contains(inline), "{inline} in {text}");
        }
        assert_eq!(text.matches("<script").count(), text.matches("<script type=\"module\" src=").count());
        if page.status != 303 {
            assert!(text.contains("href=\"#main\"") && text.contains("<html lang=\"en\">"), "{text}");
            assert_eq!(text.matches("<h1").count(), 1, "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_need_no_session_and_are_asked_for_again() {
    let (server, ..) = server().await;
    let outside = Browser::new(&server);
    for (path, kind) in
        [("console.css", "text/css"), ("console.js", "text/javascript"), ("icon.svg", "image/svg+xml")]
    {
        let path = format!("/console/assets/{path}");
        let reply = outside.load(&path).await;
        assert!(
            reply.status == 200 && header(&reply, "content-type").unwrap().starts_with(kind),
            "{reply:?}"
        );
        assert_eq!(header(&reply, "cache-control").unwrap(), "no-cache");
        let known = format!("If-None-Match: {}\r\n", header(&reply, "etag").unwrap());
        assert_eq!(outside.send("GET", &path, &known, b"").await.status, 304);
    }
    assert_eq!(outside.load("/console/assets/other.js").await.status, 404);
}
