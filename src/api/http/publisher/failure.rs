//! Why a call of this door failed, and the envelope of its errors.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::words::{word, words};
use crate::api::error;
use crate::api::http::entry::Refuses;
use crate::api::http::header::HeaderFault;
use crate::api::http::rejection::Rejection;
use crate::api::http::reply::{advise, json, short_json};
use crate::api::refused::Refused;
use crate::directory::Error;
use crate::model::{Reason, Refusal, Violation};

/// The envelope of errors.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub struct Envelope {
    error: Fault,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Fault {
    /// The kind of error.
    #[schemars(extend("enum" = words()))]
    code: &'static str,
    /// For people.
    message: String,
    /// For programs.
    data: Data,
    /// Also in the log of the server: in the line about this error, or in the line about all refusals of its
    /// kind within a second, which names the first eight.
    #[schemars(regex(pattern = r"^[0-9a-f]{16}$"))]
    trace_id: String,
}

/// Details of an error; which fields are present depends on the error.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "ErrorData")]
struct Data {
    /// The reason, as in gRPC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Reason>")]
    reason: Option<&'static str>,
    /// The kind of object that does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'static str>,
    /// The first faulty field, dotted and with indexes.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Every faulty field.
    #[serde(skip_serializing_if = "Option::is_none")]
    violations: Option<Vec<Place>>,
    /// The first rows that cannot be applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<BadRow>>,
    /// The token that a request created, if its reply with the secret cannot be repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_token_id: Option<String>,
    /// The tier whose limit the guard applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<String>,
    /// How many rows cannot be applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<usize>,
    /// Numbers that are also in the message, such as `limit` or `members`.
    #[serde(flatten)]
    numbers: BTreeMap<String, u64>,
}

/// A faulty field.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Place {
    path: String,
    message: String,
}

impl Place {
    fn of(fault: &Violation) -> Self {
        Self { path: fault.field.clone(), message: fault.description.clone() }
    }
}

/// A row that cannot be applied.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BadRow {
    /// Its index in the request, from 0.
    pub index: usize,
    /// Its ref, unless that is absent or too long.
    pub r#ref: Option<String>,
    /// The reason.
    #[schemars(with = "Reason")]
    pub code: &'static str,
    /// The first faulty field.
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
    data: Box<Data>,
    retry_after: Option<Duration>,
    private: Option<String>,
}

impl Failure {
    /// An error without a reason.
    pub fn plain(status: StatusCode, message: String) -> Self {
        Self { status, reason: None, message, data: Box::default(), retry_after: None, private: None }
    }

    /// Some rows of a call cannot be applied: the first of them, and how many there are.
    pub fn rows(message: String, rows: Vec<BadRow>, failed: usize) -> Self {
        let mut failure = Self::plain(StatusCode::BAD_REQUEST, message);
        failure.data.path = Some(rows.first().map(|row| row.path.clone()).unwrap_or_default());
        failure.data.rows = Some(rows);
        failure.data.failed = Some(failed);
        failure
    }

    /// Its response, with the reason for the log. A private text is logged here, and not sent.
    pub fn into_response_for(self, path: &str) -> Response {
        let trace_id = error::trace_id();
        let code = word(self.status, self.reason);
        let reason = self.reason.map_or("", Reason::as_str);
        let status = self.status.as_u16();
        if let Some(private) = &self.private {
            tracing::error!(trace_id, status, code, reason, path, "{private}");
        }
        let refused = Refused { reason: if reason.is_empty() { code } else { reason }.to_owned(), trace_id };
        let trace_id = refused.trace_id.clone();
        let fault = Fault { code, message: self.message, data: *self.data, trace_id };
        let mut response = short_json(self.status, &Envelope { error: fault })
            .unwrap_or_else(|error| Self::from(error).into_response_for(path));
        response.extensions_mut().insert(refused);
        advise(&mut response, self.retry_after);
        response
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
pub fn forbidden(reason: &'static str, message: String) -> Response {
    let mut failure = Failure::plain(StatusCode::FORBIDDEN, message);
    failure.data.reason = Some(reason);
    failure.into_response_for("")
}

/// The response with a reply, or with the error if the reply cannot be written.
pub async fn reply_with<T: Serialize + Sync>(status: StatusCode, reply: &T) -> Response {
    json(status, reply).await.unwrap_or_else(|error| Failure::from(error).into_response_for(""))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let reason = error.reason();
        let mut failure = Self {
            status: error::http(reason),
            reason: Some(reason),
            message: error.to_string(),
            data: Box::default(),
            retry_after: error.retry_after(),
            private: error.private().map(str::to_owned),
        };
        let data = &mut failure.data;
        data.reason = Some(reason.as_str());
        data.resource = resource(reason);
        let mut known = error::metadata(&error);
        data.api_token_id = known.remove("api_token_id");
        data.tier = known.remove("tier");
        let number = |(key, text): (String, String)| Some((key, text.parse().ok()?));
        data.numbers = known.into_iter().filter_map(number).collect();
        if let Some(first) = error.violations().first() {
            data.path = Some(first.field.clone());
            data.violations = Some(error.violations().iter().map(Place::of).collect());
        }
        failure
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Error::from(refusal).into()
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        let (status, message) = (rejection.status(), rejection.message());
        match rejection {
            Rejection::Service(error) => error.into(),
            Rejection::TooLarge { limit } => {
                let mut failure = Self::plain(status, message);
                let limit = u64::try_from(limit).unwrap_or(u64::MAX);
                failure.data.numbers.insert("limit".to_owned(), limit);
                failure
            }
            Rejection::UnknownPath
            | Rejection::UnknownMethod
            | Rejection::ContentType
            | Rejection::ContentEncoding
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

/// The kind of object that does not exist.
fn resource(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::MemberBaseNotFound => Some("member_base"),
        Reason::MemberNotFound => Some("member"),
        Reason::RecordNotFound => Some("record"),
        Reason::TokenNotFound => Some("api_token"),
        _ => None,
    }
}
