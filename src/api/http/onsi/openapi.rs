//! `openapi.json`: this door's document.

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, Input};
use super::calls::{Visitor, every_call};
use super::failure::Envelope;
use super::handle::{BASE, JOB_ID};
use super::job::JobId;
use super::member::MemberId;
use crate::api::bearer::API_KEY;
use crate::api::http::openapi::values::MemberBaseId;
use crate::api::http::openapi::{
    Document, OF_EVERY_CALL, Responses, content, expected, idempotency_key, operation, trace_id,
};

/// Further statuses of errors of calls with a body.
const OF_BODIES: [StatusCode; 2] = [StatusCode::REQUEST_TIMEOUT, StatusCode::PAYLOAD_TOO_LARGE];

/// The document.
pub fn document() -> Value {
    let mut document = Document::new();
    every_call(&mut document);
    let schemes = json!({
        "key": { "type": "apiKey", "in": "header", "name": API_KEY, "description": "A token. A server without any tokens needs none." },
        "token": { "type": "http", "scheme": "bearer", "description": "The same token as a bearer token." },
    });
    document.finish(
        "memberbase: Onsi door",
        "One member at a time, searches, batches, and full lists.",
        &schemes,
    )
}

impl Visitor for Document {
    fn visit<C: Call>(&mut self) {
        let about = C::ABOUT;
        let responses = Responses {
            success: about.success,
            reply: C::Reply::content(self),
            envelope: self.reply::<Envelope>(),
            headers: trace_id(),
            takes_request_id: about.takes_request_id(),
        };
        let of_bodies = OF_BODIES.iter().filter(|_| C::Input::BODY.is_some() || C::Input::FILE.is_some());
        let refusals = OF_EVERY_CALL.iter().chain(of_bodies).chain(about.refusals);
        let mut parameters = C::Input::parameters(self);
        if about.path.contains("{id}") {
            let schema = self.request::<MemberId>();
            parameters.push(json!({ "name": "id", "in": "path", "required": true, "schema": schema }));
        }
        if about.path.contains(JOB_ID) {
            let schema = self.request::<JobId>();
            parameters.push(json!({ "name": "jobId", "in": "path", "required": true, "schema": schema }));
        }
        parameters.push(json!({
            "name": BASE, "in": "header", "required": false, "schema": self.request::<MemberBaseId>(),
            "description": "The memberbase, for tokens that are not bound to one.",
        }));
        if about.takes_request_id() {
            parameters.push(idempotency_key());
        }
        parameters.extend(about.expects.iter().copied().map(expected));
        let body = match (C::Input::BODY, C::Input::FILE) {
            (Some(schema), _) => Some(content(&schema(self))),
            (None, Some(content)) => Some(content(self)),
            (None, None) => None,
        };
        let operation = operation(&about, parameters, responses.with(refusals), body);
        self.add(about.path, about.method.as_str(), operation);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::http::about::About;

    #[test]
    fn the_document_has_every_call() {
        struct Calls(BTreeSet<String>);
        impl Visitor for Calls {
            fn visit<C: Call>(&mut self) {
                let About { method, path, name, .. } = C::ABOUT;
                assert!(self.0.insert(format!("{} {path}", method.as_str().to_lowercase())), "{name}");
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
        assert_eq!(calls.0.len(), 16);
    }
}
