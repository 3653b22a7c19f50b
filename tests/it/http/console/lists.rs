//! Lists as people upload them: what they would do, the decision, and what becomes of it.

use std::time::Duration;

use serde_json::json;

use super::{Browser, between, header, save, server, token};

/// The page of a job once nothing happens to it any more without a decision.
pub async fn settled(browser: &Browser, job: &str) -> String {
    loop {
        let page = browser.page(job).await;
        if !page.contains("data-live") {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Uploads a list whose rows are matched by their ref; returns the address of its job.
async fn upload(browser: &Browser, base: &str, file: &str) -> String {
    let proof = browser.proof().await;
    let sent = browser.upload(base, &[("proof", &proof), ("match", "ref")], file.as_bytes()).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    header(&sent, "location").unwrap()
}

/// A memberbase with a hundred members.
async fn hundred(admin: &super::Http) -> String {
    let made = admin.ok("member-base/create", json!({"name": "Staff"})).await;
    let base = made["id"].as_str().unwrap().to_owned();
    let members: Vec<_> =
        (0..100).map(|n| json!({"ref": format!("r{n}"), "first_name": format!("Name{n}")})).collect();
    save(admin, &base, json!(members)).await;
    base
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_would_offboard_many_is_held_and_rejected() {
    let (_server, _, admin, browser) = server().await;
    let base = hundred(&admin).await;
    let rows: String = (0..60).map(|n| format!("r{n},Name{n}\n")).collect();
    let job = upload(&browser, &base, &format!("ref,first_name\n{rows}")).await;
    let page = settled(&browser, &job).await;
    assert!(
        page.contains("waits for approval") && page.contains("Apply to 40 members, removing 40"),
        "{page}"
    );
    assert!(page.contains("Name99") && page.contains("more members than the memberbase allows"), "{page}");
    assert!(
        page.contains(
            "It would remove 40 of 100 members; at most 20 are allowed within 24 hours (20 percent"
        ),
        "{page}"
    );
    assert!(page.contains("scope=\"col\">Ref</th>"), "{page}");
    let plan = between(&page, "name=\"plan\" value=\"", "\"").to_owned();
    let unsure = [("proof", &*browser.proof().await), ("plan", &plan)];
    let refused = browser.post(&format!("{job}/approve"), &unsure).await;
    assert!(refused.status == 400 && refused.text.contains("tick the box"), "{refused:?}");
    browser.act(&format!("{job}/reject"), &[]).await;
    let page = settled(&browser, &job).await;
    assert!(page.contains("rejected") && !page.contains("Apply to"), "{page}");
    let member = admin.ok("member/get", json!({"member_base_id": base, "ref": "r99"})).await;
    assert_eq!(member["status"], "active", "{member}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_removes_is_approved_by_saying_so_and_shows_the_way_back() {
    let (_server, _, admin, browser) = server().await;
    let base = hundred(&admin).await;
    let rows: String = (0..95).map(|n| format!("r{n},Name{n}\n")).collect();
    let job = upload(&browser, &base, &format!("ref,first_name\n{rows}new,New\n")).await;
    let page = settled(&browser, &job).await;
    assert!(page.contains("name=\"sure\"") && page.contains("<strong>5</strong> of 100 members"), "{page}");
    let plan = between(&page, "name=\"plan\" value=\"", "\"").to_owned();
    browser.act(&format!("{job}/approve"), &[("plan", &plan), ("sure", "yes")]).await;
    let page = settled(&browser, &job).await;
    assert!(page.contains("Was this a mistake?") && page.contains(&format!("{job}/undo")), "{page}");
    let undo = browser.act(&format!("{job}/undo"), &[]).await;
    let page = settled(&browser, &undo).await;
    assert!(page.contains(&format!("Undo of a job: <a href=\"{job}\">")), "{page}");
    assert!(page.contains("deleting 1") && page.contains("Whom it deletes"), "{page}");
    assert!(page.contains("</span>deleted</dt>") && !page.contains("</span>removed</dt>"), "{page}");
    assert!(page.contains("brought back"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_may_be_anybody_are_named_with_what_is_at_fault() {
    let (_server, _, admin, browser) = server().await;
    let base = hundred(&admin).await;
    let rows: String = (0..98).map(|n| format!("r{n},Name{n},\n")).collect();
    let job = upload(&browser, &base, &format!("ref,first_name,email\n{rows}other,Else,nowhere\n")).await;
    let page = settled(&browser, &job).await;
    assert!(
        page.contains("It would remove 2 members, and 1 row that fails does not say clearly whose it is"),
        "{page}"
    );
    assert!(page.contains("line 100 (email: "), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_rows_are_a_file_that_a_spreadsheet_may_open_and_that_may_be_sent_again() {
    let (_server, _, admin, browser) = server().await;
    let base = hundred(&admin).await;
    let rows: String = (0..100).map(|n| format!("r{n},Name{n},\n")).collect();
    let file = format!(
        "ref,first_name,email\n{rows}new,\"=HYPERLINK(\"\"x\"\")\",nowhere\n=\"007\",+1,nowhere\nnewer,New,\n"
    );
    let job = upload(&browser, &base, &file).await;
    let page = settled(&browser, &job).await;
    let plan = between(&page, "name=\"plan\" value=\"", "\"").to_owned();
    browser.act(&format!("{job}/approve"), &[("plan", &plan)]).await;
    let page = settled(&browser, &job).await;
    assert!(page.contains("It was applied") && page.contains(&format!("{job}/failed.csv")), "{page}");
    let failed = browser.page(&format!("{job}/failed.csv")).await;
    let mut lines = failed.lines();
    assert_eq!(lines.next().unwrap(), "ref,first_name,email,line,reason,field,message");
    assert!(lines.next().unwrap().starts_with("new,\"'=HYPERLINK(\"\"x\"\")\",nowhere,102,"), "{failed}");
    assert!(lines.next().unwrap().starts_with("\"=\"\"007\"\"\",'+1,nowhere,103,"), "{failed}");
    let mended = format!("ref,first_name,email\n{rows}newer,New,\n")
        + failed.replace("nowhere", "").split_once('\n').unwrap().1;
    let mended =
        mended.replacen("ref,first_name,email\n", "ref,first_name,email,line,reason,field,message\n", 1);
    let mended = mended.replace(",\n", ",,1,X,,\n");
    let again = upload(&browser, &base, &mended).await;
    let page = settled(&browser, &again).await;
    let plan = between(&page, "name=\"plan\" value=\"", "\"").to_owned();
    browser.act(&format!("{again}/approve"), &[("plan", &plan)]).await;
    settled(&browser, &again).await;
    for (key, name) in [("new", "=HYPERLINK(\"x\")"), ("007", "+1")] {
        let member = admin.ok("member/get", json!({"member_base_id": base, "ref": key})).await;
        assert_eq!(member["first_name"], name, "{member}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_approved_applied_and_undone() {
    let (_server, _, admin, browser) = server().await;
    let base = hundred(&admin).await;
    let name = |n: u64| if n == 3 { "Changed".to_owned() } else { format!("Name{n}") };
    let rows: String = (0..100).map(|n| format!("r{n},{}\n", name(n))).collect();
    let job = upload(&browser, &base, &format!("Ref,First Name\n{rows}new,New\n,nobody\n")).await;
    let page = settled(&browser, &job).await;
    assert!(page.contains("Apply to 2 members"), "{page}");
    assert!(page.contains("Name3") && page.contains("Changed") && page.contains("→"), "{page}");
    assert!(page.contains("First Name") && page.contains("<h3>Rows that fail</h3>"), "{page}");
    let failed = browser.load(&format!("{job}/failed.csv")).await;
    assert!(failed.text.starts_with("Ref,First Name,line,reason,field,message\n,nobody,103,"), "{failed:?}");
    let plan = between(&page, "name=\"plan\" value=\"", "\"").to_owned();
    let wrong = [("proof", &*browser.proof().await), ("plan", "0123456789abcdef0123456789abcdef")];
    assert_eq!(browser.post(&format!("{job}/approve"), &wrong).await.status, 409);
    assert_eq!(browser.act(&format!("{job}/approve"), &[("plan", &plan)]).await, job);
    let page = settled(&browser, &job).await;
    assert!(page.contains("It was applied"), "{page}");
    let member = async || admin.ok("member/get", json!({"member_base_id": base, "ref": "r3"})).await;
    assert_eq!(member().await["first_name"], "Changed");
    let undo = browser.act(&format!("{job}/undo"), &[]).await;
    let page = settled(&browser, &undo).await;
    let plan = between(&page, "name=\"plan\" value=\"", "\"").to_owned();
    browser.act(&format!("{undo}/approve"), &[("plan", &plan), ("sure", "yes")]).await;
    let page = settled(&browser, &undo).await;
    assert!(page.contains("It was applied"), "{page}");
    assert_eq!(member().await["first_name"], "Name3");
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_read_otherwise_and_faults_of_a_file_are_shown_at_the_form() {
    let (_server, _, admin, browser) = server().await;
    let base = hundred(&admin).await;
    let proof = browser.proof().await;
    let file = b"Staff no,First name,Job\nr0,Name0,Baker\n";
    let texts = [("proof", proof.as_str()), ("match", "ref"), ("name", "June")];
    let refused = browser.upload(&base, &texts, file).await;
    assert!(refused.status == 400 && refused.text.contains("Staff no"), "{refused:?}");
    assert!(
        refused.text.contains("value=\"June\"") && refused.text.contains("See what it would do"),
        "{refused:?}"
    );
    let texts = [&texts[..], &[("columns", "Staff no = ref\nJob = company")]].concat();
    let sent = browser.upload(&base, &texts, file).await;
    let job = header(&sent, "location").unwrap_or_else(|| panic!("{sent:?}"));
    assert!(settled(&browser, &job).await.contains("company"));
    let names = [("heading", "Staff no"), ("name", "ref"), ("heading", "Job"), ("name", "role")];
    let again = browser.act(&format!("{job}/columns"), &names).await;
    assert_ne!(again, job);
    let page = settled(&browser, &again).await;
    assert!(page.contains("Baker") && page.contains("Role"), "{page}");
    assert!(settled(&browser, &job).await.contains("rejected"));
    let none = browser.upload(&base, &[("proof", &proof), ("match", "ref")], b"").await;
    assert!(none.status == 400, "{none:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_approves_what_the_guard_holds() {
    let (server, _, admin, _) = server().await;
    let base = hundred(&admin).await;
    let (_, secret) = token(&admin, json!({"access": "write"})).await;
    let browser = Browser::signed_in(&server, &secret).await;
    let job = upload(&browser, &base, "ref,first_name\nr0,Name0\n").await;
    let page = settled(&browser, &job).await;
    assert!(
        page.contains("Only somebody with an admin token can approve") && !page.contains("Apply to"),
        "{page}"
    );
    let proof = browser.proof().await;
    let form = [("proof", proof.as_str()), ("plan", "0123456789abcdef0123456789abcdef"), ("sure", "yes")];
    assert_eq!(browser.post(&format!("{job}/approve"), &form).await.status, 403);
    browser.act(&format!("{job}/reject"), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_that_a_job_has_changed_and_end_with_it() {
    let (_server, _, admin, browser) = server().await;
    let base = hundred(&admin).await;
    let job = upload(&browser, &base, "ref\nr0\n").await;
    settled(&browser, &job).await;
    let events = browser.load(&format!("{job}/events?seen=PENDING-0-0")).await;
    assert_eq!(header(&events, "content-type").unwrap(), "text/event-stream");
    assert_eq!(events.text.matches("data: changed").count(), 1, "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_cancelled_only_after_a_question() {
    let (server, _, admin, browser) = server().await;
    let base = hundred(&admin).await;
    let rows: String = (0..2_000).map(|n| format!("r{n},Name{n}\n")).collect();
    let job = upload(&browser, &base, &format!("ref,first_name\n{rows}")).await;
    let (ask, form) = (format!("{job}/cancel"), format!("action=\"{job}/cancel\""));
    // It may go on, or wait for approval by now; it is asked about only if it goes on.
    assert!(!browser.page(&job).await.contains(&form), "the page of the job has a link, which asks first");
    let question = browser.page(&ask).await;
    assert_ne!(question.contains(&form), question.contains("nothing to cancel"), "{question}");
    assert!(settled(&browser, &job).await.contains("waits for approval"), "asking cancels nothing");
    let question = browser.page(&ask).await;
    assert!(question.contains("nothing to cancel") && !question.contains(&form), "{question}");
    let (_, secret) = token(&admin, json!({"access": "read"})).await;
    let reader = Browser::signed_in(&server, &secret).await;
    assert!(!reader.page(&ask).await.contains(&form));
    assert_eq!(reader.post(&ask, &[("proof", &*reader.proof().await)]).await.status, 403);
    assert_eq!(browser.act(&ask, &[]).await, job);
    assert!(settled(&browser, &job).await.contains("cancelled"));
}
