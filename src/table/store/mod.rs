//! The handle of a store: opening and closing it, and creating, finding and listing its bases.

pub mod ahead;
pub mod bases;
pub mod open;
mod sharing;
pub mod status;
