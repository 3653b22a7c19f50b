//! Limits and accounting of the messages of one request.

use http::HeaderMap;

use super::requests::Arriving;
use super::unpack::Encoding;
use crate::api::peer::Peer;
use crate::directory::{Incoming, Party, Whose};

/// Largest message to health checks and reflection, which need no token, in bytes.
const OPEN_MESSAGE_MAX_BYTES: usize = 64 * 1024;

/// The rules for the messages of one request.
pub struct Terms {
    /// The memory for their bytes.
    pub incoming: Incoming,
    /// The party that they are counted for.
    pub whose: Whose,
    /// The largest message, in bytes.
    pub most: usize,
    /// The call, if its messages are weighed before they are decoded.
    pub arriving: Option<Arriving>,
    /// How they are compressed.
    pub encoding: Option<Encoding>,
    /// Whether the caller may pause between two messages.
    pub is_stream: bool,
}

impl Terms {
    /// The rules for a request of this peer that needs no token: to health checks or reflection.
    pub fn of_open(peer: Option<Peer>, incoming: Incoming) -> Self {
        let party = peer.map_or(Party::Nobody, |peer| Party::Peer(peer.address));
        let whose = Whose { party, connection: peer.map(|peer| peer.connection) };
        let most = OPEN_MESSAGE_MAX_BYTES;
        // A reflection client sends one question after another.
        Self { incoming, whose, most, arriving: None, encoding: None, is_stream: true }
    }

    /// Notes how the messages are compressed.
    pub fn with_headers(mut self, headers: &HeaderMap) -> Self {
        self.encoding = Encoding::of(headers);
        self
    }

    /// The same for one of the messages.
    pub fn of_one(&self) -> Self {
        let Self { incoming, whose, most, arriving, encoding, is_stream } = self;
        Self {
            incoming: incoming.clone(),
            whose: *whose,
            most: *most,
            arriving: arriving.clone(),
            encoding: *encoding,
            is_stream: *is_stream,
        }
    }
}
