//! The client of a server. Only this module and `error` use the gRPC library and its status codes.

mod connection;
mod peer;
mod tls;
mod tls_fault;

pub use self::connection::{Client, Streaming, Target, Token, next, rows_of_chunk};
pub use self::tls::Tls;
pub use crate::cli::error::Refusal;
