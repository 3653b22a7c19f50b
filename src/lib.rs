//! `memberbase`: a member directory that other services keep in sync.
//!
//! # The map of the crate
//!
//! ```text
//! cli ──► server ──► api ──► directory ──► table ──► stored ──► model
//!                    server alone picks an └───────► engine (trait)
//! ```
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`model`] | pure types and rules: ids, refs, members, filters, cursors; no I/O, no clock |
//! | [`engine`] | the ordered byte store: its trait, in memory, and sled behind a write-ahead log |
//! | [`stored`] | the model as bytes: every key and every stored form, with their versions |
//! | [`table`] | members as rows: blocks, commit log, lookups, sets, lanes, checkpoints, views |
//! | [`directory`] | the operations of the service, the same for every door |
//! | [`api`] | the doors, and the one table from errors to statuses |
//! | [`config`] | the settings of a server |
//! | [`server`] | bind, open, build, serve, drain, close: the only module that knows every layer |
//! | [`cli`] | the command line, one file per subcommand |
//! | `tasks` | where every task and thread begins, for all of them |
//!
//! A module uses those to its right, as the picture has it; `tests/it/architecture.rs` reads the sources and fails
//! when one does otherwise.

// What a program prints can fail: `cli::output` prints for the commands, and what a log is asked for goes there.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod api;
pub mod cli;
mod compute;
pub mod config;
pub mod directory;
pub mod engine;
#[doc(hidden)]
pub mod fuzz;
pub mod model;
pub mod server;
pub mod stored;
pub mod table;
mod tasks;

/// The version of the program, with the commit that it was built from and the day of that, where they are known.
pub const VERSION: &str = env!("MEMBERBASE_VERSION");
