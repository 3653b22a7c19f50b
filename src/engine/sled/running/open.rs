//! Opening a store.
//!
//! In this order: lock the directory; find the snapshots and the end of the log; make durable what may not
//! be; bring the working copy to the end of the log; start the threads. Nothing is served before all of this
//! is done.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, RwLock};

use super::shared::Shared;
use super::threads::{self, Running, Threads};
use crate::engine::EngineError;
use crate::engine::sled::backlog::Backlog;
use crate::engine::sled::config::SledConfig;
use crate::engine::sled::dir::{files, flock, folder};
use crate::engine::sled::disk::Disk;
use crate::engine::sled::log::chain::{self, End};
use crate::engine::sled::log::prepare;
use crate::engine::sled::log::queue::Log;
use crate::engine::sled::log::segment::{self, Segment, Timeline};
use crate::engine::sled::log::watch::Watch;
use crate::engine::sled::log::writer::{Place, Writer};
use crate::engine::sled::snapshot::{self, Listing};
use crate::engine::sled::working::confirmed;
use crate::engine::sled::working::restore::{self, Restored, Source};

/// Opens the store in `config.dir`, or creates one there, and starts its threads. Blocks until the store is
/// ready.
pub(super) fn open(
    config: SledConfig,
    progress: impl Fn(String),
) -> Result<(Arc<Shared>, Running), EngineError> {
    folder::for_store(&config.dir)?;
    files::make_dir(&config.dir)?;
    let lock = flock::store(&config.dir)?;
    let disk = Arc::new(Disk::new(&config));
    let opened = open_log(&config, &disk)?;
    let Opened { segments, end, confirmed, snapshots, unsaved_bytes, .. } = &opened;
    let (timeline, unsaved_bytes) = (opened.place.timeline, *unsaved_bytes);
    let newest_bytes = snapshots.generations.first().map_or(0, |newest| newest.bytes);
    let log_dir = config.log_dir();
    let source =
        Source { log_dir: &log_dir, segments, snapshots, timeline, confirmed: *confirmed, last: end.last };
    let Restored { sled, replayed_bytes } =
        restore::restore(&config.sled_dir(), config.cache_bytes, &disk, source, &progress)?;

    let backlog = Arc::new(Backlog::new(end.last + 1, config.pending_limit_bytes, disk.behind()));
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
        snapshot_bytes: AtomicU64::new(newest_bytes),
        damaged: AtomicBool::new(false),
        sync_failed: AtomicBool::new(false),
        closed: AtomicBool::new(false),
    });
    let threads = Threads { applied: end.last, replayed_bytes, newest_bytes, unsaved_bytes };
    let running = threads::start(&shared, writer, threads, lock)?;
    Ok((shared, running))
}

/// The log as found, with everything in it durable.
struct Opened {
    segments: Vec<Segment>,
    end: End,
    confirmed: u64,
    place: Place,
    bytes: u64,
    snapshots: Listing,
    /// The bytes of the segments with batches that are in no snapshot.
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
        prepare::found(disk, &dir, segment::random()?, 1)?;
    }
    let segments = segment::list(&dir)?.segments;
    let Some(newest) = segments.last() else {
        return Err(EngineError::Io(format!("no log in {}", dir.display())));
    };
    let timeline = newest.header.timeline;
    let confirmed = confirmed::read(&dir, timeline)?;
    let snapshots = open_snapshots(config, timeline)?;
    let end = chain::find_end(&segments, confirmed.max(snapshots.position()))?;
    prepare::secure_tail(disk, &dir, &segments, end)?;

    let segments = segment::list(&dir)?.segments;
    let next_sequence = segments.last().map_or(1, |s| s.header.sequence + 1);
    let (mut bytes, mut unsaved_bytes) = (0, 0);
    for (i, segment) in segments.iter().enumerate() {
        let meta =
            std::fs::metadata(&segment.path).map_err(|e| files::error("examine", &segment.path, &e))?;
        bytes += meta.len();
        if segments.get(i + 1).is_none_or(|next| next.header.first > snapshots.position() + 1) {
            unsaved_bytes += meta.len();
        }
    }
    let place = Place { timeline, next_sequence, durable: end.last };
    Ok(Opened { segments, end, confirmed, place, bytes, snapshots, unsaved_bytes })
}

/// Lists the snapshots, after removing the files that a killed process left unfinished.
fn open_snapshots(config: &SledConfig, timeline: Timeline) -> Result<Listing, EngineError> {
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

/// Rejects a store whose log is missing. The log of a new store is created first, so a store that has
/// anything else has lost its log.
fn refuse_if_log_is_gone(config: &SledConfig) -> Result<(), EngineError> {
    let dir = config.log_dir();
    if !config.sled_dir().exists() && !confirmed::exists(&dir) && !config.snapshot_dir().exists() {
        return Ok(());
    }
    let detail = "the log is missing from a store that was used before; put its segments back".to_owned();
    Err(EngineError::Corrupt { file: dir.display().to_string(), offset: 0, detail })
}
