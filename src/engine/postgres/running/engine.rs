//! The handle of an open store.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::leases::marked;
use super::lending::{self, change};
use super::opening::{self, Contention, Opened};
use super::scan::scan;
use super::tenant;
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
use crate::engine::postgres::scope::Scope;
use crate::engine::postgres::tables;
use crate::engine::postgres::wire::{Failure, Link};
use crate::engine::postgres::writing::{Waiting, number, prove, renew, watch, write};
use crate::engine::{
    Append, Batch, Direction, Engine, EngineError, EngineStatus, Grant, Key, KeyRange, Value,
};
use crate::tasks;

/// How often a lease is opened whose connection was lost before it was open.
const LEASE_TRIES: u32 = 3;

/// An open store, which this process owns. Dropping it without [`Engine::close`] leaves it as a crash would:
/// others wait for a term before they take over.
pub struct PostgresEngine {
    pub(super) core: Arc<Core>,
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
            match Self::start(config.clone(), Scope::Store, opened).await {
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

    /// Opens the keys of a lease that the owner of the store has lent with this grant: the handle of a
    /// tenant. It reads the whole store, remembers the keys of its lease alone, and writes those and keys that
    /// have no lease. It waits for nobody: if the grant is no longer valid, this fails with
    /// [`EngineError::NotOwner`]. Closing it gives the lease back.
    pub async fn open_leased(config: PostgresConfig, lease: u32, grant: Grant) -> Result<Self, EngineError> {
        let (me, mut tries) = (random_id()?, 1);
        loop {
            let opened = tenant::open(&config, lease, grant.0, me).await?;
            match Self::start(config.clone(), Scope::Lease(lease), opened).await {
                // It was taken, and the connection lost before that was proven.
                Err(EngineError::Io(why)) if tries < LEASE_TRIES => {
                    tracing::warn!(why, lease, "a lease could not be opened; it is tried again");
                    tokio::time::sleep(config.beat()).await;
                }
                started => return started,
            }
            tries += 1;
        }
    }

    async fn start(config: PostgresConfig, scope: Scope, opened: Opened) -> Result<Self, EngineError> {
        let Opened { link, hello, taken, tls, known } = opened;
        let ownership = Ownership::new(taken.fence.epoch, config.clock.clone(), config.term, taken.sent);
        let readers = config.readers.max(1);
        let core = Arc::new(Core::new(config, tls, known, scope, &taken.fence, ownership));
        let reads = Arc::new(Reads::default());
        let failed = |failure: Failure| failure.into_engine();
        core.seen(&hello).map_err(failed)?;
        // Whatever the takeover saw is on a quorum once this is.
        let sent = core.config.clock.now();
        let fence = prove(&core, &link, taken.fence.last).await.map_err(failed)?;
        core.ownership.renewed(sent);
        if scope == Scope::Store {
            core.note_waiting(&link, &hello, taken.waits).await.map_err(failed)?;
            note_lent(&core, &link).await.map_err(failed)?;
            tasks::vital("store-statistics", watch(Arc::clone(&core)));
        }
        for _ in 0..readers {
            tasks::vital("store-reader", serve(Arc::clone(&core), Arc::clone(&reads)));
        }
        tasks::vital("store-beat", renew(Arc::clone(&core)));
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

/// Marks what a former owner has lent; and if it is nothing, programs that know no leases may have the store
/// again.
async fn note_lent(core: &Core, link: &Link) -> Result<(), Failure> {
    let (rows, leases) = tables::all(link, &core.sql).await?;
    let lent: Vec<u32> =
        leases.into_iter().filter(|(_, rows)| !rows.fence.is_free()).map(|(lease, _)| lease).collect();
    if lent.is_empty() && rows.meta.lending.is_some() {
        change(core, link, &[marked(&rows, None)]).await?;
    }
    for lease in lent {
        core.backlog.lend(lease);
    }
    Ok(())
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
            self.core.backlog.keep(shown.at, &found);
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

    fn is_lent(&self, lease: u32) -> bool {
        self.core.backlog.is_lent(lease)
    }

    fn lent(&self) -> Vec<u32> {
        self.core.backlog.lent().into_iter().collect()
    }

    async fn lend(&self, lease: u32) -> Result<Grant, EngineError> {
        lending::lend(&self.core, lease).await
    }

    async fn take_back(&self, lease: u32) -> Result<(), EngineError> {
        lending::take_back(&self.core, lease).await
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
