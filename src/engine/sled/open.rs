//! Opening and closing a store.
//!
//! In this order: lock the directory; find snapshots and the end of the log; make durable what may not be; bring the
//! working copy to the end of the log; start the threads. Nothing is served before all of it is done.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, mpsc};
use std::thread::JoinHandle;

use super::super::EngineError;
use super::applier::{self, Applier};
use super::backlog::{Backlog, Stop};
use super::config::SledConfig;
use super::disk::Disk;
use super::reader::{self, End};
use super::restore::{self, Restored, Source};
use super::segment::{self, Segment};
use super::snapshot::{self, Keeper, Listing, Request};
use super::wal::{self, Log};
use super::watch::Watch;
use super::working::Sled;
use super::writer::{self, Place, Writer};
use super::{Shared, SledEngine, bounded, confirmed, files, folder, lock};
use crate::tasks;

/// After a clean close, sled is opened once more if this much was written since it was opened: only an open writes the
/// snapshot that spares the next open from reading all of it.
const REOPEN_FROM_BYTES: u64 = 32 * 1024 * 1024;

/// What a running store has beside its shared state; taken when it closes.
#[derive(Debug)]
pub(super) struct Running {
    syncer: JoinHandle<()>,
    applier: JoinHandle<()>,
    confirmer: JoinHandle<()>,
    keeper: JoinHandle<()>,
    stop_keeper: Arc<snapshot::Stop>,
    requests: mpsc::Sender<Request>,
    /// Held for the lock on it.
    _lock: File,
}

impl Running {
    pub(super) fn ask_for_snapshot(&self, request: Request) -> Result<(), EngineError> {
        self.requests.send(request).map_err(|_| EngineError::Closed)
    }
}

impl SledEngine {
    /// Opens the store in `config.dir`, or makes one there. Blocks until it is ready, which after a crash, or when the
    /// working copy has to be rebuilt, takes time: `progress` gets a line now and then.
    pub fn open(config: SledConfig, progress: impl Fn(String)) -> Result<Self, EngineError> {
        folder::for_store(&config.dir)?;
        files::make_dir(&config.dir)?;
        let lock = lock_dir(&config.dir)?;
        let disk = Arc::new(Disk::new(&config));
        let opened = open_log(&config, &disk)?;
        let Opened { segments, end, confirmed, snapshots, unsaved_bytes, .. } = &opened;
        let (timeline, unsaved_bytes) = (opened.place.timeline, *unsaved_bytes);
        let newest_bytes = snapshots.generations.first().map_or(0, |newest| newest.bytes);
        let log_dir = config.log_dir();
        let source = Source {
            log_dir: &log_dir,
            segments,
            snapshots,
            timeline,
            confirmed: *confirmed,
            last: end.last,
        };
        let Restored { sled, replayed_bytes } =
            restore::restore(&config.sled_dir(), config.cache_bytes, source, &progress)?;

        let backlog = Arc::new(Backlog::new(end.last + 1, config.pending_limit_bytes));
        let log = Log::new(Arc::clone(&backlog), end.last, opened.bytes);
        let watch = Arc::<Watch>::default();
        segments.iter().try_for_each(|segment| watch.add(&segment.path))?;
        let writer =
            Writer::new(Arc::clone(&disk), Arc::clone(&watch), log_dir, config.segment_bytes, opened.place);
        let shared = Arc::new(Shared {
            config,
            timeline,
            log,
            backlog,
            disk,
            watch,
            sled: RwLock::new(Some(Arc::new(sled))),
            stalled: Mutex::new(None),
            applied_bytes: AtomicU64::new(replayed_bytes),
            damaged: AtomicBool::new(false),
            sync_failed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        });
        let threads = Threads { applied: end.last, replayed_bytes, newest_bytes, unsaved_bytes };
        let running = start(&shared, writer, threads, lock)?;
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
    snapshots: Listing,
    /// Bytes of segments that hold batches that are in no snapshot.
    unsaved_bytes: u64,
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
        writer::found(disk, &dir, segment::random()?, 1)?;
    }
    let segments = segment::list(&dir)?.segments;
    let Some(newest) = segments.last() else {
        return Err(EngineError::Io(format!("no log in {}", dir.display())));
    };
    let timeline = newest.header.timeline;
    let confirmed = confirmed::read(&dir, timeline)?;
    let snapshots = open_snapshots(config, timeline)?;
    let end = reader::find_end(&segments, confirmed.max(snapshots.position()))?;
    writer::secure_tail(disk, &dir, &segments, end)?;

