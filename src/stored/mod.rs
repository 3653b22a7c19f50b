//! Model to bytes and back: every key and every stored value, with their format versions.
//!
//! [`key`] is the registry of keys; the other files hold one kind of value each. Every value but the meta
//! record and the next base number begins with a version byte. A program decodes every version that was ever
//! released; a value of a newer version is an error that names both versions. Nothing here does I/O, and no
//! wire message is ever stored.

pub mod audience;
pub mod block;
pub mod bucket;
pub(crate) mod bytes;
pub mod commit;
mod decode;
#[cfg(test)]
pub(crate) mod documented;
mod filters;
pub mod header;
pub mod idempotency;
pub mod index;
pub mod job;
pub mod key;
pub mod member;
pub mod member_record;
pub mod meta;
mod origin;
pub mod record_key;
pub mod search;
pub mod set_key;
pub mod token;

pub use self::decode::DecodeError;
