//! The state of the store, for operators.

use std::sync::Arc;

use super::{Directory, Error};
use crate::engine::EngineStatus;
use crate::model::token::AccessLevel;
use crate::table::{RowEnd, TableStatus};

/// The counters and the health of the store.
#[derive(Debug, Clone)]
pub struct StoreState {
    /// Of its files.
    pub engine: EngineStatus,
    /// Of its memberbases, its memory and its jobs.
    pub table: TableStatus,
    /// The rows that were applied since the start, by what happened with them.
    pub rows: Vec<(RowEnd, u64)>,
    /// Whether the last round of housekeeping left something undone.
    pub is_untidy: bool,
}

impl Directory {
    /// The state of the store. The caller must be an admin of the whole store: it says what all memberbases
    /// do.
    pub async fn store_state(&self) -> Result<StoreState, Error> {
        let table = Arc::clone(self.guarded.store(AccessLevel::Admin).await?);
        let (status, rows, is_untidy) = (table.status().await, table.row_counts(), table.is_untidy());
        // Blocking, because it asks the file system. It fails only while the runtime is shutting down.
        let engine = tokio::task::spawn_blocking(move || table.engine_status()).await.unwrap_or_default();
        Ok(StoreState { engine, table: status, rows, is_untidy })
    }
}
