//! Work on a store that no caller waits for, and work on a store that nobody serves.
//!
//! - [`housekeeping`] closes idle bases, purges deleted ones after their grace period, and drops old commits.
//! - [`purge`] removes what was attached to deleted members, and deleted bases.
//! - [`refold`] moves a store to the newest rule for comparing e-mail addresses.
//! - [`timeline`] lets a restored store go on without reusing an id, a revision or a cursor.

pub mod housekeeping;
pub mod purge;
pub mod refold;
pub mod timeline;
