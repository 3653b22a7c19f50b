//! Records of members: `transaction/…`, `wallet.clip/…` and `stamp-collection/…`

mod clip;
mod stamps;
mod transaction;

use memberbase::api::grpc::v1::record_service_client::RecordServiceClient;
use memberbase::api::grpc::v1::{BulkDeleteMembersRequest, ExportRecordsRequest, RecordCounts};
use serde_json::{Value, json};

use crate::harness::Server;
use crate::http::Http;

/// A well-formed id that no store ever assigned.
const NO_MEMBER: &str = "m_00000000000000000000000000";

/// A memberbase with members `a` and `b`, and their ids.
async fn world(http: &Http) -> (String, Vec<String>) {
    let base = http.base().await;
    let rows = json!([{"ref": "a"}, {"ref": "b"}]);
    let ids = http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": rows})).await;
    (base, serde_json::from_value(ids).unwrap())
}

/// `value` with these fields added or replaced.
fn with(mut value: Value, more: Value) -> Value {
    for (name, more) in more.as_object().unwrap() {
        value[name] = more.clone();
    }
    value
}

/// A transaction with only the required fields.
pub fn event(member_id: &str, external_id: &str) -> Value {
    json!({
        "member_id": member_id, "external_id": external_id, "auth_code": "A1B2", "network": "visa",
        "bin": "411111", "merchant_id": "mer_1", "authed_at": "2026-02-03T04:05:06Z",
    })
}

/// One field of all records that a call lists, from all pages.
async fn listed(http: &Http, call: &str, mut request: Value, field: &str) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let page = http.ok(call, request.clone()).await;
        let data = page["data"].as_array().unwrap();
        assert_eq!(page["page"]["page_size"], data.len());
        assert_eq!(page["page"]["more"], !page["page"]["cursor"].is_null());
        seen.extend(data.iter().map(|record| record[field].as_str().unwrap().to_owned()));
        if page["page"]["more"] == false {
            return seen;
        }
        request["pagination"]["cursor"] = page["page"]["cursor"].clone();
    }
}

