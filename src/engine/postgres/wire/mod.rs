//! Connections to the database.
//!
//! - Every wait has a limit of our own: connecting to a host, and each statement. What exceeds it gives the
//!   connection up; it is never used again, and nothing is cancelled on the server, because a cancelled commit
//!   is a commit that no standby has.
//! - Warnings are seen: a [`Link`] tells whether the server said one, which during a commit means that its
//!   outcome is unknown.
//! - Texts of errors have a code and the server's message, and neither a password nor a value.

mod connect;
mod failure;
mod link;
mod stream;
mod tls;

pub(super) use connect::{Hello, Known, connect, pause};
pub(super) use failure::Failure;
pub(super) use link::{Kept, Link, Param};
pub(super) use tls::Tls;
