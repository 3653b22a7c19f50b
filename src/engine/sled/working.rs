//! The working copy: sled, as far as it is trusted.
//!
//! One tree. Callers' keys are sled's keys; the empty key, which no caller can have, holds the timeline and the number of
//! the last batch applied. It is in the same tree because sled's log keeps the order of writes to one tree as it keeps
//! that of any other: after a `kill -9` sled has a prefix of what was written to it, so a position that survived is
//! followed by nothing that is missing before it. (After a power cut that is not so, see `boot.rs`.)
//!
//! Everything is plain inserts by one thread. A group that was cut in half by a crash is completed by replay.

use std::any::Any;
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::super::pending::Ops;
use super::super::{Direction, EngineError, KeyRange, Value, merge};
use super::segment::Timeline;
use super::{files, lock};

/// sled gives its file lock back some time after it was dropped.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// How sled words it.
const LOCKED: &str = "could not acquire lock";
const LOCK_PAUSE: Duration = Duration::from_millis(5);
/// Values from this size on are handed out without copying them.
const SHARE_FROM_BYTES: usize = 512;
/// The key of the position.
const POSITION_KEY: &[u8] = b"";

/// Why sled could not do something.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The machine refuses: it may work later, and the content is not in doubt.
    Machine(EngineError),
    /// The content is not usable: only a rebuild helps.
    Content(String),
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        Self::Machine(error)
    }
}

impl From<Trouble> for EngineError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Machine(error) => error,
            Trouble::Content(why) => Self::Io(format!("the working copy is damaged: {why}")),
        }
    }
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
    damaged: AtomicBool,
}

impl Sled {
    /// Opens what is in `dir`, or makes it.
    pub(super) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, Trouble> {
        remove_unfinished_snapshots(dir)?;
        let config = ::sled::Config::new().path(dir).cache_capacity(cache_bytes).flush_every_ms(None);
        let give_up = Instant::now() + LOCK_PATIENCE;
        let db = loop {
            match guarded(|| config.open()) {
                Err(Trouble::Machine(EngineError::Io(why)))
                    if why.contains(LOCKED) && Instant::now() < give_up =>
                {
                    thread::sleep(LOCK_PAUSE);
                }
                opened => break opened?,
            }
        };
        let path = dir.join("db");
        let file = File::open(&path).map_err(|e| files::error("open", &path, &e))?;
        Ok(Self {
            db,
            dir: dir.to_owned(),
            file,
            synced_blobs: Mutex::default(),
            damaged: AtomicBool::new(false),
        })
    }

    /// The timeline and number of the last batch applied; `None` if nothing ever was.
    pub(super) fn position(&self) -> Result<Option<(Timeline, u64)>, Trouble> {
        let Some(value) = self.guarded(|| self.db.get(POSITION_KEY))? else { return Ok(None) };
        let timeline = value.get(..16).and_then(|b| b.try_into().ok());
        let number = value.get(16..).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
        Ok(timeline.zip(number))
    }

    pub(super) fn set_position(&self, timeline: Timeline, number: u64) -> Result<(), Trouble> {
        let value = [timeline.as_slice(), &number.to_le_bytes()].concat();
        self.guarded(|| self.db.insert(POSITION_KEY, value)).map(drop)
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Value>, Trouble> {
        Ok(self.guarded(|| self.db.get(key))?.map(into_value))
    }

    /// The pairs of a range in scan order.
    pub(super) fn range(&self, range: &KeyRange, direction: Direction) -> merge::Below<'_> {
        let bounds = (range.start.as_ref().map(Vec::as_slice), range.end.as_ref().map(Vec::as_slice));
        let mut found = self.db.range::<&[u8], _>(bounds);
        let mut next = move || {
            let pair = match direction {
                Direction::Forward => found.next(),
                Direction::Backward => found.next_back(),
            };
            pair.transpose()
        };
        let pairs = std::iter::from_fn(move || self.guarded(&mut next).transpose());
        Box::new(pairs.filter(|pair| !matches!(pair, Ok((key, _)) if key.is_empty())).map(|pair| {
            let (key, value) = pair?;
            Ok((key.to_vec(), into_value(value)))
        }))
    }

    /// Applies a group of batches that ends with number `last`. A key that several of them write is written once, and
    /// keys are written in order, both of which spare sled work.
    pub(super) fn apply(&self, group: &[Ops], timeline: Timeline, last: u64) -> Result<(), Trouble> {
        self.write(group)?;
        self.set_position(timeline, last)
    }

    /// Applies a group without moving the position.
    pub(super) fn write(&self, group: &[Ops]) -> Result<(), Trouble> {
        let writes: BTreeMap<&[u8], &Option<Value>> =
            group.iter().flat_map(|ops| ops.iter()).map(|op| (op.key.as_ref(), &op.value)).collect();
        for (key, value) in writes {
            self.guarded(|| match value {
                Some(value) => self.db.insert(key, value.as_ref()),
                None => self.db.remove(key),
            })?;
        }
        Ok(())
    }

    /// Brings everything applied so far to stable storage. Other threads may apply meanwhile.
    pub(super) fn sync(&self) -> Result<(), EngineError> {
        self.guarded(|| self.db.flush())?;
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
        // Not a reason to distrust the content: sled may have removed a file that it was about to count.
        guarded(|| self.db.size_on_disk()).unwrap_or(0)
    }

    /// Whether something was found that only a rebuild mends.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }

    fn guarded<T>(&self, call: impl FnOnce() -> ::sled::Result<T>) -> Result<T, Trouble> {
        let done = guarded(call);
        if matches!(done, Err(Trouble::Content(_))) {
            self.damaged.store(true, Ordering::Release);
        }
        done
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
        files::remove_all(&path)?;
    }
    let to = broken(last + 1);
    files::rename(dir, &to)?;
    Ok(to)
}

fn into_value(value: ::sled::IVec) -> Value {
    if value.len() >= SHARE_FROM_BYTES { Bytes::from_owner(value) } else { Bytes::copy_from_slice(&value) }
}

/// Calls sled, which reports some kinds of damage by a panic.
fn guarded<T>(call: impl FnOnce() -> ::sled::Result<T>) -> Result<T, Trouble> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(judge(&error)),
        Err(panic) => Err(Trouble::Content(format!("sled panicked: {}", words_of(&*panic)))),
    }
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no words")
}

fn judge(error: &::sled::Error) -> Trouble {
    use io::ErrorKind::{OutOfMemory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    const MACHINE: [io::ErrorKind; 5] =
        [OutOfMemory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull];
    // sled passes these on as text.
    const MACHINE_TEXTS: [&str; 3] = [LOCKED, "code: 23", "code: 24"];
    match error {
        ::sled::Error::Io(e) => {
            let text = format!("{e:?}");
            if MACHINE.contains(&e.kind()) || MACHINE_TEXTS.iter().any(|t| text.contains(t)) {
                Trouble::Machine(EngineError::Io(format!("sled: {e}")))
            } else {
                Trouble::Content(e.to_string())
            }
        }
        other => Trouble::Content(other.to_string()),
    }
}
