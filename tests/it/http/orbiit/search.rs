//! `GET /members?search=`: members by the beginnings of words.

use serde_json::{Value, json};

use super::{Orbiit, emails};
use crate::harness::Server;

/// The parameter with this text.
fn search(text: &str) -> String {
    let escaped: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    format!("search={escaped}")
}

/// The members that a search finds, from the oldest on, by the first letter of their addresses.
async fn found(orbiit: &Orbiit, text: &str) -> String {
    let page = orbiit.get(&format!("members?sortDirection=ASC&{}", search(text))).await.is(200);
    let found = emails(&page);
    assert_eq!((&page["totalCount"], page["pageInfo"].get("totalIsMinimum")), (&json!(found.len()), None));
    found.iter().map(|email| &email[..1]).collect()
}

async fn people(orbiit: &Orbiit) {
    let person = |[email, first, last, role, company]: [&str; 5]| {
        json!({
            "email": email, "firstName": first, "lastName": last, "role": role, "company": company,
        })
    };
    let members = json!([
        person(["a@one.example", "José María", "O'Brien", "Engineer II", "Acme, Inc."]),
        person(["b@two.example", "JOSE", "Muñoz", "Courier", "Acme Works"]),
        person(["c@three.example", "Андрей", "Ёлкин", "Водитель", "Завод"]),
        {"email": "d@two.example", "firstName": "太郎"},
    ]);
    orbiit.save(members).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_matches_the_beginnings_of_words_of_seven_fields() {
    let server = Server::start().await;
    let (orbiit, http) = Orbiit::base(&server).await;
    people(&orbiit).await;
    let row = json!({"ref": "crm-7f", "worker_id": "W-0042", "email": "e@five.example"});
    http.ok("member/bulk-upsert", json!({"member_base_id": orbiit.workspace, "members": [row]})).await;
    for (text, expected) in [
        ("josé", "ab"),
        ("JOS", "ab"),
        ("maria", "a"),
        ("mar jos", "a"),
        ("brien", "a"),
        ("munoz", "b"),
        ("engi", "a"),
        ("courier acme", "b"),
        ("acm", "ab"),
        ("елк", "c"),
        ("太", "d"),
        ("two", "bd"),
        ("d@two", "d"),
        ("crm-7", "e"),
        ("0042", "e"),
        ("ose", ""),
        ("josex", ""),
    ] {
        assert_eq!(found(&orbiit, text).await, expected, "{text}");
    }
    // An empty one is none.
    assert_eq!(found(&orbiit, "").await, "abcde");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_goes_together_with_an_audience() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    people(&orbiit).await;
    let made = orbiit.call("POST", "audiences", Some(json!({"name": "Two"}))).await.is(200);
    let audience = made["id"].as_str().unwrap();
    let filter = json!({"filter": [{"key": "email", "regex": {"pattern": "@two"}}]});
    orbiit.call("PATCH", &format!("audiences/{audience}"), Some(filter)).await.is(200);
    let jose = search("jose");
    for path in
        [format!("members?audienceId={audience}&{jose}"), format!("audiences/{audience}/members?{jose}")]
    {
        let page = orbiit.get(&path).await.is(200);
        assert_eq!((emails(&page), &page["totalCount"]), (vec!["b@two.example"], &json!(1)), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_search_follow_each_other_and_cursors_belong_to_their_search() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let name = |number: usize| ["Anabel", "Anatole"][number % 2];
    let member = |number| json!({"email": format!("m{number}@example.com"), "firstName": name(number)});
    orbiit.save((0..100).map(member).collect()).await;
    let path = format!("members?limit=20&{}", search("anabel"));
    let (mut members, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = orbiit.get(&format!("{path}&cursor={cursor}")).await.is(200);
        let info = &page["pageInfo"];
        assert_eq!((&page["totalCount"], &info["hasPreviousPage"]), (&json!(50), &json!(!cursor.is_empty())));
        members.extend(emails(&page).into_iter().map(str::to_owned));
        cursor = info["endCursor"].as_str().unwrap().to_owned();
        if info["hasNextPage"] == false {
            break;
        }
    }
    let expected: Vec<String> = (0..50).rev().map(|n| format!("m{}@example.com", 2 * n)).collect();
    assert_eq!(members, expected);
    for other in ["search=anatole&", ""] {
        let refused = orbiit.get(&format!("members?{other}cursor={cursor}")).await;
        assert_eq!(refused.faults(400, "invalid_request"), ["cursor"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_total_is_exact_up_to_ten_thousand_matches() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let member =
        |name: &str, number: usize| json!({"email": format!("m{number}@x.example"), "firstName": name});
    orbiit.save((0..10_000).map(|number| member("Anabel", number)).collect()).await;
    // More members begin alike than a page checks.
    for part in 1..3 {
        let others = (0..10_000).map(|number| member("Anatole", 10_000 * part + number));
        orbiit.save(others.collect()).await;
    }
    let total = async |text: &str| {
        let page = orbiit.get(&format!("members?limit=1&sortDirection=ASC&{}", search(text))).await.is(200);
        (page["totalCount"].clone(), page["pageInfo"].get("totalIsMinimum").cloned())
    };
    let is_minimum = Some(Value::Bool(true));
    assert_eq!(total("anabel").await, (json!(10_000), None));
    assert_eq!(total("ana").await, (json!(10_000), is_minimum.clone()));
    assert_eq!(total("anatole").await, (json!(10_000), is_minimum.clone()));
    orbiit.save(json!([member("Anabel", 30_000)])).await;
    assert_eq!(total("anabel").await, (json!(10_000), is_minimum));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_without_words_or_that_is_too_long_is_refused() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let words: String = (0..17).map(|number| format!("w{number} ")).collect();
    for text in ["@", " ", &"a".repeat(257), &words] {
        let refused = orbiit.get(&format!("members?{}", search(text))).await;
        assert_eq!(refused.faults(400, "invalid_request"), ["search"], "{text}");
    }
    let twice = orbiit.get("members?search=a&search=b").await;
    assert_eq!(twice.faults(400, "invalid_request"), ["search"]);
}
