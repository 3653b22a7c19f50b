//! Work on a store in the background, and work on a store that no server uses.
//!
//! - [`copy`] copies a store from one engine into another.
//! - [`housekeeping`] closes idle bases, purges deleted ones after their grace period, and drops old commits.
//! - [`purge`] removes the records of deleted members, and deleted bases.
//! - [`refold`] moves a store to the newest rule for comparing e-mail addresses.
//! - [`timeline`] makes sure that a restored store never reuses an id, a revision or a cursor.

pub mod copy;
pub mod housekeeping;
pub mod purge;
pub mod refold;
pub mod timeline;
