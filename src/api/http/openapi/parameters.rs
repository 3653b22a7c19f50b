//! Headers of requests and of replies that several doors have.

use serde_json::{Map, Value, json};

use crate::api::http::expected::Expects;
use crate::api::http::idempotency::{IDEMPOTENCY_KEY, REPLAYED};
use crate::api::http::reply::TRACE_ID;
use crate::model::limits::{REQUEST_ID_MAX_CHARS, SAFE_INTEGER_MAX};

/// The header with the request id.
pub fn idempotency_key() -> Value {
    json!({
        "name": IDEMPOTENCY_KEY, "in": "header", "required": false,
        "schema": { "type": "string", "pattern": format!("^[!-~]{{1,{REQUEST_ID_MAX_CHARS}}}$") },
        "description": "The request id: a request that is sent again with the same id is applied once.",
    })
}

/// The header with the number of members that a request is meant to remove.
pub fn expected(expects: Expects) -> Value {
    json!({
        "name": expects.header(), "in": "header", "required": false,
        "schema": { "type": "integer", "minimum": 0, "maximum": SAFE_INTEGER_MAX },
        "description": expects.describe(),
    })
}

/// The header on the reply to a repeat.
pub fn replayed() -> Value {
    let schema = json!({ "type": "string", "enum": ["true"] });
    json!({ REPLAYED: { "schema": schema, "description": "The request was applied before.", "required": false } })
}

/// The headers of every refusal at doors that send trace ids in a header.
pub fn trace_id() -> Map<String, Value> {
    let header = json!({
        "schema": { "type": "string", "pattern": "^[0-9a-f]{16}$" }, "required": true,
        "description": "The same id is in the log line of the server about this error.",
    });
    Map::from_iter([(TRACE_ID.to_string(), header)])
}
