//! The handle of an open store, and how it is opened.

mod engine;
mod leases;
mod lending;
mod opening;
mod scan;
mod takeover;
mod tenant;
mod unreadable;

pub use engine::PostgresEngine;
pub use opening::{Contention, Owner, Standing, StoreLook, look};
