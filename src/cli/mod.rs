//! The command line, one file per subcommand.
//!
//! Everything but `serve`, `token`, `check`, `refold`, `restore`, `verify` and `backup --data` is a client like any other: it speaks to a
//! server through the generated code alone, and works against a remote one. Only `client` and `error` name the gRPC library and its status codes.

mod backup;
mod base;
mod bench;
mod check;
mod client;
mod command;
mod error;
mod export;
mod files;
mod filter;
mod get;
mod import;
mod json;
mod list;
mod output;
mod refold;
mod restore;
mod serve;
mod token;
mod verify;

pub use self::command::{Cli, fail, run};
pub use self::error::{EXIT_DATA, EXIT_IO, EXIT_PIPE, EXIT_SERVICE, EXIT_SIGNAL, EXIT_USAGE, Error};
pub(crate) use self::import::fuzz;
