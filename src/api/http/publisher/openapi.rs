//! `openapi.json`: this door's document.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::calls::{PREFIX, Visitor, every_call};
use crate::api::http::openapi::{Document, Responses, content, expected, idempotency_key};
use crate::api::http::publisher::call::Call;
use crate::api::http::publisher::failure::Envelope;
use crate::model::token::AccessLevel;

/// The statuses of errors that every call may return.
const OF_EVERY_CALL: [StatusCode; 9] = [
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// The document.
pub fn document() -> Value {
    let mut document = Document::new();
    every_call(&mut document);
    let schemes = json!({ "token": {
        "type": "http", "scheme": "bearer",
        "description": "A token. A server without any tokens needs none.",
    }});
    let description = "Members and their records: one POST per call, with a JSON object as body.";
    document.finish("memberbase: Publisher door", description, &schemes)
}

impl Visitor for Document {
    fn visit<C: Call>(&mut self) {
        let responses = Responses {
            success: StatusCode::OK,
            reply: content(&self.reply::<C::Reply>()),
            envelope: self.reply::<Envelope>(),
            headers: Map::new(),
            takes_request_id: C::NEEDS > AccessLevel::Read,
        };
        let resource = C::PATH.split('/').next().unwrap_or_default();
        let mut parameters = Vec::new();
        if responses.takes_request_id {
            parameters.push(idempotency_key());
        }
        parameters.extend(C::EXPECTS.iter().copied().map(expected));
        let operation = json!({
            "operationId": C::PATH.replace(['/', '.', '-'], "_"),
            "tags": [resource],
            "summary": C::SUMMARY,
            "description": format!("Needs a token with the access level `{}`.", C::NEEDS.as_str()),
            "parameters": parameters,
            "requestBody": { "required": true, "content": content(&self.request::<C::Request>()) },
            "responses": responses.with(OF_EVERY_CALL.iter().chain(C::REFUSALS)),
        });
        self.add(&format!("{PREFIX}{}", C::PATH), "post", operation);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_has_every_call_and_names_nothing_twice() {
        struct Paths(BTreeSet<String>);
        impl Visitor for Paths {
            fn visit<C: Call>(&mut self) {
                assert!(self.0.insert(format!("{PREFIX}{}", C::PATH)), "{}", C::PATH);
            }
        }
        let mut calls = Paths(BTreeSet::new());
        every_call(&mut calls);
        let document = document();
        let paths: BTreeSet<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(paths, calls.0);
        // A number after a name means that two types have the same name.
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            assert!(!name.ends_with(|last: char| last.is_ascii_digit()) && !name.contains(':'), "{name}");
        }
    }

    #[test]
    fn no_object_is_open_unless_it_says_so() {
        fn check(path: &str, value: &Value) {
            if value["type"] == "object" && value.get("properties").is_some() {
                assert!(value.get("additionalProperties").is_some(), "{path}");
            }
            match value {
                Value::Object(fields) => {
                    fields.iter().for_each(|(name, value)| check(&format!("{path}/{name}"), value))
                }
                Value::Array(items) => items.iter().for_each(|value| check(path, value)),
                _ => {}
            }
        }
        check("", &document());
    }

    #[test]
    fn the_document_says_how_the_progress_of_an_index_is_shown() {
        let document = document();
        let schema = &document["components"]["schemas"]["AttributeSchema"];
        let by_key = schema["properties"]["indexing"]["patternProperties"].as_object().unwrap();
        let progress = &by_key.values().next().unwrap()["properties"];
        assert_eq!(progress["done"]["type"], "integer", "{schema}");
        assert_eq!(progress["total"]["type"], "integer");
        let required = schema["required"].as_array().unwrap();
        assert!(required.contains(&json!("schema")) && !required.contains(&json!("indexing")), "{schema}");
    }
}
