//! The headers with which a server allows web pages of other servers to read its replies (CORS).

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use tonic::body::Body;

use super::page::Page;
use crate::api::grpc::plain;

/// Headers that pages may send.
const MAY_SEND: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, grpc-accept-encoding, grpc-encoding, grpc-timeout, traceparent, tracestate, \
     x-grpc-web, x-user-agent",
);
/// Headers that pages may read.
const MAY_READ: HeaderValue = HeaderValue::from_static(
    "grpc-encoding, grpc-message, grpc-status, grpc-status-details-bin, idempotency-replayed",
);
/// How long a browser may remember what it may send, in seconds: the longest time that Chromium accepts.
const REMEMBERED_SECONDS: HeaderValue = HeaderValue::from_static("7200");

/// Whether a request is the question of a browser whether a page of another server may call.
pub fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        && request.extensions().get::<Page>().is_some()
        && plain::is_grpc_path(request.uri().path())
}

/// The reply to it. [`allow`] adds for whom it is.
pub fn preflight() -> Response<Body> {
    let mut response = plain::no_content();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, MAY_SEND);
    headers.insert(ACCESS_CONTROL_MAX_AGE, REMEMBERED_SECONDS);
    response
}

/// Whom a reply allows to read it: the value for [`allow`]. `None` for no page of another server.
pub fn reader(page: Option<Page>, request: &HeaderMap) -> Option<HeaderValue> {
    match page? {
        Page::Listed => request.get(ORIGIN).cloned(),
        Page::Any => Some(HeaderValue::from_static("*")),
        Page::Refused => None,
    }
}

/// Allows a page to read a reply.
pub fn allow(reply: &mut HeaderMap, reader: HeaderValue) {
    reply.insert(ACCESS_CONTROL_ALLOW_ORIGIN, reader);
    reply.insert(ACCESS_CONTROL_EXPOSE_HEADERS, MAY_READ);
    reply.append(VARY, HeaderValue::from_static("origin"));
}
