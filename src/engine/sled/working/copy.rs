//! The working copy, opened: sled, and the value files in which large values lie.
//!
//! One tree. Callers' keys are sled's keys. The empty key, which no caller can have, holds the timeline and
//! the number of the last batch applied (`position`). It is in the same tree because sled's log keeps the order
//! of all its writes: after a `kill -9` sled has a prefix of what was written to it, so if a position survived,
//! every batch before it did too. (After a power cut this does not hold, see `boot.rs`.)
//!
//! One thread writes, and every write is a plain insert or removal, or a move (`mover`). Replay completes a
//! group that a crash cut in half. For a large value sled has a pointer, which it gets only once the kernel has
//! the value. A reader that comes too late for a value file that was emptied looks up the key again.
//!
//! **A key is absent only if that is certain.** Readers were seen to miss something that the store had, for a
//! moment, just after it was written. A wrong answer of this kind can lose data: a write that does not find a
//! block begins a new one in its place. So the answer that a key is absent is believed only if sled gives it
//! while nothing is written: [`Sled::get`] looks again under a lock that every single write takes. A key that
//! is found at once needs no lock.
//!
//! Where a value lies may be known without asking sled ([`Known`]): then nobody has changed the key since
//! sled said so. Every write tells which key it changes, before it returns.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::certain::certain;
use super::filling::filling;
use super::position::Position;
use super::trouble::{LOCKED, Trouble, guarded};
use super::values::{self, Known, Pointer, Read, Stream, Values, Writer};
use crate::engine::lock::lock;
use crate::engine::pending::{Op, Ops};
use crate::engine::sled::dir::files;
#[cfg(test)]
use crate::engine::sled::faults::Faults;
use crate::engine::sled::log::segment::Timeline;
use crate::engine::{Direction, EngineError, KeyRange, Value, merge};

/// sled releases its file lock some time after it was dropped.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(5);
/// Values of at least this size are returned without copying them.
const SHARE_FROM_BYTES: usize = 512;
/// One part in this many of the bytes for sled's pages may be taken besides, to remember where values lie.
const KNOWN_PART: u64 = 2;
/// The key that holds the position.
const POSITION_KEY: &[u8] = b"";

/// sled and its value files, opened.
#[derive(Debug)]
pub(crate) struct Sled {
    db: ::sled::Db,
    pub(super) values: Values,
    /// Where values lie that were read lately.
    known: Known,
    /// Held by the one thread that writes, for as long as it writes a group.
    pub(super) writer: Mutex<Writer>,
    dir: PathBuf,
    /// Our own handle on sled's file. It reports every later write-back error, even if someone else syncs the
    /// file first.
    file: File,
    /// The blob files synced so far. Each is written once, so one sync is enough.
    synced_blobs: Mutex<HashSet<OsString>>,
    /// Held exclusively while one key is written, and shared while a key that was not found is looked up
    /// again. It is the innermost lock.
    writing: RwLock<()>,
    damaged: AtomicBool,
    #[cfg(test)]
    pub(super) faults: Faults,
}

impl Sled {
    /// Opens the working copy in `dir`, or creates one.
    pub(crate) fn open(dir: &Path, cache_bytes: u64, #[cfg(test)] faults: &Faults) -> Result<Self, Trouble> {
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
        let position = guarded(|| db.get(POSITION_KEY))?.and_then(|position| Position::decode(&position));
        let values = Values::open(
            dir.join(values::FOLDER),
            &position.map(|position| position.tally).unwrap_or_default(),
            #[cfg(test)]
            faults.clone(),
        )?;
        Ok(Self {
            db,
            values,
            known: Known::new(cache_bytes / KNOWN_PART),
            writer: Mutex::default(),
            dir: dir.to_owned(),
            file,
            synced_blobs: Mutex::default(),
            writing: RwLock::default(),
            damaged: AtomicBool::new(false),
            #[cfg(test)]
            faults: faults.clone(),
        })
    }

    /// The timeline and number of the last batch applied; `None` if no batch ever was.
    pub(crate) fn position(&self) -> Result<Option<(Timeline, u64)>, Trouble> {
        let stored = self.guarded(|| self.db.get(POSITION_KEY))?;
        let position = stored.and_then(|stored| Position::decode(&stored));
        Ok(position.map(|position| (position.timeline, position.last)))
    }

