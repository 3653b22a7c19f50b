//! Searches and tiers.

use memberbase::api::grpc::v1;
use serde_json::{Value, json};

use super::{Onsi, member, with};
use crate::harness::Server;
use crate::http::Http;

/// More tiers than sets can hold.
const MANY_TIERS: usize = 4_200;

/// The addresses of a search's page, and its total.
async fn search(onsi: &Onsi, query: &str) -> (Vec<String>, u64) {
    let page = onsi.get(&format!("members{query}")).await.is(200);
    let emails = page["members"].as_array().unwrap().iter();
    let emails = emails.map(|member| member["email"].as_str().unwrap().to_owned()).collect();
    (emails, page["total"].as_u64().unwrap())
}

async fn upsert(http: &Http, base: &str, members: Vec<Value>) {
    http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": members})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_combine_with_and_and_their_values_with_or() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let mut ids = Vec::new();
    for (name, status, tier) in [
        ("a", "invited", "Gold"),
        ("b", "active", "Silver"),
        ("c", "inactive", "Gold"),
        ("d", "active", "Gold"),
    ] {
        let id = onsi.member(&format!("{name}+x@example.com"), status).await;
        let more = json!({"tier": tier, "workerId": format!("W {name}")});
        onsi.call("PATCH", &format!("members/{id}"), Some(more)).await.is(200);
        ids.push(id);
    }
    let publisher_id = ids[1].replace("mem_", "m_");
    let cases = [
        (String::new(), "abcd"),
        ("?statuses=active".into(), "bd"),
        ("?statuses=active&statuses=invited".into(), "abd"),
        ("?statuses[]=active&statuses%5B%5D=inactive".into(), "bcd"),
        ("?statuses[]=active&statuses=inactive".into(), "bcd"),
        ("?tiers=Gold".into(), "acd"),
        ("?tiers=Gold&statuses=active".into(), "d"),
        ("?emails=A%2BX%40EXAMPLE.com&emails=nobody%40example.com".into(), "a"),
        ("?workerIds=W+b&workerIds=W%20c&workerIds=w%20d".into(), "bc"),
        (format!("?memberIds={}&memberIds[]={publisher_id}", ids[0]), "ab"),
        (format!("?memberIds={}&statuses=active", ids[0]), ""),
        ("?memberIds=mem_00000000000000000000000000".into(), ""),
        ("?tiers=gold".into(), ""),
        ("?&".into(), "abcd"),
    ];
    for (query, expected) in cases {
        let (found, total) = search(&onsi, &query).await;
        let names: String = found.iter().map(|email| &email[..1]).collect();
        assert_eq!((names.as_str(), total), (expected, expected.len() as u64), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_parameter_is_reported() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    let long = format!("tiers={}&workerIds=a%0Ab", "x".repeat(65));
    let cases: [(&str, &[&str]); 15] = [
        ("take=0", &["take"]),
        ("take=501", &["take"]),
        ("take=ten", &["take"]),
        ("skip=-1&take=-1", &["skip", "take"]),
        ("skip=", &["skip"]),
        ("skip=1&skip=2", &["skip"]),
        ("limit=5&Take=5", &["limit", "Take"]),
        ("status=active", &["status"]),
        ("statuses=active&statuses=gone", &["statuses[1]"]),
        ("statuses=", &["statuses[0]"]),
        ("emails=a&memberIds=mem_1&memberIds=x", &["emails[0]", "memberIds[0]", "memberIds[1]"]),
        ("emails=a@b.cd&emails=&tiers=", &["emails[1]", "tiers[0]"]),
        ("emails=%ff", &["query"]),
        ("emails=@&emails=a@b@c.de&emails=a+b@c.de", &["emails[0]", "emails[1]", "emails[2]"]),
        (&long, &["tiers[0]", "workerIds[0]"]),
    ];
    for (query, paths) in cases {
        let reply = onsi.get(&format!("members?{query}")).await;
        let expected: Vec<_> = paths.iter().map(|path| ("QueryValidation", *path)).collect();
        assert_eq!(reply.issues(400), expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_the_requested_length_and_the_order_of_creation() {
    let server = Server::start().await;
    let (onsi, http, base) = Onsi::base(&server).await;
    let email = |number: usize| format!("{number:05}@example.com");
    // Members so large that a list with a cursor would end its page early.
    server.schema(&base, &["a", "b", "c", "d"].map(|key| (key, "string"))).await;
    let text = "x".repeat(4_000);
    let attributes = json!({"a": text, "b": text, "c": text, "d": text});
    let rows = (0..600)
        .map(|number| json!({"ref": number.to_string(), "email": email(number), "tier": "Gold", "attributes": attributes}))
        .collect();
    upsert(&http, &base, rows).await;
    let range = |from: usize, to: usize| (from..to).map(email).collect::<Vec<_>>();
    for (query, expected) in [
        ("", range(0, 50)),
        ("?take=500", range(0, 500)),
        ("?take=500&skip=500", range(500, 600)),
        ("?take=1&skip=599", range(599, 600)),
        ("?skip=600", Vec::new()),
        ("?skip=18446744073709551615&tiers=Gold", Vec::new()),
    ] {
        assert_eq!(search(&onsi, query).await, (expected, 600), "{query}");
    }
    let page = onsi.get("members?take=1&skip=599").await.is(200);
    assert_eq!((&page["skip"], &page["take"]), (&json!(599), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_from_other_doors_show_missing_fields_as_empty() {
    let server = Server::start().await;
    let (onsi, http, base) = Onsi::base(&server).await;
    upsert(&http, &base, vec![json!({"ref": "r1"})]).await;
    let page = onsi.get("members").await.is(200);
    let shown = &page["members"][0];
    let expected = json!({
        "email": "", "memberId": shown["memberId"], "firstName": "", "lastName": "", "phone": null, "tier": "",
        "workerId": null, "status": "invited", "accountDetails": null, "enablePayroll": false, "gender": null, "dob": null,
    });
    assert_eq!(shown, &expected);
    // The member can get an address in any status.
    let path = format!("members/{}", shown["memberId"].as_str().unwrap());
    onsi.call("POST", &format!("{path}/activate"), None).await.is(200);
    let after = onsi.call("PUT", &path, Some(member("a@example.com"))).await.is(200);
    assert_eq!((&after["email"], &after["status"]), (&json!("a@example.com"), &json!("active")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_tiers_has_the_tiers_of_members() {
    let server = Server::start().await;
    let (onsi, _, _) = Onsi::base(&server).await;
    assert_eq!(onsi.get("tiers").await.is(200), json!([]));
    for (number, tier) in ["Silver", "Gold", "Gold", "Bronze"].into_iter().enumerate() {
        onsi.create(with(member(&format!("{number}@example.com")), json!({"tier": tier}))).await;
    }
    assert_eq!(
        onsi.get("tiers").await.is(200),
        json!([{"name": "Bronze"}, {"name": "Gold"}, {"name": "Silver"}])
    );
    let page = onsi.get("members?tiers=Bronze").await.is(200);
    let path = format!("members/{}", page["members"][0]["memberId"].as_str().unwrap());
    onsi.call("PATCH", &path, Some(json!({"tier": "Gold"}))).await.is(200);
    assert_eq!(onsi.get("tiers").await.is(200), json!([{"name": "Gold"}, {"name": "Silver"}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_than_fixed_tiers_are_refused_and_all_fixed_ones_are_listed() {
    let server = Server::start().await;
    let (onsi, _, base) = Onsi::base(&server).await;
    let tiers = vec!["Silver".into(), "Gold".into()];
    let request = v1::SetTiersRequest { member_base_id: base, tiers, ..Default::default() };
    server.bases().set_tiers(request).await.unwrap();
    assert_eq!(onsi.get("tiers").await.is(200), json!([{"name": "Silver"}, {"name": "Gold"}]));
    let (_, id) = onsi.create(member("a@example.com")).await;
    let path = format!("members/{id}");
    let iron = |email: &str| with(member(email), json!({"tier": "Iron"}));
    let reply = onsi.call("POST", "members", Some(iron("b@example.com"))).await;
    assert_eq!(reply.issues(400), [("InvalidAddMemberPayload", "tier")]);
    assert_eq!(reply.body["issues"][0]["email"], "b@example.com");
    for (method, body) in [("PATCH", json!({"tier": "Iron"})), ("PUT", iron("a@example.com"))] {
        let reply = onsi.call(method, &path, Some(body)).await;
        assert_eq!(reply.issues(400), [("InvalidUpdateMemberPayload", "tier")], "{method}");
        assert_eq!(reply.body["issues"][0]["memberId"], json!(id));
    }
    assert_eq!(onsi.get(&path).await.is(200)["tier"], "Gold");
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_are_complete_even_without_an_index_of_the_tiers() {
    let server = Server::start().await;
    let (onsi, http, base) = Onsi::base(&server).await;
    let email = |number: usize| format!("{number:05}@example.com");
    let rows = (0..2 * MANY_TIERS).map(|number| {
        let tier = if number % 2 == 0 { "Gold".to_owned() } else { format!("t{number}") };
        json!({"ref": number.to_string(), "email": email(number), "tier": tier})
    });
    upsert(&http, &base, rows.collect()).await;
    let gold: Vec<String> = (0..MANY_TIERS).map(|number| email(2 * number)).collect();
    let total = gold.len() as u64;
    assert_eq!(search(&onsi, "?tiers=Gold&take=500").await, (gold[..500].to_vec(), total));
    assert_eq!(search(&onsi, "?tiers=Gold&take=500&skip=3900").await, (gold[3900..].to_vec(), total));
    assert_eq!(search(&onsi, "?tiers=t7&tiers=t9").await, (vec![email(7), email(9)], 2));
    assert_eq!(onsi.get("tiers").await.issues(409), [("Conflict", "-")]);
}
