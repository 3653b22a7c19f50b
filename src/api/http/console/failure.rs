//! Why a page cannot be shown. The texts are those of the service.

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};

use super::look::{Frame, Page, Place};
use crate::api::error;
use crate::api::http::file::Fault;
use crate::api::http::rejection::Rejection;
use crate::api::http::reply::{advise, trace};
use crate::api::refused::Refused;
use crate::directory::{Error, TokenFault};
use crate::model::{Reason, Refusal};

/// Why a page cannot be shown.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    reason: String,
    message: String,
    /// The faults of the request: the field, and what is wrong with it.
    faults: Vec<(String, String)>,
    retry_after: Option<Duration>,
    private: Option<String>,
    /// If the person is signed out: why.
    signed_out: Option<TokenFault>,
}

impl Failure {
    /// A failure with this text.
    pub fn plain(status: StatusCode, reason: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            reason: reason.to_owned(),
            message: message.into(),
            faults: Vec::new(),
            retry_after: None,
            private: None,
            signed_out: None,
        }
    }

    /// A form with a fault of its own.
    pub fn form(message: impl Into<String>) -> Self {
        Self::plain(StatusCode::BAD_REQUEST, Reason::FieldInvalid.as_str(), message)
    }

    /// There is no such page.
    pub fn no_page() -> Self {
        Self::plain(StatusCode::NOT_FOUND, "NOT_FOUND", "There is no such page.")
    }

    /// Why the person is signed out, if they are.
    pub fn signed_out(&self) -> Option<TokenFault> {
        self.signed_out
    }

    /// The failure, to be shown within a page.
    pub fn shown(&self) -> Markup {
        html! {
            div.error role="alert" {
                p { (sentence(&self.message)) }
                @if self.faults.len() > 1 {
                    ul { @for (field, fault) in &self.faults { li { bdi { @if !field.is_empty() { (field) ": " } (fault) } } } }
                }
            }
        }
    }

    /// Whether something in the form is at fault, so that its page can be shown again with what was typed.
    pub fn is_of_the_form(&self) -> bool {
        let is_not_ours = matches!(self.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
        self.status.is_client_error() && self.signed_out.is_none() && !is_not_ours
    }

    /// The status of a page that shows it.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Logs what only the operator may read.
    pub fn log(&self, name: &str) -> String {
        let trace_id = error::trace_id();
        if let Some(private) = &self.private {
            let (status, reason) = (self.status.as_u16(), self.reason.as_str());
            tracing::error!(trace_id, status, reason, name, "{private}");
        }
        trace_id
    }

    /// The page that shows it; `name` is the name of the page that was asked for.
    pub fn into_response(self, name: &str, frame: Option<&Frame>) -> Response {
        let trace_id = self.log(name);
        let main = html! {
            h1 { (self.title()) }
            (self.shown())
            @if self.reason == Reason::IdMalformed.as_str() {
                p { "If you came here by a link, it may have been cut when it was copied." }
            }
            p.actions {
                @if self.signed_out.is_some() { a.button.main href="/console/sign-in" { "Sign in" } }
                @else {
                    @if let Some((place, text)) = self.back(name) { a.button href=(place) { (text) } " " }
                    a.button href="/console" { "To the memberbases" }
                }
            }
            @if self.private.is_some() { p.muted.small { "The log of the server says more, under " code { (trace_id) } "." } }
        };
        let mut response = Page::new(self.title(), Place::None, main).into_response(self.status, frame);
        trace(&mut response, &trace_id);
        advise(&mut response, self.retry_after);
        response.headers_mut().remove(http::header::WWW_AUTHENTICATE);
        response.extensions_mut().insert(Refused { reason: self.reason, trace_id });
        response
    }

    /// The page from which a form was sent that did not work, by the address of the form. What is not there,
    /// or not for this person, has none.
    fn back(&self, address: &str) -> Option<(String, &'static str)> {
        if matches!(self.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) {
            return None;
        }
        let mut parts = address.strip_prefix("/console/")?.split('/');
        let (kind, id, action) = (parts.next()?, parts.next()?, parts.next());
        let text = match (kind, action) {
            ("jobs", Some(_)) => "Back to the job",
            ("members", Some(_)) => "Back to the member",
            ("bases", Some(_)) => "Back to the memberbase",
            ("tokens", Some(_)) => return Some(("/console/tokens".to_owned(), "Back to the tokens")),
            _ => return None,
        };
        Some((format!("/console/{kind}/{id}"), text))
    }

    fn title(&self) -> &'static str {
        match self.status {
            StatusCode::UNAUTHORIZED => "You are signed out",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::NOT_FOUND => "Not found",
            status if status.is_server_error() => "Not possible at the moment",
            _ => "This did not work",
        }
    }
}

