//! `memberbase token`: manages the tokens of a running server, or with `--data` or `--store` those of a store
//! that no server uses.

mod place;
mod run;
mod secret;

pub use self::run::{Args, run};
