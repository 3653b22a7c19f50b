//! `memberbase import`: a file of members through `ImportMembers`.
//!
//! One thread reads the file and cuts it into chunks; several chunks may wait for a reply at a time. The rows
//! of a chunk stay in memory until the server has replied. If the connection is lost, a new one sends again
//! every chunk without a reply. The import has an id, under which the server applies each chunk once, so the
//! counts and the failed rows are those of an import without interruption.

mod args;
mod failed;
mod failure;
mod progress;
mod reading;
mod report;
mod run;
mod sending;
mod stop;

pub use self::args::Args;
pub use self::run::run;
