//! `memberbase import`: a file of members through `ImportMembers`.
//!
//! One thread reads the file and cuts it into chunks; several chunks are on their way at a time. A chunk's
//! rows are kept until the server has answered for them. When the connection is lost, a new one sends again
//! whatever has no answer. The import has an id, under which the server does each chunk once, so the counts
//! and the failed rows are those of an import that was never cut.

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
