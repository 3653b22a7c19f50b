//! The engine on one machine: a write-ahead log that keeps the promises, and sled as a working copy to read from.
//!
//! ```text
//! append ──► wal ── durable ──► backlog (pending) ── published ──► applier ──► sled
//!                                   ▲ reads look here first, then here ─────────┘
//! ```
//!
//! | file | what it is |
//! | --- | --- |
//! | `wal`, `writer` | the queue and its syncer; the one place that writes the log's files |
//! | `segment`, `record`, `payload` | the log's bytes: a file, an entry in it, what an entry carries |
//! | `reader`, `confirmed` | finding the end of the log and telling a torn tail from corruption; where replay starts |
//! | `boot` | whether what sled has beyond that can be trusted |
//! | `backlog` | numbered batches that sled does not have yet, and back-pressure |
//! | `working`, `applier`, `restore` | sled itself, the threads that feed it, and how it is replayed or rebuilt |
//! | `bounded` | calls of sled that may never return |
//! | `backup`, `check` | a copy that can be restored, and looking at a store without opening it |
//! | `snapshot` | the sorted store as of one batch, which lets older segments go |
//! | `watch` | whether the log's files are still those that are open |
//! | `disk`, `files` | free space, and file operations that keep their promises |
//! | `folder` | whether a folder is a store, a backup or something else, before anything is written into it |
//! | `open` | opening and closing in the right order |
//!
//! In the data directory: `LOCK`, `wal/NNNNNNNNNN.log`, `wal/CONFIRMED`, `wal/BOOT`, `snapshots/BATCH.snap`, `sled/`, and after a
//! rebuild `sled.broken-N`. The log and the snapshots are the store; everything else can be made from them.

mod applier;
mod backlog;
pub mod backup;
mod boot;
mod bounded;
mod check;
mod config;
mod confirmed;
mod disk;
#[cfg(test)]
pub(crate) mod faults;
mod files;
pub mod folder;
pub(crate) mod fuzz;
mod open;
mod payload;
mod reader;
mod record;
mod restore;
mod segment;
mod snapshot;
#[cfg(test)]
mod tests;
mod wal;
mod watch;
mod working;
mod writer;

pub use config::{
    DEFAULT_CACHE_BYTES, DEFAULT_CONFIRM_BYTES, DEFAULT_PENDING_LIMIT_BYTES, DEFAULT_RESERVE_BYTES,
    DEFAULT_SEGMENT_BYTES, DEFAULT_SNAPSHOT_AFTER_BYTES, SledConfig,
};

pub use check::{Checked, check};

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::backup::{Backup, Held};
use super::pending::{Pending, ops_of};
use super::{Append, Batch, Direction, Engine, EngineError, EngineStatus, Key, KeyRange, Value, merge};
use backlog::Backlog;
use disk::Disk;
use segment::Timeline;
use wal::{Log, Reply};
use watch::Watch;
use working::Sled;

/// See the module documentation. Dropping it without [`Engine::close`] leaves the store as a crash would.
#[derive(Debug)]
pub struct SledEngine {
    shared: Arc<Shared>,
    /// Taken by whoever closes the store.
    running: Arc<Mutex<Option<open::Running>>>,
}

/// What the engine's callers and its threads share. Locks are taken in this order: the log's queue, sled, pending.
#[derive(Debug)]
struct Shared {
    config: SledConfig,
    timeline: Timeline,
    log: Log,
    backlog: Arc<Backlog>,
    disk: Arc<Disk>,
    watch: Arc<Watch>,
    /// `None` once closed, and while it is reopened after a failure.
    sled: RwLock<Option<Arc<Sled>>>,
    /// Why the applier does not go on, while it does not.
    stalled: Mutex<Option<Stalled>>,
    /// Written to sled since it was opened.
    applied_bytes: AtomicU64,
    /// Damage was found in sled, and it is about to be rebuilt.
    damaged: AtomicBool,
    /// A sync of sled's files failed since it was opened.
    sync_failed: AtomicBool,
    closed: AtomicBool,
}

impl SledEngine {
    /// Makes a snapshot now, whether or not one is due, and returns the batch that it goes up to.
    pub async fn snapshot(&self) -> Result<u64, EngineError> {
        let (reply, answer) = oneshot::channel();
        match lock(&self.running).as_ref() {
            Some(running) => running.ask_for_snapshot(reply)?,
            None => return Err(EngineError::Closed),
        }
        answer.await.map_err(|_| EngineError::Closed)?
    }

    fn number(&self, batch: Batch) -> Result<Reply, EngineError> {
        batch.check_limits()?;
        self.shared.admit(&batch)?;
        let mut batch = batch;
        let checks = std::mem::take(&mut batch.checks);
        let ops = ops_of(batch);
        let payload = payload::encode(&ops)?;
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
            disk_bytes: self.shared.with_sled(|sled| Ok(sled.bytes())).unwrap_or(0),
            refusing_writes: self.shared.refusing(),
            failing_reads: self.shared.with_sled(|_| Ok(())).err().map(|error| error.to_string()),
        }
    }

    async fn backup(&self, held: Held) -> Result<Backup, EngineError> {
        self.shared.ensure_open()?;
        let shared = Arc::clone(&self.shared);
        let plan = move || backup::plan(&shared.config, shared.timeline, shared.log.durable(), &held);
        let planned = tokio::task::spawn_blocking(plan).await;
        planned.map_err(|e| EngineError::Io(format!("planning the backup panicked: {e}")))?
    }

    async fn close(&self) -> Result<(), EngineError> {
        self.shared.closed.store(true, Ordering::Release);
        let (shared, running) = (Arc::clone(&self.shared), Arc::clone(&self.running));
        let closed = tokio::task::spawn_blocking(move || open::close_once(&shared, &running)).await;
        closed.map_err(|e| EngineError::Io(format!("closing the store panicked: {e}")))?
    }
}

