//! Requests that can be sent again safely.
//!
//! This room promises that a repeat has the same identity, and that the stored fingerprints of requests never
//! change their form.

pub mod idempotency;
pub mod import;
