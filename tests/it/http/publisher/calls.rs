//! Every call of this door, for tests that try them all.

use serde_json::{Value, json};

use crate::http::Http;

/// A memberbase and one of its members.
pub struct Place {
    pub base: String,
    pub member: String,
}

impl Place {
    pub async fn new(admin: &Http) -> Self {
        let base = admin.base().await;
        let rows = json!({"member_base_id": base, "members": [{"ref": "a"}]});
        let member = admin.ok("member/bulk-upsert", rows).await[0].as_str().unwrap().to_owned();
        Self { base, member }
    }

    /// Well-formed ids that no store ever assigned.
    pub fn nowhere() -> Self {
        Self { base: format!("mb_{}", "0".repeat(26)), member: format!("m_{}", "0".repeat(26)) }
    }

    /// Every call about a memberbase, with the access level that it needs.
    pub fn base_calls(&self) -> Vec<(&'static str, &'static str, Value)> {
        let base = &self.base;
        vec![
            ("member-base/get", "read", json!({"id": base})),
            ("member-base/update", "admin", json!({"id": base, "name": "X"})),
            ("member-base/delete", "admin", json!({"id": base})),
            ("member-base/undelete", "admin", json!({"id": base})),
            ("member/bulk-upsert", "write", json!({"member_base_id": base, "members": [{"ref": "b"}]})),
            ("member/get", "read", json!({"member_base_id": base, "ref": "a"})),
            ("member/list", "read", json!({"member_base_id": base})),
            ("member/list-changes", "read", json!({"member_base_id": base, "ref": "a"})),
            ("attribute.schema/set", "write", json!({"member_base_id": base, "schema": {}})),
            ("attribute.schema/get", "read", json!({"member_base_id": base})),
            ("member.attributes/set", "write", json!({"member_base_id": base, "attributes": []})),
            ("member.attributes/delete", "write", json!({"member_base_id": base, "delete_all": true})),
            ("member/bulk-delete", "write", json!({"member_base_id": base, "refs": ["b"]})),
        ]
    }

    /// Every call about a member without its memberbase, with the access level that it needs.
    pub fn member_calls(&self) -> Vec<(&'static str, &'static str, Value)> {
        let id = &self.member;
        let stamps = json!({"member_id": id, "external_id": "sc_1", "loyalty_program_id": "lp_1"});
        vec![
            ("member/get", "read", json!({"id": id})),
            ("member/list-changes", "read", json!({"id": id})),
            ("member.attributes/list", "read", json!({"member_id": id})),
            ("wallet.clip/save", "write", json!({"member_id": id, "creative_id": "dc_1"})),
            ("wallet.clip/list-with-creative", "read", json!({"member_id": id})),
            ("wallet.clip/delete", "write", json!({"member_id": id, "creative_id": "dc_1"})),
            ("stamp-collection/create", "write", stamps),
            ("stamp-collection/list", "read", json!({"member_id": id})),
            (
                "stamp-collection/add-stamps",
                "write",
                json!({"member_id": id, "external_id": "sc_1", "stamps": 1}),
            ),
            ("transaction/ingest", "write", json!({"events": [super::record::event(id, "t1")]})),
            ("transaction/list", "read", json!({"member_id": id})),
        ]
    }

    pub fn every_call(&self) -> Vec<(&'static str, &'static str, Value)> {
        [self.member_calls(), self.base_calls()].concat()
    }
}

/// Every call about the store as a whole.
pub fn every_store_call() -> Vec<(&'static str, Value)> {
    vec![
        ("member-base/create", json!({"name": "X"})),
        ("api-token/create", json!({"access": "read"})),
        ("api-token/list", json!({})),
        ("api-token/revoke", json!({"id": "atok_00000000000000000000000000"})),
    ]
}
