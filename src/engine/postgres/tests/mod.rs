//! The engine against a real server, and what goes wrong with it.

mod clock;
mod closing;
pub(crate) mod cluster;
mod damage;
mod encryption;
mod injection;
mod large;
mod leases;
mod outcomes;
mod ownership;
mod proxy;
mod refusals;

use std::sync::Arc;

pub(crate) use clock::TestClock;

use super::wire::{Known, Link, Tls, connect};
use super::*;
use crate::engine::{Batch, Engine, EngineError};

/// Settings for a store that the test owns for as long as it likes.
pub(crate) fn config(dsn: Dsn, clock: &TestClock) -> PostgresConfig {
    let mut config = PostgresConfig::new(dsn);
    config.clock = clock.clock();
    config.term = Duration::from_millis(600);
    config.readers = 2;
    // Little, so that values are forgotten and read again.
    config.cache_bytes = 8 << 10;
    config
}

use std::time::Duration;

/// A connection for whatever a test wants of the database.
pub(super) async fn link(dsn: &Dsn) -> Link {
    let config = PostgresConfig::new(dsn.clone());
    connect(&config, &Tls::load(dsn).unwrap(), &Known::default()).await.unwrap().0
}

pub(super) async fn run(link: &Link, statement: &str) {
    link.query(statement, &[]).await.unwrap();
}

pub(super) async fn open(config: &PostgresConfig) -> Arc<PostgresEngine> {
    let wait = Contention::Wait(&|_| {});
    Arc::new(PostgresEngine::open(config.clone(), wait).await.unwrap())
}

pub(super) fn put(key: &str, value: &str) -> Batch {
    let mut batch = Batch::default();
    batch.put(key.as_bytes().to_vec(), value.as_bytes().to_vec());
    batch
}

pub(super) async fn get(engine: &PostgresEngine, key: &str) -> Option<String> {
    let found = engine.get_many(&[key.as_bytes().to_vec()]).await.unwrap();
    found[0].as_ref().map(|value| String::from_utf8(value.to_vec()).unwrap())
}