/// A text as a sentence: texts of errors begin in lower case, without a full stop. The name of a field at its
/// beginning stays as it is.
pub fn sentence(text: &str) -> String {
    let is_word = text.split(' ').next().is_some_and(|word| word.chars().all(char::is_alphabetic));
    let mut letters = text.chars();
    let first = letters.next().filter(|_| is_word).map(|first| first.to_uppercase().collect::<String>());
    let text = first.map_or(text.to_owned(), |first| format!("{first}{}", letters.as_str()));
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{text}{end}")
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let faults = error.violations().iter().map(|fault| (fault.field.clone(), fault.description.clone()));
        let faults = faults.collect();
        let signed_out = match &error {
            Error::Unauthenticated(fault) => Some(*fault),
            _ => None,
        };
        let message = match signed_out {
            Some(_) => "You are signed out. Sign in again, and repeat what you did.".to_owned(),
            None => error.to_string(),
        };
        Self {
            faults,
            signed_out,
            retry_after: error.retry_after(),
            private: error.private().map(str::to_owned),
            ..Self::plain(error::http(error.reason()), error.reason().as_str(), message)
        }
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
            Rejection::UnknownPath | Rejection::UnknownMethod => Self::no_page(),
            Rejection::ContentType
            | Rejection::ContentEncoding
            | Rejection::TooLarge { .. }
            | Rejection::TooSlow
            | Rejection::Broken => Self::plain(status, "REJECTED", message),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Rejected(rejection) => rejection.into(),
            Fault::Form { .. } => Self::form(fault.to_string()),
        }
    }
}

/// The page while no store is open here, which `reason` explains.
#[must_use]
pub fn not_serving(reason: Reason, retry_after: Duration) -> Response {
    let mut failure = Failure::plain(StatusCode::SERVICE_UNAVAILABLE, reason.as_str(), reason.describe());
    failure.retry_after = Some(retry_after);
    failure.into_response("", None)
}

/// The page for a request beyond those that a peer may make at a time.
#[must_use]
pub fn overloaded() -> Response {
    Failure::from(Error::Overloaded).into_response("", None)
}

/// The page for a request that the server never accepts, whatever rights the person has.
#[must_use]
pub fn forbidden(reason: &str, message: String) -> Response {
    Failure::plain(StatusCode::FORBIDDEN, reason, message).into_response("", None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_did_not_work_leads_back_to_its_page() {
        let failure = Failure::form("wrong");
        for (address, place) in [
            ("/console/jobs/job_1/approve", Some("/console/jobs/job_1")),
            ("/console/members/m_1/offboard", Some("/console/members/m_1")),
            ("/console/bases/mb_1/audiences", Some("/console/bases/mb_1")),
            ("/console/tokens/atok_1/revoke", Some("/console/tokens")),
            ("/console/jobs/job_1", None),
            ("/console/bases", None),
            ("", None),
        ] {
            assert_eq!(failure.back(address).map(|(place, _)| place).as_deref(), place, "{address}");
        }
        assert_eq!(Failure::no_page().back("/console/jobs/job_1/approve"), None);
    }

    #[test]
    fn texts_of_errors_become_sentences() {
        assert_eq!(sentence("there is no such member"), "There is no such member.");
        assert_eq!(sentence("ok?"), "ok?");
        assert_eq!(sentence("worker_id: is missing"), "worker_id: is missing.");
        assert_eq!(sentence(""), ".");
    }

    #[test]
    fn a_private_text_reaches_no_page() {
        let failure = Failure::from(Error::Internal { private: "/var/lib/secret".into() });
        assert!(!failure.shown().into_string().contains("secret"));
        assert_eq!(failure.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
