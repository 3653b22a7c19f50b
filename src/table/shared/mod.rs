//! What all bases of a store share: memory, names, random ids, the clock, the metadata.
//!
//! What this room promises to the others:
//!
//! - [`budget`] limits the bytes that requests hold; [`room`] limits the bytes of batches that are appended
//!   but not yet shown.
//! - [`leases`] takes a base back that another server has, and lends none at a bad moment.
//! - [`member_cache`] returns a member only as the view shows it, because a commit removes its rows.
//! - [`naming`] lets one base be created at a time, while no batch renames, deletes or undeletes another.
//! - [`metrics`] are added to once for a batch, not for each row.
//! - [`meta`] reads or creates the metadata, and rejects a store that a newer program wrote.
//! - [`sharing`] finds the other bases in which a person may already have an account.
//! - Nothing here starts a task.

pub mod budget;
pub mod clock;
pub mod leases;
pub mod member_cache;
pub mod meta;
pub mod metrics;
pub mod naming;
pub mod nonce;
pub mod outcome;
pub mod room;
pub mod sharing;
