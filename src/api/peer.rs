//! Where a request comes from.

use http::Extensions;

pub use crate::directory::Peer;

/// Where a request comes from, out of its extensions.
#[must_use]
pub fn peer_of(extensions: &Extensions) -> Option<Peer> {
    extensions.get::<Peer>().copied()
}
