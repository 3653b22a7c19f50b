//! The wire: code generated from `proto/publisher/v1`, where every message and call is documented.

#![allow(
    missing_docs,
    clippy::all,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "generated code"
)]

tonic::include_proto!("publisher.v1");

/// Largest message, received or sent, in bytes: the limit of the server and of its command line.
pub const MESSAGE_MAX_BYTES: usize = 32 * 1024 * 1024;

/// The descriptors of this package and of what it imports, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/publisher.v1.bin"));
