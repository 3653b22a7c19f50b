//! The handle of a store: opened, its bases made, found and listed, and closed.

pub mod bases;
pub mod open;
mod sharing;
