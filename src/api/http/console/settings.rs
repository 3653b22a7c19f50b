//! What the console needs to know of the server.

use crate::api::http::door::Door;
use crate::metrics::recent::Recent;

/// The settings of the console.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether all connections to the server are encrypted.
    pub is_encrypted: bool,
    /// What the server counted in the last hour.
    pub recent: Recent,
}

/// The console of a server.
#[derive(Clone)]
pub struct Console {
    /// Its door.
    pub door: Door,
    /// Its settings.
    pub settings: Settings,
}
