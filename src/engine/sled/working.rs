//! The working copy: sled, as far as it is trusted.
//!
//! One tree. Callers' keys are sled's keys; the empty key, which no caller can have, holds the timeline and the number of
//! the last batch applied. It is in the same tree because sled's log keeps the order of writes to one tree as it keeps
//! that of any other: after a `kill -9` sled has a prefix of what was written to it, so a position that survived is
//! followed by nothing that is missing before it. (After a power cut even that is not certain, hence the confirmed
//! position.)
//!
//! Everything is plain inserts by one thread. A group that was cut in half by a crash is completed by replay.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::super::pending::Ops;
use super::super::{Direction, EngineError, KeyRange, Value, merge};
use super::segment::Timeline;
use super::{files, lock};

/// sled gives its file lock back some time after it was dropped.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(5);
/// Values from this size on are handed out without copying them.
const SHARE_FROM_BYTES: usize = 512;
/// The key of the position.
const POSITION_KEY: &[u8] = b"";

/// Why sled could not be opened.
#[derive(Debug)]
pub(super) enum OpenError {
    /// The machine refuses: opening again may work, and the content is not in doubt.
    Machine(EngineError),
    /// The content is not usable.
    Content(String),
}

/// sled, opened.
#[derive(Debug)]
pub(super) struct Sled {
    db: ::sled::Db,
    dir: PathBuf,
    /// Our own handle on sled's file: it reports write-back errors from now on, whoever else asked for a sync.
    file: File,
    /// Blob files are written once, so each is synced once.
    synced_blobs: Mutex<HashSet<OsString>>,
}

impl Sled {
    /// Opens what is in `dir`, or makes it.
    pub(super) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        remove_unfinished_snapshots(dir).map_err(OpenError::Machine)?;
        let config = ::sled::Config::new().path(dir).cache_capacity(cache_bytes).flush_every_ms(None);
        let give_up = Instant::now() + LOCK_PATIENCE;
        let db = loop {
            match catch_unwind(AssertUnwindSafe(|| config.open())) {
                Ok(Ok(db)) => break db,
                Ok(Err(error)) if is_locked(&error) && Instant::now() < give_up => thread::sleep(LOCK_PAUSE),
                Ok(Err(error)) => return Err(judge(&error)),
                Err(_) => return Err(OpenError::Content("sled panicked".to_owned())),
            }
        };
        let path = dir.join("db");
        let file = File::open(&path).map_err(|e| OpenError::Machine(files::error("open", &path, &e)))?;
        Ok(Self { db, dir: dir.to_owned(), file, synced_blobs: Mutex::default() })
    }

    /// The timeline and number of the last batch applied; `None` if nothing ever was.
    pub(super) fn position(&self) -> Result<Option<(Timeline, u64)>, EngineError> {
        let Some(value) = self.db.get(POSITION_KEY).map_err(|e| failed(&e))? else { return Ok(None) };
        let timeline = value.get(..16).and_then(|b| b.try_into().ok());
        let number = value.get(16..).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
        Ok(timeline.zip(number))
    }

    pub(super) fn set_position(&self, timeline: Timeline, number: u64) -> Result<(), EngineError> {
        let value = [timeline.as_slice(), &number.to_le_bytes()].concat();
        self.db.insert(POSITION_KEY, value).map(drop).map_err(|e| failed(&e))
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError> {
        Ok(self.db.get(key).map_err(|e| failed(&e))?.map(into_value))
    }

    /// The pairs of a range in scan order.
    pub(super) fn range(&self, range: &KeyRange, direction: Direction) -> merge::Below<'_> {
        let bounds = (range.start.as_ref().map(Vec::as_slice), range.end.as_ref().map(Vec::as_slice));
        let found = self.db.range::<&[u8], _>(bounds);
        let pair = |pair: ::sled::Result<(::sled::IVec, ::sled::IVec)>| match pair {
            Ok((key, _)) if key.is_empty() => None,
            Ok((key, value)) => Some(Ok((key.to_vec(), into_value(value)))),
            Err(error) => Some(Err(failed(&error))),
        };
        match direction {
            Direction::Forward => Box::new(found.filter_map(pair)),
            Direction::Backward => Box::new(found.rev().filter_map(pair)),
        }
    }

    /// Applies a group of batches that ends with number `last`. A key that several of them write is written once, and
    /// keys are written in order, both of which spare sled work.
    pub(super) fn apply(&self, group: &[Ops], timeline: Timeline, last: u64) -> Result<(), EngineError> {
        let writes: BTreeMap<&[u8], &Option<Value>> =
            group.iter().flat_map(|ops| ops.iter()).map(|op| (op.key.as_ref(), &op.value)).collect();
        for (key, value) in writes {
            let done = match value {
                Some(value) => self.db.insert(key, value.as_ref()),
                None => self.db.remove(key),
            };
            done.map_err(|e| failed(&e))?;
        }
        self.set_position(timeline, last)
    }

    /// Brings everything applied so far to stable storage. Other threads may apply meanwhile.
    pub(super) fn sync(&self) -> Result<(), EngineError> {
        self.db.flush().map_err(|e| failed(&e))?;
        self.file.sync_data().map_err(|e| files::error("sync", &self.dir.join("db"), &e))?;
        self.sync_blobs()?;
        for path in files::list(&self.dir)? {
            if path.file_name().is_some_and(|n| n == "conf" || n.as_encoded_bytes().starts_with(b"snap.")) {
                sync_file(&path)?;
            }
        }
        files::sync_dir(&self.dir)
    }

    fn sync_blobs(&self) -> Result<(), EngineError> {
        let dir = self.dir.join("blobs");
        let mut synced = lock(&self.synced_blobs);
        let mut found = HashSet::new();
        for path in files::list(&dir)? {
            let Some(name) = path.file_name().map(ToOwned::to_owned) else { continue };
            if !synced.contains(&name) {
                sync_file(&path)?;
            }
            found.insert(name);
        }
        *synced = found;
        files::sync_dir(&dir)
    }

    /// The size of sled's files.
    pub(super) fn bytes(&self) -> u64 {
        self.db.size_on_disk().unwrap_or(0)
    }
}

