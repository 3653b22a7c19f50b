//! Translates gRPC-Web calls, and allows listed web pages to read their replies.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use tonic::body::Body;

use super::cors;
use super::page::Page;
use super::trailers::InBody;
use crate::api::grpc::plain;
use crate::config::Origins;
use crate::server::around::Around;

/// The content types of gRPC-Web, and of the gRPC that they stand for.
const TYPES: [(&[u8], HeaderValue); 2] = [
    (b"application/grpc-web", HeaderValue::from_static("application/grpc")),
    (b"application/grpc-web+proto", HeaderValue::from_static("application/grpc+proto")),
];
/// The content type of replies.
const REPLY: HeaderValue = HeaderValue::from_static("application/grpc-web+proto");

/// The pages that may make gRPC-Web calls.
#[derive(Clone)]
pub struct Web(pub Arc<Origins>);

/// A running call.
pub struct WebCall {
    /// The page that may read the reply.
    reader: Option<HeaderValue>,
    is_web: bool,
}

impl Around for Web {
    type Call = WebCall;

    fn begin<B>(&self, request: &mut Request<B>) -> WebCall {
        let Self(origins) = self;
        if **origins == Origins::None || !plain::is_grpc_path(request.uri().path()) {
            return WebCall { reader: None, is_web: false };
        }
        let page = Page::of(origins, request.uri(), request.headers());
        let reader = cors::reader(page, request.headers());
        if let Some(page) = page {
            request.extensions_mut().insert(page);
        }
        let is_web = *request.method() == Method::POST && translate(request.headers_mut());
        if is_web {
            request.extensions_mut().insert(FromWeb);
        }
        WebCall { reader, is_web }
    }

    fn end(call: WebCall, mut response: Response<Body>) -> Response<Body> {
        let WebCall { reader, is_web } = call;
        if let Some(reader) = reader {
            cors::allow(response.headers_mut(), reader);
        }
        if !is_web {
            return response;
        }
        response.headers_mut().insert(CONTENT_TYPE, REPLY);
        response.map(|body| Body::new(InBody(body)))
    }
}

/// An extension of requests that were gRPC-Web.
#[derive(Debug, Clone, Copy)]
struct FromWeb;

/// Whether a request is a gRPC-Web call of a page that may not call, or the question whether it may.
pub fn is_refused<B>(request: &Request<B>) -> bool {
    let is_web = request.extensions().get::<FromWeb>().is_some() || cors::is_preflight(request);
    is_web && request.extensions().get() == Some(&Page::Refused)
}

/// Makes gRPC of gRPC-Web, whose requests have the same frames; `false` for other requests.
fn translate(headers: &mut HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let plain = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let Some((_, grpc)) = TYPES.into_iter().find(|(web, _)| plain.eq_ignore_ascii_case(web)) else {
        return false;
    };
    headers.insert(CONTENT_TYPE, grpc);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_binary_grpc_web_becomes_grpc() {
        for (kind, grpc) in [
            ("application/grpc-web", Some("application/grpc")),
            ("application/grpc-web+proto", Some("application/grpc+proto")),
            ("Application/gRPC-Web+proto; charset=utf-8", Some("application/grpc+proto")),
            ("application/grpc-web-text", None),
            ("application/grpc-web+json", None),
            ("application/grpc", None),
            ("text/plain", None),
            ("text/plain; application/grpc-web", None),
            ("multipart/form-data", None),
            ("application/x-www-form-urlencoded", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
            assert_eq!(translate(&mut headers), grpc.is_some(), "{kind}");
            assert_eq!(headers[CONTENT_TYPE], grpc.unwrap_or(kind), "{kind}");
        }
        assert!(!translate(&mut HeaderMap::new()));
    }
}
