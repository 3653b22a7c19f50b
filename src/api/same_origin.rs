//! For whom a request is, and whether a web page of this server sent it.
//!
//! Only browsers send `Origin`, with every request of a page that is not a plain `GET`, and no page can
//! change what they send. So a page of another server is recognised by it.

use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri};

/// The web page that sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// None, as far as the request says.
    NoPage,
    /// One of this server.
    OwnPage {
        /// Whether the browser got it over an encrypted connection.
        is_encrypted: bool,
    },
    /// One of another server, or one whose server the browser does not tell.
    OtherPage,
}

/// The authority that a request is for, from `Host` and `:authority`, which must agree; `None` without one.
#[must_use]
pub fn target(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(HOST).iter().map(authority);
    let target = match (uri.authority(), hosts.next()) {
        (Some(target), None) => target.clone(),
        (Some(target), Some(Some(host))) if *target == host => host,
        (None, Some(Some(host))) => host,
        _ => return None,
    };
    hosts.next().is_none().then_some(target)
}

/// The page that sent a request for `target`.
#[must_use]
pub fn sender(headers: &HeaderMap, target: &Authority) -> Sender {
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => Sender::NoPage,
        (Some(origin), None) => match origin_of(origin) {
            Some((origin, is_encrypted)) if origin == *target => Sender::OwnPage { is_encrypted },
            Some(_) | None => Sender::OtherPage,
        },
        (Some(_), Some(_)) => Sender::OtherPage,
    }
}

fn authority(value: &HeaderValue) -> Option<Authority> {
    Authority::try_from(value.as_bytes()).ok()
}

fn origin_of(origin: &HeaderValue) -> Option<(Authority, bool)> {
    let origin = origin.as_bytes();
    let (rest, is_encrypted) = match origin.strip_prefix(b"https://") {
        Some(rest) => (rest, true),
        None => (origin.strip_prefix(b"http://")?, false),
    };
    Some((Authority::try_from(rest).ok()?, is_encrypted))
}
