//! The doors: each translates a protocol into calls of [`crate::directory`] and back, and has no rules of its
//! own.
//!
//! No other layer names a protocol's crates or status codes.

pub mod bearer;
pub mod error;
pub mod grpc;
pub mod http;
pub mod peer;
pub mod refused;
pub mod same_origin;
mod unknown;
mod untaken;
