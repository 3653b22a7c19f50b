//! `attribute.schema/…`, `member.attributes/…`, and how the schema applies to rows.

use memberbase::api::grpc::v1::attribute_service_client::AttributeServiceClient;
use memberbase::api::grpc::v1::{self, BulkMode};
use serde_json::{Value, json};
use tonic::Code;

use crate::harness::{Server, members, number, refused, row, row_reason, text};
use crate::http::{Http, guard_off};

fn schema() -> Value {
    json!({
        "plan": {"type": "string"}, "points": {"type": "number"}, "vip": {"type": "boolean"},
        "since": {"type": "date"}, "tags": {"type": "array"},
    })
}

/// A memberbase with a schema and members `a`, `b` and `c`, and their ids.
async fn world(http: &Http) -> (String, Vec<String>) {
    let base = http.base().await;
    http.ok("attribute.schema/set", json!({"member_base_id": base, "schema": schema()})).await;
    let rows = json!([{"ref": "a"}, {"ref": "b"}, {"ref": "c"}]);
    let ids = http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": rows})).await;
    (base, serde_json::from_value(ids).unwrap())
}

async fn attributes(http: &Http, id: &str) -> Value {
    http.ok("member/get", json!({"id": id})).await["attributes"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_is_set_and_an_identical_one_changes_nothing() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let base = http.base().await;
    let empty = http.ok("attribute.schema/get", json!({"member_base_id": base})).await;
    assert_eq!((&empty["schema"], &empty["updated_at"]), (&json!({}), &Value::Null));
    let set = http.ok("attribute.schema/set", json!({"member_base_id": base, "schema": schema()})).await;
    assert_eq!((&set["schema"], &set["member_base_id"]), (&schema(), &json!(base)));
    assert!(set["id"].as_str().unwrap().starts_with("as_") && set["created_at"].is_string());
    let revision = http.ok("member-base/get", json!({"id": base})).await["revision"].clone();
    assert_eq!(
        http.ok("attribute.schema/set", json!({"member_base_id": base, "schema": schema()})).await,
        set
    );
    assert_eq!(http.ok("attribute.schema/get", json!({"member_base_id": base})).await, set);
    assert_eq!(http.ok("member-base/get", json!({"id": base})).await["revision"], revision);
    let other = http.base().await;
    assert_eq!(http.ok("attribute.schema/get", json!({"member_base_id": other})).await["schema"], json!({}));
    let cases = [
        (json!({"a b": {"type": "string"}}), "schema.a b"),
        (json!({"a": {"type": "text"}}), "schema.a.type"),
        (json!({"a": {"type": "string", "unique": true}}), "schema.a.unique"),
        (json!({"a": "string"}), "schema.a"),
        (json!({"a": {}}), "schema.a.type"),
        (json!([]), "schema"),
        (Value::Object((0..101).map(|i| (format!("k{i}"), json!({"type": "string"}))).collect()), "schema"),
    ];
    for (schema, path) in cases {
        let reply =
            http.call("attribute.schema/set", json!({"member_base_id": base, "schema": schema})).await;
        assert_eq!(reply.refused(400, "bad_request")["path"], path, "{schema}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_would_invalidate_values_is_refused_with_the_number_of_members() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let (base, ids) = world(&http).await;
    http.ok("member-base/update", json!({"id": base, "guard_limits": guard_off()})).await;
    let rows: Vec<Value> =
        (0..600).map(|i| json!({"ref": format!("r{i}"), "attributes": {"plan": "x"}})).collect();
    http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": rows})).await;
    let one = json!([{"member_id": ids[0], "attribute_key": "points", "value": 5}]);
    http.ok("member.attributes/set", json!({"member_base_id": base, "attributes": one})).await;
    let mut fewer = schema();
    fewer.as_object_mut().unwrap().remove("plan");
    fewer["points"]["type"] = json!("string");
    fewer["vip"]["type"] = json!("date");
    let change = json!({"member_base_id": base, "schema": fewer});
    let reply = http.call("attribute.schema/set", change.clone()).await;
    let data = reply.refused(409, "invalid_schema_modification");
    assert_eq!(data["members"], 601);
    let paths: Vec<&Value> =
        data["violations"].as_array().unwrap().iter().map(|fault| &fault["path"]).collect();
    assert_eq!(paths, ["schema.plan", "schema.points"]);
    assert!(data["violations"][0]["message"].as_str().unwrap().contains("600 members"));
    assert_eq!(http.ok("attribute.schema/get", json!({"member_base_id": base})).await["schema"], schema());
    // The same change succeeds once the values are deleted.
    let keys = json!({"member_base_id": base, "attribute_keys": ["plan", "points"]});
    assert_eq!(http.ok("member.attributes/delete", keys.clone()).await, json!({"deleted": 601}));
    assert_eq!(http.ok("member.attributes/delete", keys).await, json!({"deleted": 0}));
    assert_eq!(http.ok("attribute.schema/set", change).await["schema"], fewer);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_merge_attributes_and_obey_the_schema() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let (base, ids) = world(&http).await;
    let upsert = async |attributes: Value| {
        let rows = json!([{"ref": "a", "attributes": attributes}]);
        http.call("member/bulk-upsert", json!({"member_base_id": base, "members": rows})).await
    };
    let all = json!({
        "plan": "pro", "points": 41, "vip": true, "since": "2026-02-03T05:06:07+01:00", "tags": ["x", "y"],
    });
    assert_eq!(upsert(all.clone()).await.status, 200);
    let mut stored = all;
    stored["since"] = json!("2026-02-03T04:06:07Z");
    assert_eq!(attributes(&http, &ids[0]).await, stored);
    let revision = http.ok("member/get", json!({"id": ids[0]})).await["revision"].clone();
    // The same instant in another notation is the same value.
    upsert(json!({"since": "2026-02-03T04:06:07.000Z"})).await;
    assert_eq!(http.ok("member/get", json!({"id": ids[0]})).await["revision"], revision);
    upsert(json!({"plan": null, "points": 0.5})).await;
    stored.as_object_mut().unwrap().remove("plan");
    stored["points"] = json!(0.5);
    assert_eq!(attributes(&http, &ids[0]).await, stored);
    for (bad, code, path) in [
        (json!({"plan": 5}), "INVALID_ATTRIBUTE_KEY", "members[0].attributes.plan"),
        (json!({"points": "5"}), "INVALID_ATTRIBUTE_KEY", "members[0].attributes.points"),
        (json!({"since": "yesterday"}), "INVALID_ATTRIBUTE_KEY", "members[0].attributes.since"),
        (json!({"tags": "x"}), "INVALID_ATTRIBUTE_KEY", "members[0].attributes.tags"),
        (json!({"shoe": 5}), "INVALID_ATTRIBUTE_KEY", "members[0].attributes.shoe"),
        (json!({"points": 9_007_199_254_740_993_i64}), "ATTRIBUTE_INVALID", "members[0].attributes.points"),
        (json!({"plan": {}}), "ATTRIBUTE_INVALID", "members[0].attributes.plan"),
        (json!({"tags": [1]}), "ATTRIBUTE_INVALID", "members[0].attributes.tags"),
    ] {
        let reply = upsert(bad.clone()).await;
        let data = reply.refused(400, "bad_request");
        assert_eq!(
            (&data["rows"][0]["code"], &data["rows"][0]["path"]),
            (&json!(code), &json!(path)),
            "{bad}"
        );
    }
    assert_eq!(attributes(&http, &ids[0]).await, stored);
    let before = http.base().await;
    let rows = json!([{"ref": "a", "attributes": {"plan": "x"}}]);
    let reply = http.call("member/bulk-upsert", json!({"member_base_id": before, "members": rows})).await;
    assert_eq!(reply.refused(400, "bad_request")["rows"][0]["code"], "INVALID_ATTRIBUTE_KEY");
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_of_many_members_are_set_all_or_none() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let (base, ids) = world(&http).await;
    let entry =
        |id: &str, key: &str, value: Value| json!({"member_id": id, "attribute_key": key, "value": value});
    let set = async |entries: Vec<Value>| {
        http.call("member.attributes/set", json!({"member_base_id": base, "attributes": entries})).await
    };
    let entries = vec![
        entry(&ids[0], "plan", json!("a")),
        entry(&ids[1], "points", json!(7)),
        entry(&ids[0], "vip", json!(false)),
        entry(&ids[0], "plan", json!("b")),
    ];
    assert_eq!(set(entries.clone()).await.body, json!({"updated": 3}));
    assert_eq!(attributes(&http, &ids[0]).await, json!({"plan": "b", "vip": false}));
    assert_eq!(attributes(&http, &ids[1]).await, json!({"points": 7}));
    assert_eq!(set(entries).await.body, json!({"updated": 0}));
    assert_eq!(set(vec![entry(&ids[0], "vip", Value::Null)]).await.body, json!({"updated": 1}));
    assert_eq!(attributes(&http, &ids[0]).await, json!({"plan": "b"}));

    let elsewhere = world(&http).await.1;
    let cases = [
        (entry(&ids[0], "plan", json!(5)), 400, "invalid_attribute_key", "attributes[1].value"),
        (entry(&ids[0], "shoe", json!(5)), 400, "invalid_attribute_key", "attributes[1].attribute_key"),
        (entry(&ids[0], "a b", json!(5)), 400, "bad_request", "attributes[1].attribute_key"),
        (entry(&ids[0], "plan", json!({})), 400, "bad_request", "attributes[1].value"),
        (entry("m_1", "plan", json!("x")), 400, "bad_request", "attributes[1].member_id"),
        (entry(&elsewhere[0], "plan", json!("x")), 404, "not_found", "attributes[1].member_id"),
        (json!({"member_id": ids[0], "attribute_key": "plan"}), 400, "bad_request", "attributes[1].value"),
    ];
    for (bad, status, code, path) in cases {
        let reply = set(vec![entry(&ids[2], "plan", json!("never")), bad.clone()]).await;
        assert_eq!(reply.refused(status, code)["path"], path, "{bad}");
    }
    assert_eq!(attributes(&http, &ids[2]).await, json!({}));
    http.ok("member/bulk-delete", json!({"member_base_id": base, "member_ids": [ids[1]]})).await;
    let reply = set(vec![entry(&ids[2], "plan", json!("never")), entry(&ids[1], "plan", json!("x"))]).await;
    assert_eq!(reply.refused(404, "not_found")["path"], "attributes[1].member_id");
    assert_eq!(attributes(&http, &ids[2]).await, json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_are_deleted_by_member_by_key_or_all_and_listed_by_page() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let (base, ids) = world(&http).await;
    let rows: Vec<Value> = ["a", "b", "c"]
        .iter()
        .map(|r| json!({"ref": r, "attributes": {"plan": "x", "points": 1, "tags": ["t"]}}))
        .collect();
    http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": rows})).await;
    let first =
        http.ok("member.attributes/list", json!({"member_id": ids[0], "pagination": {"limit": 2}})).await;
    assert_eq!(first["data"][1], json!({"member_id": ids[0], "attribute_key": "points", "value": 1}));
    assert_eq!(first["page"]["more"], true);
    let cursor = &first["page"]["cursor"];
    let rest = http
        .ok("member.attributes/list", json!({"member_id": ids[0], "pagination": {"cursor": cursor}}))
        .await;
    assert_eq!(rest["data"], json!([{"member_id": ids[0], "attribute_key": "tags", "value": ["t"]}]));
    assert_eq!(rest["page"], json!({"page_size": 1, "cursor": null, "more": false}));
    let other =
        http.call("member.attributes/list", json!({"member_id": ids[1], "pagination": {"cursor": cursor}}));
    other.await.refused(400, "bad_request");

    let delete = async |body: Value| {
        let mut body = body;
        body["member_base_id"] = json!(base);
        http.call("member.attributes/delete", body).await
    };
    assert_eq!(
        delete(json!({"member_ids": [ids[0]], "attribute_keys": ["plan", "vip"]})).await.body,
        json!({"deleted": 1})
    );
    assert_eq!(attributes(&http, &ids[0]).await, json!({"points": 1, "tags": ["t"]}));
    assert_eq!(delete(json!({"attribute_keys": ["points"]})).await.body, json!({"deleted": 3}));
    let unknown = "m_00000000000000000000000000";
    assert_eq!(delete(json!({"member_ids": [ids[0], unknown]})).await.body, json!({"deleted": 1}));
    assert_eq!(delete(json!({"delete_all": true})).await.body, json!({"deleted": 4}));
    assert_eq!(attributes(&http, &ids[2]).await, json!({}));
    for (bad, path) in [
        (json!({}), "member_ids"),
        (json!({"delete_all": false}), "member_ids"),
        (json!({"delete_all": true, "attribute_keys": ["plan"]}), "delete_all"),
        (json!({"member_ids": ["x"]}), "member_ids[0]"),
        (json!({"attribute_keys": ["a b"]}), "attribute_keys[0]"),
    ] {
        assert_eq!(delete(bad.clone()).await.refused(400, "bad_request")["path"], path, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_and_numbers_are_filtered_by_value() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let (base, _) = world(&http).await;
    let rows = json!([
        {"ref": "a", "attributes": {"since": "2026-01-01", "points": 5, "plan": "2026-01-01"}},
        {"ref": "b", "attributes": {"since": "2026-01-01T00:00:00.5Z", "points": 10}},
        {"ref": "c", "attributes": {"since": "2025-12-31T23:30:00-01:00"}},
    ]);
    http.ok("member/bulk-upsert", json!({"member_base_id": base, "members": rows})).await;
    let cases = [
        (json!({"key": "attributes.since", "eq": "2026-01-01T00:00:00Z"}), &["a"][..]),
        (json!({"key": "attributes.since", "eq": "2026-01-01T01:00:00+01:00"}), &["a"]),
        (json!({"key": "attributes.since", "gt": "2026-01-01"}), &["b", "c"]),
        (json!({"key": "attributes.since", "lte": "2026-01-01T00:00:00.500Z"}), &["a", "b"]),
        (json!({"key": "attributes.since", "in": ["2026-01-01T00:30:00Z", "2026-01-01"]}), &["a", "c"]),
        (json!({"key": "attributes.plan", "eq": "2026-01-01"}), &["a"]),
        (json!({"key": "attributes.plan", "eq": "2026-01-01T00:00:00Z"}), &[]),
        (json!({"key": "attributes.plan", "in": ["2026-01-01"]}), &["a"]),
        (json!({"key": "attributes.points", "gte": 10}), &["b"]),
        (json!({"key": "attributes.points", "lt": 10}), &["a"]),
    ];
    for (filter, expected) in cases {
        assert_eq!(http.refs(&base, json!({"filters": [filter]})).await, expected, "{filter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_has_the_same_calls_with_the_same_meaning() {
    let server = Server::start().await;
    let http = Http::new(&server);
    let (base, ids) = world(&http).await;
    let mut client = AttributeServiceClient::new(server.channel());
    let get = v1::GetAttributeSchemaRequest { member_base_id: base.clone() };
    let found = client.get_attribute_schema(get).await.unwrap().into_inner().attribute_schema.unwrap();
    assert_eq!(found.schema["since"].r#type, "date");
    let attribute = |key: &str, value| v1::MemberAttribute {
        member_id: ids[0].clone(),
        attribute_key: key.into(),
        value: Some(value),
    };
    let set = |attributes| v1::SetMemberAttributesRequest {
        member_base_id: base.clone(),
        attributes,
        ..Default::default()
    };
    let good = set(vec![attribute("points", number(3.0)), attribute("since", text("2026-02-03"))]);
    assert_eq!(client.set_member_attributes(good).await.unwrap().into_inner().updated, 2);
    let bad = client.set_member_attributes(set(vec![attribute("points", text("3"))])).await.unwrap_err();
    assert_eq!(refused(&bad, Code::InvalidArgument, "INVALID_ATTRIBUTE_KEY"), ["attributes[0].value"]);
    let list = v1::ListMemberAttributesRequest { member_id: ids[0].clone(), ..Default::default() };
    let listed = client.list_member_attributes(list).await.unwrap().into_inner();
    assert_eq!(listed.attributes[1].value, Some(text("2026-02-03T00:00:00Z")));
    let schema =
        [("points".to_owned(), v1::AttributeDefinition { r#type: "string".into(), indexed: false })].into();
    let change = v1::SetAttributeSchemaRequest { member_base_id: base.clone(), schema, ..Default::default() };
    let status = client.set_attribute_schema(change).await.unwrap_err();
    let fields = refused(&status, Code::FailedPrecondition, "INVALID_SCHEMA_MODIFICATION");
    assert_eq!(fields, ["schema.points", "schema.since"]);

    // Rows in every mode must obey the schema as well.
    let attributes = Some(prost_types::Struct { fields: [("points".to_owned(), text("x"))].into() });
    for mode in [BulkMode::Partial, BulkMode::Atomic, BulkMode::ValidateOnly] {
        let request = v1::BulkUpsertMembersRequest {
            member_base_id: base.clone(),
            members: vec![v1::MemberInput { attributes: attributes.clone(), ..row("new") }],
            mode: mode.into(),
            ..Default::default()
        };
        let reply = members(&server.channel()).bulk_upsert_members(request).await.unwrap().into_inner();
        assert_eq!(row_reason(&reply.results[0]), "INVALID_ATTRIBUTE_KEY", "{mode:?}");
    }
    let delete =
        v1::DeleteMemberAttributesRequest { member_base_id: base, delete_all: true, ..Default::default() };
    assert_eq!(client.delete_member_attributes(delete).await.unwrap().into_inner().deleted, 2);
}