impl Drop for SledEngine {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        if let Some(running) = lock(&self.running).take() {
            open::abandon(Arc::clone(&self.shared), running);
        }
    }
}

/// Why the applier does not go on.
#[derive(Debug, Clone, Copy)]
enum Stalled {
    /// What is next would take more than sled's half of the reserve.
    NoRoom,
    /// sled failed and cannot be reopened yet.
    Failed,
}

impl Shared {
    fn ensure_open(&self) -> Result<(), EngineError> {
        if self.closed.load(Ordering::Acquire) { Err(EngineError::Closed) } else { Ok(()) }
    }

    /// Refuses a batch before it gets a number, so that the refusal harms nobody.
    fn admit(&self, batch: &Batch) -> Result<(), EngineError> {
        self.ensure_open()?;
        self.disk.admit(u64::try_from(batch.bytes()).unwrap_or(u64::MAX))?;
        self.admit_while_stalled()
    }

    /// While sled takes nothing, batches are taken until they fill the memory that they may have.
    fn admit_while_stalled(&self) -> Result<(), EngineError> {
        match self.stalled().filter(|_| self.backlog.is_over_limit()) {
            None => Ok(()),
            Some(Stalled::NoRoom) => Err(self.disk.full()),
            Some(Stalled::Failed) if !self.disk.has_room_for_sled() => Err(self.disk.full()),
            Some(Stalled::Failed) => Err(EngineError::Io("the working copy failed".to_owned())),
        }
    }

    /// Pending first: a batch leaves it only after sled has it.
    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, EngineError> {
        let published = |pending: &Pending| keys.iter().map(|key| pending.published(key)).collect::<Vec<_>>();
        let found = self.backlog.read(published);
        self.with_sled(|sled| {
            let both = keys.iter().zip(found);
            both.map(|(key, found)| found.map_or_else(|| Ok(sled.get(key)?), Ok)).collect()
        })
    }

    /// Reads what the checks will need from sled, so that it is in memory when they are decided under the log's lock.
    fn warm(&self, checks: &[(Key, Option<Value>)]) -> Result<(), EngineError> {
        checks.iter().try_for_each(|(key, _)| self.newest(key).map(drop))
    }

    fn check(&self, checks: &[(Key, Option<Value>)]) -> Result<(), EngineError> {
        for (key, expected) in checks {
            if self.newest(key)? != *expected {
                return Err(EngineError::Conflict);
            }
        }
        Ok(())
    }

    fn newest(&self, key: &[u8]) -> Result<Option<Value>, EngineError> {
        let pending = self.backlog.read(|pending| pending.newest(key));
        pending.map_or_else(|| self.with_sled(|sled| Ok(sled.get(key)?)), Ok)
    }

    fn with_sled<T>(&self, use_it: impl FnOnce(&Sled) -> Result<T, EngineError>) -> Result<T, EngineError> {
        match self.sled() {
            Some(sled) => {
                let done = use_it(&sled);
                if sled.is_damaged() {
                    self.note_damage();
                }
                done.map_err(|error| self.unless_full(error))
            }
            None if self.closed.load(Ordering::Acquire) => Err(EngineError::Closed),
            None => {
                let why = "the working copy failed and is not yet reopened".to_owned();
                Err(self.unless_full(EngineError::Io(why)))
            }
        }
    }

    /// What a failure of sled is to callers: as long as the disk has no room for it, that is why. sled writes while it reads.
    fn unless_full(&self, error: EngineError) -> EngineError {
        match error {
            EngineError::Io(why) if !self.disk.has_room_for_sled() => {
                tracing::error!(why, "the working copy has no room on the disk");
                self.disk.full()
            }
            error => error,
        }
    }

    fn note_damage(&self) {
        if self.damaged.swap(true, Ordering::AcqRel) {
            return;
        }
        tracing::error!("damage was found in the working copy; rebuilding it from the log");
        if let Err(error) = confirmed::distrust(&self.config.log_dir()) {
            tracing::error!(%error, "the damage could not be noted for the next open");
        }
        self.backlog.wake_applier();
    }

    /// sled, without the lock on its place: a call of it that never returns must not keep others from replacing it.
    fn sled(&self) -> Option<Arc<Sled>> {
        self.read_sled().clone()
    }

    fn read_sled(&self) -> RwLockReadGuard<'_, Option<Arc<Sled>>> {
        self.sled.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_sled(&self) -> RwLockWriteGuard<'_, Option<Arc<Sled>>> {
        self.sled.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes no more batches once a file of the log is gone: what would be acknowledged then could not be found again.
    fn look_after_log(&self) {
        if self.log.refusing().is_none()
            && let Some(why) = self.watch.missing()
        {
            self.log.refuse(why);
        }
    }

    fn stalled(&self) -> Option<Stalled> {
        *lock(&self.stalled)
    }

    fn set_stalled(&self, why: Option<Stalled>) {
        self.backlog.set_never_wait(why.is_some());
        *lock(&self.stalled) = why;
    }

    fn refusing(&self) -> Option<String> {
        // What was found free before may be gone, though nobody has written since.
        self.disk.look();
        let refused = || self.disk.admit(0).and_then(|()| self.admit_while_stalled()).err();
        self.log.refusing().or_else(|| refused().map(|error| error.to_string()))
    }
}

fn report(error: &EngineError) {
    if *error != EngineError::Closed {
        tracing::error!(%error, "reading failed");
    }
}

/// Locks a mutex; a thread that panicked while it held it does not stop the others.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
