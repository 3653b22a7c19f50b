//! Why a call failed: `{"issues": […]}`. Every issue has a code of the published list.

use std::time::Duration;

use axum::response::Response;
use http::header::HeaderName;
use http::{HeaderValue, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::bearer::API_KEY;
use crate::api::error;
use crate::api::http::rejection::Rejection;
use crate::api::http::reply::{advise, short_json};
use crate::api::refused::Refused;
use crate::directory::{Error, TokenFault};
use crate::model::limits::VIOLATIONS_MAX;
use crate::model::{Reason, Refusal, Violation};

/// The header with the trace id of a failure, which is also in the log.
pub const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// The code of an issue: clients branch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub enum Code {
    /// An internal error, or a service that is not available at the moment.
    InternalServerError,
    /// The request is invalid, and no other code fits.
    BadRequest,
    /// The caller is not authenticated, or not allowed to do this.
    Forbidden,
    /// The path or the object does not exist.
    NotFound,
    /// The current state does not allow the change.
    Conflict,
    /// The request is valid, but cannot be applied.
    UnprocessableEntity,
    /// The rate limit is exceeded, or the server is overloaded; retry later.
    RateLimitExceeded,
    /// The body is invalid.
    BodyValidation,
    /// A parameter is invalid.
    QueryValidation,
    /// The path is invalid.
    PathValidation,
    /// A header is invalid.
    HeaderValidation,
    /// The member does not exist.
    MemberNotFound,
    /// The e-mail address belongs to a member who is active or invited.
    MemberAlreadyInvited,
    /// The member cannot be added with these values.
    InvalidAddMemberPayload,
    /// The member cannot be changed to these values.
    InvalidUpdateMemberPayload,
    /// The member cannot be offboarded.
    InvalidRemoveMemberPayload,
    /// The bank details are not valid.
    BankAccountInvalid,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Issue {
    /// What kind of fault.
    pub code: Code,
    /// For people.
    pub message: String,
    /// Where: dotted, with indexes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The member that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_id: Option<String>,
    /// The e-mail address that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl Issue {
    /// An issue with a code and a message.
    pub fn new(code: Code, message: String) -> Self {
        Self { code, message, path: None, member_id: None, email: None }
    }

    /// An issue about `path`; the message is the path and then `description`.
    pub fn at(code: Code, path: String, description: &str) -> Self {
        let name: &str = if path.is_empty() { "the body" } else { &path };
        Self { path: Some(path.clone()), ..Self::new(code, format!("{name} {description}")) }
    }

    /// An issue whose code follows from the status.
    pub fn of_status(status: StatusCode, message: String) -> Self {
        let code = match status.as_u16() {
            401 | 403 => Code::Forbidden,
            404 => Code::NotFound,
            409 => Code::Conflict,
            422 => Code::UnprocessableEntity,
            429 => Code::RateLimitExceeded,
            500.. => Code::InternalServerError,
            _ => Code::BadRequest,
        };
        Self::new(code, message)
    }
}

/// Collects the faults of one body, up to a limit.
#[derive(Debug, Default)]
pub struct Issues(Vec<Issue>);

impl Issues {
    /// Notes a fault.
    pub fn add(&mut self, code: Code, path: String, description: &str) {
        if self.0.len() < VIOLATIONS_MAX {
            self.0.push(Issue::at(code, path, description));
        }
    }

    /// How many faults were noted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Notes the faults of the row in the body, and sorts the issues of the body by the `place` of their
    /// paths. The issues of the body are those after the first `others`. A path with an issue gets no second
    /// one.
    pub fn break_rules<K: Ord>(&mut self, others: usize, refusal: &Refusal, place: impl Fn(&str) -> K) {
        let mut issues = self.0.split_off(others.min(self.0.len()));
        for fault in &refusal.violations {
            // At this door, paths do not contain the kind of bank details.
            let path = camel(&fault.field.replace(".uk.", ".").replace(".eu.", "."));
            if issues.iter().any(|issue| issue.path.as_ref() == Some(&path)) {
                continue;
            }
            let is_account = path.split('.').next() == Some("accountDetails");
            let code = if is_account { Code::BankAccountInvalid } else { Code::BodyValidation };
            issues.push(Issue::at(code, path, &fault.description));
        }
        issues.sort_by_key(|issue| place(issue.path.as_deref().unwrap_or_default()));
        self.0.append(&mut issues);
        self.0.truncate(VIOLATIONS_MAX);
    }

    /// `value` if nothing was noted, otherwise the failure.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Failure> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Failure::new(StatusCode::BAD_REQUEST, self.0)),
        }
    }
}

/// Why a call failed.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    issues: Vec<Issue>,
    retry_after: Option<Duration>,
    private: Option<String>,
}

impl Failure {
    /// These issues.
    pub fn new(status: StatusCode, issues: Vec<Issue>) -> Self {
        Self { status, issues, retry_after: None, private: None }
    }

    /// A header that is wrong.
    pub fn header(name: &str, description: &str) -> Self {
        let issue = Issue::at(Code::HeaderValidation, name.to_owned(), description);
        Self::new(StatusCode::BAD_REQUEST, vec![issue])
    }

    /// The refusal of a header.
    pub fn of_header(refusal: &Refusal) -> Self {
        Self::refused(Code::HeaderValidation, refusal)
    }

