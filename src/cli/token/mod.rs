//! `memberbase token`: who may call. Of a running server, or with `--data` of a store that no server uses at the moment.

mod place;
mod run;
mod secret;

pub use self::run::{Args, run};
