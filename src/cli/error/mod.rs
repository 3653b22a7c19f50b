//! What ends a command early, and the exit code that it ends with.

mod exit;
mod failure;
mod refusal;

pub use self::exit::{EXIT_DATA, EXIT_IO, EXIT_PIPE, EXIT_SERVICE, EXIT_SIGNAL, EXIT_USAGE};
pub use self::failure::Error;
pub use self::refusal::{Refusal, causes};
