//! The keeper of snapshots: the thread that makes them when they are due, and removes what they replace.
//!
//! The order guarantees that a crash at any moment leaves enough. First the new snapshot is durable. Then
//! snapshots other than the newest two are removed. Then segments are removed, oldest first, if the older
//! snapshot has all their batches and sled is confirmed to have them (or will be rebuilt anyhow).

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::shared::Shared;
use crate::engine::EngineError;
use crate::engine::lock::lock;
use crate::engine::sled::dir::files;
use crate::engine::sled::log::segment::{self, Segment};
use crate::engine::sled::snapshot::{Cut, Generation, Origin, Pace, list, make, newest, set_aside, usable};
use crate::engine::sled::working::confirmed;

/// The time between two checks whether a snapshot is due.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The pause after a snapshot that failed.
const FAILED_PAUSE: Duration = Duration::from_secs(60);
/// Shorter waits are added up until they reach this time.
const SHORTEST_WAIT: Duration = Duration::from_millis(5);
/// The number of snapshots that are kept.
const KEPT: usize = 2;
/// If the log has grown to this many times the size at which a snapshot is due, the snapshot is made at full
/// speed.
const HURRY_FACTOR: u64 = 4;

/// Sending this to the keeper makes it take a snapshot at once. The keeper answers through it with the last
/// batch of the snapshot.
pub(super) type SnapshotReply = oneshot::Sender<Result<u64, EngineError>>;

