//! What the console needs to know of the server.

use crate::api::http::door::Door;

/// The settings of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whether all connections to the server are encrypted.
    pub is_encrypted: bool,
}

/// The console of a server.
#[derive(Clone)]
pub struct Console {
    /// Its door.
    pub door: Door,
    /// Its settings.
    pub settings: Settings,
}
