//! Who calls, and what the caller may do.
//!
//! [`Guarded`] holds the table, and hands it out, or a memberbase of it, only for a level of access: an operation that
//! forgets to ask does not compile. Permission is checked before existence, and again at each step of a call that lasts,
//! so that a revoked token ends its streams too.
//!
//! The check is asynchronous although today all tokens are in memory: several servers that share a store will have to
//! ask it whether a token was revoked. What a token was created with never changes, so code that depends on nothing else
//! is not asynchronous.

mod caller;
mod guarded;
mod view;

pub(in crate::directory) use self::caller::check;
pub use self::caller::{Caller, Identity, check_token};
pub use self::guarded::Guarded;
pub use self::view::view;
