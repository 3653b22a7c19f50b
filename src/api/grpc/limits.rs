//! Limits of messages.

/// Largest message, received or sent, in bytes.
pub const MESSAGE_MAX_BYTES: usize = 32 * 1024 * 1024;
/// Largest message to health checks and reflection, which need no token, in bytes.
pub const OPEN_MESSAGE_MAX_BYTES: usize = 64 * 1024;
