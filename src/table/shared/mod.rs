//! What all bases of a store share: memory, names, random ids, the clock, the meta record.
//!
//! What this room promises to the others:
//!
//! - [`budget`] bounds the bytes that requests hold; [`room`] bounds the bytes that are appended and not shown.
//! - [`member_cache`] never returns a member other than the one in the view; a commit removes its rows.
//! - [`naming`] lets one base be made at a time, while no batch renames, deletes or restores another.
//! - [`meta`] opens the meta record, and refuses a store that a newer program wrote.
//! - Nothing here starts a task.

pub mod budget;
pub mod clock;
pub mod member_cache;
pub mod meta;
pub mod naming;
pub mod nonce;
pub mod outcome;
pub mod room;
pub mod sharing;
