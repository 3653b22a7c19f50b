//! OpenAPI 3.1 documents of the JSON doors, made of the types of their calls: a field that a handler has is in the
//! document because it is in the handler's type.
//!
//! Nothing here knows a call. Each door walks through the same list of calls for its routes and for its document.

pub mod values;

use std::sync::{Arc, OnceLock};

use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::Door;
use super::named::{IDEMPOTENCY_KEY, REPLAYED};
use crate::model::limits::REQUEST_ID_MAX_CHARS;

/// Where a document is, under the prefix of its door.
pub const NAME: &str = "openapi.json";

/// A document in the making.
pub struct Document {
    requests: SchemaGenerator,
    replies: SchemaGenerator,
    paths: Map<String, Value>,
}

impl Document {
    /// A document without calls.
    pub fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
            settings.transforms.push(Box::new(RecursiveTransform(close)));
        });
        let replies = settings.clone().for_serialize().into_generator();
        Self { requests: settings.into_generator(), replies, paths: Map::new() }
    }

    /// The schema of what callers send.
    pub fn request<T: JsonSchema>(&mut self) -> Value {
        closed(self.requests.subschema_for::<T>())
    }

    /// The schema of what the server answers.
    pub fn reply<T: JsonSchema>(&mut self) -> Value {
        closed(self.replies.subschema_for::<T>())
    }

    /// Adds a call.
    pub fn add(&mut self, path: &str, method: &str, operation: Value) {
        let item = self.paths.entry(path).or_insert_with(|| json!({}));
        if let Some(methods) = item.as_object_mut() {
            methods.insert(method.to_lowercase(), operation);
        }
    }

    /// The document, with the parts that are the door's own: title and description, security schemes by name.
    pub fn finish(mut self, title: &str, description: &str, schemes: &Value) -> Value {
        let mut schemas = self.requests.take_definitions(true);
        schemas.extend(self.replies.take_definitions(true));
        let security: Vec<Value> =
            schemes.as_object().into_iter().flat_map(Map::keys).map(|name| json!({ name: [] })).collect();
        json!({
            "openapi": "3.1.0",
            "info": { "title": title, "description": description, "version": env!("CARGO_PKG_VERSION") },
            "servers": [{ "url": "/" }],
            "security": security,
            "paths": self.paths,
            "components": { "schemas": schemas, "securitySchemes": schemes },
        })
    }
}

/// A body of JSON.
pub fn content(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// What a status means, in the documents of both doors.
fn describe(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "The body or a parameter is wrong.",
        401 => "No token, or one that is not valid, expired or revoked.",
        403 => "The token does not allow this.",
        404 => "What the call is about does not exist.",
        408 => "The body came too slowly.",
        409 => "The state does not allow it.",
        422 => "The name of the request was used for another one.",
        413 => "The body is too large.",
        415 => "The content type is not `application/json`.",
        429 => {
            "More than the token's limits allow, or than the server can take; `Retry-After` says when to come back."
        }
        503 => {
            "Starting, stopping, or too much waiting; `Retry-After` says when to come back, if that is known."
        }
        500 => "A fault of the service; only its log has the text.",
        _ => "Done.",
    }
}

/// The statuses that calls which change something may answer with besides: a request of this name runs, or was another one.
const OF_NAMES: [StatusCode; 2] = [StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY];

/// What a call may answer.
pub struct Answers {
    /// The status of its success.
    pub success: StatusCode,
    /// The schema of its reply.
    pub reply: Value,
    /// The schema of its refusals.
    pub envelope: Value,
    /// The headers that every refusal has.
    pub headers: Map<String, Value>,
    /// Whether its requests may have names.
    pub is_named: bool,
}

impl Answers {
    /// The answers by status, with refusals of these statuses.
    pub fn with<'a>(&self, refusals: impl Iterator<Item = &'a StatusCode>) -> Map<String, Value> {
        let replayed = if self.is_named { replayed() } else { json!({}) };
        let done = json!({ "description": "Done.", "content": content(&self.reply), "headers": replayed });
        let mut answers = Map::from_iter([(self.success.as_u16().to_string(), done)]);
        for status in refusals.chain(OF_NAMES.iter().filter(|_| self.is_named)) {
            let mut headers = headers(*status);
            headers.extend(self.headers.clone());
            let refused = json!({
                "description": describe(*status), "content": content(&self.envelope), "headers": headers,
            });
            answers.insert(status.as_u16().to_string(), refused);
        }
        answers
    }
}

/// The headers of an answer with this status.
fn headers(status: StatusCode) -> Map<String, Value> {
    let (name, schema, description, is_required) = match status.as_u16() {
        401 => ("WWW-Authenticate", json!({ "type": "string" }), "How to authenticate.", true),
        429 => ("Retry-After", json!({ "type": "integer", "minimum": 0 }), "Seconds to wait.", true),
        503 => ("Retry-After", json!({ "type": "integer", "minimum": 0 }), "Seconds to wait.", false),
        _ => return Map::new(),
    };
    let header = json!({ "schema": schema, "description": description, "required": is_required });
    Map::from_iter([(name.to_owned(), header)])
}

/// The header by which a request names itself, so that it can be sent again.
pub fn request_name() -> Value {
    json!({
        "name": IDEMPOTENCY_KEY, "in": "header", "required": false,
        "schema": { "type": "string", "pattern": format!("^[!-~]{{1,{REQUEST_ID_MAX_CHARS}}}$") },
        "description": "Names the request: sent again under its name, it is done once.",
    })
}

/// The header of an answer that was given before.
fn replayed() -> Value {
    let schema = json!({ "type": "string", "enum": ["true"] });
    json!({ REPLAYED: { "schema": schema, "description": "The request was done before.", "required": false } })
}

/// The route of a document, which is made when it is first asked for. It needs no token: it says nothing of any store.
pub fn serve(document: fn() -> Value) -> MethodRouter<Door> {
    let made = Arc::new(OnceLock::<Bytes>::new());
    get(move || async move {
        let bytes = made.get_or_init(|| document().to_string().into());
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        (headers, bytes.clone())
    })
}

/// Exactly one of these fields is given, `null` being none.
pub fn one_of(schema: &mut Schema, fields: &[&str]) {
    let given: Vec<Value> = fields.iter().map(|field| given(field)).collect();
    schema.insert("oneOf".to_owned(), given.into());
}

/// At least one of these fields is given, `null` being none.
pub fn any_of(schema: &mut Schema, fields: &[&str]) {
    let given: Vec<Value> = fields.iter().map(|field| given(field)).collect();
    schema.insert("anyOf".to_owned(), given.into());
}

/// The schema of an object that has this field, and not as `null`.
pub fn given(field: &str) -> Value {
    json!({ "required": [field], "properties": { field: { "not": { "type": "null" } } } })
}

fn closed(mut schema: Schema) -> Value {
    schemars::transform::transform_subschemas(&mut RecursiveTransform(close), &mut schema);
    close(&mut schema);
    schema.to_value()
}

/// An object has the fields that are listed and no others, unless its schema says so itself. Sizes of integers in Rust are
/// no business of readers.
fn close(schema: &mut Schema) {
    let is_format = |format: &Value| format.as_str().is_some_and(|name| name.contains("int"));
    if schema.get("format").is_some_and(is_format) {
        schema.remove("format");
    }
    let is_object = schema.get("type").is_some_and(|kind| kind == "object");
    if is_object && schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
}
