//! The handle of an open store, which keeps the engine's contract.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::open;
use super::shared::Shared;
use super::threads::{self, Running};
use crate::engine::backup::{Backup, Held};
use crate::engine::lock::lock;
use crate::engine::pending::{Pending, ops_of};
use crate::engine::sled::backup;
use crate::engine::sled::config::SledConfig;
use crate::engine::sled::log::payload;
use crate::engine::sled::log::queue::Reply;
use crate::engine::{
    Append, Batch, Direction, Engine, EngineError, EngineStatus, Key, KeyRange, Value, merge,
};

/// An open store. Dropping it without [`Engine::close`] leaves the store as a crash would.
#[derive(Debug)]
pub struct SledEngine {
    pub(crate) shared: Arc<Shared>,
    /// `None` once the store is closed.
    running: Arc<Mutex<Option<Running>>>,
}

impl SledEngine {
    /// Opens the store in `config.dir`, or creates one there. Blocks until the store is ready, which takes
    /// time after a crash or when the working copy has to be rebuilt; `progress` receives a line now and
    /// then.
    pub fn open(config: SledConfig, progress: impl Fn(String)) -> Result<Self, EngineError> {
        let (shared, running) = open::open(config, progress)?;
        Ok(Self { shared, running: Arc::new(Mutex::new(Some(running))) })
    }

    /// Makes a snapshot now, whether or not one is due, and returns its last batch.
    pub async fn snapshot(&self) -> Result<u64, EngineError> {
        let (reply, answer) = oneshot::channel();
        match lock(&self.running).as_ref() {
            Some(running) => running.snapshot(reply)?,
            None => return Err(EngineError::Closed),
        }
        answer.await.map_err(|_| EngineError::Closed)?
    }

    fn number(&self, batch: Batch) -> Result<Reply, EngineError> {
        batch.check_limits()?;
        self.shared.admit(&batch)?;
        let mut batch = batch;
        let checks = std::mem::take(&mut batch.checks);
        let (is_packed, differences) = (batch.is_packed, batch.differences.clone());
        let ops = ops_of(batch);
        let payload = payload::encode(&ops, &differences, is_packed)?;
        self.shared.warm(&checks)?;
        self.shared.log.append(ops, payload, || self.shared.check(&checks))
    }
}

#[async_trait]
impl Engine for SledEngine {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, EngineError> {
        self.shared.ensure_open()?;
        self.shared.get_many(keys).inspect_err(report)
    }

    async fn scan(
        &self,
        range: KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Key, Value)>, EngineError> {
        self.shared.ensure_open()?;
        let found = self.shared.with_sled(|sled| {
            merge::scan(
                range,
                direction,
                limit,
                |range, most| self.shared.backlog.read(|pending| pending.overlay(range, direction, most)),
                |range| sled.range(range, direction),
            )
        });
        found.inspect_err(report)
    }

    fn append(&self, batch: Batch) -> Append {
        let bytes = batch.bytes();
        let answer = match self.number(batch) {
            Ok(answer) => answer,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let backlog = Arc::clone(&self.shared.backlog);
        Box::pin(async move {
            let gone = |_| EngineError::CommitUnknown("the store was dropped".to_owned());
            let durable = answer.await.map_err(gone)??;
            backlog.room(bytes).await;
            Ok(durable)
        })
    }

    fn status(&self) -> EngineStatus {
        EngineStatus {
            durable: self.shared.log.durable(),
            pending_bytes: self.shared.backlog.read(Pending::bytes),
            log_bytes: self.shared.log.bytes(),
            snapshot_bytes: self.shared.snapshot_bytes.load(Ordering::Relaxed),
            disk_bytes: self.shared.with_sled(|sled| Ok(sled.bytes())).unwrap_or(0),
            free_bytes: self.shared.disk.look(),
            refusing_writes: self.shared.refusing(),
            failing_reads: self.shared.with_sled(|_| Ok(())).err().map(|error| error.to_string()),
        }
    }

    async fn backup(&self, held: Held) -> Result<Backup, EngineError> {
        self.shared.ensure_open()?;
        let shared = Arc::clone(&self.shared);
        let plan = move || backup::plan(&shared.config, shared.timeline, shared.log.durable(), &held);
        let planned = tokio::task::spawn_blocking(plan).await;
        planned.map_err(|e| EngineError::Io(format!("preparing the backup panicked: {e}")))?
    }

    async fn close(&self) -> Result<(), EngineError> {
        self.shared.closed.store(true, Ordering::Release);
        let (shared, running) = (Arc::clone(&self.shared), Arc::clone(&self.running));
        let closed = tokio::task::spawn_blocking(move || threads::close_once(&shared, &running)).await;
        closed.map_err(|e| EngineError::Io(format!("closing the store panicked: {e}")))?
    }
}

impl Drop for SledEngine {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        if let Some(running) = lock(&self.running).take() {
            threads::abandon(Arc::clone(&self.shared), running);
        }
    }
}

fn report(error: &EngineError) {
    if *error != EngineError::Closed {
        tracing::error!(%error, "a read failed");
    }
}
