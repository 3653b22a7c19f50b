//! `wallet.clip/save`, `wallet.clip/list-with-creative` and `wallet.clip/delete`

use serde_json::{Value, json};

use super::{NO_MEMBER, with, world};
use crate::harness::Server;
use crate::http::Http;

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_is_saved_once_per_creative_and_returned_unchanged() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let (base, ids) = world(&http).await;
    let bare = json!({"member_id": ids[0], "creative_id": "dc_1"});
    let saved = http.ok("wallet.clip/save", bare.clone()).await;
    assert!(saved["id"].as_str().unwrap().starts_with("dclip_"));
    let nothing = json!({
        "id": saved["id"], "created_at": saved["created_at"], "updated_at": saved["created_at"], "deal_id": null,
        "variant_id": null, "deal_creative_format": null, "deal_creative_content": null, "redeemed_at": null,
    });
    assert_eq!(saved, with(bare.clone(), nothing));
    let revision = http.ok("member-base/get", json!({"id": base})).await["revision"].clone();
    assert_eq!(http.ok("wallet.clip/save", bare.clone()).await, saved);
    assert_eq!(http.ok("member-base/get", json!({"id": base})).await["revision"], revision);

    let more = json!({
        "deal_id": "deal_1", "variant_id": "var_1", "deal_creative_format": "banner",
        "deal_creative_content": {"surface": {"title": "5 % off", "tags": [1, 2.5, null, true]}},
        "redeemed_at": "2026-02-03T05:05:06+01:00",
    });
    let told = http.ok("wallet.clip/save", with(bare.clone(), more.clone())).await;
    let utc = json!({
        "id": saved["id"], "created_at": saved["created_at"], "updated_at": told["updated_at"],
        "redeemed_at": "2026-02-03T04:05:06Z",
    });
    assert_eq!(told, with(with(bare.clone(), more), utc));
    // Fields that a repeat leaves out or sends as `null` stay.
    assert_eq!(http.ok("wallet.clip/save", with(bare, json!({"deal_id": null}))).await, told);
    http.ok("wallet.clip/save", json!({"member_id": ids[0], "creative_id": "dc_2"})).await;
    let page = http.ok("wallet.clip/list-with-creative", json!({"member_id": ids[0]})).await;
    assert_eq!((&page["data"][0], &page["data"][1]["creative_id"]), (&told, &json!("dc_2")));
    assert_eq!(page["page"], json!({"page_size": 2, "cursor": null, "more": false}));
    let other = http.ok("wallet.clip/list-with-creative", json!({"member_id": ids[1]})).await;
    assert_eq!(other["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_is_deleted_by_its_id_or_its_creative() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let (_, ids) = world(&http).await;
    let save = async |creative: &str| {
        http.ok("wallet.clip/save", json!({"member_id": ids[0], "creative_id": creative})).await["id"].clone()
    };
    let (first, _) = (save("dc_1").await, save("dc_2").await);
    let delete = async |member: &str, which: Value| {
        http.call("wallet.clip/delete", with(json!({"member_id": member}), which)).await
    };
    for which in [json!({}), json!({"id": first, "creative_id": "dc_1"}), json!({"id": "dclip_1"})] {
        assert_eq!(delete(&ids[0], which).await.refused(400, "bad_request")["path"], "id");
    }
    // A clip of another member is not found for this one.
    let not_found = delete(&ids[1], json!({"id": first})).await;
    assert_eq!(not_found.refused(404, "not_found")["resource"], "record");
    let upper = first.as_str().unwrap().to_uppercase();
    assert_eq!(delete(&ids[0], json!({"id": upper})).await.body, json!({"deleted": 1}));
    assert_eq!(delete(&ids[0], json!({"creative_id": "dc_2"})).await.body, json!({"deleted": 1}));
    for which in [json!({"id": first}), json!({"creative_id": "dc_2"})] {
        assert_eq!(delete(&ids[0], which).await.refused(404, "not_found")["resource"], "record");
    }
    assert_eq!(delete(NO_MEMBER, json!({"id": first})).await.refused(404, "not_found")["resource"], "member");
    assert_ne!(save("dc_1").await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_an_object_within_limits_and_loses_no_key() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let (_, ids) = world(&http).await;
    let save = async |fields: &str| {
        let body = format!(r#"{{"member_id": "{}", "creative_id": "dc_1", {fields}}}"#, ids[0]);
        http.send("wallet.clip/save", body.as_bytes()).await
    };
    let content = |text: &str| format!(r#""deal_creative_content": {text}"#);
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    for (fields, path) in [
        (content("[]"), "deal_creative_content"),
        (content("\"{}\""), "deal_creative_content"),
        (content(r#"{"a": {"b": 1, "b": 2}}"#), "deal_creative_content.a.b"),
        (content(r#"{"a": 9007199254740992}"#), "deal_creative_content"),
        (content(&format!(r#"{{"a": "{}"}}"#, "x".repeat(16 * 1024))), "deal_creative_content"),
        (r#""deal_id": """#.to_owned(), "deal_id"),
        (format!(r#""variant_id": "{}""#, "x".repeat(256)), "variant_id"),
        (r#""deal_creative_format": "a\nb""#.to_owned(), "deal_creative_format"),
        (r#""redeemed_at": "today""#.to_owned(), "redeemed_at"),
        (r#""creative_id": "dc_2""#.to_owned(), "creative_id"),
    ] {
        assert_eq!(save(&fields).await.refused(400, "bad_request")["path"], path, "{fields}");
    }
    for bad in [content(&format!(r#"{{"a": {deep}}}"#)), content(r#"{"a": 1e400}"#)] {
        save(&bad).await.refused(400, "bad_request");
    }
    let listed = http.ok("wallet.clip/list-with-creative", json!({"member_id": ids[0]})).await;
    assert_eq!(listed["data"], json!([]));
    let kept = save(&content(r#"{"b": 9007199254740991, "a": {"": -0.5}}"#)).await;
    assert_eq!(kept.body["deal_creative_content"], json!({"a": {"": -0.5}, "b": 9_007_199_254_740_991_i64}));
}
