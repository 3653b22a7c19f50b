//! The peer of a request.

use http::Extensions;

pub use crate::directory::Peer;

/// The peer of a request, from its extensions.
#[must_use]
pub fn peer_of(extensions: &Extensions) -> Option<Peer> {
    extensions.get::<Peer>().copied()
}
