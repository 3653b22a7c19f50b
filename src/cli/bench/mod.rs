//! `memberbase bench`: loads a server with generated members, measures it, and checks that it did what it
//! said.
//!
//! Without `--server` it starts one of its own on a free port, and can then also measure how long stopping
//! and opening take.

mod args;
mod calls;
mod lists;
mod load;
mod process;
mod report;
mod run;
mod server;
mod workload;

pub use self::args::Args;
pub use self::run::run;
