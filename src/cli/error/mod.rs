//! The errors that end a command early, and their exit codes.

mod exit;
mod failure;
mod refusal;

pub use self::exit::EXIT_USAGE;
pub use self::failure::Error;
pub use self::refusal::{Refusal, causes};
