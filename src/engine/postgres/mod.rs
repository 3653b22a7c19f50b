//! The engine on PostgreSQL, for one active server at a time and any number that stand by.
//!
//! Skeleton: the public API, in which [`PostgresEngine::open`] is still to come.

pub mod clock;
mod config;
mod dsn;
mod ownership;
mod running;

pub use config::{PostgresConfig, commit_times};
pub use dsn::{Dsn, DsnError};
pub use ownership::Ownership;
pub use running::{Contention, Owner, PostgresEngine, Standing, StoreLook, look};
