//! The responses of a call, with their headers.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::document::content;
use super::parameters::replayed;

/// The statuses of errors that every call may return whose path or key names its memberbase.
pub const OF_EVERY_CALL: [StatusCode; 7] = [
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// What a status means, in every document.
fn describe(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "The body or a parameter is invalid.",
        401 => "The token is missing, invalid, expired or revoked.",
        403 => "The token does not allow this.",
        404 => "The member, memberbase or other object does not exist.",
        408 => "The body arrived too slowly.",
        409 => "The current state does not allow the change.",
        422 => "The request id was used for a different request.",
        413 => "The body is too large.",
        415 => "The content type is not `application/json`.",
        429 => {
            "The rate limit of the token is exceeded, or the server is overloaded; `Retry-After` says when to retry."
        }
        503 => {
            "The server is starting, stopping, waiting for its turn or overloaded; `Retry-After` says when to retry, if that is known."
        }
        500 => "An internal error; only the log of the server has the details.",
        _ => "Done.",
    }
}

/// Further statuses of calls that change something: a request with the same id is still running, or was
/// different.
const OF_REQUEST_IDS: [StatusCode; 2] = [StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY];

/// The responses that a call may give.
pub struct Responses {
    /// The status of its success.
    pub success: StatusCode,
    /// The content of its reply, by type.
    pub reply: Value,
    /// The schema of its refusals.
    pub envelope: Value,
    /// The headers that every refusal has.
    pub headers: Map<String, Value>,
    /// Whether its requests may have a request id.
    pub takes_request_id: bool,
}

impl Responses {
    /// The responses by status, with refusals of these statuses.
    pub fn with<'a>(&self, refusals: impl Iterator<Item = &'a StatusCode>) -> Map<String, Value> {
        let replayed = if self.takes_request_id { replayed() } else { json!({}) };
        let done = json!({ "description": "Done.", "content": self.reply, "headers": replayed });
        let mut responses = Map::from_iter([(self.success.as_u16().to_string(), done)]);
        for status in refusals.chain(OF_REQUEST_IDS.iter().filter(|_| self.takes_request_id)) {
            let mut headers = headers(*status);
            headers.extend(self.headers.clone());
            let refused = json!({
                "description": describe(*status), "content": content(&self.envelope), "headers": headers,
            });
            responses.insert(status.as_u16().to_string(), refused);
        }
        responses
    }
}

/// The headers of a response with this status.
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
