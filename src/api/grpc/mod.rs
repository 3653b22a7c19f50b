//! The gRPC door.

/// The generated messages, clients and servers of `publisher.v1`.
#[allow(clippy::all, clippy::pedantic, missing_docs)]
pub mod v1 {
    tonic::include_proto!("publisher.v1");
}
