//! What surrounds every call: who calls, the body, the answer or the error.

use std::future::Future;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::body::{Received, drain};
use super::named::{HeaderFault, IDEMPOTENCY_KEY, mark_repeat, named, request_id};
use super::{Door, json as parse};
use crate::api::bearer::bearer;
use crate::api::error;
use crate::directory::{Directory, Error};
use crate::model::token::AccessLevel;
use crate::model::{Reason, Refusal};

/// A call of a JSON door.
pub trait Call: 'static {
    /// Its path under the door's.
    const PATH: &'static str;
    /// The access that it needs.
    const NEEDS: AccessLevel;
    /// What it answers.
    type Reply: Serialize + Send;

    /// Does it.
    fn run(directory: Directory, body: Received)
    -> impl Future<Output = Result<Self::Reply, Failure>> + Send;
}

impl Received {
    /// The request that the body is.
    pub fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, Failure> {
        Ok(parse::parse(&self.bytes)?)
    }
}

/// Answers one call.
pub async fn answer<C: Call>(State(door): State<Door>, request: Request) -> Response {
    let (head, mut body) = request.into_parts();
    let outcome = async {
        let mut directory = door.gate.enter(&door.gate.identify(bearer(&head.headers)?)?, C::NEEDS)?;
        let id = if C::NEEDS > AccessLevel::Read { request_id(&head.headers)? } else { None };
        let mut received = Some(door.bodies.read(&head.headers, &mut body).await?);
        if let Some(id) = id {
            directory = named(directory, id, (&head.method, &head.uri), None, &mut received).await?;
        }
        let is_repeat = directory.is_repeat();
        let received = received.ok_or_else(Failure::broken_body)?;
        Ok::<_, Failure>((C::run(directory, received).await?, is_repeat))
    };
    match outcome.await {
        Ok((reply, is_repeat)) => {
            let mut response = reply_with(StatusCode::OK, &reply);
            if is_repeat {
                mark_repeat(&mut response);
            }
            response
        }
        Err(failure) => {
            drain(body).await;
            failure.into_response_for(C::PATH)
        }
    }
}

/// Answers what is no call at all.
pub async fn no_such_call(State(door): State<Door>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let known = bearer(&head.headers).and_then(|secret| door.gate.identify(secret));
    let failure = match known {
        Err(error) => error.into(),
        Ok(_) => Failure::plain(StatusCode::NOT_FOUND, "there is no such call".to_owned()),
    };
    drain(body).await;
    failure.into_response_for("")
}

/// Answers another method than POST.
pub async fn no_such_method(State(door): State<Door>, request: Request) -> Response {
    let known = bearer(request.headers()).and_then(|secret| door.gate.identify(secret));
    let failure = match known {
        Err(error) => error.into(),
        Ok(_) => Failure::plain(StatusCode::METHOD_NOT_ALLOWED, "every call is a POST".to_owned()),
    };
    failure.into_response_for("")
}

/// Why a call failed, in the words of the JSON doors.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    /// The reason, where it is one of ours.
    reason: Option<Reason>,
    message: String,
    data: Map<String, Value>,
    retry_after: Option<Duration>,
    private: Option<String>,
}

impl Failure {
    fn plain(status: StatusCode, message: String) -> Self {
        Self { status, reason: None, message, data: Map::new(), retry_after: None, private: None }
    }

    /// The body does not say that it is JSON.
    pub(super) fn media_type() -> Self {
        let message = "the content type must be application/json".to_owned();
        Self::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
    }

