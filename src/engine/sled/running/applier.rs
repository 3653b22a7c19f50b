//! The applier: the thread that keeps sled close behind the log.
//!
//! It writes published batches to sled, strictly in the order of their numbers, and then drops them from the
//! pending batches. When sled fails, it reopens sled and replays what sled may have lost.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::shared::{Shared, Stalled};
use crate::engine::EngineError;
use crate::engine::pending::{Ops, bytes_of};
use crate::engine::sled::backlog::Stop;
use crate::engine::sled::disk::WRITTEN_PER_BYTE;
use crate::engine::sled::log::segment;
use crate::engine::sled::snapshot;
use crate::engine::sled::working::restore::{self, Source};
use crate::engine::sled::working::{aside, bounded, confirmed, mover};

/// The bytes applied at a time: enough that a key which many batches write is written to sled once.
const GROUP_BYTES: usize = 8 * 1024 * 1024;
/// How long the applier gathers small batches, because single writes change the same few keys again and
/// again.
const GATHER_FOR: Duration = Duration::from_millis(50);
/// After this time even the smallest amount of applied bytes is confirmed.
const CONFIRM_AFTER: Duration = Duration::from_secs(30);
/// The pause between two attempts while the disk is full or sled cannot be reopened.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// The state of the applier, which runs as one thread.
#[derive(Debug)]
pub(super) struct Applier {
    shared: Arc<Shared>,
    confirm: Sender<u64>,
    applied: u64,
    unconfirmed_bytes: u64,
    last_confirm: Instant,
}

impl Applier {
    /// Continues after batch `applied`, with `unconfirmed_bytes` applied since the confirmed position.
    pub(super) fn new(
        shared: Arc<Shared>,
        confirm: Sender<u64>,
        applied: u64,
        unconfirmed_bytes: u64,
    ) -> Self {
        Self { shared, confirm, applied, unconfirmed_bytes, last_confirm: Instant::now() }
    }

    /// Runs until the store stops it.
    pub(super) fn run(mut self) {
        loop {
            let stop = self.shared.backlog.wait_for_work(CONFIRM_AFTER, GATHER_FOR);
            if stop == Some(Stop::Now) {
                return;
            }
            if self.shared.damaged.load(Ordering::Acquire) && !self.heal(self.applied) {
                return;
            }
            self.apply_ready();
            if stop.is_some() {
                return;
            }
            self.confirm_if_due();
        }
    }

    fn apply_ready(&mut self) {
        loop {
            let room = self.shared.disk.room_for_sled();
            let most = usize::try_from(room / WRITTEN_PER_BYTE).unwrap_or(usize::MAX);
            let group = self.shared.backlog.read(|pending| pending.ready(most.min(GROUP_BYTES)));
            let Some((last, group)) = group else { return };
            if self.shared.backlog.stopping() == Some(Stop::Now) || !self.apply(&group, last) {
                return;
            }
            self.shared.backlog.forget(last);
            if most < GROUP_BYTES {
                // sled's buffers must reach the disk, and so count in the free space, before sled gets more.
                if let Err(error) = self.shared.sync_sled() {
                    tracing::error!(%error, "the working copy could not be synced");
                }
            }
            self.confirm_if_due();
        }
    }

    /// `false` if the store stopped it before it could apply the group. The log has the group, so nothing is
    /// lost.
    fn apply(&mut self, group: &[Ops], last: u64) -> bool {
        let needed = bytes_of_all(group).saturating_mul(WRITTEN_PER_BYTE);
        while self.shared.disk.room_for_sled() < needed {
            if self.pause(Stalled::NoRoom) {
                return false;
            }
        }
        while let Err(error) = self.shared.apply(group, last) {
            tracing::error!(%error, "the working copy failed; reopening it");
            if !self.heal(last) {
                return false;
            }
        }
        self.shared.set_stalled(None);
        self.applied = last;
        self.unconfirmed_bytes += bytes_of_all(group);
        self.shared.applied_bytes.fetch_add(bytes_of_all(group), Ordering::Relaxed);
        true
    }

    /// Reopens sled, which fails every call after one failed write, and replays what sled may have lost, up
    /// to the published batch `last`. `false` if the store stopped it before that worked.
    fn heal(&mut self, last: u64) -> bool {
        loop {
            if self.shared.disk.has_room_for_sled() {
                match self.shared.reopen_sled(last) {
                    Ok(()) => return true,
                    Err(error) => {
                        tracing::error!(%error, "the working copy cannot be reopened; trying again")
                    }
                }
            }
            if self.pause(Stalled::Failed) {
                return false;
            }
        }
    }

    /// Waits a little, without delaying acknowledgements. `true` if it is time to stop.
    fn pause(&self, why: Stalled) -> bool {
        self.shared.set_stalled(Some(why));
        self.shared.backlog.wait_to_retry(RETRY_PAUSE).is_some()
    }

    fn confirm_if_due(&mut self) {
        let due = self.unconfirmed_bytes >= self.shared.config.confirm_bytes
            || (self.unconfirmed_bytes > 0 && self.last_confirm.elapsed() >= CONFIRM_AFTER);
        if due && self.confirm.send(self.applied).is_ok() {
            self.unconfirmed_bytes = 0;
            self.last_confirm = Instant::now();
        }
    }
}

impl Shared {
    fn apply(&self, group: &[Ops], last: u64) -> Result<(), EngineError> {
        let share = mover::share(bytes_of_all(group), self.disk.room_for_moves());
        self.with_sled(|sled| {
            sled.write(group)?;
            sled.move_values(share)?;
            Ok(sled.set_position(self.timeline, last)?)
        })
    }

    /// Replaces the handle of sled by one that is complete up to batch `last`. That may take long. Meanwhile
    /// reads that need sled fail, because otherwise they would block the threads of the runtime.
    fn reopen_sled(&self, last: u64) -> Result<(), EngineError> {
        let old = self.write_sled().take();
        if old.is_some_and(|old| !bounded::let_go(old, &self.config)) {
            // The old sled keeps its files open and locked, so the new one needs a folder of its own.
            let aside = aside::move_aside(&self.config.sled_dir())?;
            tracing::error!(aside = %aside.display(), "the working copy does not release its files; moved it aside");
        }
        let log_dir = self.config.log_dir();
        let segments = segment::list(&log_dir)?.segments;
        let confirmed = confirmed::read(&log_dir, self.timeline)?;
        let timeline = self.timeline;
        let snapshots = &snapshot::list(&self.config.snapshot_dir(), timeline)?;
        let source = Source { log_dir: &log_dir, segments: &segments, snapshots, timeline, confirmed, last };
        let progress = |line: String| tracing::warn!("{line}");
        let (dir, cache_bytes) = (self.config.sled_dir(), self.config.cache_bytes);
        let restored = restore::restore(&dir, cache_bytes, &self.disk, source, &progress)?;
        *self.write_sled() = Some(Arc::new(restored.sled));
        self.sync_failed.store(false, Ordering::Release);
        self.damaged.store(false, Ordering::Release);
        Ok(())
    }
}

fn bytes_of_all(group: &[Ops]) -> u64 {
    group.iter().fold(0, |sum, ops| sum + u64::try_from(bytes_of(ops)).unwrap_or(u64::MAX))
}
