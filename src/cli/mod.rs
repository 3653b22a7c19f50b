//! The command line, one file per subcommand.
//!
//! `serve`, `token --data`, `check`, `copy`, `adopt`, `refold`, `restore`, `verify` and `backup --data` work on a
//! store themselves. `completions` and `man` describe the commands. All others are ordinary clients: they speak to a
//! server, also a remote one, through the generated code alone. Only `client` and `error` use the gRPC library
//! and its status codes.

mod adopt;
mod audiences;
mod backup;
mod base;
mod bench;
mod check;
mod client;
mod command;
mod completions;
mod copy;
mod count;
mod draw;
mod error;
mod expect;
mod export;
mod files;
mod filter;
mod get;
mod hinted;
mod history;
mod import;
mod job;
mod jobs;
mod json;
mod list;
mod man;
mod member;
mod output;
mod refold;
mod restore;
mod serve;
mod store;
mod sync;
mod token;
mod undelete;
mod verify;

pub use self::command::{Cli, fail, run};
pub use self::error::{EXIT_USAGE, Error};
