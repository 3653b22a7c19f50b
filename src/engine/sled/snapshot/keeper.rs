//! The thread that makes snapshots in time, and drops what they replace.
//!
//! In this order, so that a crash at any moment leaves enough: the new snapshot is durable; snapshots beyond the second
//! are removed; segments that the older of the two has, and that sled is confirmed to have (unless it is to be rebuilt
//! anyhow), are removed, oldest first.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::super::super::EngineError;
use super::super::segment::{self, Segment};
use super::super::{Shared, confirmed, files, lock};
use super::{Cut, Generation, Listing, Origin, list, make, set_aside, verify};

/// How often the thread looks whether a snapshot is due.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Pause after a snapshot that failed.
const FAILED_PAUSE: Duration = Duration::from_secs(60);
/// Shorter waits than this are put together.
const SHORTEST_WAIT: Duration = Duration::from_millis(5);
/// Generations that are kept.
const KEPT: usize = 2;
/// A log that has grown to so many times the size at which a snapshot is due is worked off without waiting for others.
const HURRY_FACTOR: u64 = 4;

/// Asks for a snapshot now; answered with the batch that it goes up to.
pub(in super::super) type Request = oneshot::Sender<Result<u64, EngineError>>;

/// Tells the thread to end, also while it waits.
#[derive(Debug, Default)]
pub(in super::super) struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub(in super::super) fn stop(&self) {
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
pub(in super::super) struct Keeper {
    shared: Arc<Shared>,
    stop: Arc<Stop>,
    requests: Receiver<Request>,
    /// What the log had taken when the last snapshot began, counted as [`super::super::wal::Log::taken`] does.
    taken_before: u64,
    /// The size of the newest snapshot.
    newest_bytes: u64,
    not_before: Option<Instant>,
}

impl Keeper {
    /// Goes on from what is in the folder: `unsaved_bytes` of the log are not in a snapshot.
    pub(in super::super) fn new(
        shared: Arc<Shared>,
        stop: Arc<Stop>,
        requests: Receiver<Request>,
        newest_bytes: u64,
        unsaved_bytes: u64,
    ) -> Self {
        let taken_before = shared.log.taken().saturating_sub(unsaved_bytes);
        Self { shared, stop, requests, taken_before, newest_bytes, not_before: None }
    }

    /// Runs until it is told to stop.
    pub(in super::super) fn run(mut self) {
        loop {
            self.shared.look_after_log();
            if self.is_due() {
                drop(self.snapshot());
            }
            match self.requests.recv_timeout(LOOK_EVERY) {
                Ok(request) => {
                    let made = self.snapshot();
                    drop(request.send(made.map_err(|cut| match cut {
                        Cut::Stopped => EngineError::Closed,
                        Cut::Failed(error) => error,
                    })));
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
                tracing::error!(%error, "no snapshot could be made; the log is kept, and it will be tried again");
            }
        }
        if let Err(error) = self.drop_replaced() {
            tracing::error!(%error, "what a snapshot replaced could not be removed; it will be tried again");
        }
        made.map(|generation| generation.position())
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
        let base = usable(&listing, &segments, &mut wait)?;
        // Whatever is newer cannot be read, so it must not count as one of the generations that are kept.
        let is_newer =
            |generation: &&Generation| generation.position() > base.map_or(0, Generation::position);
        for damaged in listing.generations.iter().take_while(is_newer) {
            set_aside(&damaged.path)?;
        }
        let origin = Origin { base, segments: &segments };
        make(&shared.disk, &dir, shared.timeline, origin, position, shared.config.snapshot_sizes, &mut wait)
    }

    fn pace(&self) -> Pacer<'_> {
        let hurry = self.since() >= self.due_bytes().saturating_mul(HURRY_FACTOR);
        let per_second = if hurry { u64::MAX } else { self.shared.config.snapshot_bytes_per_second };
        Pacer { stop: &self.stop, per_second, began: Instant::now(), spent: 0 }
    }

    /// Removes older snapshots, and segments that nobody needs any more.
    fn drop_replaced(&self) -> Result<(), EngineError> {
        let shared = &self.shared;
        let listing = list(&shared.config.snapshot_dir(), shared.timeline)?;
        for replaced in listing.generations.iter().skip(KEPT) {
            files::remove(&replaced.path)?;
        }
        let Some(older) = listing.generations.get(KEPT - 1) else { return Ok(()) };
        let log_dir = shared.config.log_dir();
        // Of a working copy that is not trusted any more nothing is used: it will be made anew from a snapshot and the log
        // after it, so it needs no log before that.
        let is_distrusted = confirmed::is_distrusted(&log_dir);
        let confirmed = if is_distrusted { u64::MAX } else { confirmed::read(&log_dir, shared.timeline)? };
        let through = older.position().min(confirmed);
        for path in replaced_segments(&segment::list(&log_dir)?.segments, through) {
            let bytes = std::fs::metadata(&path).map_err(|e| files::error("look at", &path, &e))?.len();
            shared.watch.forget(&path);
            shared.disk.remove(&path)?;
            shared.log.forget(bytes);
        }
        Ok(())
    }
}

/// The newest snapshot that is whole and that the log goes on from; none if the log has everything.
pub(in super::super) fn usable<'a>(
    listing: &'a Listing,
    segments: &[Segment],
    pace: super::Pace<'_>,
) -> Result<Option<&'a Generation>, Cut> {
    let first = segments.first().map_or(1, |segment| segment.header.first);
    let mut why = None;
    for generation in &listing.generations {
        if generation.position().saturating_add(1) < first {
            continue;
        }
        match verify(&generation.path, pace) {
            Ok(()) => return Ok(Some(generation)),
            Err(Cut::Failed(error @ (EngineError::Corrupt { .. } | EngineError::Io(_)))) => {
                tracing::error!(%error, "a snapshot is damaged; an older one and more of the log take its place");
                why = why.or(Some(error));
            }
            Err(other) => return Err(other),
        }
    }
    if first <= 1 {
        return Ok(None);
    }
    let why = why.or_else(|| listing.unusable.first().map(|(_, error)| error.clone()));
    Err(Cut::Failed(why.unwrap_or_else(|| {
        let file = segments.first().map(Segment::name).unwrap_or_default();
        let detail =
            format!("the log begins with batch {first}, and there is no snapshot of what was before it");
        EngineError::Corrupt { file, offset: 0, detail }
    })))
}

/// The segments, oldest first, whose batches are all at or below `through`. The last segment is never among them.
fn replaced_segments(segments: &[Segment], through: u64) -> impl Iterator<Item = PathBuf> {
    let followed = segments.iter().zip(segments.iter().skip(1));
    followed
        .take_while(move |(_, next)| next.header.first <= through.saturating_add(1))
        .map(|(segment, _)| segment.path.clone())
}

/// Keeps the work on a snapshot to a rate.
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
