//! The state of the store, for operators.

use std::sync::Arc;

use super::{Directory, Error};
use crate::model::token::AccessLevel;
use crate::table::{RowEnd, Table, TableStatus};

/// The counters and the health of the store.
#[derive(Debug, Clone)]
pub struct StoreState {
    /// Of its files.
    pub files: FilesState,
    /// Of its memberbases, its memory and its jobs.
    pub table: TableStatus,
    /// The rows that were applied since the start, by what happened with them.
    pub rows: Vec<(RowEnd, u64)>,
    /// Whether the last round of housekeeping left something undone.
    pub is_untidy: bool,
}

/// The sizes and the health of the files of the store. Sizes are in bytes.
#[derive(Debug, Clone, Default)]
pub struct FilesState {
    /// The number of the last durable write.
    pub durable: u64,
    /// The log.
    pub log_bytes: u64,
    /// The snapshots.
    pub snapshot_bytes: u64,
    /// The working copy.
    pub working_bytes: u64,
    /// What the working copy does not have yet.
    pub pending_bytes: u64,
    /// Free space of the file system.
    pub free_bytes: u64,
    /// Why writes are rejected now; `None` if they are accepted.
    pub refusing_writes: Option<String>,
    /// Why reads fail now; `None` if they work.
    pub failing_reads: Option<String>,
}

impl Directory {
    /// The state of the store. The caller must be an admin of the whole store: it says what all memberbases
    /// do.
    pub async fn store_state(&self) -> Result<StoreState, Error> {
        let table = Arc::clone(self.guarded.store(AccessLevel::Admin).await?);
        let (status, rows, is_untidy) = (table.status().await, table.row_counts(), table.is_untidy());
        // Blocking, because it asks the file system. It fails only while the runtime is shutting down.
        let files = tokio::task::spawn_blocking(move || files(&table)).await.unwrap_or_default();
        Ok(StoreState { files, table: status, rows, is_untidy })
    }
}

fn files(table: &Table) -> FilesState {
    let status = table.engine_status();
    FilesState {
        durable: status.durable,
        log_bytes: status.log_bytes,
        snapshot_bytes: status.snapshot_bytes,
        working_bytes: status.disk_bytes,
        pending_bytes: u64::try_from(status.pending_bytes).unwrap_or(u64::MAX),
        free_bytes: status.free_bytes,
        refusing_writes: status.refusing_writes,
        failing_reads: status.failing_reads,
    }
}
