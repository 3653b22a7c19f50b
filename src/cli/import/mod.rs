//! `memberbase import`: a file of members through `ImportMembers`.
//!
//! One thread reads the file and cuts it into chunks; several chunks may wait for a reply at a time. The rows
//! of a chunk stay in memory until the server has replied. If the connection is lost, a new one sends again
//! every chunk without a reply. The import has an id, under which the server applies each chunk once, so the
//! counts and the failed rows are those of an import without interruption.

mod args;
mod cells;
mod chunk;
mod chunks;
mod columns;
mod csv;
mod failed;
mod field;
mod format;
pub(crate) mod fuzz;
mod input;
mod limits;
mod match_key;
mod missing;
mod ndjson;
mod object;
mod overtaken;
mod progress;
mod records;
mod repeats;
mod report;
mod resume;
mod row_failure;
mod rows;
mod run;
mod session;
mod split;
mod stop;
mod told;
mod who;

pub use self::args::Args;
pub use self::match_key::MatchKey;
pub use self::run::run;
