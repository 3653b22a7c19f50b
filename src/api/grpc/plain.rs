//! Replies to clients that speak neither gRPC nor a JSON door: plain text.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use tonic::body::Body;

use crate::api::refused::Answered;
use crate::api::unknown;

/// Whether the content type of a request is gRPC: `application/grpc`, alone or with a message format.
#[must_use]
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    // gRPC-Web has other replies. Where it is served, it is gRPC by now.
    kind.strip_prefix(b"application/grpc")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// Whether a path is one of a gRPC service, also if it does not exist.
#[must_use]
pub fn is_grpc_path(path: &str) -> bool {
    path.starts_with("/publisher.v1.") || path.starts_with("/grpc.")
}

/// The response to a request that is neither gRPC nor at a JSON door. gRPC reports an error with status 200
/// and a trailer, which other clients would treat as a success.
#[must_use]
pub fn not_grpc(method: &Method, path: &str) -> Response<Body> {
    if path == "/" && matches!(*method, Method::GET | Method::HEAD) {
        return plain(StatusCode::OK, WELCOME);
    }
    if is_grpc_path(path) {
        let text = "gRPC requests must be POST with the content type application/grpc, or \
                    application/grpc-web+proto if the server has web-origins";
        return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    }
    no_such_path()
}

/// The content type of metrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a browser shows at the root.
const WELCOME: &str = "\
memberbase: a member directory that other services keep in sync

gRPC    package publisher.v1, with reflection and health checks
JSON    POST /publisher.v1/member/get and further calls, described by GET /publisher.v1/openapi.json
JSON    GET /v1/members and further calls (Onsi), described by GET /v1/openapi.json
JSON    members of a workspace (Orbiit), described by GET /v0/openapi.json";

/// What a probe is told: 200 if all is well, and otherwise 503.
#[must_use]
pub fn probe(is_well: bool, text: &str) -> Response<Body> {
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = plain(status, text);
    response.extensions_mut().insert(Answered);
    response
}

/// The text of metrics, in the format OpenMetrics.
#[must_use]
pub fn metrics(text: String) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(Bytes::from(text))));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS));
    response
}

/// The reply to a request for a path that does not exist.
#[must_use]
pub fn no_such_path() -> Response<Body> {
    plain(StatusCode::NOT_FOUND, unknown::PATH)
}

/// A reply that says all in its headers.
#[must_use]
pub fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Refuses a request at no door, in words for people.
#[must_use]
pub fn forbidden(text: &str) -> Response<Body> {
    plain(StatusCode::FORBIDDEN, text)
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(Bytes::from(format!("{text}\n")))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_grpc_itself_is_grpc() {
        let is = |kind: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
            is_grpc(&headers)
        };
        assert!(
            is("application/grpc") && is("application/grpc+proto") && is("application/grpc;charset=utf-8")
        );
        assert!(!is("application/grpc-web") && !is("application/grpc-web+proto") && !is("text/plain"));
        assert!(!is_grpc(&HeaderMap::new()));
    }
}
