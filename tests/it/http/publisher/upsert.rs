//! `member/bulk-upsert`: all rows or none, in the order of the request.

use serde_json::{Value, json};

use crate::harness::Server;
use crate::http::{Http, guard_off};

/// More rows than fit into one commit.
const MANY: usize = 25_000;

async fn get(http: &Http, base: &str, r#ref: &str) -> Value {
    http.ok("member/get", json!({"member_base_id": base, "ref": r#ref})).await
}

async fn upsert(http: &Http, base: &str, members: Value) -> Value {
    http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": members})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_field_stays_and_null_clears_it() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let full = json!({
        "ref": "a", "email": "a@x.com", "first_name": "Ada", "last_name": "L", "phone": "+44 20 7946 0958",
        "worker_id": "w1", "tier": "Gold", "status": "invited", "dob": "1990-02-03", "gender": "Female",
        "role": "Chief", "company": "Acme", "enable_payroll": true,
        "account_details": {"eu": {"account_holder": "Ada", "iban": "DE89370400440532013000"}},
    });
    upsert(&http, &base, json!([full])).await;
    let before = get(&http, &base, "a").await;
    for (field, value) in full.as_object().unwrap() {
        if field != "phone" {
            assert_eq!(&before[field], value, "{field}");
        }
    }
    upsert(&http, &base, json!([{"ref": "a", "first_name": "Eva"}])).await;
    let after = get(&http, &base, "a").await;
    assert_eq!((&after["first_name"], &after["email"]), (&json!("Eva"), &json!("a@x.com")));
    let nulls = json!({
        "ref": "a", "email": null, "first_name": null, "phone": null, "worker_id": null, "tier": null, "dob": null,
        "gender": null, "role": null, "company": null, "enable_payroll": null, "account_details": null,
    });
    upsert(&http, &base, json!([nulls])).await;
    let cleared = get(&http, &base, "a").await;
    for field in nulls.as_object().unwrap().keys().filter(|field| *field != "ref") {
        assert!(cleared.get(field).is_none(), "{field}: {cleared}");
    }
    assert_eq!((&cleared["last_name"], &cleared["status"]), (&json!("L"), &json!("invited")));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rows_with_one_ref_are_applied_in_order_and_have_one_id() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let rows = json!([{"ref": "a", "tier": "Gold"}, {"ref": "b"}, {"ref": "a", "tier": "Silver"}]);
    let ids = upsert(&http, &base, rows).await;
    assert_eq!((&ids[0], ids.as_array().unwrap().len()), (&ids[2], 3));
    assert_ne!(ids[0], ids[1]);
    assert_eq!(get(&http, &base, "a").await["tier"], "Silver");
    assert_eq!(upsert(&http, &base, json!([])).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_row_prevents_every_write_and_all_bad_rows_are_reported() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    upsert(&http, &base, json!([{"ref": "taken", "email": "taken@x.com"}])).await;
    let rows = json!([
        {"ref": "good"},
        {"ref": "", "email": "nobody"},
        {"email": "x@x.com"},
        {"ref": "late", "email": "taken@x.com"},
    ]);
    let reply = http.call("member/bulk-upsert", json!({"member_base_id": base, "members": rows})).await;
    let data = reply.refused(400, "bad_request");
    assert_eq!((&data["failed"], &data["path"]), (&json!(3), &json!("members[1].ref")));
    let found: Vec<(u64, &str, &str)> = data["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let text = |field: &str| row[field].as_str().unwrap();
            assert!(!text("message").is_empty());
            (row["index"].as_u64().unwrap(), text("code"), text("path"))
        })
        .collect();
    assert_eq!(
        found,
        [
            (1, "REF_INVALID", "members[1].ref"),
            (2, "REF_MISSING", "members[2].ref"),
            (3, "EMAIL_TAKEN", "members[3].email"),
        ]
    );
    assert_eq!(data["rows"][2]["ref"], "late");
    let holder = get(&http, &base, "taken").await["id"].as_str().unwrap().to_owned();
    let message = data["rows"][2]["message"].as_str().unwrap();
    assert!(message.contains(&holder), "the holder of the address is not in {message:?}");
    assert_eq!(http.refs(&base, json!({})).await, ["taken"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_members_may_swap_unique_values_in_one_call() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    upsert(&http, &base, json!([{"ref": "a", "email": "1@x.com"}, {"ref": "b", "email": "2@x.com"}])).await;
    upsert(&http, &base, json!([{"ref": "a", "email": "2@x.com"}, {"ref": "b", "email": "1@x.com"}])).await;
    assert_eq!(get(&http, &base, "a").await["email"], "2@x.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_are_applied_all_or_none_and_without_other_writes_in_between() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    http.ok("member-base/update", json!({"id": base, "guard_limits": guard_off()})).await;
    let rows = |tier: &str| -> Vec<Value> {
        (0..MANY)
            .map(|i| json!({"ref": format!("r{i}"), "email": format!("{i}@x.com"), "tier": tier}))
            .collect()
    };
    let mut bad = rows("Gold");
    bad.push(json!({"ref": "another", "email": "7@x.com"}));
    let reply = http.call("member/bulk-upsert", json!({"member_base_id": base, "members": bad})).await;
    let data = reply.refused(400, "bad_request");
    assert_eq!((&data["failed"], &data["rows"][0]["index"]), (&json!(1), &json!(MANY)));
    assert_eq!(http.ok("member-base/get", json!({"id": base})).await["counts"]["total"], 0);

    let ids = upsert(&http, &base, rows("Gold").into()).await;
    assert_eq!(ids.as_array().unwrap().len(), MANY);
    // Other writers wait until a large call is done, so its revisions have no gap.
    let other = {
        let (http, base) = (http.clone(), base.clone());
        tokio::spawn(async move {
            for i in 0..20 {
                upsert(&http, &base, json!([{"ref": "other", "company": format!("c{i}")}])).await;
            }
        })
    };
    assert_eq!(upsert(&http, &base, rows("Silver").into()).await, ids);
    other.await.unwrap();
    let mut revisions = std::collections::BTreeSet::new();
    let mut request = json!({"member_base_id": base, "pagination": {"limit": 5000}, "filters": [{"key": "tier", "eq": "Silver"}]});
    loop {
        let page = http.ok("member/list", request.clone()).await;
        revisions.extend(
            page["data"].as_array().unwrap().iter().map(|member| member["revision"].as_u64().unwrap()),
        );
        if page["page"]["more"] == false {
            break;
        }
        request["pagination"]["cursor"] = page["page"]["cursor"].clone();
    }
    let (first, last) = (*revisions.first().unwrap(), *revisions.last().unwrap());
    assert_eq!(usize::try_from(last - first + 1).unwrap(), revisions.len());
    assert!(revisions.len() > 1);
    assert_eq!(get(&http, &base, "r7").await["id"], ids[7]);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_a_body_are_reported_with_their_path() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let cases = [
        (json!({"members": []}), "member_base_id"),
        (json!({"member_base_id": base}), "members"),
        (json!({"member_base_id": base, "members": {}}), "members"),
        (json!({"member_base_id": base, "members": [], "mode": 1}), "mode"),
        (json!({"member_base_id": base, "members": [1]}), "members[0]"),
        (json!({"member_base_id": base, "members": [["a"]]}), "members[0]"),
        (json!({"member_base_id": base, "members": [{"ref": "a"}, {"ref": 5}]}), "members[1].ref"),
        (json!({"member_base_id": base, "members": [{"ref": "a", "shoe_size": 5}]}), "members[0].shoe_size"),
        (
            json!({"member_base_id": base, "members": [{"ref": "a", "account_details": {"uk": {}}}]}),
            "members[0].account_details.uk.account_holder",
        ),
    ];
    for (body, path) in cases {
        let reply = http.call("member/bulk-upsert", body.clone()).await;
        assert_eq!(reply.refused(400, "bad_request")["path"], path, "{body}");
    }
    let unknown = json!({"member_base_id": "mb_00000000000000000000000000", "members": [{"ref": "a"}]});
    http.call("member/bulk-upsert", unknown).await.refused(404, "not_found");
    assert!(http.refs(&base, json!({})).await.is_empty());
}
