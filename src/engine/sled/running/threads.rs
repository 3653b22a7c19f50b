//! Starting the threads of a store, and ending them in the right order.

use std::fs::File;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use super::applier::Applier;
use super::confirmer;
use super::keeper::{self, Keeper, SnapshotReply};
use super::shared::Shared;
use crate::engine::EngineError;
use crate::engine::lock::lock;
use crate::engine::pending::Pending;
use crate::engine::sled::backlog::Stop;
use crate::engine::sled::log::queue;
use crate::engine::sled::log::writer::Writer;
use crate::engine::sled::working::bounded;
use crate::engine::sled::working::copy::Sled;
use crate::tasks;

/// After a clean close, sled is opened once more if it was written at least this many bytes since it was
/// opened. sled writes a snapshot of its own only when it opens, and without one the next open would read all
/// these bytes.
const REOPEN_FROM_BYTES: u64 = 32 * 1024 * 1024;

/// The threads of an open store and its lock. Closing the store takes them.
#[derive(Debug)]
pub(super) struct Running {
    syncer: JoinHandle<()>,
    applier: JoinHandle<()>,
    confirmer: JoinHandle<()>,
    keeper: JoinHandle<()>,
    stop_keeper: Arc<keeper::Stop>,
    snapshot_now: mpsc::Sender<SnapshotReply>,
    /// The lock on the data directory.
    _lock: File,
}

impl Running {
    pub(super) fn snapshot(&self, reply: SnapshotReply) -> Result<(), EngineError> {
        self.snapshot_now.send(reply).map_err(|_| EngineError::Closed)
    }
}

/// The state from which the threads start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Threads {
    /// The last batch that sled has.
    pub(super) applied: u64,
    /// Bytes in sled that are not confirmed.
    pub(super) replayed_bytes: u64,
    /// The size of the newest snapshot.
    pub(super) newest_bytes: u64,
    /// Bytes of the log that are in no snapshot.
    pub(super) unsaved_bytes: u64,
}

pub(super) fn start(
    shared: &Arc<Shared>,
    writer: Writer,
    threads: Threads,
    lock: File,
) -> Result<Running, EngineError> {
    let (confirm, to_confirm) = mpsc::channel();
    let (snapshot_now, replies) = mpsc::channel();
    let stop_keeper = Arc::<keeper::Stop>::default();
    let applier = Applier::new(Arc::clone(shared), confirm, threads.applied, threads.replayed_bytes);
    let keeper = Keeper::new(
        Arc::clone(shared),
        Arc::clone(&stop_keeper),
        replies,
        threads.newest_bytes,
        threads.unsaved_bytes,
    );
    let (syncer_shared, confirmer_shared) = (Arc::clone(shared), Arc::clone(shared));
    Ok(Running {
        syncer: spawn("wal-syncer", move || {
            queue::run(&syncer_shared.log, writer, &syncer_shared.config.log_times);
        })?,
        applier: spawn("sled-applier", move || applier.run())?,
        confirmer: spawn("sled-confirmer", move || confirmer::run(&confirmer_shared, &to_confirm))?,
        keeper: spawn("snapshots", move || keeper.run())?,
        stop_keeper,
        snapshot_now,
        _lock: lock,
    })
}

fn spawn(name: &'static str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, EngineError> {
    let spawned = tasks::vital_thread(name, run);
    spawned.map_err(|e| EngineError::Io(format!("cannot start the thread {name}: {e}")))
}

/// Closes a store, in this order: the log accepts no more batches, everything durable reaches sled, sled is
/// confirmed and closed, the lock is released.
fn close(shared: &Shared, running: Running) -> Result<(), EngineError> {
    running.stop_keeper.stop();
    drop(running.snapshot_now);
    shared.log.close(true);
    join(running.syncer);
    let durable = shared.log.durable();
    shared.backlog.write(|pending| pending.publish_through(durable));
    shared.backlog.stop(Stop::Drained);
    join(running.applier);
    join(running.confirmer);
    join(running.keeper);
    // Batches that are still pending could not be applied; the log has them. What was applied is confirmed in
    // any case, because otherwise the next open would write it to sled once more.
    let applied = shared.backlog.read(Pending::passed);
    let confirmed = shared.confirm(applied);
    let sled = shared.write_sled().take();
    if sled.is_some_and(|sled| !bounded::let_go(sled, &shared.config)) {
        tracing::warn!("closing the working copy took too long; the log has everything");
        return confirmed;
    }
    if applied == durable && shared.applied_bytes.load(Ordering::Relaxed) >= REOPEN_FROM_BYTES {
        let reopened = Sled::open(
            &shared.config.sled_dir(),
            shared.config.cache_bytes,
            #[cfg(test)]
            &shared.config.faults,
        );
        match reopened.map(|sled| sled.sync()) {
            Ok(Ok(())) => {}
            // No promise is broken: the next open reads more, or rebuilds sled.
            Ok(Err(error)) => tracing::warn!(%error, "the working copy could not be synced after closing"),
            Err(error) => tracing::warn!(?error, "the working copy could not be reopened after closing"),
        }
    }
    confirmed
}

/// Ends a store as a crash would: nothing more is written or applied.
///
/// sled flushes when it is dropped, and that flush was once seen to wait for ever. So a separate thread drops
/// it, and the wait for that thread is limited. The log is safe in any case.
pub(super) fn abandon(shared: Arc<Shared>, running: Running) {
    running.stop_keeper.stop();
    drop(running.snapshot_now);
    shared.log.close(false);
    join(running.syncer);
    join(running.keeper);
    shared.backlog.stop(Stop::Now);
    let dropped = bounded::within("sled-drop", shared.config.drop_patience, move || {
        join(running.applier);
        join(running.confirmer);
        drop(shared.write_sled().take());
    });
    if dropped.is_none() {
        tracing::warn!("closing the working copy took too long; the log has everything");
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread of the store panicked");
    }
}

/// Closes the store, unless another caller has closed it. The lock is held meanwhile, so a second caller
/// waits.
pub(super) fn close_once(shared: &Shared, running: &Mutex<Option<Running>>) -> Result<(), EngineError> {
    let mut running = lock(running);
    running.take().map_or(Ok(()), |running| close(shared, running))
}
