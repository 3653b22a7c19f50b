//! The state that the handle and the threads of an open store share: what is accepted, and where reads look.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::engine::lock::lock;
use crate::engine::pending::{Pending, pending_bytes};
use crate::engine::sled::backlog::Backlog;
use crate::engine::sled::config::SledConfig;
use crate::engine::sled::disk::Disk;
use crate::engine::sled::log::queue::Log;
use crate::engine::sled::log::segment::Timeline;
use crate::engine::sled::log::watch::Watch;
use crate::engine::sled::working::confirmed;
use crate::engine::sled::working::copy::Sled;
use crate::engine::{Batch, EngineError, Key, Value};

/// The state of an open store. Locks are taken in this order: the log's queue, sled, pending.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: SledConfig,
    pub(crate) timeline: Timeline,
    pub(crate) log: Log,
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) disk: Arc<Disk>,
    pub(crate) watch: Arc<Watch>,
    /// `None` once the store is closed, and while sled is reopened after a failure.
    pub(crate) sled: RwLock<Option<Arc<Sled>>>,
    /// Why the applier cannot continue; `None` while it can.
    pub(crate) stalled: Mutex<Option<Stalled>>,
    /// Bytes written to sled since it was opened.
    pub(crate) applied_bytes: AtomicU64,
    /// The size of all snapshots.
    pub(crate) snapshot_bytes: AtomicU64,
    /// Damage was found in sled, which the applier will rebuild.
    pub(crate) damaged: AtomicBool,
    /// A sync of sled's files failed since sled was opened.
    pub(crate) sync_failed: AtomicBool,
    pub(crate) closed: AtomicBool,
}

/// Why the applier cannot continue.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stalled {
    /// The next batches would use more than sled's half of the reserve.
    NoRoom,
    /// sled failed and cannot be reopened yet.
    Failed,
}

impl Shared {
    pub(super) fn ensure_open(&self) -> Result<(), EngineError> {
        if self.closed.load(Ordering::Acquire) { Err(EngineError::Closed) } else { Ok(()) }
    }

    /// Rejects a batch before it is numbered, so that the rejection affects no other batch.
    pub(super) fn admit(&self, batch: &Batch) -> Result<(), EngineError> {
        self.ensure_open()?;
        self.disk.admit_batch(batch.bytes(), pending_bytes(batch))?;
        self.admit_while_stalled()
    }

    /// While sled takes nothing, accepts batches until they fill the memory for pending batches.
    fn admit_while_stalled(&self) -> Result<(), EngineError> {
        match self.stalled().filter(|_| self.backlog.is_over_limit()) {
            None => Ok(()),
            Some(Stalled::NoRoom) => Err(self.disk.full()),
            Some(Stalled::Failed) if !self.disk.has_room_for_sled() => Err(self.disk.full()),
            Some(Stalled::Failed) => Err(EngineError::Io("the working copy failed".to_owned())),
        }
    }

    /// Reads the pending batches first: a batch leaves them only after sled has it.
    pub(super) fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, EngineError> {
        let published = |pending: &Pending| keys.iter().map(|key| pending.published(key)).collect::<Vec<_>>();
        let found = self.backlog.read(published);
        self.with_sled(|sled| {
            let both = keys.iter().zip(found);
            both.map(|(key, found)| found.map_or_else(|| Ok(sled.get(key)?), Ok)).collect()
        })
    }

    /// Reads the values that the checks need from sled, so that they are in memory when the checks are
    /// decided under the lock of the log's queue.
    pub(super) fn warm(&self, checks: &[(Key, Option<Value>)]) -> Result<(), EngineError> {
        checks.iter().try_for_each(|(key, _)| self.newest(key).map(drop))
    }

    pub(super) fn check(&self, checks: &[(Key, Option<Value>)]) -> Result<(), EngineError> {
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

    pub(crate) fn with_sled<T>(
        &self,
        use_it: impl FnOnce(&Sled) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
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

    /// The error that a failure of sled means to callers. While the disk has no room for sled, that is the
    /// reason, because sled also writes while it reads.
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
            tracing::error!(%error, "could not note the damage for the next open");
        }
        self.backlog.wake_applier();
    }

    /// The handle of sled, without its lock: a call of sled that never returns must not prevent replacing the
    /// handle.
    pub(super) fn sled(&self) -> Option<Arc<Sled>> {
        self.read_sled().clone()
    }

    pub(super) fn read_sled(&self) -> RwLockReadGuard<'_, Option<Arc<Sled>>> {
        self.sled.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write_sled(&self) -> RwLockWriteGuard<'_, Option<Arc<Sled>>> {
        self.sled.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rejects batches once a file of the log is gone: the next open could not find what is acknowledged
    /// after that.
    pub(crate) fn look_after_log(&self) {
        if self.log.refusing().is_none()
            && let Some(why) = self.watch.missing()
        {
            self.log.refuse(why);
        }
    }

    pub(crate) fn stalled(&self) -> Option<Stalled> {
        *lock(&self.stalled)
    }

    pub(super) fn set_stalled(&self, why: Option<Stalled>) {
        self.backlog.set_never_wait(why.is_some());
        *lock(&self.stalled) = why;
    }

    pub(super) fn refusing(&self) -> Option<String> {
        // The free space may have shrunk, although this store has not written since the last look.
        self.disk.look();
        let refused = || self.disk.admit(0).and_then(|()| self.admit_while_stalled()).err();
        self.log.refusing().or_else(|| refused().map(|error| error.to_string()))
    }
}
