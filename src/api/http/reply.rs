//! Answers: JSON, and the headers that go with a status.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::directory::Error;

/// The answer with this status and JSON.
pub fn json<T: Serialize>(status: StatusCode, reply: &T) -> Result<Response, Error> {
    let bytes = serde_json::to_vec(reply);
    let bytes = bytes.map_err(|fault| Error::Internal { private: format!("a reply is no JSON: {fault}") })?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((status, headers, Body::from(bytes)).into_response())
}

/// Says on a refusal how to authenticate, and when to come back.
pub fn advise(response: &mut Response, retry_after: Option<Duration>) {
    let is_unknown = response.status() == StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    if is_unknown {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(delay) = retry_after {
        // The header has whole seconds; sooner than asked for would be in vain.
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}
