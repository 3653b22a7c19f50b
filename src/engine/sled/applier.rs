//! The two threads that keep the working copy close behind the log.
//!
//! The *applier* writes published batches to sled, strictly in the order of their numbers, and then drops them from the
//! pending ones. The *confirmer* now and then makes sled durable and moves the confirmed position; it is a thread of its
//! own because that can take seconds.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use super::super::EngineError;
use super::super::pending::Ops;
use super::backlog::Stop;
use super::restore::{self, Source};
use super::working::{self, Sled};
use super::{Shared, Stalled, bounded, confirmed, segment, snapshot};

/// How much is applied at a time: long enough that a key written again and again is written to sled once.
const GROUP_BYTES: usize = 8 * 1024 * 1024;
/// How many bytes sled may write for one that it is given. It appends every change to its page, and every tenth time the
/// page as a whole; for members in no order that came to ten times the bytes.
const WRITTEN_PER_BYTE: u64 = 16;
/// How long small batches are gathered: singles write the same few keys again and again.
const GATHER_FOR: Duration = Duration::from_millis(50);
/// After this time something applied is confirmed, however little it is.
const CONFIRM_AFTER: Duration = Duration::from_secs(30);
/// Pause between two attempts while the disk is full or sled cannot be reopened.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// What the applier knows; it runs as one thread.
#[derive(Debug)]
pub(super) struct Applier {
    shared: Arc<Shared>,
    confirm: Sender<u64>,
    applied: u64,
    unconfirmed_bytes: u64,
    last_confirm: Instant,
}

impl Applier {
    /// Goes on after batch `applied`, with `unconfirmed_bytes` applied since the confirmed position.
    pub(super) fn new(
        shared: Arc<Shared>,
        confirm: Sender<u64>,
        applied: u64,
        unconfirmed_bytes: u64,
    ) -> Self {
        Self { shared, confirm, applied, unconfirmed_bytes, last_confirm: Instant::now() }
    }

    /// Runs until it is told to stop.
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
                // What sled still has in its buffers has to show in the free space before it is given more.
                if let Err(error) = self.shared.sync_sled() {
                    tracing::error!(%error, "the working copy could not be synced");
                }
            }
            self.confirm_if_due();
        }
    }

    /// `false` if it was told to stop before it could apply the group. The log has the group, so nothing is lost.
    fn apply(&mut self, group: &[Ops], last: u64) -> bool {
        let needed = bytes_of(group).saturating_mul(WRITTEN_PER_BYTE);
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
        self.unconfirmed_bytes += bytes_of(group);
        self.shared.applied_bytes.fetch_add(bytes_of(group), Ordering::Relaxed);
        true
    }

    /// Reopens sled, which refuses everything after one failed write, and replays what it may have lost with it, up to
    /// the published batch `last`. `false` if it was told to stop before that worked.
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

    /// Waits a little without holding anybody's acknowledgement back. `true` if it is time to stop.
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

/// The confirmer: ends when the applier has.
pub(super) fn run_confirmer(shared: &Shared, requests: &Receiver<u64>) {
    while let Ok(mut number) = requests.recv() {
        while let Ok(later) = requests.try_recv() {
            number = later;
        }
        if let Err(error) = shared.confirm(number) {
            tracing::error!(%error, "the working copy could not be made durable; the confirmed position stays");
        }
    }
}

impl Shared {
    fn apply(&self, group: &[Ops], last: u64) -> Result<(), EngineError> {
        self.with_sled(|sled| Ok(sled.apply(group, self.timeline, last)?))
    }

    /// Makes everything applied durable and confirms it up to `number`, which must have been applied.
    ///
    /// Once a sync has failed, or did not end, nobody knows what sled's files lack: the position stays, and sled is
    /// rebuilt when it is next opened. Reads go on meanwhile, from what is in memory and in the page cache.
    pub(super) fn confirm(&self, number: u64) -> Result<(), EngineError> {
        let Some(synced) = self.sync_sled()? else { return Ok(()) };
        let place = self.read_sled();
        if !place.as_ref().is_some_and(|now| Arc::ptr_eq(now, &synced)) {
            // Another sled has taken its place meanwhile, of which nothing is known.
            return Ok(());
        }
        confirmed::write(&self.config.log_dir(), self.timeline, number)
    }

    /// Makes everything applied durable: the sled in which it is now, or nothing if there is none or an earlier sync failed.
    fn sync_sled(&self) -> Result<Option<Arc<Sled>>, EngineError> {
        let log_dir = self.config.log_dir();
        if self.sync_failed.load(Ordering::Acquire) {
            // The note may have failed with the sync, for want of descriptors or of room.
            if !confirmed::is_distrusted(&log_dir) {
                confirmed::distrust(&log_dir)?;
            }
            return Ok(None);
        }
        let Some(sled) = self.sled() else { return Ok(None) };
        if let Err(error) = bounded::sync(Arc::clone(&sled), &self.config) {
            self.sync_failed.store(true, Ordering::Release);
            confirmed::distrust(&log_dir)?;
            return Err(error);
        }
        Ok(Some(sled))
    }

    /// Replaces sled's handle by one that is complete up to batch `last`. That may take long, so reads of what is not
    /// pending fail meanwhile, rather than block the runtime's threads.
    fn reopen_sled(&self, last: u64) -> Result<(), EngineError> {
        let old = self.write_sled().take();
        if old.is_some_and(|old| !bounded::let_go(old, &self.config)) {
            // It keeps its files open and locked, so the new one needs a folder of its own.
            let aside = working::move_aside(&self.config.sled_dir())?;
            tracing::error!(aside = %aside.display(), "the working copy does not let go of its files");
        }
        let log_dir = self.config.log_dir();
        let segments = segment::list(&log_dir)?.segments;
        let confirmed = confirmed::read(&log_dir, self.timeline)?;
        let timeline = self.timeline;
        let snapshots = &snapshot::list(&self.config.snapshot_dir(), timeline)?;
        let source = Source { log_dir: &log_dir, segments: &segments, snapshots, timeline, confirmed, last };
        let progress = |line: String| tracing::warn!("{line}");
        let restored = restore::restore(&self.config.sled_dir(), self.config.cache_bytes, source, &progress)?;
        *self.write_sled() = Some(Arc::new(restored.sled));
        self.sync_failed.store(false, Ordering::Release);
        self.damaged.store(false, Ordering::Release);
        Ok(())
    }
}

fn bytes_of(group: &[Ops]) -> u64 {
    let ops = group.iter().flat_map(|ops| ops.iter());
    ops.map(|op| op.key.len() + op.value.as_ref().map_or(0, bytes::Bytes::len))
        .fold(0, |sum, len| sum + u64::try_from(len).unwrap_or(u64::MAX))
}
