//! `openapi.json`: this door's document.

use http::StatusCode;
use serde_json::{Value, json};

use super::audience::AudienceId;
use super::call::{AUDIENCE, Call, WORKSPACE};
use super::calls::{Visitor, every_call};
use super::failure::Envelope;
use super::query::Query;
use crate::api::http::openapi::values::MemberBaseId;
use crate::api::http::openapi::{
    Document, OF_EVERY_CALL, Responses, content, expected, idempotency_key, operation, trace_id,
};

/// Further statuses of errors of calls with a body.
const OF_BODIES: [StatusCode; 3] =
    [StatusCode::REQUEST_TIMEOUT, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNSUPPORTED_MEDIA_TYPE];

/// The document.
pub fn document() -> Value {
    let mut document = Document::new();
    every_call(&mut document);
    let schemes = json!({ "token": {
        "type": "http", "scheme": "bearer",
        "description": "A token. A server without any tokens needs none.",
    }});
    document.finish("memberbase: Orbiit door", "Members and audiences of a workspace.", &schemes)
}

impl Visitor for Document {
    fn visit<C: Call>(&mut self) {
        let about = C::ABOUT;
        let responses = Responses {
            success: about.success,
            reply: content(&self.reply::<C::Reply>()),
            envelope: self.reply::<Envelope>(),
            headers: trace_id(),
            takes_request_id: about.takes_request_id(),
        };
        let of_bodies = OF_BODIES.iter().filter(|_| C::BODY.is_some());
        let refusals = OF_EVERY_CALL.iter().chain(of_bodies).chain(about.refusals);
        let workspace = json!({
            "name": WORKSPACE, "in": "path", "required": true, "schema": self.request::<MemberBaseId>(),
            "description": "The id of the memberbase.",
        });
        let mut parameters = vec![workspace];
        if about.path.contains(AUDIENCE) {
            let schema = self.request::<AudienceId>();
            parameters.push(json!({ "name": AUDIENCE, "in": "path", "required": true, "schema": schema }));
        }
        parameters.extend(C::Query::parameters(self));
        if about.takes_request_id() {
            parameters.push(idempotency_key());
        }
        parameters.extend(about.expects.iter().copied().map(expected));
        let body = C::BODY.map(|schema| content(&schema(self)));
        let operation = operation(&about, parameters, responses.with(refusals), body);
        self.add(about.path, about.method.as_str(), operation);
    }
}
