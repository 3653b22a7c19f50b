//! Where a request comes from.

use std::net::IpAddr;

use http::Extensions;

/// The address at the other end of the connection: an extension of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// The address in the extensions of a request.
#[must_use]
pub fn peer_of(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<Peer>().map(|peer| peer.0)
}
