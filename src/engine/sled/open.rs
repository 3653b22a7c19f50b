//! Opening and closing a store.
//!
//! In this order: lock the directory; find the end of the log; make durable what may not be; bring the working copy to
//! the end of the log; start the threads. Nothing is served before all of it is done.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, mpsc};
use std::thread::{self, JoinHandle};

use super::super::EngineError;
use super::applier::{self, Applier};
use super::backlog::{Backlog, Stop};
use super::config::SledConfig;
use super::disk::Disk;
use super::reader::{self, End};
use super::restore::{self, Restored, Source};
use super::segment::{self, Segment};
use super::wal::{self, Log};
use super::working::Sled;
use super::writer::{self, Place, Writer};
use super::{Shared, SledEngine, bounded, confirmed, files, lock};

/// After a clean close, sled is opened once more if this much was written since it was opened: only an open writes the
/// snapshot that spares the next open from reading all of it.
const REOPEN_FROM_BYTES: u64 = 32 * 1024 * 1024;

/// What a running store has beside its shared state; taken when it closes.
#[derive(Debug)]
pub(super) struct Running {
    syncer: JoinHandle<()>,
    applier: JoinHandle<()>,
    confirmer: JoinHandle<()>,
    /// Held for the lock on it.
    _lock: File,
}

impl SledEngine {
    /// Opens the store in `config.dir`, or makes one there. Blocks until it is ready, which after a crash, or when the
    /// working copy has to be rebuilt, takes time: `progress` gets a line now and then.
    pub fn open(config: SledConfig, progress: impl Fn(String)) -> Result<Self, EngineError> {
        files::make_dir(&config.dir)?;
        let lock = lock_dir(&config.dir)?;
        let disk = Arc::new(Disk::new(&config));
        let opened = open_log(&config, &disk)?;
        let Opened { segments, end, confirmed, .. } = &opened;
        let timeline = opened.place.timeline;
        let log_dir = config.log_dir();
        let source = Source { log_dir: &log_dir, segments, timeline, confirmed: *confirmed, last: end.last };
        let Restored { sled, replayed_bytes } =
            restore::restore(&config.sled_dir(), config.cache_bytes, source, &progress)?;

        let backlog = Arc::new(Backlog::new(end.last + 1, config.pending_limit_bytes));
        let log = Log::new(Arc::clone(&backlog), end.last, opened.bytes);
        let writer = Writer::new(Arc::clone(&disk), log_dir, config.segment_bytes, opened.place);
        let shared = Arc::new(Shared {
            config,
            timeline,
            log,
            backlog,
            disk,
            sled: RwLock::new(Some(Arc::new(sled))),
            stalled: Mutex::new(None),
            applied_bytes: AtomicU64::new(replayed_bytes),
            damaged: AtomicBool::new(false),
            sync_failed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        });
        let running = start(&shared, writer, end.last, replayed_bytes, lock)?;
        Ok(Self { shared, running: Arc::new(Mutex::new(Some(running))) })
    }
}

/// The log as it was found, with everything in it durable.
struct Opened {
    segments: Vec<Segment>,
    end: End,
    confirmed: u64,
    place: Place,
    bytes: u64,
}

fn open_log(config: &SledConfig, disk: &Disk) -> Result<Opened, EngineError> {
    let dir = config.log_dir();
    files::make_dir(&dir)?;
    let found = segment::list(&dir)?;
    for leftover in &found.leftovers {
        files::remove(leftover)?;
    }
    if found.segments.is_empty() {
        refuse_if_log_is_gone(config)?;
        writer::found(disk, &dir)?;
    }
    let segments = segment::list(&dir)?.segments;
    let Some(newest) = segments.last() else {
        return Err(EngineError::Io(format!("no log in {}", dir.display())));
    };
    let timeline = newest.header.timeline;
    let confirmed = confirmed::read(&dir, timeline)?;
    let end = reader::find_end(&segments, confirmed)?;
    writer::secure_tail(disk, &dir, &segments, end)?;

    let segments = segment::list(&dir)?.segments;
    let next_sequence = segments.last().map_or(1, |s| s.header.sequence + 1);
    let mut bytes = 0;
    for segment in &segments {
        let meta =
            std::fs::metadata(&segment.path).map_err(|e| files::error("look at", &segment.path, &e))?;
        bytes += meta.len();
    }
    let place = Place { timeline, next_sequence, durable: end.last };
    Ok(Opened { segments, end, confirmed, place, bytes })
}