    let segments = segment::list(&dir)?.segments;
    let next_sequence = segments.last().map_or(1, |s| s.header.sequence + 1);
    let (mut bytes, mut unsaved_bytes) = (0, 0);
    for (i, segment) in segments.iter().enumerate() {
        let meta =
            std::fs::metadata(&segment.path).map_err(|e| files::error("look at", &segment.path, &e))?;
        bytes += meta.len();
        if segments.get(i + 1).is_none_or(|next| next.header.first > snapshots.position() + 1) {
            unsaved_bytes += meta.len();
        }
    }
    let place = Place { timeline, next_sequence, durable: end.last };
    Ok(Opened { segments, end, confirmed, place, bytes, snapshots, unsaved_bytes })
}

/// The snapshots as they were found, without what a killed process left of one.
fn open_snapshots(config: &SledConfig, timeline: segment::Timeline) -> Result<Listing, EngineError> {
    let dir = config.snapshot_dir();
    files::make_dir(&dir)?;
    let listing = snapshot::list(&dir, timeline)?;
    for leftover in &listing.leftovers {
        files::remove(leftover)?;
    }
    for (_, error) in &listing.unusable {
        tracing::error!(%error, "a snapshot cannot be used");
    }
    Ok(listing)
}

/// The log is made before anything else, so a store that has anything but a log is not new.
fn refuse_if_log_is_gone(config: &SledConfig) -> Result<(), EngineError> {
    let dir = config.log_dir();
    if !config.sled_dir().exists() && !confirmed::exists(&dir) && !config.snapshot_dir().exists() {
        return Ok(());
    }
    let detail = "the log is gone, though the store has been used; put its segments back".to_owned();
    Err(EngineError::Corrupt { file: dir.display().to_string(), offset: 0, detail })
}

pub(super) fn lock_dir(dir: &Path) -> Result<File, EngineError> {
    let path = dir.join(folder::LOCK);
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    let file = opened.map_err(|e| files::error("open", &path, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EngineError::InUse(dir.display().to_string())),
        Err(TryLockError::Error(e)) => Err(files::error("lock", &path, &e)),
    }
}

/// Where the threads of a store begin.
#[derive(Debug, Clone, Copy)]
struct Threads {
    /// The last batch that sled has.
    applied: u64,
    /// Bytes that sled has and that are not confirmed.
    replayed_bytes: u64,
    /// The size of the newest snapshot.
    newest_bytes: u64,
    /// Bytes of the log that are in no snapshot.
    unsaved_bytes: u64,
}

fn start(shared: &Arc<Shared>, writer: Writer, threads: Threads, lock: File) -> Result<Running, EngineError> {
    let (confirm, to_confirm) = mpsc::channel();
    let (requests, to_keep) = mpsc::channel();
    let stop_keeper = Arc::<snapshot::Stop>::default();
    let applier = Applier::new(Arc::clone(shared), confirm, threads.applied, threads.replayed_bytes);
    let keeper = Keeper::new(
        Arc::clone(shared),
        Arc::clone(&stop_keeper),
        to_keep,
        threads.newest_bytes,
        threads.unsaved_bytes,
    );
    let (syncer_shared, confirmer_shared) = (Arc::clone(shared), Arc::clone(shared));
    Ok(Running {
        syncer: spawn("wal-syncer", move || wal::run(&syncer_shared.log, writer))?,
        applier: spawn("sled-applier", move || applier.run())?,
        confirmer: spawn("sled-confirmer", move || applier::run_confirmer(&confirmer_shared, &to_confirm))?,
        keeper: spawn("snapshots", move || keeper.run())?,
        stop_keeper,
        requests,
        _lock: lock,
    })
}

fn spawn(name: &'static str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, EngineError> {
    let spawned = tasks::vital_thread(name, run);
    spawned.map_err(|e| EngineError::Io(format!("cannot start the thread {name}: {e}")))
}

/// Ends a running store. In order: the log takes no more, everything durable reaches sled, sled is confirmed and closed,
/// the lock is given back.
pub(super) fn close(shared: &Shared, running: Running) -> Result<(), EngineError> {
    running.stop_keeper.stop();
    drop(running.requests);
    shared.log.close(true);
    join(running.syncer);
    let durable = shared.log.durable();
    shared.backlog.write(|pending| pending.publish_through(durable));
    shared.backlog.stop(Stop::Drained);
    join(running.applier);
    join(running.confirmer);
    join(running.keeper);
    // What is still pending could not be applied; the log has it.
    let applied = shared.backlog.read(|pending| pending.next() == durable + 1 && pending.bytes() == 0);
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
    running.stop_keeper.stop();
    drop(running.requests);
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
