//! `openapi.json`: this door's document.

use std::sync::OnceLock;

use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::call::{BASE, Call};
use super::failure::{Envelope, TRACE_ID};
use super::{Visitor, every_call};
use crate::api::bearer::API_KEY;
use crate::api::http::openapi::values::{MemberBaseId, OnsiMemberId};
use crate::api::http::openapi::{self, Document, content, describe, headers, replayed, request_name};
use crate::model::token::AccessLevel;

/// The statuses that every call may answer with, besides its success.
const OF_EVERY_CALL: [StatusCode; 7] = [
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];
/// The statuses that calls with a body may answer with besides.
const OF_BODIES: [StatusCode; 2] = [StatusCode::REQUEST_TIMEOUT, StatusCode::PAYLOAD_TOO_LARGE];

/// The statuses that calls which change something may answer with besides: a request of this name runs, or was another one.
const OF_NAMES: [StatusCode; 2] = [StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY];

/// Answers with the document.
pub async fn get() -> Response {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    openapi::serve(BYTES.get_or_init(|| document().to_string().into_bytes()))
}

/// The document.
pub fn document() -> Value {
    let mut document = Document::new();
    every_call(&mut document);
    let schemes = json!({
        "key": { "type": "apiKey", "in": "header", "name": API_KEY, "description": "A token, unless the server has none at all yet." },
        "token": { "type": "http", "scheme": "bearer", "description": "The same as a bearer token." },
    });
    document.finish("memberbase: Onsi door", "One member at a time, and searches.", &schemes)
}

impl Visitor for Document {
    fn visit<C: Call>(&mut self) {
        let mut responses = Map::new();
        let is_named = C::NEEDS > AccessLevel::Read;
        let replayed = if is_named { replayed() } else { json!({}) };
        let reply = self.reply::<C::Reply>();
        let done = json!({ "description": "Done.", "content": content(&reply), "headers": replayed });
        responses.insert(C::SUCCESS.as_u16().to_string(), done);
        let bodies = OF_BODIES.iter().filter(|_| C::HAS_BODY);
        let names = OF_NAMES.iter().filter(|_| is_named);
        for status in OF_EVERY_CALL.iter().chain(bodies).chain(names).chain(C::REFUSALS) {
            let envelope = self.reply::<Envelope>();
            let mut headers = headers(*status);
            let trace_id = json!({
                "schema": { "type": "string", "pattern": "^[0-9a-f]{16}$" }, "required": true,
                "description": "Stands in the line of the server's log about this error.",
            });
            headers.insert(TRACE_ID.to_string(), trace_id);
            let description = describe(*status);
            let response =
                json!({ "description": description, "content": content(&envelope), "headers": headers });
            responses.insert(status.as_u16().to_string(), response);
        }
        let mut parameters = C::parameters(self);
        if C::PATH.contains("{id}") {
            let schema = self.request::<OnsiMemberId>();
            parameters.push(json!({ "name": "id", "in": "path", "required": true, "schema": schema }));
        }
        parameters.push(json!({
            "name": BASE, "in": "header", "required": false, "schema": self.request::<MemberBaseId>(),
            "description": "The memberbase, for tokens that are not bound to one.",
        }));
        if is_named {
            parameters.push(request_name());
        }
        let mut operation = json!({
            "operationId": C::NAME.replace(' ', "_"),
            "tags": [C::NAME.split(' ').next().unwrap_or_default()],
            "summary": C::SUMMARY,
            "description": format!("Needs a token with the access level `{}`.", C::NEEDS.as_str()),
            "parameters": parameters,
            "responses": responses,
        });
        if let Some(operation) = operation.as_object_mut().filter(|_| C::HAS_BODY) {
            let body = json!({ "required": true, "content": content(&self.request::<C::Body>()) });
            operation.insert("requestBody".to_owned(), body);
        }
        self.add(C::PATH, C::METHOD.as_str(), operation);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_has_every_call() {
        struct Calls(BTreeSet<String>);
        impl Visitor for Calls {
            fn visit<C: Call>(&mut self) {
                assert!(
                    self.0.insert(format!("{} {}", C::METHOD.as_str().to_lowercase(), C::PATH)),
                    "{}",
                    C::NAME
                );
            }
        }
        let mut calls = Calls(BTreeSet::new());
        every_call(&mut calls);
        let document = document();
        let paths = document["paths"].as_object().unwrap().iter();
        let methods = paths.flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        });
        assert_eq!(methods.collect::<BTreeSet<_>>(), calls.0);
        assert_eq!(calls.0.len(), 8);
    }
}
