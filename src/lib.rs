//! `memberbase`: a member directory that other services keep in sync.
//!
//! # The map of the crate
//!
//! ```text
//! cli ──► server ──► api ──► directory ──► table ──► stored ──► model
//!                    server alone picks an │└──────► engine (trait)
//!        cli, api and directory read lists └► lists ──► model
//! ```
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`model`] | pure types and rules: ids, refs, members, filters, cursors; no I/O, no clock |
//! | [`engine`] | the ordered byte store: its trait, in memory, and sled behind a write-ahead log |
//! | [`stored`] | the model as bytes: every key and every stored form, with their versions |
//! | [`table`] | members as rows: blocks, commit log, lookups, sets, lanes, checkpoints, views |
//! | [`directory`] | the operations of the service, shared by all doors |
//! | [`api`] | the doors, and the only table from errors to statuses |
//! | [`lists`] | lists of members in files: bytes become rows of cells, or a refusal |
//! | [`config`] | the settings of a server |
//! | [`server`] | bind, open, build, serve, drain, close: the only module that knows every layer |
//! | [`cli`] | the command line, one file per subcommand |
//! | `metrics` | handles that count for operators; any module may use it |
//! | `trace` | the trace of each call, and the spans of those that are recorded; any module may use it |
//! | `tasks` | starts every task and thread of all modules |
//!
//! A module uses only modules to its right in the picture; `tests/it/architecture.rs` reads the sources and
//! fails if one uses another.

// Printing can fail: commands print with `cli::output`, which handles that, and everything else goes to the
// log.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod api;
pub mod cli;
mod compute;
pub mod config;
pub mod directory;
pub mod engine;
#[doc(hidden)]
pub mod fuzz;
pub mod lists;
mod metrics;
pub mod model;
pub mod server;
pub mod stored;
pub mod table;
mod tasks;
mod trace;

/// The version of the program, with the commit that it was built from and the date of the commit, if known.
pub const VERSION: &str = env!("MEMBERBASE_VERSION");
