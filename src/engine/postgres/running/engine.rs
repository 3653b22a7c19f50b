//! The handle of an open store.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::opening::{self, Contention, Opened};
use super::scan::scan;
use super::unreadable::unreadable;
use crate::engine::backup::{Backup, Held};
use crate::engine::lock::lock;
use crate::engine::postgres::backlog::Read;
use crate::engine::postgres::config::PostgresConfig;
use crate::engine::postgres::core::Core;
use crate::engine::postgres::ownership::Ownership;
use crate::engine::postgres::peer::PeerKey;
use crate::engine::postgres::reading::{Reads, serve};
use crate::engine::postgres::rows::random_id;
use crate::engine::postgres::writing::{Waiting, number, prove, renew, watch, write};
use crate::engine::{Append, Batch, Direction, Engine, EngineError, EngineStatus, Key, KeyRange, Value};
use crate::tasks;

/// An open store, which this process owns. Dropping it without [`Engine::close`] leaves it as a crash would:
/// others wait for a term before they take over.
pub struct PostgresEngine {
    core: Arc<Core>,
    reads: Arc<Reads>,
    key: PeerKey,
    /// `None` once the store is closed.
    running: Mutex<Option<Running>>,
}

struct Running {
    appended: mpsc::UnboundedSender<Waiting>,
    numbering: JoinHandle<()>,
    writer: JoinHandle<()>,
}

impl PostgresEngine {
    /// Opens the store, or creates one. Returns once this process owns it. Its tasks run in the runtime of
    /// the caller.
    pub async fn open(config: PostgresConfig, contention: Contention<'_>) -> Result<Self, EngineError> {
        let me = random_id()?;
        loop {
            let opened = opening::open(&config, &contention, me).await?;
            match Self::start(config.clone(), opened).await {
                Err(EngineError::NotOwner(why)) if matches!(contention, Contention::Wait(_)) => {
                    tracing::warn!(why, "the store was lost before it was open");
                }
                // It was taken, and the connection lost before that was proven.
                Err(EngineError::Io(why)) if matches!(contention, Contention::Wait(_)) => {
                    tracing::warn!(why, "the store could not be opened; it is tried again");
                    tokio::time::sleep(config.beat()).await;
                }
                started => return started,
            }
        }
    }

    async fn start(config: PostgresConfig, opened: Opened) -> Result<Self, EngineError> {
        let Opened { link, hello, taken, tls, known } = opened;
        let ownership = Ownership::new(taken.fence.epoch, config.clock.clone(), config.term, taken.sent);
        let readers = config.readers.max(1);
        let core = Arc::new(Core::new(config, tls, known, &taken.fence, ownership));
        let reads = Arc::new(Reads::default());
        let failed = |failure: crate::engine::postgres::wire::Failure| failure.into_engine();
        core.seen(&hello).map_err(failed)?;
        // Whatever the takeover saw is on a quorum once this is.
        let sent = core.config.clock.now();
        let fence = prove(&core, &link, taken.fence.last).await.map_err(failed)?;
        core.ownership.renewed(sent);
        core.note_waiting(&link, &hello, taken.waits).await.map_err(failed)?;
        for _ in 0..readers {
            tasks::vital("store-reader", serve(Arc::clone(&core), Arc::clone(&reads)));
        }
        tasks::vital("store-beat", renew(Arc::clone(&core), fence));
        tasks::vital("store-statistics", watch(Arc::clone(&core)));
        let (appended, waiting) = mpsc::unbounded_channel();
        let (numbered, ready) = mpsc::unbounded_channel();
        let numbering =
            tasks::vital("store-numbering", number(Arc::clone(&core), Arc::clone(&reads), waiting, numbered));
        let writer = tasks::vital("store-writer", write(Arc::clone(&core), ready, link, fence));
        let running = Mutex::new(Some(Running { appended, numbering, writer }));
        Ok(Self { core, reads, key: taken.key, running })
    }

    /// The ownership, which ends when the store is closed or another server takes over.
    #[must_use]
    pub fn ownership(&self) -> &Ownership {
        &self.core.ownership
    }

