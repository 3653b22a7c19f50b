//! The doors of the service.

pub mod grpc;