/// Syncs a file that sled may remove at any moment.
fn sync_file(path: &Path) -> Result<(), EngineError> {
    match File::open(path).and_then(|f| f.sync_data()) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(files::error("sync", path, &e)),
        _ => Ok(()),
    }
}

/// sled does not open with a snapshot that was cut off while it was written.
fn remove_unfinished_snapshots(dir: &Path) -> Result<(), EngineError> {
    if !dir.is_dir() {
        return Ok(());
    }
    for path in files::list(dir)? {
        let name = path.file_name().map(|n| n.as_encoded_bytes().to_vec()).unwrap_or_default();
        if name.starts_with(b"snap.") && name.ends_with(b".generating") {
            files::remove(&path)?;
        }
    }
    Ok(())
}

/// Puts an unusable working copy aside, for whoever wants to know what happened to it. Only the latest is kept.
pub(super) fn move_aside(dir: &Path) -> Result<PathBuf, EngineError> {
    let broken = |n: u64| PathBuf::from(format!("{}.broken-{n}", dir.display()));
    let prefix = format!("{}.broken-", dir.display());
    let mut last = 0;
    for path in files::list(dir.parent().unwrap_or(Path::new(".")))? {
        let Some(n) = path.to_str().and_then(|p| p.strip_prefix(&prefix)).and_then(|n| n.parse().ok()) else {
            continue;
        };
        last = last.max(n);
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(|e| files::error("remove", &path, &e))?;
    }
    let to = broken(last + 1);
    files::rename(dir, &to)?;
    Ok(to)
}

fn into_value(value: ::sled::IVec) -> Value {
    if value.len() >= SHARE_FROM_BYTES { Bytes::from_owner(value) } else { Bytes::copy_from_slice(&value) }
}

fn failed(error: &::sled::Error) -> EngineError {
    EngineError::Io(format!("sled: {error}"))
}

fn is_locked(error: &::sled::Error) -> bool {
    matches!(error, ::sled::Error::Io(e) if e.to_string().contains("could not acquire lock"))
}

fn judge(error: &::sled::Error) -> OpenError {
    use io::ErrorKind::{OutOfMemory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    const TOO_MANY_FILES: [Option<i32>; 2] = [Some(23), Some(24)];
    match error {
        ::sled::Error::Io(e)
            if is_locked(error)
                || TOO_MANY_FILES.contains(&e.raw_os_error())
                || matches!(
                    e.kind(),
                    OutOfMemory | PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull
                ) =>
        {
            OpenError::Machine(failed(error))
        }
        other => OpenError::Content(other.to_string()),
    }
}
