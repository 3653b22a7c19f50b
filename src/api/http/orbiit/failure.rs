//! Why a call failed: `{"error": "…", "code": "…"}`. The first is a text for people, as in the published
//! documentation; the second is one word for each status.

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::error;
use crate::api::http::camel::camel;
use crate::api::http::entry::Refuses;
use crate::api::http::header::HeaderFault;
use crate::api::http::rejection::Rejection;
use crate::api::http::reply::{advise, short_json, trace};
use crate::api::refused::Refused;
use crate::directory::Error;
use crate::model::limits::VIOLATIONS_MAX;
use crate::model::{Reason, Refusal, Violation};

/// The statuses of errors, and the code of each.
const CODES: [(StatusCode, &str); 13] = [
    (StatusCode::BAD_REQUEST, "invalid_request"),
    (StatusCode::UNAUTHORIZED, "unauthenticated"),
    (StatusCode::FORBIDDEN, "permission_denied"),
    (StatusCode::NOT_FOUND, "not_found"),
    (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
    (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
    (StatusCode::CONFLICT, "conflict"),
    (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
    (StatusCode::UNPROCESSABLE_ENTITY, "request_id_reused"),
    (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
    (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    (INTERNAL, "internal"),
];
const INTERNAL: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

/// The envelope of errors.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub struct Envelope {
    /// For people.
    error: String,
    /// The kind of error: one word for each status.
    #[schemars(extend("enum" = CODES.map(|(_, code)| code)))]
    code: &'static str,
    /// The reason, as in gRPC, if the service refused the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Reason>")]
    reason: Option<&'static str>,
    /// What is wrong with the request; absent if nothing is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = VIOLATIONS_MAX), with = "Option<Vec<Fault>>")]
    faults: Vec<Fault>,
}

/// What is wrong with one part of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fault {
    /// The part: a field, dotted and with indexes, a parameter, a header, or an id in the path.
    pub path: String,
    /// For people.
    pub message: String,
}

/// Why a call failed.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    /// The reason, if the service refused the call.
    reason: Option<Reason>,
    message: String,
    faults: Vec<Fault>,
    retry_after: Option<Duration>,
    private: Option<String>,
}

impl Failure {
    /// An error with this text.
    pub fn plain(status: StatusCode, message: String) -> Self {
        Self { status, reason: None, message, faults: Vec::new(), retry_after: None, private: None }
    }

    /// A request with these faults.
    pub fn faulty(reason: Reason, message: String, faults: Vec<Fault>) -> Self {
        let mut failure = Self::plain(error::http(reason), message);
        failure.reason = Some(reason);
        failure.faults = faults;
        failure.faults.truncate(VIOLATIONS_MAX);
        failure
    }

    /// An error of the service, whose fields have these names at this door.
    pub fn of(error: &Error, name: impl Fn(&str) -> String) -> Self {
        let named = |fault: &Violation| Violation::new(name(&fault.field), fault.description.clone());
        let named: Vec<Violation> = error.violations().iter().map(named).collect();
        let reason = error.reason();
        let message = match named.is_empty() {
            true => error.to_string(),
            false => Refusal { violations: named.clone(), ..Refusal::new(reason) }.message(),
        };
        let fault = |fault: Violation| Fault { path: fault.field, message: fault.description };
        Self {
            retry_after: error.retry_after(),
            private: error.private().map(str::to_owned),
            ..Self::faulty(reason, message, named.into_iter().map(fault).collect())
        }
    }

    /// Its response; `name` is the name of the call. A private text is logged here, and not sent.
    pub fn into_response_for(self, name: &str) -> Response {
        let trace_id = error::trace_id();
        let status = self.status.as_u16();
        let code = code(self.status);
        let reason = self.reason.map(Reason::as_str);
        if let Some(private) = &self.private {
            let reason = reason.unwrap_or_default();
            tracing::error!(trace_id, status, code, reason, name, "{private}");
        }
        let envelope = Envelope { error: self.message, code, reason, faults: self.faults };
        let mut response = short_json(self.status, &envelope)
            .unwrap_or_else(|error| Self::from(error).into_response_for(name));
        trace(&mut response, &trace_id);
        advise(&mut response, self.retry_after);
        response.extensions_mut().insert(Refused { reason: reason.unwrap_or(code).to_owned(), trace_id });
        response
    }
}

/// The code of errors with this status.
fn code(status: StatusCode) -> &'static str {
    let known = CODES.iter().find(|(known, _)| *known == status);
    known.map_or("internal", |(_, code)| code)
}

/// A field of the service as this door names it: `first_name` is `firstName`, and attributes are under
/// `fields`.
pub fn named(field: &str) -> String {
    match field.strip_prefix("attributes") {
        Some(key) if key.is_empty() || key.starts_with('.') => format!("fields{key}"),
        _ => camel(field),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::of(&error, named)
    }
}

/// The refusal of a body, whose fields have the names of this door already.
impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::of(&refusal.into(), str::to_owned)
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        let (status, message) = (rejection.status(), rejection.message());
        match rejection {
            Rejection::Service(error) => error.into(),
            Rejection::UnknownPath
            | Rejection::UnknownMethod
            | Rejection::ContentType
            | Rejection::ContentEncoding
            | Rejection::TooLarge { .. }
            | Rejection::TooSlow
            | Rejection::Broken => Self::plain(status, message),
        }
    }
}

