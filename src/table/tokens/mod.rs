//! The tokens of a store. All of them are in memory, found by the hash of their secret, and always as they
//! are stored.
//!
//! A change takes effect once it is durable and before its caller gets the reply. So a caller that knows that
//! a token was revoked can rely on its being rejected. A change is completed even if its caller leaves, so
//! that memory never differs from the store. The time of a token's last use is noted in memory; only the
//! housekeeping writes it.
//!
//! A token whose stored form cannot be read is rejected. It still counts as a token, so callers need one. It
//! is listed, and revoking it replaces its stored form by one that can be read.
//!
//! A process that has a base on lease knows the tokens as they were when it opened the base. So all bases are
//! taken back before a token is written.
//!
//! Tokens are written one at a time. So a caller that may only create the first token is refused as soon as
//! there is one.

mod live;
mod meter;
mod registry;
#[cfg(test)]
mod tests;

pub use self::live::LiveToken;
pub use self::registry::{MayMake, TokenChange, Tokens};