    /// The body is too large.
    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("the body has more than {limit} bytes");
        let mut failure = Self::plain(StatusCode::PAYLOAD_TOO_LARGE, message);
        failure.data.insert("limit".to_owned(), json!(limit));
        failure
    }

    /// The body comes too slowly.
    pub(super) fn too_slow() -> Self {
        Self::plain(StatusCode::REQUEST_TIMEOUT, "the body came too slowly".to_owned())
    }

    /// The body ended before its end.
    pub(super) fn broken_body() -> Self {
        Self::plain(StatusCode::BAD_REQUEST, "the body could not be read to its end".to_owned())
    }

    /// Some rows of a call are bad.
    pub fn rows(message: String) -> Self {
        Self::plain(StatusCode::BAD_REQUEST, message)
    }

    /// Something more for programs.
    #[must_use]
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.data.insert(key.to_owned(), value);
        self
    }

    /// The status of its answer.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// What it says to people, and when to come back, for a door with another envelope.
    pub(super) fn into_text(self) -> (String, Option<Duration>) {
        (self.message, self.retry_after)
    }

    fn into_response_for(self, path: &str) -> Response {
        let trace_id = error::trace_id();
        let code = error::word(self.status, self.reason);
        let reason = self.reason.map_or("", Reason::as_str);
        let status = self.status.as_u16();
        match &self.private {
            Some(private) => tracing::error!(trace_id, status, code, reason, path, "{private}"),
            None => tracing::info!(trace_id, status, code, reason, path, "a call was refused"),
        }
        let envelope = json!({ "error": {
            "code": code, "message": self.message, "data": self.data, "trace_id": trace_id,
        }});
        let mut response = reply_with(self.status, &envelope);
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(delay) = self.retry_after {
            // The header has whole seconds; sooner than asked for would be in vain.
            headers.insert(
                RETRY_AFTER,
                HeaderValue::from(delay.as_secs() + u64::from(delay.subsec_nanos() > 0)),
            );
        }
        response
    }
}

/// The answer while the store opens.
#[must_use]
pub fn starting(retry_after: Duration) -> Response {
    let mut failure = Failure::plain(StatusCode::SERVICE_UNAVAILABLE, Reason::Starting.describe().to_owned());
    failure.reason = Some(Reason::Starting);
    failure.retry_after = Some(retry_after);
    failure.into_response_for("")
}

fn reply_with<T: Serialize>(status: StatusCode, reply: &T) -> Response {
    match serde_json::to_vec(reply) {
        Ok(bytes) => {
            let headers = [
                (CONTENT_TYPE, HeaderValue::from_static("application/json")),
                (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ];
            (status, headers, Body::from(bytes)).into_response()
        }
        Err(fault) => {
            let private = format!("a reply is no JSON: {fault}");
            Failure::from(Error::Internal { private }).into_response_for("")
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let reason = error.reason();
        let mut failure = Self {
            status: error::http(reason),
            reason: Some(reason),
            message: error.to_string(),
            data: Map::new(),
            retry_after: error.retry_after(),
            private: error.private().map(str::to_owned),
        };
        failure.data.insert("reason".to_owned(), json!(reason.as_str()));
        if let Some(resource) = resource(reason) {
            failure.data.insert("resource".to_owned(), json!(resource));
        }
        for (key, number) in error::metadata(&error) {
            failure.data.insert(key, json!(number));
        }
        if let Some(first) = error.violations().first() {
            failure.data.insert("path".to_owned(), json!(first.field));
            let all = error.violations().iter();
            let all: Vec<_> =
                all.map(|fault| json!({ "path": fault.field, "message": fault.description })).collect();
            failure.data.insert("violations".to_owned(), all.into());
        }
        failure
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Error::from(refusal).into()
    }
}

impl From<HeaderFault> for Failure {
    fn from(fault: HeaderFault) -> Self {
        Refusal::field(Reason::FieldInvalid, IDEMPOTENCY_KEY, fault.to_string()).into()
    }
}

/// The kind of thing that is missing.
fn resource(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::MemberBaseNotFound => Some("member_base"),
        Reason::MemberNotFound => Some("member"),
        Reason::RecordNotFound => Some("record"),
        Reason::TokenNotFound => Some("api_token"),
        _ => None,
    }
}