/// Ends the keeper, also while it waits.
#[derive(Debug, Default)]
pub(super) struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub(super) fn stop(&self) {
        *lock(&self.stopped) = true;
        self.changed.notify_all();
    }

    fn is_stopped(&self) -> bool {
        *lock(&self.stopped)
    }

    /// `true` if it is time to stop.
    fn wait(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(lock(&self.stopped), time, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Keeper {
    shared: Arc<Shared>,
    stop: Arc<Stop>,
    snapshot_now: Receiver<SnapshotReply>,
    /// The value of `Log::taken` when the last snapshot began.
    taken_before: u64,
    /// The size of the newest snapshot.
    newest_bytes: u64,
    not_before: Option<Instant>,
}

impl Keeper {
    /// Starts with `unsaved_bytes` of the log that are in no snapshot.
    pub(super) fn new(
        shared: Arc<Shared>,
        stop: Arc<Stop>,
        snapshot_now: Receiver<SnapshotReply>,
        newest_bytes: u64,
        unsaved_bytes: u64,
    ) -> Self {
        let taken_before = shared.log.taken().saturating_sub(unsaved_bytes);
        Self { shared, stop, snapshot_now, taken_before, newest_bytes, not_before: None }
    }

    /// Runs until the store stops it.
    pub(super) fn run(mut self) {
        self.note_sizes();
        loop {
            self.shared.look_after_log();
            if self.is_due() {
                drop(self.snapshot());
            }
            match self.snapshot_now.recv_timeout(LOOK_EVERY) {
                Ok(reply) => {
                    let made = self.snapshot();
                    drop(reply.send(made.map_err(EngineError::from)));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.stop.is_stopped() {
                return;
            }
        }
    }

    fn is_due(&self) -> bool {
        self.since() >= self.due_bytes() && self.not_before.is_none_or(|moment| Instant::now() >= moment)
    }

    fn due_bytes(&self) -> u64 {
        self.shared.config.snapshot_after_bytes.max(self.newest_bytes)
    }

    /// Bytes of the log that are in no snapshot.
    fn since(&self) -> u64 {
        self.shared.log.taken().saturating_sub(self.taken_before)
    }

    fn snapshot(&mut self) -> Result<u64, Cut> {
        let taken = self.shared.log.taken();
        let begun = Instant::now();
        let made = self.make();
        match &made {
            Ok(generation) => {
                self.taken_before = taken;
                self.newest_bytes = generation.bytes;
                let (batch, bytes) = (generation.position(), generation.bytes);
                let seconds = begun.elapsed().as_secs();
                tracing::info!(batch, bytes, seconds, "made a snapshot of the store");
            }
            Err(Cut::Stopped) => {}
            Err(Cut::Failed(error)) => {
                self.not_before = Instant::now().checked_add(FAILED_PAUSE);
                tracing::error!(%error, "making a snapshot failed; the log is kept, and another attempt follows");
            }
        }
        if let Err(error) = self.drop_replaced() {
            tracing::error!(%error, "could not remove what a snapshot replaced; another attempt follows");
        }
        self.note_sizes();
        made.map(|generation| generation.position())
    }

    /// Notes the size of all snapshots, which is only reported. If they cannot be listed, the size stays.
    fn note_sizes(&self) {
        if let Ok(listing) = list(&self.shared.config.snapshot_dir(), self.shared.timeline) {
            let bytes = listing.generations.iter().map(|generation| generation.bytes).sum();
            self.shared.snapshot_bytes.store(bytes, Ordering::Relaxed);
        }
    }

    fn make(&self) -> Result<Generation, Cut> {
        let shared = &self.shared;
        let dir = shared.config.snapshot_dir();
        let listing = list(&dir, shared.timeline)?;
        for leftover in &listing.leftovers {
            files::remove(leftover)?;
        }
        let position = shared.log.durable();
        if let Some(newest) = listing.generations.first().filter(|newest| newest.position() == position) {
            return Ok(newest.clone());
        }
        let segments = segment::list(&shared.config.log_dir())?.segments;
        let mut pace = self.pace();
        let mut wait = |bytes| pace.spend(bytes);
        // Making a snapshot reads all of its base and checks it, so nothing needs to read the base before.
        let tried = newest(&listing, &segments);
        let made = tried.map(|_| self.make_from(tried, &segments, position, &mut wait));
        let failed = match made {
            Some(Err(Cut::Failed(error @ (EngineError::Corrupt { .. } | EngineError::Io(_))))) => Some(error),
            Some(made) => return made,
            None => None,
        };
        let base = usable(&listing, &segments, &mut wait)?;
        let position_of = |base: Option<&Generation>| base.map_or(0, Generation::position);
        if let Some(error) = failed.filter(|_| position_of(base) == position_of(tried)) {
            return Err(error.into());
        }
        // Newer snapshots are damaged, so they must not count among those that are kept.
        let is_newer = |generation: &&Generation| generation.position() > position_of(base);
        for damaged in listing.generations.iter().take_while(is_newer) {
            set_aside(&damaged.path)?;
        }
        self.make_from(base, &segments, position, &mut wait)
    }

    fn make_from(
        &self,
        base: Option<&Generation>,
        segments: &[Segment],
        position: u64,
        pace: Pace<'_>,
    ) -> Result<Generation, Cut> {
        let Shared { disk, config, timeline, .. } = &*self.shared;
        let origin = Origin { base, segments };
        make(disk, &config.snapshot_dir(), *timeline, origin, position, config.snapshot_sizes, pace)
    }

    fn pace(&self) -> Pacer<'_> {
        let hurry = self.since() >= self.due_bytes().saturating_mul(HURRY_FACTOR);
        let per_second = if hurry { u64::MAX } else { self.shared.config.snapshot_bytes_per_second };
        Pacer { stop: &self.stop, per_second, began: Instant::now(), spent: 0 }
    }

    /// Removes snapshots and segments that are no longer needed.
    fn drop_replaced(&self) -> Result<(), EngineError> {
        let shared = &self.shared;
        let listing = list(&shared.config.snapshot_dir(), shared.timeline)?;
        for replaced in listing.generations.iter().skip(KEPT) {
            files::remove(&replaced.path)?;
        }
        let Some(older) = listing.generations.get(KEPT - 1) else { return Ok(()) };
        let log_dir = shared.config.log_dir();
        // A distrusted working copy is rebuilt from a snapshot and the log after it, so it needs no earlier
        // log.
        let is_distrusted = confirmed::is_distrusted(&log_dir);
        let confirmed = if is_distrusted { u64::MAX } else { confirmed::read(&log_dir, shared.timeline)? };
        let through = older.position().min(confirmed);
        for path in replaced_segments(&segment::list(&log_dir)?.segments, through) {
            let bytes = std::fs::metadata(&path).map_err(|e| files::error("examine", &path, &e))?.len();
            shared.watch.forget(&path);
            shared.disk.remove(&path)?;
            shared.log.forget(bytes);
        }
        Ok(())
    }
}

/// The segments, oldest first, that contain only batches up to `through`. The last segment is never among
/// them.
fn replaced_segments(segments: &[Segment], through: u64) -> impl Iterator<Item = PathBuf> {
    let followed = segments.iter().zip(segments.iter().skip(1));
    followed
        .take_while(move |(_, next)| next.header.first <= through.saturating_add(1))
        .map(|(segment, _)| segment.path.clone())
}

/// Limits the rate of the work on a snapshot.
struct Pacer<'a> {
    stop: &'a Stop,
    per_second: u64,
    began: Instant,
    spent: u64,
}

impl Pacer<'_> {
    fn spend(&mut self, bytes: u64) -> Result<(), Cut> {
        self.spent = self.spent.saturating_add(bytes);
        let due = self.spent.saturating_mul(1_000_000) / self.per_second.max(1);
        let ahead = Duration::from_micros(due).saturating_sub(self.began.elapsed());
        let stopped = if ahead < SHORTEST_WAIT { self.stop.is_stopped() } else { self.stop.wait(ahead) };
        if stopped { Err(Cut::Stopped) } else { Ok(()) }
    }
}