/// Every call about records, with a valid body for the member.
fn every_call(member_id: &str) -> Vec<(&'static str, Value)> {
    let member = |more: Value| with(json!({"member_id": member_id}), more);
    vec![
        ("wallet.clip/save", member(json!({"creative_id": "dc_1"}))),
        ("wallet.clip/list-with-creative", member(json!({}))),
        ("wallet.clip/delete", member(json!({"creative_id": "dc_1"}))),
        ("stamp-collection/create", member(json!({"loyalty_program_id": "lp_1", "external_id": "sc_1"}))),
        ("stamp-collection/list", member(json!({}))),
        ("stamp-collection/add-stamps", member(json!({"external_id": "sc_1", "stamps": 1}))),
        ("transaction/ingest", json!({"events": [event(member_id, "t1")]})),
        ("transaction/list", member(json!({}))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_finds_records_of_a_deleted_member() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let (base, ids) = world(&http).await;
    for (call, body) in every_call(&ids[0]) {
        http.ok(call, body).await;
    }
    for id in ["m_1", "mb_00000000000000000000000000", ""] {
        for (call, body) in every_call(id) {
            let reply = http.call(call, body).await;
            let path = reply.refused(400, "bad_request")["path"].as_str().unwrap();
            assert!(path.ends_with("member_id"), "{call}: {path}");
        }
    }
    http.ok("member/bulk-delete", json!({"member_base_id": base, "refs": ["a"]})).await;
    let (elsewhere, gone) = world(&http).await;
    http.ok("member-base/delete", json!({"id": elsewhere})).await;
    for id in [NO_MEMBER, &ids[0], &gone[0]] {
        for (call, body) in every_call(id) {
            let reply = http.call(call, body).await;
            assert_eq!(reply.refused(404, "not_found")["resource"], "member", "{call}");
        }
    }
    // A new member with the same ref has no records.
    let again = json!({"member_base_id": base, "members": [{"ref": "a"}]});
    let id = http.ok("member/bulk-upsert", again).await[0].clone();
    for call in ["wallet.clip/list-with-creative", "stamp-collection/list", "transaction/list"] {
        assert_eq!(http.ok(call, json!({"member_id": id})).await["data"], json!([]), "{call}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_deleted_with_its_data_in_one_commit_and_no_member_inherits_it() {
    const TRANSACTIONS: usize = 100_000;
    let server = Server::start().await;
    let http = Http::new(&server);
    let (base, ids) = world(&http).await;
    let id = ids[0].as_str();
    let types = json!({"plan": {"type": "string"}, "points": {"type": "number"}, "vip": {"type": "boolean"}});
    http.ok("attribute.schema/set", json!({"member_base_id": base, "schema": types})).await;
    let attributes = json!({"plan": "pro", "points": 5, "vip": true});
    let row = json!({"ref": "a", "attributes": attributes});
    http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": [row]})).await;
    for creative in ["dc_1", "dc_2"] {
        http.ok("wallet.clip/save", json!({"member_id": id, "creative_id": creative})).await;
    }
    let enrolment = json!({"member_id": id, "loyalty_program_id": "lp_1", "external_id": "sc_1"});
    http.ok("stamp-collection/create", enrolment).await;
    for part in 0..TRANSACTIONS / 5_000 {
        let events: Vec<_> = (0..5_000).map(|i| event(id, &format!("t{}", part * 5_000 + i))).collect();
        let done = http.ok("transaction/ingest", json!({"events": events})).await;
        assert_eq!(done["created"], 5_000);
    }
    let revision =
        || async { http.ok("member-base/get", json!({"id": base})).await["revision"].as_u64().unwrap() };
    let before = revision().await;
    let request = BulkDeleteMembersRequest {
        member_base_id: base.clone(),
        member_ids: vec![id.to_owned()],
        ..Default::default()
    };
    let reply = server.members().bulk_delete_members(request).await.unwrap().into_inner();
    let gone = RecordCounts { clips: 2, stamp_collections: 1, transactions: TRANSACTIONS as u64 };
    assert_eq!((reply.deleted, reply.records, reply.revision), (1, Some(gone), before + 1));
    assert_eq!(revision().await, before + 1);

    let of_member = [("member/get", json!({"id": id})), ("member.attributes/list", json!({"member_id": id}))];
    for (call, body) in every_call(id).into_iter().chain(of_member) {
        assert_eq!(http.call(call, body).await.refused(404, "not_found")["resource"], "member", "{call}");
    }
    let again = json!({"member_base_id": base, "members": [{"ref": "a"}]});
    let new = http.ok("member/bulk-upsert", again).await[0].clone();
    assert_ne!(new, json!(id));
    assert_eq!(http.ok("member/get", json!({"id": new})).await["attributes"], json!({}));
    for call in [
        "wallet.clip/list-with-creative",
        "stamp-collection/list",
        "transaction/list",
        "member.attributes/list",
    ] {
        assert_eq!(http.ok(call, json!({"member_id": new})).await["data"], json!([]), "{call}");
    }
    // External ids of deleted records are free, even before the records are purged.
    let reused = json!({"events": [event(new.as_str().unwrap(), "t0"), event(&ids[1], "t1")]});
    assert_eq!(http.ok("transaction/ingest", reused).await["created"], 2);
    let export = ExportRecordsRequest { member_base_id: base, ..Default::default() };
    let mut stream =
        RecordServiceClient::new(server.channel()).export_records(export).await.unwrap().into_inner();
    let mut left = 0;
    while let Some(part) = stream.message().await.unwrap() {
        left += part.clips.len() + part.stamp_collections.len() + part.transactions.len();
    }
    assert_eq!(left, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_name_fields_that_are_missing_unknown_or_mistyped() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let (_, ids) = world(&http).await;
    for (call, body) in every_call(&ids[0]) {
        let (body, under) = match body.get("events") {
            Some(events) => (events[0].clone(), "events[0]."),
            None => (body, ""),
        };
        let send = async |body: Value| match under {
            "" => http.call(call, body).await,
            _ => http.call(call, json!({"events": [body]})).await,
        };
        for field in body.as_object().unwrap().keys() {
            let reply = send(with(body.clone(), json!({field: {}}))).await;
            assert_eq!(reply.refused(400, "bad_request")["path"], format!("{under}{field}"), "{call}");
            let mut without = body.clone();
            without.as_object_mut().unwrap().remove(field);
            let reply = send(without).await;
            let path = reply.refused(400, "bad_request")["path"].as_str().unwrap();
            assert!(
                [format!("{under}{field}").as_str(), "id"].contains(&path),
                "{call} without {field}: {path}"
            );
        }
        let reply = send(with(body, json!({"colour": 1}))).await;
        assert_eq!(reply.refused(400, "bad_request")["path"], format!("{under}colour"), "{call}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_paged_in_both_orders_and_their_cursors_belong_to_them() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let (_, ids) = world(&http).await;
    let names: Vec<String> = (0..25).map(|i| format!("r{i:02}")).collect();
    let events: Vec<Value> = names.iter().map(|name| event(&ids[0], name)).collect();
    http.ok("transaction/ingest", json!({"events": events})).await;
    for name in &names {
        http.ok("wallet.clip/save", json!({"member_id": ids[0], "creative_id": name})).await;
        let enrolment = json!({"member_id": ids[0], "loyalty_program_id": "lp_1", "external_id": name});
        http.ok("stamp-collection/create", enrolment).await;
    }
    let reversed: Vec<String> = names.iter().rev().cloned().collect();
    // The call, the field that identifies a record, and whether the newest comes first by default.
    let calls = [
        ("transaction/list", "external_id", true),
        ("wallet.clip/list-with-creative", "creative_id", false),
        ("stamp-collection/list", "external_id", false),
    ];
    for (call, field, newest_first) in calls {
        let request = json!({"member_id": ids[0], "pagination": {"limit": 7}});
        let usual = if newest_first { &reversed } else { &names };
        assert_eq!(listed(&http, call, request.clone(), field).await, *usual, "{call}");
        for (direction, expected) in [("asc", &names), ("desc", &reversed)] {
            let sorts = json!({"sorts": [{"key": "created_at", "direction": direction}]});
            assert_eq!(listed(&http, call, with(request.clone(), sorts), field).await, *expected, "{call}");
        }
        let skipping = json!({"member_id": ids[0], "pagination": {"limit": 7, "skip": 20}});
        assert_eq!(listed(&http, call, skipping, field).await, usual[20..], "{call}");
        let cursor = http.ok(call, request).await["page"]["cursor"].clone();
        let paged = |id: &str, pagination: Value| json!({"member_id": id, "pagination": pagination});
        let cases = [
            (paged(&ids[1], json!({"cursor": cursor})), "pagination.cursor"),
            (paged(&ids[0], json!({"cursor": "x"})), "pagination.cursor"),
            (paged(&ids[0], json!({"limit": 0})), "pagination.limit"),
            (paged(&ids[0], json!({"skip": 10_001})), "pagination.skip"),
            (with(paged(&ids[0], json!({})), json!({"sorts": [{"key": "amount"}]})), "sorts[0].key"),
        ];
        for (request, path) in cases {
            let reply = http.call(call, request).await;
            assert_eq!(reply.refused(400, "bad_request")["path"], path, "{call}");
        }
        for (other, ..) in calls.iter().filter(|(other, ..)| *other != call) {
            let reply = http.call(other, paged(&ids[0], json!({"cursor": cursor}))).await;
            assert_eq!(reply.refused(400, "bad_request")["path"], "pagination.cursor", "{call} {other}");
        }
    }
}
