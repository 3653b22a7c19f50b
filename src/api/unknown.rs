//! The text that every door sends for a request that matches no call.

/// The text for people.
pub const PATH: &str = "unknown path; GET / lists the interfaces of this server";
