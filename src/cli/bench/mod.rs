//! `memberbase bench`: measures a server under generated load, and checks that its results are right.
//!
//! Without `--server` it starts a server on a free port, and then also measures how long stopping and opening
//! take.

mod args;
mod calls;
mod disk;
mod lists;
mod load;
mod report;
mod run;
mod server;
mod stream;
mod workload;

pub use self::args::Args;
pub use self::run::run;
