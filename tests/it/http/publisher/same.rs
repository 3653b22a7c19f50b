//! The same calls through gRPC and through this door have the same results and lead to the same state.

mod grpc;

use std::collections::BTreeMap;

use memberbase::api::error::reason_of;
use serde_json::{Value, json};

use self::grpc::Grpc;
use super::record::event;
use crate::harness::Server;
use crate::http::Http;

/// Calls in their order, each with its body. The text `$a` stands for the id of member `a`; the test adds the
/// memberbase to calls that need it.
fn cases() -> Vec<(&'static str, Value)> {
    let rows = |rows: Value| ("member/bulk-upsert", json!({ "members": rows }));
    let set = |entries: Value| ("member.attributes/set", json!({ "attributes": entries }));
    let value =
        |id: &str, key: &str, value: Value| json!({"member_id": id, "attribute_key": key, "value": value});
    let ingest = |events: Vec<Value>| ("transaction/ingest", json!({ "events": events }));
    let types = json!({
        "plan": {"type": "string"}, "points": {"type": "number"}, "vip": {"type": "boolean"}, "since": {"type": "date"},
        "tags": {"type": "array"},
    });
    let content = json!({"title": "5 % off", "parts": [1, 2.5, null, {"x": true}]});
    let mut cleared = event("$a", "t1");
    cleared["cleared_at"] = json!("2026-02-04T00:00:00.5Z");
    cleared["amount"] = json!(-1299);
    let mut bad = event("$a", "t9");
    bad["bin"] = json!("12");
    vec![
        rows(json!([{"ref": "a"}, {"ref": "b", "email": "B@x.com", "tier": "Gold"}])),
        rows(
            json!([{"ref": "a", "first_name": "Ada", "status": "inactive"}, {"ref": "c", "status": "invited"}]),
        ),
        rows(json!([{"ref": "b", "email": "b2@x.com"}, {"ref": "d", "email": "b@x.com"}])),
        // Refused as a whole: the e-mail address is taken.
        rows(json!([{"ref": "e"}, {"ref": "f", "email": "b2@X.com"}])),
        // Refused as a whole: the phone number is invalid.
        rows(json!([{"ref": "g"}, {"ref": "h", "phone": "12"}])),
        rows(json!([{"ref": "a", "role": "x"}, {"ref": "a", "role": "y", "worker_id": "w"}])),
        rows(
            json!([{"ref": "Grün", "company": "O'Neil & Söhne", "dob": "1999-12-31", "enable_payroll": false}]),
        ),
        // Refused: the schema does not have the attribute yet.
        set(json!([value("$a", "plan", json!("x"))])),
        ("attribute.schema/set", json!({ "schema": types })),
        ("attribute.schema/set", json!({"schema": {"a b": {"type": "string"}}})),
        rows(json!([{"ref": "a", "attributes": {"plan": "pro", "since": "2026-02-03T05:06:07+01:00"}}])),
        rows(json!([{"ref": "b", "attributes": {"points": "many"}}])),
        set(json!([
            value("$a", "points", json!(41)),
            value("$b", "vip", json!(true)),
            value("$b", "tags", json!(["x", "y"])),
            value("$a", "plan", Value::Null),
            value("$c", "points", json!(0.5)),
            value("$d", "plan", json!("d")),
        ])),
        set(json!([value("$a", "plan", json!("never")), value("$b", "points", json!("many"))])),
        set(json!([value("$a", "plan", json!("never")), value("$nobody", "plan", json!("x"))])),
        set(json!([value("m_1", "plan", json!("x"))])),
        ("attribute.schema/set", json!({"schema": {"plan": {"type": "string"}}})),
        ("member.attributes/delete", json!({"member_ids": ["$b"], "attribute_keys": ["tags"]})),
        ("member.attributes/delete", json!({})),
        ("wallet.clip/save", json!({"member_id": "$a", "creative_id": "dc_1"})),
        (
            "wallet.clip/save",
            json!({
                "member_id": "$a", "creative_id": "dc_1", "deal_id": "deal_1", "deal_creative_content": content,
                "redeemed_at": "2026-02-03T04:05:06.25Z",
            }),
        ),
        ("wallet.clip/save", json!({"member_id": "$a", "creative_id": "dc_2", "variant_id": "v"})),
        (
            "wallet.clip/save",
            json!({"member_id": "$b", "creative_id": "dc_1", "deal_creative_format": "banner"}),
        ),
        ("wallet.clip/save", json!({"member_id": "$b", "creative_id": ""})),
        (
            "wallet.clip/save",
            json!({"member_id": "$b", "creative_id": "x", "deal_creative_content": {"n": 1e300}}),
        ),
        ("wallet.clip/delete", json!({"member_id": "$a", "creative_id": "dc_2"})),
        ("wallet.clip/delete", json!({"member_id": "$a", "creative_id": "dc_2"})),
        ("wallet.clip/delete", json!({"member_id": "$a"})),
        (
            "stamp-collection/create",
            json!({"member_id": "$a", "loyalty_program_id": "lp_1", "external_id": "sc_1"}),
        ),
        (
            "stamp-collection/create",
            json!({"member_id": "$a", "loyalty_program_id": "lp_2", "external_id": "sc_1"}),
        ),
        (
            "stamp-collection/create",
            json!({"member_id": "$d", "loyalty_program_id": "lp_1", "external_id": "sc_1"}),
        ),
        ("stamp-collection/add-stamps", json!({"member_id": "$a", "external_id": "sc_1", "stamps": 3})),
        ("stamp-collection/add-stamps", json!({"member_id": "$a", "external_id": "sc_1", "stamps": 3})),
        ("stamp-collection/add-stamps", json!({"member_id": "$a", "external_id": "sc_1", "stamps": 0})),
        ("stamp-collection/add-stamps", json!({"member_id": "$b", "external_id": "sc_1", "stamps": 1})),
        ingest(vec![event("$a", "t1"), event("$b", "t2"), event("$a", "t1"), event("$d", "t3")]),
        ingest(vec![cleared, event("$a", "t4")]),
        ingest(vec![event("$a", "t5"), bad]),
        ingest(vec![event("$a", "t5"), event("$a", "t2")]),
        ingest(vec![event("$a", "t5"), event("$nobody", "t6")]),
        // Deletes `d` with its records; a new member gets its ref.
        ("member/bulk-delete", json!({"member_ids": ["$d", "$nobody"], "refs": ["c", "nobody"]})),
        ("wallet.clip/save", json!({"member_id": "$d", "creative_id": "dc_1"})),
        set(json!([value("$d", "plan", json!("x"))])),
        ("stamp-collection/add-stamps", json!({"member_id": "$d", "external_id": "sc_1", "stamps": 1})),
        rows(json!([{"ref": "d"}])),
        // The external id of the deleted transaction is free again.
        ingest(vec![event("$b", "t3")]),
        ("member/bulk-delete", json!({"member_ids": ["m_1"]})),
        ("member.attributes/delete", json!({"attribute_keys": ["vip"]})),
        (
            "attribute.schema/set",
            json!({"schema": {"plan": {"type": "string"}, "points": {"type": "number"}, "since": {"type": "date"}}}),
        ),
    ]
}