/// The log is made before anything else, so a store that has anything but a log is not new.
fn refuse_if_log_is_gone(config: &SledConfig) -> Result<(), EngineError> {
    let dir = config.log_dir();
    if !config.sled_dir().exists() && !confirmed::exists(&dir) {
        return Ok(());
    }
    let detail = "the log is gone, though the store has been used; put its segments back".to_owned();
    Err(EngineError::Corrupt { file: dir.display().to_string(), offset: 0, detail })
}

fn lock_dir(dir: &Path) -> Result<File, EngineError> {
    let path = dir.join("LOCK");
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    let file = opened.map_err(|e| files::error("open", &path, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EngineError::InUse(dir.display().to_string())),
        Err(TryLockError::Error(e)) => Err(files::error("lock", &path, &e)),
    }
}

fn start(
    shared: &Arc<Shared>,
    writer: Writer,
    applied: u64,
    unconfirmed_bytes: u64,
    lock: File,
) -> Result<Running, EngineError> {
    let (confirm, requests) = mpsc::channel();
    let applier = Applier::new(Arc::clone(shared), confirm, applied, unconfirmed_bytes);
    let (syncer_shared, confirmer_shared) = (Arc::clone(shared), Arc::clone(shared));
    Ok(Running {
        syncer: spawn("wal-syncer", move || wal::run(&syncer_shared.log, writer))?,
        applier: spawn("sled-applier", move || applier.run())?,
        confirmer: spawn("sled-confirmer", move || applier::run_confirmer(&confirmer_shared, &requests))?,
        _lock: lock,
    })
}

pub(super) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, EngineError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map_err(|e| EngineError::Io(format!("cannot start the thread {name}: {e}")))
}

/// Ends a running store. In order: the log takes no more, everything durable reaches sled, sled is confirmed and closed,
/// the lock is given back.
pub(super) fn close(shared: &Shared, running: Running) -> Result<(), EngineError> {
    shared.log.close(true);
    join(running.syncer);
    let durable = shared.log.durable();
    shared.backlog.write().publish_through(durable);
    shared.backlog.stop(Stop::Drained);
    join(running.applier);
    join(running.confirmer);
    // What is still pending could not be applied; the log has it.
    let applied = shared.backlog.read().next() == durable + 1 && shared.backlog.read().bytes() == 0;
    let confirmed = if applied { shared.confirm(durable) } else { Ok(()) };
    let sled = shared.write_sled().take();
    if sled.is_some_and(|sled| !bounded::let_go(sled, &shared.config)) {
        tracing::warn!("the working copy was not let go of in time; the log has everything");
        return confirmed;
    }
    if applied && shared.applied_bytes.load(Ordering::Relaxed) >= REOPEN_FROM_BYTES {
        let reopened = Sled::open(&shared.config.sled_dir(), shared.config.cache_bytes);
        match reopened.map(|sled| sled.sync()) {
            Ok(Ok(())) => {}
            // The next open reads more, or heals it: nothing that this close promised.
            Ok(Err(error)) => tracing::warn!(%error, "the working copy could not be synced after closing"),
            Err(error) => tracing::warn!(?error, "the working copy could not be reopened after closing"),
        }
    }
    confirmed
}

/// Ends a running store as a crash would: nothing more is written or applied.
///
/// sled flushes when it is dropped, and that flush was once seen to wait for ever. So a thread of its own drops it, and
/// nobody waits for that without end; what is in the log is safe whatever becomes of it.
pub(super) fn abandon(shared: Arc<Shared>, running: Running) {
    shared.log.close(false);
    join(running.syncer);
    shared.backlog.stop(Stop::Now);
    let dropped = bounded::within("sled-drop", shared.config.drop_patience, move || {
        join(running.applier);
        join(running.confirmer);
        drop(shared.write_sled().take());
    });
    if dropped.is_none() {
        tracing::warn!("the working copy was not let go of in time; the log has everything");
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread of the store panicked");
    }
}

/// Takes what is running, so that a store is closed once; the lock is held meanwhile, so that a second caller waits.
pub(super) fn close_once(shared: &Shared, running: &Mutex<Option<Running>>) -> Result<(), EngineError> {
    let mut running = lock(running);
    running.take().map_or(Ok(()), |running| close(shared, running))
}
