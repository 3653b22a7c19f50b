//! Who calls, with which rights, and where a change comes from.
//!
//! This room promises that a secret cannot be printed, that no token grants more rights than it has, and that
//! stored numbers of doors and operations are never reused.

pub mod grant;
pub mod origin;
pub mod token;
