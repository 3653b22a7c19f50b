//! Replies: made where they hold up no other call, and never more of them than there is memory for.

pub mod leaving;
pub mod pull;
mod reply;

pub use self::reply::{COMPRESS_FROM_BYTES, reply};
