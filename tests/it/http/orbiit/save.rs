//! `POST /members`: creates or changes, all rows or none.

use serde_json::{Value, json};

use super::{Orbiit, emails, member};
use crate::harness::Server;

/// The member with this e-mail address, as the first page shows it.
async fn shown(orbiit: &Orbiit, email: &str) -> Value {
    let page = orbiit.get("members").await.is(200);
    let nodes = page["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["email"] == email).unwrap_or_else(|| panic!("{page}")).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_finds_its_member_by_the_address_without_regard_to_case() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let first = orbiit.save(json!([member("ana@example.com"), member("bo@example.com")])).await;
    let rows = json!([
        {"email": "ANA@Example.com", "role": "QA"},
        {"email": "bo@example.com"},
        {"email": "bo@example.com", "firstName": "Ana"},
        member("cy@example.com"),
    ]);
    let saved = orbiit.save(rows).await;
    let of = |saved: &Value| (saved["id"].clone(), saved["email"].clone(), saved["outcome"].clone());
    let expected = [
        (first[0]["id"].clone(), json!("ANA@Example.com"), json!("updated")),
        (first[1]["id"].clone(), json!("bo@example.com"), json!("unchanged")),
        (first[1]["id"].clone(), json!("bo@example.com"), json!("unchanged")),
        (saved[3]["id"].clone(), json!("cy@example.com"), json!("created")),
    ];
    assert_eq!(saved.iter().map(of).collect::<Vec<_>>(), expected);
    assert_eq!(orbiit.get("members").await.is(200)["totalCount"], 3);
    assert_eq!(orbiit.save(json!([])).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_name_is_required_only_of_new_members() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    for row in [json!({"email": "ana@example.com"}), json!({"email": "ana@example.com", "firstName": null})] {
        let refused = orbiit.call("POST", "members", Some(json!({"members": [row]}))).await;
        assert_eq!(refused.faults(400, "invalid_request"), ["members[0].firstName"]);
        assert_eq!(refused.body["reason"], "FIELD_REQUIRED");
    }
    orbiit.save(json!([member("ana@example.com"), {"email": "ana@example.com", "company": "X"}])).await;
    // Absent fields stay, and null clears.
    orbiit.save(json!([{"email": "ana@example.com", "lastName": "Li", "role": "QA"}])).await;
    let rows = json!([{"email": "ana@example.com", "firstName": null, "role": null, "fields": null}]);
    assert_eq!(orbiit.save(rows).await[0]["outcome"], "updated");
    let fields = json!({"first_name": null, "last_name": "Li", "role": null, "company": "X"});
    assert_eq!(shown(&orbiit, "ana@example.com").await["fields"], fields);
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_fields_are_the_attributes_of_the_schema() {
    let server = Server::start().await;
    let (orbiit, http) = Orbiit::base(&server).await;
    let types = [("size", "number"), ("shoe_size", "string"), ("langs", "array"), ("role", "string")];
    server.schema(&orbiit.workspace, &types).await;
    let fields = json!({"size": 5, "shoe_size": "L", "langs": ["en", "de"]});
    let row = json!({"email": "ana@example.com", "firstName": "Ana", "role": "QA", "fields": fields});
    orbiit.save(json!([row])).await;
    let all = json!({
        "first_name": "Ana", "last_name": null, "role": "QA", "company": null, "langs": ["en", "de"],
        "shoe_size": "L", "size": 5,
    });
    assert_eq!(shown(&orbiit, "ana@example.com").await["fields"], all);
    orbiit.save(json!([{"email": "ana@example.com", "fields": {"shoe_size": null, "size": 6.5}}])).await;
    let attributes = json!({"langs": ["en", "de"], "size": 6.5});
    let got = json!({"member_base_id": orbiit.workspace, "email": "ana@example.com"});
    assert_eq!(http.ok("member/get", got).await["attributes"], attributes);
    for (fields, path) in [
        (json!({"shoe_size": 5}), "members[0].fields.shoe_size"),
        (json!({"colour": "red"}), "members[0].fields.colour"),
        (json!({"size": {}}), "members[0].fields.size"),
        (json!({"first_name": "Bo"}), "members[0].fields.first_name"),
        (json!({"role": "Bo"}), "members[0].fields.role"),
        (json!([]), "members[0].fields"),
    ] {
        let rows = json!({"members": [{"email": "ana@example.com", "fields": fields}]});
        let refused = orbiit.call("POST", "members", Some(rows)).await;
        assert_eq!(refused.faults(400, "invalid_request"), [path], "{refused:?}");
    }
    // An attribute of the name of a field, made at another door, does not hide the field.
    let rows = json!([{"ref": "r", "email": "bo@example.com", "attributes": {"role": "other"}}]);
    http.ok("member/bulk-upsert", json!({"member_base_id": orbiit.workspace, "members": rows})).await;
    assert_eq!(shown(&orbiit, "bo@example.com").await["fields"]["role"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_faulty_row_keeps_all_rows_out_and_every_fault_is_reported() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let rows = json!([
        member("ana@example.com"),
        {"email": "no address", "firstName": "", "role": "x".repeat(300)},
        {"email": "bo@example.com"},
        {"firstName": "Cy"},
        {"email": null, "firstName": "Cy"},
    ]);
    let refused = orbiit.call("POST", "members", Some(json!({ "members": rows }))).await;
    let expected = [
        "members[1].email",
        "members[1].firstName",
        "members[1].role",
        "members[2].firstName",
        "members[3].email",
        "members[4].email",
    ];
    assert_eq!(refused.faults(400, "invalid_request"), expected, "{refused:?}");
    assert_eq!(refused.body["error"], "4 of 5 rows cannot be applied, so nothing was written");
    assert!(!refused.text.contains("no address"));
    assert!(emails(&orbiit.get("members").await.is(200)).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_another_structure_are_refused_with_all_their_faults() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    let cases = [
        (json!({}), vec!["members"]),
        (json!({"members": {}}), vec!["members"]),
        (json!({"members": ["a"]}), vec!["members[0]"]),
        (json!({"members": [], "member": []}), vec!["member"]),
        (
            json!({"members": [{"email": 5, "first_name": "Ana"}]}),
            vec!["members[0].email", "members[0].first_name"],
        ),
    ];
    for (body, expected) in cases {
        let refused = orbiit.call("POST", "members", Some(body)).await;
        assert_eq!(refused.faults(400, "invalid_request"), expected, "{refused:?}");
    }
    let bare = orbiit.send("POST", "members", "application/json", b"[]").await;
    assert_eq!(bare.faults(400, "invalid_request"), [""]);
    let twice = br#"{"members": [], "members": []}"#;
    let twice = orbiit.send("POST", "members", "application/json", twice).await;
    assert_eq!(twice.faults(400, "invalid_request"), ["members"]);
    let kind = orbiit.send("POST", "members", "text/plain", b"{}").await;
    assert!(kind.faults(415, "unsupported_media_type").is_empty());
    let query = orbiit.call("POST", "members?dryRun=true", Some(json!({"members": []}))).await;
    assert_eq!(query.faults(400, "invalid_request"), ["dryRun"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_up_to_ten_thousand_rows() {
    let server = Server::start().await;
    let (orbiit, _) = Orbiit::base(&server).await;
    assert_eq!(orbiit.filled(10_000).await.len(), 10_000);
    assert_eq!(orbiit.get("members?limit=1").await.is(200)["totalCount"], 10_000);
    let rows: Vec<Value> = (0..10_001).map(|number| member(&format!("n{number}@example.com"))).collect();
    let refused = orbiit.call("POST", "members", Some(json!({ "members": rows }))).await;
    assert!(refused.faults(400, "invalid_request").is_empty());
    assert_eq!(refused.body["reason"], "ATOMIC_TOO_LARGE");
    assert_eq!(refused.body["error"], "members may have at most 10000 rows; this request has 10001");
    assert_eq!(orbiit.get("members?limit=1").await.is(200)["totalCount"], 10_000);
}
