//! The handle of a store: opening and closing it, and creating, finding, listing and lending
//! its bases.

pub mod ahead;
pub mod bases;
mod lending;
pub mod open;
mod sharing;
pub mod status;