    /// What this process shares with those that stand by, as long as it owns the store.
    #[must_use]
    pub fn peer_key(&self) -> &PeerKey {
        &self.key
    }

    fn enqueue(&self, batch: Batch) -> Result<oneshot::Receiver<Answer>, EngineError> {
        batch.check_limits()?;
        self.core.may_append()?;
        let (reply, answer) = oneshot::channel();
        let running = lock(&self.running);
        let running = running.as_ref().ok_or(EngineError::Closed)?;
        running.appended.send(Waiting { batch, reply }).map_err(|_| EngineError::Closed)?;
        Ok(answer)
    }
}

type Answer = Result<crate::engine::Durable, EngineError>;

#[async_trait]
impl Engine for PostgresEngine {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, EngineError> {
        self.core.may_answer()?;
        let mut read = Read::new();
        loop {
            // After what was read, so that what memory knows wins.
            let shown = self.core.backlog.shown(keys);
            let known = keys.iter().zip(shown.values);
            let known = known.map(|(key, shown)| shown.map(Ok).or_else(|| read.get(key.as_slice()).cloned()));
            let values: Vec<_> = known.collect();
            let unknown: Vec<_> = keys
                .iter()
                .zip(&values)
                .filter(|(_, value)| value.is_none())
                .map(|(key, _)| key.clone())
                .collect();
            if unknown.is_empty() {
                self.core.may_answer()?;
                return values.into_iter().flatten().collect();
            }
            let mut found = self.reads.get(&self.core, unknown).await?;
            self.core.backlog.keep(shown.next, &found);
            read.append(&mut found);
        }
    }

    async fn scan(
        &self,
        range: KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Key, Value)>, EngineError> {
        self.core.may_answer()?;
        scan(&self.core, &self.reads, range, direction, limit).await
    }

    fn append(&self, batch: Batch) -> Append {
        let answer = match self.enqueue(batch) {
            Ok(answer) => answer,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        Box::pin(async move {
            answer
                .await
                .unwrap_or_else(|_| Err(EngineError::CommitUnknown("the store was dropped".to_owned())))
        })
    }

    fn status(&self) -> EngineStatus {
        let (durable, pending_bytes) = self.core.backlog.counts();
        EngineStatus {
            durable,
            pending_bytes,
            disk_bytes: self.core.disk_bytes.load(Ordering::Relaxed),
            refusing_writes: self.core.may_append().err().map(|error| error.to_string()),
            failing_reads: self.core.may_answer().err().map(|error| error.to_string()),
            ..EngineStatus::default()
        }
    }

    async fn unreadable(&self, most: usize) -> Result<Vec<EngineError>, EngineError> {
        unreadable(&self.core, &self.reads, most).await
    }

    async fn backup(&self, _: Held) -> Result<Backup, EngineError> {
        Err(EngineError::Unsupported("backups: back the database up with its own tools, for example pg_dump"))
    }

    async fn close(&self) -> Result<(), EngineError> {
        self.core.is_closed.store(true, Ordering::Release);
        let Some(Running { appended, numbering, writer }) = lock(&self.running).take() else {
            return Ok(());
        };
        // Once nothing can be appended any more, each task ends when it has done what came before.
        drop(appended);
        let mut done = std::pin::pin!(async { (numbering.await, writer.await) });
        if tokio::time::timeout(self.core.config.close_within, done.as_mut()).await.is_err() {
            // The database is away. Whoever waits is told so while there is still time to.
            self.core.hurry.cancel();
            let _ = done.await;
        }
        self.core.stop.cancel();
        match self.core.backlog.refusing() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl Drop for PostgresEngine {
    fn drop(&mut self) {
        self.core.is_closed.store(true, Ordering::Release);
        self.core.ownership.end();
        self.core.stop.cancel();
    }
}

impl std::fmt::Debug for PostgresEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresEngine").field("ownership", &self.core.ownership).finish_non_exhaustive()
    }
}