    /// A refusal whose faults all have this code.
    pub fn refused(code: Code, refusal: &Refusal) -> Self {
        let issue = |fault: &Violation| Issue::at(code, camel(&fault.field), &fault.description);
        let mut issues: Vec<Issue> = refusal.violations.iter().map(issue).collect();
        if issues.is_empty() {
            issues.push(Issue::new(code, refusal.message()));
        }
        Self::new(StatusCode::BAD_REQUEST, issues)
    }

    /// Its issues.
    pub fn issues_mut(&mut self) -> &mut [Issue] {
        &mut self.issues
    }

    /// Its response; `name` is the name of the call.
    pub fn into_response_for(self, name: &str) -> Response {
        let trace_id = error::trace_id();
        let status = self.status.as_u16();
        // A code is written as its name.
        let code = self.issues.first().map(|issue| format!("{:?}", issue.code)).unwrap_or_default();
        if let Some(private) = &self.private {
            tracing::error!(trace_id, status, code, name, "{private}");
        }
        let mut response = short_json(self.status, &Envelope { issues: self.issues })
            .unwrap_or_else(|error| Self::from(error).into_response_for(name));
        response.headers_mut().extend(HeaderValue::from_str(&trace_id).map(|value| (TRACE_ID, value)));
        advise(&mut response, self.retry_after);
        response.extensions_mut().insert(Refused { reason: code, trace_id });
        response
    }
}

/// The envelope of errors.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub struct Envelope {
    /// All faults that were found.
    #[schemars(length(min = 1))]
    issues: Vec<Issue>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let reason = error.reason();
        let status = status_of(reason);
        let issues = match &error {
            Error::Unauthenticated(TokenFault::Missing) => {
                vec![Issue::at(Code::HeaderValidation, API_KEY.to_owned(), "is required")]
            }
            Error::Refused(refusal) if status == StatusCode::BAD_REQUEST => {
                return Self::refused(Code::BadRequest, refusal);
            }
            error => vec![Issue::of_status(status, error.to_string())],
        };
        let private = error.private().map(str::to_owned);
        Self { status, issues, retry_after: error.retry_after(), private }
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        let (status, message) = (rejection.status(), rejection.message());
        match rejection {
            Rejection::Service(error) => error.into(),
            Rejection::ContentType | Rejection::ContentEncoding => {
                Self::header("content-type", "must be application/json")
            }
            Rejection::UnknownPath
            | Rejection::UnknownMethod
            | Rejection::TooLarge { .. }
            | Rejection::TooSlow
            | Rejection::Broken => Self::new(status, vec![Issue::of_status(status, message)]),
        }
    }
}

/// The status of an error: this door's clients expect 429 where they should send a request again later.
fn status_of(reason: Reason) -> StatusCode {
    match reason {
        Reason::Overloaded => StatusCode::TOO_MANY_REQUESTS,
        reason => error::http(reason),
    }
}

/// The response while the store opens.
#[must_use]
pub fn starting(retry_after: Duration) -> Response {
    let status = status_of(Reason::Starting);
    let issue = Issue::of_status(status, Reason::Starting.describe().to_owned());
    let failure = Failure { retry_after: Some(retry_after), ..Failure::new(status, vec![issue]) };
    failure.into_response_for("")
}

/// The response to a call beyond those that a peer may run at a time.
#[must_use]
pub fn overloaded() -> Response {
    Failure::from(Error::Overloaded).into_response_for("")
}

/// The response to a request that the server accepts from nobody.
#[must_use]
pub fn forbidden(message: String) -> Response {
    let status = StatusCode::FORBIDDEN;
    Failure::new(status, vec![Issue::of_status(status, message)]).into_response_for("")
}

/// A path as this door writes it: `account_details.sort_code` becomes `accountDetails.sortCode`. Keys of
/// attributes stay as callers write them.
pub fn camel(path: &str) -> String {
    if path.starts_with("attributes.") {
        return path.to_owned();
    }
    let mut out = String::with_capacity(path.len());
    let mut starts_word = false;
    for character in path.chars() {
        if character == '_' {
            starts_word = true;
        } else if std::mem::take(&mut starts_word) {
            out.extend(character.to_uppercase());
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;

    use super::*;

    #[test]
    fn paths_are_in_camel_case() {
        for (path, expected) in [
            ("", ""),
            ("email", "email"),
            ("worker_id", "workerId"),
            ("account_details.sort_code", "accountDetails.sortCode"),
            ("x-member-base-id", "x-member-base-id"),
            ("attributes.shoe_size", "attributes.shoe_size"),
        ] {
            assert_eq!(camel(path), expected);
        }
    }

    #[test]
    fn what_only_the_operator_reads_stays_out_of_the_issues() {
        let failure = Failure::from(Error::Internal { private: "/var/lib/secret".into() });
        assert_eq!((failure.status.as_u16(), failure.issues[0].code), (500, Code::InternalServerError));
        assert!(!failure.issues[0].message.contains("secret"));
    }

    #[test]
    fn a_request_whose_name_still_runs_is_a_conflict_and_one_that_was_another_cannot_be_done() {
        for (error, status, code) in [
            (Error::RequestRunning, StatusCode::CONFLICT, Code::Conflict),
            (
                Refusal::field(Reason::RequestIdReused, "request_id", "is another request's").into(),
                StatusCode::UNPROCESSABLE_ENTITY,
                Code::UnprocessableEntity,
            ),
        ] {
            let failure = Failure::from(error);
            assert_eq!((failure.status, failure.issues[0].code), (status, code));
        }
    }

    #[test]
    fn too_much_work_is_the_callers_rate_limit() {
        let response = Failure::from(Error::Overloaded).into_response_for("");
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        let response = starting(Duration::from_secs(1));
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