impl Refuses for Failure {
    fn wrong_header(name: &str, fault: &HeaderFault) -> Self {
        Refusal::field(Reason::FieldInvalid, name, fault.to_string()).into()
    }
}

/// The response while no store is open here, which `reason` explains.
#[must_use]
pub fn not_serving(reason: Reason, retry_after: Duration) -> Response {
    let mut failure = Failure::plain(StatusCode::SERVICE_UNAVAILABLE, reason.describe().to_owned());
    failure.reason = Some(reason);
    failure.retry_after = Some(retry_after);
    failure.into_response_for("")
}

/// The response to a call beyond those that a peer may run at a time.
#[must_use]
pub fn overloaded() -> Response {
    Failure::from(Error::Overloaded).into_response_for("")
}

/// The response to a request that the server never accepts, whatever rights its caller has.
#[must_use]
pub fn forbidden(message: String) -> Response {
    Failure::plain(StatusCode::FORBIDDEN, message).into_response_for("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_service_have_the_names_of_this_door() {
        for (field, expected) in [
            ("first_name", "firstName"),
            ("member_ids[3]", "memberIds[3]"),
            ("attributes.shoe_size", "fields.shoe_size"),
            ("x-idempotency-key", "x-idempotency-key"),
            ("", ""),
        ] {
            assert_eq!(named(field), expected);
        }
    }

    #[test]
    fn every_status_of_an_error_has_a_code() {
        // Doors for JSON have a status of their own for a body that arrives too slowly, and no call that some
        // stores do not support.
        let is_other = |reason: &&Reason| !matches!(reason, Reason::TooSlow | Reason::NotSupported);
        let others = Reason::ALL.iter().filter(is_other);
        for status in others.map(|reason| error::http(*reason)) {
            assert!(CODES.iter().any(|(known, _)| *known == status), "{status}");
        }
        let failure = Failure::from(Error::Internal { private: "/var/lib/secret".into() });
        assert_eq!((failure.status, code(failure.status)), (INTERNAL, "internal"));
        assert!(!failure.message.contains("secret"));
    }

    #[test]
    fn the_text_names_the_first_faults_and_all_are_listed() {
        let violations = vec![Violation::new("first_name", "must be x"), Violation::new("role", "must be y")];
        let error = Error::Refused(Refusal { violations, ..Refusal::new(Reason::NameInvalid) });
        let failure = Failure::from(error);
        assert_eq!(failure.message, "firstName: must be x; role: must be y");
        let fault = |path: &str, message: &str| Fault { path: path.to_owned(), message: message.to_owned() };
        assert_eq!(failure.faults, [fault("firstName", "must be x"), fault("role", "must be y")]);
    }
}
