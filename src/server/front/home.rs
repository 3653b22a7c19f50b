//! Protects a server without tokens from web pages: only requests meant for this machine are accepted.
//!
//! Such a server listens on a loopback address, so other machines cannot connect to it. But a web page that
//! is open on this machine could. First, a page may let its own domain resolve to 127.0.0.1 (DNS rebinding),
//! and could then read every response; its requests have that domain in `Host` or `:authority`. Second, any
//! page may send requests to `localhost`; they have its `Origin`. Therefore `Host` must be a loopback name or
//! address, and `Origin`, which only browsers send, must be the server itself.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Uri};

use crate::api::same_origin::{Sender, sender, target};

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// It was sent to a name that is not this machine's.
    #[error(
        "as long as no token has been created, the server accepts only requests to a loopback name or \
         address, such as localhost; to use another name, create a token with `memberbase token create`"
    )]
    Host,
    /// Another server passed it on, for a caller that is not proven to be on this machine.
    #[error(
        "as long as no token has been created, the server accepts only requests from its own machine; create \
         a token with `memberbase token create`"
    )]
    Caller,
    /// A web page from another server sent it.
    #[error(
        "as long as no token has been created, the server rejects requests from web pages of other servers; \
         create a token with `memberbase token create`"
    )]
    Origin,
    /// A web page from another server, which may not call, sent a gRPC-Web call.
    #[error(
        "the server accepts gRPC-Web calls only from web pages of its own and of origins in its setting \
         web-origins"
    )]
    Page,
}

impl Foreign {
    /// The reason for programs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Host | Self::Caller => "HOST_REFUSED",
            Self::Origin | Self::Page => "ORIGIN_REFUSED",
        }
    }
}

/// Checks that a request was sent to this machine, and not by a web page of another server.
pub fn check(uri: &Uri, headers: &HeaderMap) -> Result<(), Foreign> {
    // The fast path for nearly every request: there is nothing to compare.
    let has_usual = uri.authority().is_some_and(|authority| is_usual(authority.as_str()));
    if has_usual && !headers.contains_key(HOST) && !headers.contains_key(ORIGIN) {
        return Ok(());
    }
    let target = target(uri, headers).ok_or(Foreign::Host)?;
    if !(is_usual(target.as_str()) || is_loopback(target.host())) {
        return Err(Foreign::Host);
    }
    match sender(headers, &target) {
        Sender::NoPage | Sender::OwnPage { .. } => Ok(()),
        Sender::OtherPage => Err(Foreign::Origin),
    }
}

/// Whether `authority` is one that nearly every request has, so that it needs no parsing.
fn is_usual(authority: &str) -> bool {
    let port = authority.strip_prefix("127.0.0.1:").or_else(|| authority.strip_prefix("localhost:"));
    port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a host is a loopback name or address. Names under `localhost` are loopback names too, and nobody
/// can register one.
fn is_loopback(host: &str) -> bool {
    let is_name = |name: &str| name.eq_ignore_ascii_case("localhost");
    if is_name(host) || host.rsplit_once('.').is_some_and(|(_, last)| is_name(last)) {
        return true;
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(uri: &str, headers: &[(&'static str, &str)]) -> Result<(), Foreign> {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        check(&uri.parse().unwrap(), &headers)
    }

    #[test]
    fn only_loopback_names_and_addresses_are_accepted() {
        for host in [
            "localhost",
            "LOCALHOST:50051",
            "127.0.0.1:50051",
            "127.9.9.9",
            "[::1]:50051",
            "[::ffff:127.0.0.1]:1",
            "app.localhost:1",
        ] {
            assert_eq!(checked("/", &[("host", host)]), Ok(()), "{host}");
            assert_eq!(checked(&format!("http://{host}/x"), &[]), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:50051",
            "127.0.0.1.evil.example",
            "localhost.evil",
            "127.0.0.1:1@evil.example",
            "localhost:@evil.example:1",
            "10.0.0.1",
            "0.0.0.0",
            "[::]:1",
        ] {
            assert_eq!(checked("/", &[("host", host)]), Err(Foreign::Host), "{host}");
            assert_eq!(checked(&format!("http://{host}/x"), &[]), Err(Foreign::Host), "{host}");
        }
        assert_eq!(checked("/", &[]), Err(Foreign::Host));
        assert_eq!(checked("/", &[("host", "localhost"), ("host", "evil.example")]), Err(Foreign::Host));
        assert_eq!(checked("http://localhost/", &[("host", "evil.example")]), Err(Foreign::Host));
        assert_eq!(checked("http://localhost:1/", &[("host", "localhost:1")]), Ok(()));
    }

    #[test]
    fn an_origin_must_be_the_server_itself() {
        let from = |origin| checked("/", &[("host", "localhost:50051"), ("origin", origin)]);
        assert_eq!(from("http://localhost:50051"), Ok(()));
        assert_eq!(from("https://localhost:50051"), Ok(()));
        for origin in [
            "null",
            "http://localhost:3000",
            "http://evil.example",
            "http://127.0.0.1:50051",
            "",
            "localhost:50051",
        ] {
            assert_eq!(from(origin), Err(Foreign::Origin), "{origin}");
        }
    }
}
