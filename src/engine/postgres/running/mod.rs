//! The handle of an open store, and how it is opened.

mod engine;
mod opening;
mod scan;
mod takeover;
mod unreadable;

pub use engine::PostgresEngine;
pub use opening::{Contention, Owner, Standing, StoreLook, look};
