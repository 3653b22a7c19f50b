//! Who calls, and what the caller may do.
//!
//! [`Guarded`] holds the table. It hands out the table, or one memberbase, only for a stated access level, so
//! an operation that forgets the check does not compile. Permission is checked before existence, and again at
//! each step of a long call, so revoking a token also ends its streams.
//!
//! The check is asynchronous although today all tokens are in memory: several servers that share a store will
//! have to read from it whether a token was revoked. The properties that a token was created with never
//! change, so code that depends only on them is not asynchronous.

mod caller;
mod guarded;
mod view;

pub(in crate::directory) use self::caller::check;
pub use self::caller::{Caller, Identity, check_token};
pub use self::guarded::Guarded;
pub use self::view::view;
