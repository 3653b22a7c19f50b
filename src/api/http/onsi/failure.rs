//! Why a call failed: `{"issues": […]}`. Every issue has a code of the published list.

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::issue::{Code, Issue};
use crate::api::bearer::API_KEY;
use crate::api::error;
use crate::api::http::camel::camel;
use crate::api::http::entry::Refuses;
use crate::api::http::file::Fault;
use crate::api::http::header::HeaderFault;
use crate::api::http::rejection::Rejection;
use crate::api::http::reply::{advise, short_json, trace};
use crate::api::refused::Refused;
use crate::directory::{Error, TokenFault};
use crate::model::{Reason, Refusal, Violation};

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
    pub fn into_issues(self) -> Vec<Issue> {
        self.issues
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
        trace(&mut response, &trace_id);
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

impl Refuses for Failure {
    fn wrong_header(name: &str, fault: &HeaderFault) -> Self {
        Self::header(name, &fault.to_string())
    }
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

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Rejected(rejection) => rejection.into(),
            Fault::Form { part, description } => {
                let issue = Issue::at(Code::BodyValidation, part, &description);
                Self::new(StatusCode::BAD_REQUEST, vec![issue])
            }
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

/// The response while no store is open here, which `reason` explains.
#[must_use]
pub fn not_serving(reason: Reason, retry_after: Duration) -> Response {
    let status = status_of(reason);
    let issue = Issue::of_status(status, reason.describe().to_owned());
    let failure = Failure { retry_after: Some(retry_after), ..Failure::new(status, vec![issue]) };
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
    let status = StatusCode::FORBIDDEN;
    Failure::new(status, vec![Issue::of_status(status, message)]).into_response_for("")
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;

    use super::*;

    #[test]
    fn details_for_the_operator_stay_out_of_the_issues() {
        let failure = Failure::from(Error::Internal { private: "/var/lib/secret".into() });
        assert_eq!((failure.status.as_u16(), failure.issues[0].code), (500, Code::InternalServerError));
        assert!(!failure.issues[0].message.contains("secret"));
    }

    #[test]
    fn a_running_request_id_is_a_conflict_and_one_of_another_request_is_refused() {
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
        let response = not_serving(Reason::Starting, Duration::from_secs(1));
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
