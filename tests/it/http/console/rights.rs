//! Nothing that a token may not do can be done or seen with it.

use serde_json::json;

use super::{Browser, save, server, token};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_read_changes_nothing() {
    let (server, _, admin, _) = server().await;
    let base = admin.base().await;
    let id = save(&admin, &base, json!([{"ref": "ada", "first_name": "Ada"}])).await.remove(0);
    let (_, secret) = token(&admin, json!({"access": "read"})).await;
    let browser = Browser::signed_in(&server, &secret).await;
    let page = browser.page(&format!("/console/members/{id}")).await;
    assert!(!page.contains("Offboard"), "{page}");
    let proof = browser.proof().await;
    let proof = [("proof", proof.as_str()), ("revision", "1"), ("name", "Forged"), ("filter", "tier=Gold")];
    for path in [
        "/console/bases".to_owned(),
        format!("/console/members/{id}/offboard"),
        format!("/console/bases/{base}/audiences"),
        "/console/tokens".to_owned(),
    ] {
        let reply = browser.post(&path, &proof).await;
        assert_eq!(reply.status, 403, "{path}: {reply:?}");
        assert!(reply.text.contains("access level"), "{reply:?}");
    }
    let list = browser.upload(&base, &proof[..1], b"ref\nada\n").await;
    assert_eq!(list.status, 403, "{list:?}");
    assert_eq!(browser.load("/console/tokens").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_sees_its_own_memberbase_alone() {
    let (server, _, admin, _) = server().await;
    let (own, other) = (admin.base().await, admin.base().await);
    let id = save(&admin, &other, json!([{"ref": "ada", "first_name": "Ada"}])).await.remove(0);
    let (_, secret) = token(&admin, json!({"access": "admin", "member_base_id": own})).await;
    let browser = Browser::signed_in(&server, &secret).await;
    let page = browser.page("/console").await;
    assert!(page.contains(&own) && !page.contains(&other), "{page}");
    for path in [
        format!("/console/bases/{other}"),
        format!("/console/bases/{other}/members"),
        format!("/console/bases/{other}/members.csv"),
        format!("/console/bases/{other}/jobs"),
        format!("/console/bases/{other}/audiences"),
        format!("/console/members/{id}"),
        "/console/tokens".to_owned(),
    ] {
        let reply = browser.load(&path).await;
        assert!(reply.status == 403 && !reply.text.contains("Ada"), "{path}: {reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_fields_stay_masked() {
    let (server, _, admin, whole) = server().await;
    let base = admin.base().await;
    let member = json!({"ref": "ada", "first_name": "Ada", "dob": "1990-12-10"});
    let id = save(&admin, &base, json!([member])).await.remove(0);
    let (_, secret) = token(&admin, json!({"access": "write", "pii": false})).await;
    let browser = Browser::signed_in(&server, &secret).await;
    let list = format!("/console/bases/{base}/members?column=dob");
    let csv = format!("/console/bases/{base}/members.csv?column=dob");
    for path in [&format!("/console/members/{id}"), &list, &csv] {
        assert!(whole.page(path).await.contains("1990-12-10"), "{path}");
        assert!(!browser.page(path).await.contains("1990-12-10"), "{path}");
    }
    assert!(browser.page(&list).await.contains("not visible with this token"));
    let refused = browser.load(&format!("/console/bases/{base}/members?filter=dob%3E1980-01-01")).await;
    assert!(refused.status == 403 && !refused.text.contains("Ada"), "{refused:?}");
    // The rows of a list may have personal data, whoever sent it.
    let texts = [("proof", &*whole.proof().await), ("match", "ref")];
    let sent = whole.upload(&base, &texts, b"ref,dob\nada,1991-01-01\n,1992-01-01\n").await;
    let job = super::header(&sent, "location").unwrap();
    super::lists::settled(&whole, &job).await;
    assert_eq!(browser.load(&format!("{job}/failed.csv")).await.status, 403);
    let page = browser.page(&job).await;
    assert!(!page.contains("1990") && !page.contains("1991"), "{page}");
    assert!(whole.page(&job).await.contains("1991-01-01"));
}
