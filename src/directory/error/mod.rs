//! What can go wrong with a call, in the words of the service.
//!
//! The other rooms return [`Error`]; errors of the table and of the engine become one with `?`. Nothing here
//! knows an operation or a protocol.

mod denial;
mod failure;
mod from_below;

pub use self::denial::{Lacking, Shows, TokenFault};
pub use self::failure::{Error, RateLimit};
