//! How much is changed by day, and the state of the server.

use serde_json::json;

use super::{Browser, between, save, server, token};
use crate::harness::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_memberbase_shows_its_revisions_by_day() {
    let (_server, _, admin, browser) = server().await;
    let base = admin.base().await;
    let today = |page: &str| {
        let table = between(page, "aria-label=\"Revisions by day\"", "</table>");
        assert_eq!(table.matches("<th scope=\"row\">").count(), 30, "{table}");
        let last = table.rsplit_once("<td class=\"number\">").unwrap().1;
        last.split_once('<').unwrap().0.parse::<u64>().unwrap()
    };
    let path = format!("/console/bases/{base}");
    let before = today(&browser.page(&path).await);
    for tier in ["Gold", "Silver", "Silver"] {
        save(&admin, &base, json!([{"ref": "ada", "tier": tier}])).await;
    }
    let page = browser.page(&path).await;
    // The third call changed nothing.
    assert_eq!(today(&page), before + 2);
    assert!(!page.contains("The history is kept since"), "{page}");
    assert!(page.contains("role=\"img\" aria-label=\"Revisions by day, 30 columns"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_of_the_whole_store_sees_the_state_of_the_server_and_nobody_else() {
    let (server, _, admin, browser) = server().await;
    let base = admin.base().await;
    save(&admin, &base, json!([{"ref": "ada", "first_name": "Ada"}, {"ref": "bob"}])).await;
    let page = browser.page("/console/server").await;
    for text in ["Health", "Calls", "Rows", "Budgets of memory", "Disk", "Jobs", "Open memberbases", &base] {
        assert!(page.contains(text), "{text} is not in {page}");
    }
    let created = page.split_once("<dt>created</dt><dd>").unwrap().1;
    assert!(created.starts_with("2<"), "{created}");
    assert!(page.contains("href=\"/console/server\" aria-current=\"page\""), "{page}");
    assert!(!page.contains("Ada") && !page.contains(">bob<"), "it names no member");
    for rights in [json!({"access": "write"}), json!({"access": "admin", "member_base_id": base})] {
        let (_, secret) = token(&admin, rights).await;
        let other = Browser::signed_in(&server, &secret).await;
        assert!(!other.page("/console").await.contains("/console/server"));
        let refused = other.load("/console/server").await;
        assert!(refused.status == 403 && !refused.text.contains("Budgets"), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_the_state_of_a_server_without_tokens() {
    let server = Server::start().await;
    let page = Browser::new(&server).page("/console/server").await;
    assert!(page.contains("There was no job since the start of the server."), "{page}");
    assert!(page.contains("None is in use."), "{page}");
}
