//! The doors: each translates a protocol into calls of [`crate::directory`] and back, and has no rule of its own.
//!
//! The only place that names protocols' crates and status codes.

mod bearer;
pub mod error;
pub mod grpc;
pub mod http;
pub mod peer;
pub mod refused;
mod unknown;
mod untaken;