    /// Moves the position to batch `last`, up to which everything has been written. From now on the next sync
    /// removes the value files that were emptied before.
    pub(crate) fn set_position(&self, timeline: Timeline, last: u64) -> Result<(), Trouble> {
        let mut writer = lock(&self.writer);
        let tally = self.values.tally(&writer.emptied);
        let position = Position { timeline, last, tally }.encode();
        self.write_one(POSITION_KEY, || self.db.insert(POSITION_KEY, position))?;
        self.values.let_go(&mut writer.emptied);
        Ok(())
    }

    /// The value of a key; `None` only if it is certain that the key is absent. To be certain it may wait
    /// while keys are written, usually for one of them.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Value>, Trouble> {
        let look = self.known.look(key);
        // If that fails, sled may know better. Otherwise the same happens again, and is noted.
        if let Some(pointer) = look.pointer
            && let Ok(Read::Value(value)) = self.values.read(pointer, key)
        {
            return Ok(Some(value));
        }
        let Some(stored) = self.stored_of(key)? else { return Ok(None) };
        if let Some(pointer) = Pointer::decode(&stored) {
            self.known.note(look, pointer);
        }
        self.value_of(key, stored)
    }

    /// What sled has for a key; `None` only if it is certain that the key is absent.
    fn stored_of(&self, key: &[u8]) -> Result<Option<::sled::IVec>, Trouble> {
        certain(&self.writing, || self.guarded(|| self.db.get(key)))
    }

    /// Where the value of a key lies; `None` if it is absent or in sled itself.
    pub(super) fn pointer_of(&self, key: &[u8]) -> Result<Option<Pointer>, Trouble> {
        Ok(self.stored_of(key)?.and_then(|stored| Pointer::decode(&stored)))
    }

    /// The value of a key for which sled had `stored` a moment ago; `None` if the key was removed since.
    fn value_of(&self, key: &[u8], stored: ::sled::IVec) -> Result<Option<Value>, Trouble> {
        let Some(pointer) = Pointer::decode(&stored) else { return Ok(Some(into_value(stored))) };
        match self.noted(self.values.read(pointer, key))? {
            Read::Value(value) => Ok(Some(value)),
            Read::FileIsGone => self.value_again(key),
        }
    }

    /// The value of a key whose value file has gone: it was moved or replaced before that. While nothing is
    /// written, the pointer that sled has now is the newest one.
    fn value_again(&self, key: &[u8]) -> Result<Option<Value>, Trouble> {
        let _still = self.writing.read().unwrap_or_else(PoisonError::into_inner);
        let Some(stored) = self.guarded(|| self.db.get(key))? else { return Ok(None) };
        let Some(pointer) = Pointer::decode(&stored) else { return Ok(Some(into_value(stored))) };
        match self.noted(self.values.read(pointer, key))? {
            Read::Value(value) => Ok(Some(value)),
            Read::FileIsGone => {
                let why = format!("value file {}, to which a key points, is missing", pointer.file);
                self.noted(Err(Trouble::Content(why)))
            }
        }
    }

    /// Up to `limit` pairs of a range as sled has them, in the order of the keys, without the position.
    pub(super) fn stored(
        &self,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, ::sled::IVec)>, Trouble> {
        let mut found = self.db.range::<&[u8], _>(range);
        let next = || self.guarded(|| found.next().transpose()).transpose();
        let pairs = std::iter::from_fn(next).map(|pair| pair.map(|(key, stored)| (key.to_vec(), stored)));
        let is_callers = |pair: &Result<(Vec<u8>, _), _>| !matches!(pair, Ok((key, _)) if key.is_empty());
        pairs.filter(is_callers).take(limit).collect()
    }

    /// The pairs of a range in scan order.
    pub(crate) fn range(&self, range: &KeyRange, direction: Direction) -> merge::Below<'_> {
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
        let callers = pairs.filter(|pair| !matches!(pair, Ok((key, _)) if key.is_empty()));
        Box::new(callers.filter_map(|pair| {
            let value = |(key, stored): (::sled::IVec, _)| {
                Ok(self.value_of(&key, stored)?.map(|value| (key.to_vec(), value)))
            };
            pair.map_err(EngineError::from).and_then(value).transpose()
        }))
    }

    /// Applies a group of batches without moving the position. It writes each key once, even if several
    /// batches write it, and in an order that fills leaves; both save sled work. Large values go to value
    /// files first.
    pub(crate) fn write(&self, group: &[Ops]) -> Result<(), Trouble> {
        let writes: BTreeMap<&[u8], &Op> =
            group.iter().flat_map(|ops| ops.iter()).map(|op| (op.key.as_ref(), op)).collect();
        let mut writer = lock(&self.writer);
        let mut writes_with_places = Vec::with_capacity(writes.len());
        for (key, op) in writes {
            let large = op.value.as_ref().filter(|value| values::is_large(value));
            let place = large.map(|value| self.place(&mut writer, op, value)).transpose()?;
            writes_with_places.push((key, &op.value, place.flatten()));
        }
        writer.flush()?;
        for (key, value, place) in filling(&writes_with_places) {
            let before = self.write_one(key, || match (place, value) {
                (Some(pointer), _) => self.db.insert(key, &pointer.encode()),
                (None, Some(value)) => self.db.insert(key, value.as_ref()),
                (None, None) => self.db.remove(key),
            })?;
            if let Some(pointer) = before.and_then(|before| Pointer::decode(&before)) {
                self.values.died(pointer);
            }
            if let Some(pointer) = *place {
                self.values.lives(pointer);
            }
        }
        Ok(())
    }

    /// Gathers a large value for a value file; `None` if it has to stay in sled.
    fn place(&self, writer: &mut Writer, op: &Op, value: &Value) -> Result<Option<Pointer>, Trouble> {
        let is_known = op.is_known || self.guarded(|| self.db.get(&op.key))?.is_some();
        let stream = if is_known { Stream::Changed } else { Stream::New };
        let place = writer.put(&self.values, stream, &op.key, value)?;
        if place.is_none() && Pointer::decode(value).is_some() {
            let why = "no value file can be created for a value that must not lie in sled";
            return Err(Trouble::Machine(EngineError::Io(why.to_owned())));
        }
        Ok(place)
    }

    /// Replaces what sled has for a key if that is `old`, and returns whether it was.
    pub(super) fn replace(&self, key: &[u8], old: &[u8], new: &[u8]) -> Result<bool, Trouble> {
        Ok(self.write_one(key, || self.db.compare_and_swap(key, Some(old), Some(new)))?.is_ok())
    }

    fn write_one<T>(&self, key: &[u8], write: impl FnOnce() -> ::sled::Result<T>) -> Result<T, Trouble> {
        let _writing = self.writing.write().unwrap_or_else(PoisonError::into_inner);
        let written = self.guarded(write);
        self.known.changed(key);
        written
    }

    /// Brings everything applied so far to stable storage. Another thread may apply batches meanwhile.
    /// Then removes the value files that were emptied before the position that sled had at the beginning.
    pub(crate) fn sync(&self) -> Result<(), EngineError> {
        let emptied = self.values.to_remove();
        self.sync_files()?;
        if let Err(error) = self.values.remove(&emptied) {
            tracing::warn!(%error, "an emptied value file could not be removed; the next start does it");
        }
        Ok(())
    }

    /// Value files first, although no order is needed: nothing is believed before all of it is durable.
    fn sync_files(&self) -> Result<(), EngineError> {
        self.values.sync()?;
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

    /// The size of the working copy's files.
    pub(crate) fn bytes(&self) -> u64 {
        // A failure says nothing about the content: sled may have removed a file that it was about to count.
        guarded(|| self.db.size_on_disk()).unwrap_or(0).saturating_add(self.values.bytes())
    }

    /// Whether damage was found that only a rebuild repairs.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }

    fn guarded<T>(&self, call: impl FnOnce() -> ::sled::Result<T>) -> Result<T, Trouble> {
        self.noted(guarded(call))
    }

    /// Notes the damage that an operation found.
    pub(super) fn noted<T>(&self, done: Result<T, Trouble>) -> Result<T, Trouble> {
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

/// Removes snapshots of sled that were cut off while they were written: sled does not open with one.
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

fn into_value(value: ::sled::IVec) -> Value {
    if value.len() >= SHARE_FROM_BYTES { Bytes::from_owner(value) } else { Bytes::copy_from_slice(&value) }
}
