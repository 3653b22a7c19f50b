//! What members and lists say is text, wherever it is shown.

use serde_json::json;

use super::{header, save, server};

#[tokio::test(flavor = "multi_thread")]
async fn markup_in_members_and_lists_becomes_no_markup() {
    let (_server, _, admin, browser) = server().await;
    let base = admin.base().await;
    let evil = "<img src=x onerror=alert(1)>\"'></td><script>alert(2)</script>";
    let set = json!({"member_base_id": base, "schema": {"note": {"type": "string"}}});
    admin.ok("attribute.schema/set", set).await;
    let attributes = json!({"note": format!("{}\u{202e}", "<b>".repeat(1_364))});
    let member = json!({"ref": evil, "first_name": evil, "tier": evil, "attributes": attributes});
    let id = save(&admin, &base, json!([member])).await.remove(0);
    let proof = browser.proof().await;
    let file = format!("ref,first_name,phone\n\"{}\",x,{evil}\nb,\"{0}\",\n", evil.replace('"', "\"\""));
    let texts = [("proof", proof.as_str()), ("match", "ref"), ("name", evil)];
    let sent = browser.upload(&base, &texts, file.as_bytes()).await;
    let job = header(&sent, "location").unwrap_or_else(|| panic!("{sent:?}"));
    super::lists::settled(&browser, &job).await;
    let query = super::encoded(&[("filter", evil)]);
    for path in [
        format!("/console/bases/{base}"),
        format!("/console/bases/{base}/members?column=attributes.note&column=ref"),
        format!("/console/bases/{base}/members?search={}", &query["filter=".len()..]),
        format!("/console/bases/{base}/members?{query}"),
        format!("/console/bases/{base}/audiences?{query}"),
        format!("/console/members/{id}"),
        format!("/console/bases/{base}/jobs"),
        format!("/console/sign-in?next={}", &query["filter=".len()..]),
        job,
    ] {
        let text = browser.load(&path).await.text;
        assert!(
            !text.contains("<img") && !text.contains("<script>") && !text.contains("<b>"),
            "{path}: {text}"
        );
    }
    let refused = browser.upload(&base, &texts[..2], evil.as_bytes()).await;
    assert!(refused.status == 400 && !refused.text.contains("<img"), "{refused:?}");
}
