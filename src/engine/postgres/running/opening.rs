//! Opening: finds the database, makes or checks the tables, and takes the ownership.

use std::time::Duration;

use crate::engine::EngineError;
use crate::engine::postgres::PostgresConfig;

/// The server that owns a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// What it says about itself: [`PostgresConfig::name`].
    pub name: String,
    /// How many servers have owned the store before, and this one.
    pub epoch: u64,
}

/// What a server that stands by sees. It is told at the beginning, and whenever it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Another server owns the store and renews its ownership.
    Waiting {
        /// That server.
        owner: Owner,
        /// How long this server has waited so far.
        since: Duration,
    },
    /// No host of the DSN can be used now; it goes on trying.
    NoDatabase {
        /// The last error.
        why: String,
    },
}

/// What to do if another server owns the store.
pub enum Contention<'a> {
    /// Watches for somewhat longer than a term whether it is alive, then fails with [`EngineError::InUse`]; fails
    /// too if no database is reached.
    Refuse,
    /// Waits until the store is given up or its owner is silent for longer than a term, for ever if need be, and
    /// tells what it waits for.
    Wait(&'a (dyn Fn(Standing) + Send + Sync)),
}

/// What a look finds, without changing anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLook {
    /// The database has no store in this schema.
    Missing,
    /// It has one.
    Present {
        /// Whether no batch has ever been written to it.
        is_empty: bool,
        /// The server that owns it, or that died as its owner; `None` if it was closed.
        owner: Option<Owner>,
        /// The number of the last batch.
        last: u64,
    },
}

/// Looks whether there is a store, and what state it is in. Changes nothing.
pub async fn look(config: &PostgresConfig) -> Result<StoreLook, EngineError> {
    let _ = config;
    Err(EngineError::Unsupported("looking"))
}
