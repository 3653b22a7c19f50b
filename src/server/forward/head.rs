//! The head of a call, for its next hop.
//!
//! Everything that the caller sent passes on: its path, host, token, trace. Only what is about one connection
//! does not, and the deadline is shortened by what was waited.

use std::time::{Duration, Instant};

use http::header::{CONNECTION, EXPECT, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, Version};

use super::proof::FORWARDED;
use crate::api::grpc::deadline::Deadline;

/// Headers about one connection, besides those that `connection` names.
static OF_CONNECTION: [HeaderName; 7] = [
    CONNECTION,
    EXPECT,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");
/// A shorter wait does not change the deadline.
const WAITED: Duration = Duration::from_millis(10);
/// The longest timeout in milliseconds that has eight digits.
const MILLIS_MAX: u128 = 99_999_999;

/// The request for the active server. `forwarded` is the value of [`FORWARDED`].
pub fn outgoing(call: &Parts, scheme: &Scheme, forwarded: HeaderValue, waited: Duration) -> Request<()> {
    let mut headers = call.headers.clone();
    let named: Vec<HeaderName> = headers.get_all(CONNECTION).iter().flat_map(names).collect();
    OF_CONNECTION.iter().chain(&named).for_each(|name| drop(headers.remove(name)));
    let takes_trailers = headers.get_all(TE).iter().any(|te| te.as_bytes().eq_ignore_ascii_case(b"trailers"));
    headers.remove(TE);
    if takes_trailers {
        headers.insert(TE, TRAILERS);
    }
    headers.insert(FORWARDED, forwarded);
    if waited >= WAITED
        && let Some(Deadline(end)) = call.extensions.get()
    {
        headers.insert(GRPC_TIMEOUT, timeout(end.saturating_duration_since(Instant::now())));
    }
    let (uri, version) = target(call, scheme, &mut headers);
    let mut request = Request::new(());
    *request.method_mut() = call.method.clone();
    *request.uri_mut() = uri;
    *request.version_mut() = version;
    *request.headers_mut() = headers;
    request
}

/// The names in a header `connection`.
fn names(value: &HeaderValue) -> impl Iterator<Item = HeaderName> {
    let names = value.to_str().unwrap_or_default().split(',');
    names.filter_map(|name| HeaderName::try_from(name.trim()).ok())
}

fn timeout(left: Duration) -> HeaderValue {
    let millis = left.as_millis();
    let text = if millis <= MILLIS_MAX { format!("{millis}m") } else { format!("{}S", left.as_secs()) };
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("0m"))
}

/// The host that the caller named becomes the authority, which is where HTTP/2 has it. A request that names
/// none, or not one, stays so: it is for the active server to refuse.
fn target(call: &Parts, scheme: &Scheme, headers: &mut HeaderMap) -> (Uri, Version) {
    let authority = match call.uri.authority() {
        Some(authority) => Some(authority.clone()),
        None => {
            let mut hosts = headers.get_all(HOST).iter();
            match (hosts.next(), hosts.next()) {
                (Some(host), None) => Authority::try_from(host.as_bytes()).ok(),
                _ => None,
            }
        }
    };
    if authority.is_some() && call.uri.authority().is_none() {
        headers.remove(HOST);
    }
    let path = call.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    let mut parts = http::uri::Parts::default();
    parts.path_and_query = Some(path);
    let version = match authority {
        Some(authority) => {
            parts.scheme = Some(scheme.clone());
            parts.authority = Some(authority);
            Version::HTTP_2
        }
        // The only version in which h2 sends a request without an authority.
        None => Version::HTTP_11,
    };
    (Uri::from_parts(parts).unwrap_or_default(), version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(uri: &str, headers: &[(&'static str, &str)], waited: Duration) -> Request<()> {
        let mut request = Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        request.extensions_mut().insert(Deadline(Instant::now() + Duration::from_secs(1_000_000)));
        let (call, ()) = request.into_parts();
        outgoing(&call, &Scheme::HTTPS, HeaderValue::from_static("-"), waited)
    }

    #[test]
    fn what_is_about_one_connection_stays_there_and_all_else_passes_on() {
        let request = sent(
            "/a/b?c=d",
            &[
                ("host", "mb.example:50051"),
                ("connection", "keep-alive, X-Mine"),
                ("x-mine", "1"),
                ("keep-alive", "1"),
                ("transfer-encoding", "chunked"),
                ("te", "trailers"),
                ("expect", "100-continue"),
                ("authorization", "Bearer sk_1"),
                ("traceparent", "00-1"),
                ("grpc-timeout", "5S"),
                ("memberbase-forwarded", "forged"),
                ("cookie", "a=b"),
            ],
            Duration::ZERO,
        );
        assert_eq!(request.uri(), "https://mb.example:50051/a/b?c=d");
        let mut left: Vec<String> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        left.sort();
        assert_eq!(
            left,
            [
                "authorization: Bearer sk_1",
                "cookie: a=b",
                "grpc-timeout: 5S",
                "memberbase-forwarded: -",
                "te: trailers",
                "traceparent: 00-1"
            ]
        );
    }

    #[test]
    fn a_host_that_is_none_is_left_to_the_active_server() {
        for headers in [&[][..], &[("host", "a"), ("host", "b")], &[("host", "a b")]] {
            let request = sent("/a", headers, Duration::ZERO);
            assert_eq!((request.uri().to_string(), request.version()), ("/a".to_owned(), Version::HTTP_11));
            assert_eq!(request.headers().get_all("host").iter().count(), headers.len());
        }
        // A request of HTTP/2 may have both, which the active server compares.
        let request = sent("https://a/b", &[("host", "c")], Duration::ZERO);
        assert_eq!(request.uri(), "https://a/b");
        assert_eq!(request.headers()["host"], "c");
    }

    #[test]
    fn what_was_waited_is_taken_off_the_deadline() {
        let request = sent("/a", &[("grpc-timeout", "1000000S")], WAITED);
        let left: u64 =
            request.headers()["grpc-timeout"].to_str().unwrap().trim_end_matches('S').parse().unwrap();
        assert!((999_990..1_000_000).contains(&left), "{left}");
        assert_eq!(timeout(Duration::from_millis(1_500)), "1500m");
    }
}
