//! `stamp-collection/…`

use serde_json::{Value, json};

use super::{with, world};
use crate::harness::Server;
use crate::http::Http;

#[tokio::test(flavor = "multi_thread")]
async fn stamps_are_counted_in_the_collection_of_one_program() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let (_, ids) = world(&http).await;
    let enrolment = json!({"member_id": ids[0], "loyalty_program_id": "lp_1", "external_id": "sc_1"});
    let made = http.ok("stamp-collection/create", enrolment.clone()).await;
    assert!(made["id"].as_str().unwrap().starts_with("sc_"));
    let rest = json!({
        "id": made["id"], "stamps": 0, "created_at": made["created_at"], "updated_at": made["created_at"],
    });
    assert_eq!(made, with(enrolment.clone(), rest));
    assert_eq!(http.ok("stamp-collection/create", enrolment.clone()).await, made);
    let other = with(enrolment.clone(), json!({"loyalty_program_id": "lp_2"}));
    let reply = http.call("stamp-collection/create", other).await;
    let data = reply.refused(409, "conflict");
    assert_eq!((&data["path"], &data["reason"]), (&json!("external_id"), &json!("STAMP_COLLECTION_TAKEN")));
    // The same external id is free for another member.
    http.ok("stamp-collection/create", with(enrolment, json!({"member_id": ids[1]}))).await;

    let add = async |more: Value| {
        http.call("stamp-collection/add-stamps", with(json!({"member_id": ids[0]}), more)).await
    };
    assert_eq!(add(json!({"id": made["id"], "stamps": 3})).await.body["stamps"], 3);
    let added = add(json!({"external_id": "sc_1", "stamps": 1_000_000})).await.body;
    assert_eq!(added["stamps"], 1_000_003);
    assert_eq!((&added["id"], &added["created_at"]), (&made["id"], &made["created_at"]));
    let listed = http.ok("stamp-collection/list", json!({"member_id": ids[0]})).await;
    assert_eq!(listed["data"], json!([added]));
}

#[tokio::test(flavor = "multi_thread")]
async fn stamps_are_added_to_one_existing_collection_within_limits() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let (_, ids) = world(&http).await;
    let enrolment = json!({"member_id": ids[0], "loyalty_program_id": "lp_1", "external_id": "sc_1"});
    let id = http.ok("stamp-collection/create", enrolment).await["id"].clone();
    let cases = [
        (json!({"stamps": 1}), 400, "bad_request", "id"),
        (json!({"id": id, "external_id": "sc_1", "stamps": 1}), 400, "bad_request", "id"),
        (json!({"id": "dclip_00000000000000000000000000", "stamps": 1}), 400, "bad_request", "id"),
        (json!({"id": id, "stamps": 0}), 400, "bad_request", "stamps"),
        (json!({"id": id, "stamps": -1}), 400, "bad_request", "stamps"),
        (json!({"id": id, "stamps": 1_000_001}), 400, "bad_request", "stamps"),
        (json!({"id": id, "stamps": 1.5}), 400, "bad_request", "stamps"),
    ];
    for (more, status, code, path) in cases {
        let body = with(json!({"member_id": ids[0]}), more);
        let reply = http.call("stamp-collection/add-stamps", body.clone()).await;
        assert_eq!(reply.refused(status, code)["path"], path, "{body}");
    }
    for (member, more) in [(&ids[0], json!({"external_id": "sc_9"})), (&ids[1], json!({"id": id}))] {
        let body = with(json!({"member_id": member, "stamps": 1}), more);
        let reply = http.call("stamp-collection/add-stamps", body).await;
        assert_eq!(reply.refused(404, "not_found")["resource"], "record");
    }
    let listed = http.ok("stamp-collection/list", json!({"member_id": ids[0]})).await;
    assert_eq!(listed["data"][0]["stamps"], 0);
}
