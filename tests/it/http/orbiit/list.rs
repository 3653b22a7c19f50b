//! `GET /members`: pages, cursors and totals.

use serde_json::{Value, json};

use super::{Orbiit, emails, member};
use crate::harness::Server;

/// `m0@example.com` to `m4@example.com`, as they were created.
fn address(number: usize) -> String {
    format!("m{number}@example.com")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_has_empty_cursors() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let info = json!({"hasNextPage": false, "hasPreviousPage": false, "startCursor": "", "endCursor": ""});
    let expected = json!({"totalCount": 0, "nodes": [], "pageInfo": info});
    assert_eq!(orbiit.get("members").await.is(200), expected);
    assert_eq!(orbiit.get("members?cursor=&after=&sortDirection=ASC").await.is(200), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_in_both_directions() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    orbiit.filled(5).await;
    for (direction, order) in [("DESC", [4, 3, 2, 1, 0]), ("ASC", [0, 1, 2, 3, 4])] {
        for name in ["cursor", "after"] {
            let (mut found, mut cursor) = (Vec::new(), String::new());
            loop {
                let path = format!("members?limit=2&sortDirection={direction}&{name}={cursor}");
                let page = orbiit.get(&path).await.is(200);
                assert_eq!(page["totalCount"], 5);
                let info = &page["pageInfo"];
                assert_eq!(info["hasPreviousPage"], !cursor.is_empty(), "{page}");
                found.extend(emails(&page).into_iter().map(str::to_owned));
                cursor = info["endCursor"].as_str().unwrap().to_owned();
                // After the first member comes the second.
                let start = info["startCursor"].as_str().unwrap();
                let path = format!("members?limit=1&sortDirection={direction}&{name}={start}");
                let next = orbiit.get(&path).await.is(200);
                assert_eq!(next["nodes"].get(0), page["nodes"].get(1).or(next["nodes"].get(0)));
                if info["hasNextPage"] == false {
                    break;
                }
            }
            assert_eq!(found, order.map(address), "{direction} {name}");
        }
    }
    let default = orbiit.get("members").await.is(200);
    assert_eq!(emails(&default), [4, 3, 2, 1, 0].map(address));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_thirty_members_unless_it_says_otherwise_and_a_thousand_at_most() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    orbiit.filled(1_001).await;
    for (query, expected, more) in [
        ("", 30, true),
        ("?limit=1", 1, true),
        ("?limit=1000", 1_000, true),
        ("?limit=1000&sortDirection=ASC", 1_000, true),
    ] {
        let page = orbiit.get(&format!("members{query}")).await.is(200);
        assert_eq!(page["nodes"].as_array().unwrap().len(), expected, "{query}");
        assert_eq!((&page["totalCount"], &page["pageInfo"]["hasNextPage"]), (&json!(1_001), &json!(more)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_hold_while_others_write() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let ids = orbiit.filled(6).await;
    let first = orbiit.get("members?limit=2").await.is(200);
    assert_eq!(emails(&first), [5, 4].map(address));
    // New members, changed members, and the deletion of the member of the cursor move nothing.
    orbiit.save(json!([member("new@example.com"), {"email": address(3), "role": "QA"}])).await;
    let doomed = json!({"memberIds": [ids[4], ids[2]]});
    assert_eq!(orbiit.call("DELETE", "members", Some(doomed)).await.is(200), json!({"deletedCount": 2}));
    let cursor = first["pageInfo"]["endCursor"].as_str().unwrap();
    let second = orbiit.get(&format!("members?limit=2&cursor={cursor}")).await.is(200);
    assert_eq!(emails(&second), [3, 1].map(address));
    assert_eq!(second["totalCount"], 5);
    assert_eq!(
        (&second["pageInfo"]["hasNextPage"], &second["pageInfo"]["hasPreviousPage"]),
        (&json!(true), &json!(true))
    );
    // Whoever is at the end of the list finds the members that come later.
    let ascending = orbiit.get("members?sortDirection=ASC").await.is(200);
    let end = ascending["pageInfo"]["endCursor"].as_str().unwrap();
    let later = format!("members?sortDirection=ASC&cursor={end}");
    let none = orbiit.get(&later).await.is(200);
    assert_eq!((emails(&none), &none["pageInfo"]["endCursor"]), (Vec::new(), &json!("")));
    assert_eq!(none["pageInfo"]["hasPreviousPage"], true);
    orbiit.save(json!([member("later@example.com")])).await;
    assert_eq!(emails(&orbiit.get(&later).await.is(200)), ["later@example.com"]);
    // When all earlier members are gone, there is no previous page.
    let page = orbiit.get("members?sortDirection=ASC&limit=1").await.is(200);
    let id = page["nodes"][0]["_id"].clone();
    let cursor = page["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
    orbiit.call("DELETE", "members", Some(json!({"memberIds": [id]}))).await.is(200);
    let page = orbiit.get(&format!("members?sortDirection=ASC&cursor={cursor}")).await.is(200);
    assert_eq!(page["pageInfo"]["hasPreviousPage"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_parameter_is_reported() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    orbiit.filled(2).await;
    let page = orbiit.get("members?limit=1").await.is(200);
    let cursor = page["pageInfo"]["endCursor"].as_str().unwrap();
    let other = format!("sortDirection=ASC&after={cursor}");
    let cases: [(&str, &[&str]); 9] = [
        ("limit=0", &["limit"]),
        ("limit=1001", &["limit"]),
        ("limit=ten&sortDirection=asc", &["limit", "sortDirection"]),
        ("take=5&page=2", &["take", "page"]),
        ("limit=1&limit=2", &["limit"]),
        ("limit=%ff", &["query"]),
        ("cursor=eyJpZCI6IjMwNjI2MzZmNzEzODcxNzQ2MTc1NzU2YiJ9", &["cursor"]),
        // A cursor belongs to the direction of its list.
        (&other, &["after"]),
        ("cursor=a&after=b", &["after"]),
    ];
    for (query, expected) in cases {
        let refused = orbiit.get(&format!("members?{query}")).await;
        assert_eq!(refused.faults(400, "invalid_request"), expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_other_doors_show_what_they_lack_as_null() {
    let server = Server::start().await;
    let (orbiit, http) = Orbiit::base(&server).await;
    let rows = json!({"member_base_id": orbiit.workspace, "members": [{"ref": "r", "status": "inactive"}]});
    let id = http.ok("member/bulk-upsert", rows).await[0].clone();
    let fields = json!({"first_name": null, "last_name": null, "role": null, "company": null});
    let expected = json!({"_id": id, "email": Value::Null, "fields": fields});
    let page = orbiit.get("members").await.is(200);
    assert_eq!((&page["nodes"], &page["totalCount"]), (&json!([expected]), &json!(1)));
}
