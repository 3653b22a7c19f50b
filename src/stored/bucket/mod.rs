//! A bucket of a lookup: a version byte, the number of low bits of a hash that address the bucket, then
//! entries of fixed width in ascending order of (hash, row).
//!
//! The bits say which hashes belong in the bucket, so a reader needs no current number of buckets: if a
//! hash belongs to another bucket by these bits, the reader goes on to that one. Therefore a bucket is never
//! deleted once it is written, not even when it is empty. Version 1 stores no bits, and empty buckets of
//! version 1 were deleted.
//!
//! An entry is a keyed 64-bit hash and a row, 16 bytes; the entries of the `ref` lookup also carry the
//! 128-bit fingerprint of the input last applied to the member (0 = none), 32 bytes in all.
//!
//! The buckets of the recent level have the same form, but their entries are changes ([`Change`]): the top
//! bit of the row says that the entry is removed. They are deleted once the main level has their changes.

mod change;
mod form;
#[cfg(test)]
mod tests;

pub use self::change::{Bucket, Change, encode};
pub use self::form::{Entry, Width, bits, decode, entries, find};
