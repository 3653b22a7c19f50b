//! Lists of members, and one member.

use serde_json::json;

use super::{header, save, server};

#[tokio::test(flavor = "multi_thread")]
async fn members_are_searched_filtered_and_downloaded() {
    let (_server, _, admin, browser) = server().await;
    let base = admin.base().await;
    let members = json!([
        {"ref": "ada", "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "tier": "Gold"},
        {"ref": "bob", "first_name": "Bob", "tier": "Silver", "role": "=1+1"},
    ]);
    save(&admin, &base, members).await;
    let at = |query: &str| format!("/console/bases/{base}/members?{query}");
    let shows = |page: &str, ada: bool, bob: bool| {
        assert_eq!((page.contains("Ada Lovelace"), page.contains("Bob")), (ada, bob), "{page}");
    };
    shows(&browser.page(&at("")).await, true, true);
    shows(&browser.page(&at("search=love")).await, true, false);
    shows(&browser.page(&at("search=ADA%40example")).await, true, false);
    shows(&browser.page(&at("search=zzz")).await, false, false);
    shows(&browser.page(&at("filter=tier%3DSilver")).await, false, true);
    shows(&browser.page(&at("filter=tier%3DSilver%0Astatus%3Dinactive")).await, false, false);
    let newest = browser.page(&at("sort=newest")).await;
    assert!(newest.find("Bob") < newest.find("Ada Lovelace"), "{newest}");
    let wrong = browser.load(&at("filter=tier%3AGold")).await;
    assert!(wrong.status == 400 && wrong.text.contains("is not a condition"), "{wrong:?}");
    let wrong = browser.load(&at("filter=teir%3DGold")).await;
    assert!(wrong.status == 400 && wrong.text.contains("filters[0].key"), "{wrong:?}");
    let csv =
        browser.load(&format!("/console/bases/{base}/members.csv?column=role&filter=tier%3DSilver")).await;
    assert_eq!(csv.text.trim(), "first_name,last_name,status,role\nBob,,active,'=1+1", "{csv:?}");
    assert!(header(&csv, "content-disposition").unwrap().starts_with("attachment"), "{csv:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_is_put_together_from_choices_and_joins_the_filter() {
    let (_server, _, admin, browser) = server().await;
    let base = admin.base().await;
    let schema = json!({"team": {"type": "string"}, "size": {"type": "number"}});
    admin.ok("attribute.schema/set", json!({"member_base_id": base, "schema": schema})).await;
    let members = json!([
        {"ref": "ada", "first_name": "Ada", "tier": "Gold", "attributes": {"team": "5", "size": 5}},
        {"ref": "bob", "first_name": "Bob", "tier": "Gold", "attributes": {"team": "6", "size": 6}},
    ]);
    save(&admin, &base, members).await;
    let at = format!("/console/bases/{base}/members");
    let chosen = async |filter: &str, field: &str, how: &str, value: &str| {
        let form = [("filter", filter), ("build-field", field), ("build-how", how), ("build-value", value)];
        let query = super::encoded(&[&[("column", "role"), ("sort", "newest")], &form[..]].concat());
        let reply = browser.load(&format!("{at}?{query}")).await;
        assert_eq!(reply.status, 303, "{reply:?}");
        let address = header(&reply, "location").unwrap();
        assert!(address.contains("column=role") && address.ends_with("sort=newest"), "{address}");
        browser.page(&address).await
    };
    let page = chosen("tier=Gold", "attributes.team", "=", "5").await;
    assert!(page.contains("tier=Gold\nattributes.team=&quot;5&quot;</textarea>"), "{page}");
    assert!(page.contains(">Ada<") && !page.contains(">Bob<"), "{page}");
    let page = chosen("", "attributes.size", ">", "5").await;
    assert!(page.contains("attributes.size&gt;5</textarea>"), "{page}");
    assert!(!page.contains(">Ada<") && page.contains(">Bob<"), "{page}");
    let audiences = format!("/console/bases/{base}/audiences");
    let form = [("build-field", "tier"), ("build-how", "="), ("build-value", "Gold")];
    let reply = browser.load(&format!("{audiences}?{}", super::encoded(&form))).await;
    assert_eq!(header(&reply, "location").unwrap(), format!("{audiences}?filter=tier%3DGold#try"));
    let page = browser.page(&format!("{audiences}?filter=tier%3DGold")).await;
    assert!(page.contains("<strong>2</strong> members match"), "{page}");
}

/// The question before a member is offboarded, and the revision that its form carries.
async fn question(browser: &super::Browser, path: &str) -> (String, String) {
    let page = browser.page(&format!("{path}/offboard")).await;
    let revision = super::between(&page, "name=\"revision\" value=\"", "\"").to_owned();
    (page, revision)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_offboarded_after_a_question_unless_somebody_changed_it_meanwhile() {
    let (_server, _, admin, browser) = server().await;
    let base = admin.base().await;
    let id = save(&admin, &base, json!([{"ref": "ada", "first_name": "Ada"}])).await.remove(0);
    let path = format!("/console/members/{id}");
    let (_, revision) = question(&browser, &path).await;
    save(&admin, &base, json!([{"ref": "ada", "first_name": "Augusta"}])).await;
    let form = [("proof", &*browser.proof().await), ("revision", &revision)];
    let late = browser.post(&format!("{path}/offboard"), &form).await;
    assert_eq!(late.status, 409, "{late:?}");
    let (page, revision) = question(&browser, &path).await;
    assert!(
        page.contains("Offboard <bdi") && page.contains("Augusta") && page.contains("change nothing"),
        "{page}"
    );
    assert!(
        browser.page(&path).await.contains(&format!("href=\"{path}/offboard\"")),
        "a link, which asks first"
    );
    let after = browser.act(&format!("{path}/offboard"), &[("revision", &revision)]).await;
    let page = browser.page(&after).await;
    assert!(page.contains("was offboarded") && page.contains("Bring back as active"), "{page}");
    assert_eq!(browser.load(&format!("{path}/delete")).await.status, 404);
    assert_eq!(browser.load(&format!("{path}/activate")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offboarded_member_is_brought_back_as_it_was() {
    let (_server, _, admin, browser) = server().await;
    let base = admin.base().await;
    let members = json!([{"ref": "ada", "tier": "Gold"}, {"ref": "bob", "status": "invited"}]);
    let ids = save(&admin, &base, members).await;
    for (id, status) in ids.iter().zip(["active", "invited"]) {
        let path = format!("/console/members/{id}");
        let (_, revision) = question(&browser, &path).await;
        browser.act(&format!("{path}/offboard"), &[("revision", &revision)]).await;
        let page = browser.page(&path).await;
        assert!(page.contains(&format!("Bring back as {status}")), "{page}");
        let revision = super::between(&page, "name=\"revision\" value=\"", "\"").to_owned();
        let before = super::between(&page, "name=\"status\" value=\"", "\"").to_owned();
        let late = [("proof", &*browser.proof().await), ("revision", "1"), ("status", &before)];
        assert_eq!(browser.post(&format!("{path}/bring-back"), &late).await.status, 409);
        let form = [("revision", &*revision), ("status", &before)];
        let after = browser.act(&format!("{path}/bring-back"), &form).await;
        assert!(browser.page(&after).await.contains("is back"));
        let member = admin.ok("member/get", json!({"member_base_id": base, "id": id})).await;
        assert_eq!(member["status"], status, "{member}");
    }
    let member = admin.ok("member/get", json!({"member_base_id": base, "ref": "ada"})).await;
    assert_eq!(member["tier"], "Gold", "{member}");
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_guard_an_admin_who_was_asked_goes_on_and_others_are_told_who_can() {
    let (server, _, admin, browser) = server().await;
    let base = admin.base().await;
    let members: Vec<_> = (0..13).map(|n| json!({"ref": format!("m{n}")})).collect();
    let ids = save(&admin, &base, json!(members)).await;
    let (_, secret) = super::token(&admin, json!({"access": "write"})).await;
    let writer = super::Browser::signed_in(&server, &secret).await;
    // Ten removals within 24 hours are free, and 20 percent of 13 are fewer.
    for (n, id) in ids.iter().enumerate().take(11) {
        let path = format!("/console/members/{id}");
        let (_, revision) = question(&writer, &path).await;
        let form = [("proof", &*writer.proof().await), ("revision", &revision)];
        let reply = writer.post(&format!("{path}/offboard"), &form).await;
        if n < 10 {
            assert_eq!(reply.status, 303, "{reply:?}");
            continue;
        }
        assert!(
            reply.status == 409 && reply.text.contains("Somebody with an admin token can do this"),
            "{reply:?}"
        );
        browser.act(&format!("{path}/offboard"), &[("revision", &revision)]).await;
        assert!(browser.page(&path).await.contains("Bring back as active"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_for_an_audience_stays_when_it_is_counted_or_refused() {
    let (_server, _, admin, browser) = server().await;
    let base = admin.base().await;
    save(&admin, &base, json!([{"ref": "ada", "tier": "Gold"}])).await;
    let audiences = format!("/console/bases/{base}/audiences");
    let form = [("name", "The golden"), ("filter", "tier=Gold"), ("do", "count")];
    let counted = browser.act(&audiences, &form).await;
    assert_eq!(counted, format!("{audiences}?filter=tier%3DGold&name=The+golden#try"));
    let page = browser.page(counted.trim_end_matches("#try")).await;
    assert!(
        page.contains("<strong>1</strong> member matches") && page.contains("value=\"The golden\""),
        "{page}"
    );
    let chosen =
        [&form[..], &[("build-field", "status"), ("build-how", "="), ("build-value", "active")]].concat();
    assert!(browser.act(&audiences, &chosen).await.contains("name=The+golden"));
    let proof = browser.proof().await;
    for (name, filter, why) in [("", "tier=Gold", "name"), ("The golden", "", "Write a condition")] {
        let form = [("proof", &*proof), ("name", name), ("filter", filter), ("do", "make")];
        let refused = browser.post(&audiences, &form).await;
        assert!(refused.status == 400 && refused.text.contains(why), "{refused:?}");
        assert!(refused.text.contains(&format!("value=\"{name}\"")), "{refused:?}");
    }
    let page =
        browser.act(&audiences, &[("name", "The golden"), ("filter", "tier=Gold"), ("do", "make")]).await;
    assert!(page.starts_with("/console/audiences/"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_a_memberbase_and_its_audiences_are_shown() {
    let (_server, _, admin, browser) = server().await;
    let base = admin.base().await;
    let members: Vec<_> = (0..1_204)
        .map(|n| json!({"ref": format!("m{n}"), "tier": if n < 4 { "Gold" } else { "Silver" }}))
        .collect();
    let id = save(&admin, &base, json!(members)).await.remove(0);
    let page = browser.page(&format!("/console/bases/{base}")).await;
    assert!(page.contains("1,204") && page.contains("1,200") && page.contains("Gold"), "{page}");
    let audiences = format!("/console/bases/{base}/audiences");
    let tried = browser.page(&format!("{audiences}?filter=tier%3DGold")).await;
    assert!(tried.contains("<strong>4</strong> members match"), "{tried}");
    let made = browser.act(&audiences, &[("name", "The golden"), ("filter", "tier=Gold")]).await;
    let page = browser.page(&made).await;
    assert!(page.contains("The golden") && page.contains("&quot;eq&quot;: &quot;Gold&quot;"), "{page}");
    assert!(browser.page(&audiences).await.contains("The golden"));
    assert!(browser.page(&format!("/console/members/{id}")).await.contains("The golden"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_a_member_says_what_changed_and_who_did_it() {
    let (_server, _, admin, browser) = server().await;
    let base = admin.base().await;
    let id =
        save(&admin, &base, json!([{"ref": "ada", "first_name": "Ada", "tier": "Silver"}])).await.remove(0);
    save(&admin, &base, json!([{"ref": "ada", "tier": "Gold"}])).await;
    let path = format!("/console/members/{id}");
    let (_, revision) = question(&browser, &path).await;
    browser.act(&format!("{path}/offboard"), &[("revision", &revision)]).await;
    let page = browser.page(&path).await;
    let history = page.split_once("id=\"history\"").unwrap().1;
    assert!(history.contains("Silver") && history.contains("Gold"), "{history}");
    assert!(history.contains("in the console") && history.contains("over HTTP"), "{history}");
    assert!(history.contains("since the member was made"), "{history}");
    assert!(history.find("inactive") < history.find("Silver"), "newest first: {history}");
}
