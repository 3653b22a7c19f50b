//! `memberbase sync`: makes a memberbase equal to a list, after showing what that would change.

mod args;
mod run;
mod send;

pub use self::args::Args;
pub use self::run::run;