/// Replaces refs in a body by the ids of members, and adds the memberbase.
fn fill(call: &str, body: &Value, base: &str, ids: &BTreeMap<String, String>) -> Value {
    let nobody = format!("m_{}", "0".repeat(26));
    fn place(value: &Value, find: &impl Fn(&str) -> String) -> Value {
        match value {
            Value::String(text) => text.strip_prefix('$').map_or_else(|| text.clone(), find).into(),
            Value::Array(items) => items.iter().map(|item| place(item, find)).collect(),
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(name, value)| (name.clone(), place(value, find))).collect())
            }
            other => other.clone(),
        }
    }
    let mut body = place(body, &|name| ids.get(name).unwrap_or(&nobody).clone());
    if call.starts_with("member") || call.starts_with("attribute") {
        body["member_base_id"] = base.into();
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn both_doors_give_the_same_results_and_the_same_state() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let grpc = Grpc::new(&server);
    let (left, right) = (http.base().await, http.base().await);
    let (mut left_ids, mut right_ids) = (BTreeMap::new(), BTreeMap::new());
    let mut refused = 0;
    for (call, body) in cases() {
        let through_grpc = grpc.call(call, &fill(call, &body, &left, &left_ids)).await;
        let reply = http.call(call, fill(call, &body, &right, &right_ids)).await;
        match through_grpc {
            Ok(()) => assert_eq!(reply.status, 200, "{call} {body}: {reply:?}"),
            Err(status) => {
                refused += 1;
                assert_ne!(reply.status, 200, "{call} {body}: {status:?}");
                let data = &reply.body["error"]["data"];
                // A bulk call reports a reason for each of its rows.
                let reason = data.get("reason").unwrap_or(&data["rows"][0]["code"]);
                assert_eq!(reason.as_str(), reason_of(&status).as_deref(), "{call} {body}: {reply:?}");
            }
        }
        // The ids of deleted members stay known.
        left_ids.extend(ids(&http, &left).await);
        right_ids.extend(ids(&http, &right).await);
    }
    assert!(refused > 15, "{refused}");
    let (left, right) = (state(&http, &left).await, state(&http, &right).await);
    assert_eq!(left, right);
    assert_eq!(left["members"].as_object().unwrap().len(), 4);
    assert_eq!(left["members"]["a"]["records"][2].as_array().unwrap().len(), 2);
}

async fn ids(http: &Http, base: &str) -> BTreeMap<String, String> {
    let page = http.ok("member/list", json!({"member_base_id": base})).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| (text(&member["ref"]), text(&member["id"])))
        .collect()
}

/// The visible content of a memberbase, without ids and times.
async fn state(http: &Http, base: &str) -> Value {
    let mut members = serde_json::Map::new();
    for (name, id) in ids(http, base).await {
        let member = http.ok("member/get", json!({"id": id})).await;
        let mut records = Vec::new();
        for call in ["wallet.clip/list-with-creative", "stamp-collection/list", "transaction/list"] {
            records.push(http.ok(call, json!({"member_id": id})).await["data"].clone());
        }
        members.insert(name, json!({"member": member, "records": records}));
    }
    let schema = http.ok("attribute.schema/get", json!({"member_base_id": base})).await;
    let shown = http.ok("member-base/get", json!({"id": base})).await;
    let mut state = json!({"members": members, "schema": schema, "base": shown});
    strip(&mut state);
    state
}

fn strip(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Object(fields) => {
            fields.retain(|name, _| {
                !["id", "member_base_id", "member_id", "created_at", "updated_at"].contains(&name.as_str())
            });
            fields.values_mut().for_each(strip);
        }
        _ => {}
    }
}
