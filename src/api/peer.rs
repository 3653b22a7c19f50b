//! Where a request comes from.

use std::net::IpAddr;

/// The address at the other end of the connection: an extension of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);
