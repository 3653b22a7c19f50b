//! Who may reach a server that asks for no token: only what was meant for this machine.
//!
//! Such a server listens on a loopback address, so other machines cannot reach it; but a web page that somebody on this
//! machine opens could. A page may have its own name lead to 127.0.0.1 (rebinding), and then reads every answer: its requests
//! carry that name in `Host` or `:authority`. And any page may send requests to `localhost`: they carry its `Origin`.
//! So the first must name a loopback address, and the second, which only browsers send, must be the server itself.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri};

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// It was meant for another name than this machine's.
    #[error(
        "while no token was made, the server answers only requests to a loopback name or address, such as localhost; make \
         a token with `memberbase token create` to use another name"
    )]
    Host,
    /// It was sent by a web page from elsewhere.
    #[error(
        "while no token was made, web pages from elsewhere may not call; make a token with `memberbase token create`"
    )]
    Origin,
}

impl Foreign {
    /// The word for programs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Host => "HOST_REFUSED",
            Self::Origin => "ORIGIN_REFUSED",
        }
    }
}

/// Whether a request was meant for this machine, and not sent by somebody else's web page.
pub fn check(uri: &Uri, headers: &HeaderMap) -> Result<(), Foreign> {
    // As nearly every request is: there is nothing to compare.
    let is_usual_alone = uri.authority().is_some_and(|named| is_usual(named.as_str()));
    if is_usual_alone && !headers.contains_key(HOST) && !headers.contains_key(ORIGIN) {
        return Ok(());
    }
    let mut hosts = headers.get_all(HOST).iter().map(authority);
    let named = match (uri.authority(), hosts.next()) {
        (Some(named), None) => named.clone(),
        (Some(named), Some(Some(host))) if *named == host => host,
        (None, Some(Some(host))) => host,
        _ => return Err(Foreign::Host),
    };
    if hosts.next().is_some() || !(is_usual(named.as_str()) || is_loopback(named.host())) {
        return Err(Foreign::Host);
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => Ok(()),
        (Some(origin), None) if origin_authority(origin).is_some_and(|origin| origin == named) => Ok(()),
        (Some(_), _) => Err(Foreign::Origin),
    }
}

fn authority(value: &HeaderValue) -> Option<Authority> {
    Authority::try_from(value.as_bytes()).ok()
}

fn origin_authority(origin: &HeaderValue) -> Option<Authority> {
    let origin = origin.as_bytes();
    let rest = origin.strip_prefix(b"http://").or_else(|| origin.strip_prefix(b"https://"))?;
    Authority::try_from(rest).ok()
}

/// Whether `authority` is what nearly every request has; it needs no parsing.
fn is_usual(authority: &str) -> bool {
    let port = authority.strip_prefix("127.0.0.1:").or_else(|| authority.strip_prefix("localhost:"));
    port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Names under `localhost` are loopback names too, and nobody can own one.
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
    fn only_loopback_names_and_addresses_are_at_home() {
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
