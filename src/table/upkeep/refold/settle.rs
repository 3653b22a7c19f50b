//! Opens and closes every base, so that its stored indexes have all its commits.

use std::sync::Arc;

use async_trait::async_trait;

use crate::engine::{Append, Batch, Direction, Engine, EngineError, EngineStatus, Key, KeyRange, Value};
use crate::model::BaseNumber;
use crate::stored::index::IndexState;
use crate::stored::key;
use crate::table::store::open::{Table, TableConfig};
use crate::table::{Clock, TableError};

/// Bases that are open at the same time.
const BASES_AT_ONCE: usize = 16;

/// Settles all bases and returns them. Leaves out a deleted base that cannot be opened, because it is being
/// purged.
pub async fn settle(
    engine: &Arc<dyn Engine>,
    clock: &Clock,
    config: &TableConfig,
) -> Result<Vec<BaseNumber>, TableError> {
    let staying: Arc<dyn Engine> = Arc::new(StaysOpen(Arc::clone(engine)));
    let mut settled = Vec::new();
    let mut after = None;
    loop {
        let table = Table::open(Arc::clone(&staying), Arc::clone(clock), config.clone()).await?;
        let bases = table.list_all_bases(after, BASES_AT_ONCE).await?;
        let mut opened = Vec::with_capacity(bases.len());
        for base in &bases {
            match table.base(base.number).await {
                Ok(_) => opened.push((base.number, base.revision)),
                Err(TableError::BaseNotFound) => {}
                Err(TableError::Damaged(_)) if base.deleted_at.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        table.close().await?;
        for (number, revision) in opened {
            check(engine, number, revision).await?;
            settled.push(number);
        }
        let Some(last) = bases.last() else { return Ok(settled) };
        after = Some(last.number);
    }
}

async fn check(engine: &Arc<dyn Engine>, base: BaseNumber, revision: u64) -> Result<(), TableError> {
    let stored = engine.get_many(&[key::index(base)]).await?.pop().flatten();
    let state = stored.map(|bytes| IndexState::decode(&bytes)).transpose()?.unwrap_or_default();
    if state.watermark >= revision {
        return Ok(());
    }
    Err(TableError::Damaged(format!("the indexes of base {} lack some of its commits", base.0)))
}

/// An engine that stays open when a table on it is closed.
struct StaysOpen(Arc<dyn Engine>);

#[async_trait]
impl Engine for StaysOpen {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, EngineError> {
        self.0.get_many(keys).await
    }

    async fn scan(
        &self,
        range: KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Key, Value)>, EngineError> {
        self.0.scan(range, direction, limit).await
    }

    fn append(&self, batch: Batch) -> Append {
        self.0.append(batch)
    }

    fn status(&self) -> EngineStatus {
        self.0.status()
    }

    async fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}
