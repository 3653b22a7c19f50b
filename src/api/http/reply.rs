//! Replies: JSON, with the headers of their status.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::api::untaken::{self, Counted};
use crate::compute::{self, Size};
use crate::directory::{Error, Replies};
use crate::model::token::AccessLevel;

/// The response with this status and JSON. Its length is known only once it is written, so JSON that turns
/// out to be long is written again from the start, in turn and on a thread for computations.
pub async fn json<T: Serialize + Sync>(status: StatusCode, reply: &T) -> Result<Response, Error> {
    let mut short = Short(Vec::with_capacity(FIRST_BYTES));
    match serde_json::to_writer(&mut short, reply) {
        Err(fault) if fault.is_io() => {
            let bytes = compute::here(Size::Large, || serde_json::to_vec(reply)).await;
            Ok(with_bytes(status, bytes.map_err(|fault| no_json(&fault))?))
        }
        Err(fault) => Err(no_json(&fault)),
        Ok(()) => Ok(with_bytes(status, short.0)),
    }
}

/// The response with this status and short JSON.
pub fn short_json<T: Serialize>(status: StatusCode, reply: &T) -> Result<Response, Error> {
    Ok(with_bytes(status, serde_json::to_vec(reply).map_err(|fault| no_json(&fault))?))
}

fn no_json(fault: &serde_json::Error) -> Error {
    Error::Internal { private: format!("a reply cannot be written as JSON: {fault}") }
}

fn with_bytes(status: StatusCode, bytes: Vec<u8>) -> Response {
    untaken::note(bytes.len());
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, Body::from(bytes)).into_response()
}

/// The initial buffer for JSON, in bytes.
const FIRST_BYTES: usize = 128;

/// A buffer for short JSON; writing to it fails once the JSON is long.
struct Short(Vec<u8>);

impl io::Write for Short {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.0.len() + bytes.len() >= compute::LARGE_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs a call that needs this level of access. A large reply is counted until the peer has received it.
pub async fn counted(
    replies: Replies,
    needs: AccessLevel,
    call: Pin<&mut impl Future<Output = Response>>,
) -> Result<Response, Error> {
    let (response, taken) = untaken::count(replies, needs, call).await;
    Ok(match taken? {
        Some(taken) => response.map(|body| Body::new(Counted::new(body, taken))),
        None => response,
    })
}

/// The header with the trace id of a refusal, which is also in the log.
pub const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// Adds its trace id to a refusal.
pub fn trace(response: &mut Response, trace_id: &str) {
    response.headers_mut().extend(HeaderValue::from_str(trace_id).map(|value| (TRACE_ID, value)));
}

/// Adds to a refusal the headers that say how to authenticate, and when to retry.
pub fn advise(response: &mut Response, retry_after: Option<Duration>) {
    let is_unknown = response.status() == StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    if is_unknown {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(delay) = retry_after {
        // The header has whole seconds, rounded up, because an earlier retry would fail.
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use http_body_util::BodyExt;

    use super::*;

    async fn body(reply: Response) -> Vec<u8> {
        reply.into_body().collect().await.unwrap().to_bytes().to_vec()
    }

    #[tokio::test]
    async fn long_json_waits_for_its_turn_and_short_json_does_not() {
        // With its quotes, `long` is just long enough to count as long.
        let [short, long] = [1_000, compute::LARGE_BYTES - 2].map(|length| "x".repeat(length));
        let all = compute::every_permit().await;
        let reply = json(StatusCode::OK, &short).await.unwrap();
        assert_eq!(body(reply).await, serde_json::to_vec(&short).unwrap());
        let mut reply = Box::pin(json(StatusCode::OK, &long));
        assert!(reply.as_mut().now_or_never().is_none());
        drop(all);
        assert_eq!(body(reply.await.unwrap()).await, serde_json::to_vec(&long).unwrap());
    }

    #[tokio::test]
    async fn text_that_is_not_json_is_a_fault_of_the_server() {
        let pairs = std::collections::BTreeMap::from([((1, 2), 3)]);
        let fault = json(StatusCode::OK, &pairs).await.unwrap_err();
        assert!(matches!(fault, Error::Internal { .. }), "{fault:?}");
    }
}
