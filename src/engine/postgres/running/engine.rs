//! The handle of an open store.

use async_trait::async_trait;

use super::opening::Contention;
use crate::engine::postgres::{Ownership, PostgresConfig};
use crate::engine::{Append, Batch, Direction, Engine, EngineError, EngineStatus, Key, KeyRange, Value};

/// An open store, which this process owns. Dropping it without [`Engine::close`] leaves it as a crash would:
/// others wait for a term before they take over.
#[derive(Debug)]
pub struct PostgresEngine {
    ownership: Ownership,
}

impl PostgresEngine {
    /// Opens the store, or creates one. Returns once this process owns it. Its tasks run in the runtime of the
    /// caller.
    pub async fn open(config: PostgresConfig, contention: Contention<'_>) -> Result<Self, EngineError> {
        let _ = (config, contention);
        Err(EngineError::Unsupported("opening"))
    }

    /// The ownership, which ends when the store is closed or another server takes over.
    #[must_use]
    pub fn ownership(&self) -> &Ownership {
        &self.ownership
    }
}

#[async_trait]
impl Engine for PostgresEngine {
    async fn get_many(&self, _: &[Key]) -> Result<Vec<Option<Value>>, EngineError> {
        Err(EngineError::Closed)
    }

    async fn scan(&self, _: KeyRange, _: Direction, _: usize) -> Result<Vec<(Key, Value)>, EngineError> {
        Err(EngineError::Closed)
    }

    fn append(&self, _: Batch) -> Append {
        Box::pin(std::future::ready(Err(EngineError::Closed)))
    }

    fn status(&self) -> EngineStatus {
        EngineStatus::default()
    }

    async fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}
