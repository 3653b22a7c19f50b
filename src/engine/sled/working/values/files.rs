//! All value files: reading, syncing, and letting go of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::file::{self, ValueFile};
use super::pointer::Pointer;
use super::tally::Tally;
use crate::engine::lock::lock;
use crate::engine::sled::dir::files;
#[cfg(test)]
use crate::engine::sled::faults::Faults;
use crate::engine::sled::working::trouble::Trouble;
use crate::engine::{EngineError, Value};

/// What a read of a pointer found.
#[derive(Debug)]
pub(crate) enum Read {
    Value(Value),
    /// There is no such file: what it held was moved, or the working copy is damaged.
    FileIsGone,
}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Values {
    folder: PathBuf,
    files: RwLock<BTreeMap<u32, Arc<ValueFile>>>,
    /// The number of the next file. It is never one that an existing file has, or has had in this process.
    next: AtomicU32,
    /// The files to which nothing points any more as of the last position. The next sync removes them.
    emptied: Mutex<Vec<u32>>,
    /// Held by the one thread that syncs; `true` once a sync has failed, after which no other may succeed.
    sync_failed: Mutex<bool>,
    /// Files may have been created since the last sync, also by a process that was killed.
    has_new_names: AtomicBool,
    #[cfg(test)]
    faults: Faults,
}

impl Values {
    /// Opens the value files in `folder`, which is created if it is missing. A file that `tally` does not
    /// have is either without anything living, or from a process that was killed before it wrote a position.
    /// The mover finds out which; until then nothing in it counts as living. What else lies in the folder
    /// stays as it is.
    pub(crate) fn open(folder: PathBuf, tally: &Tally, #[cfg(test)] faults: Faults) -> Result<Self, Trouble> {
        files::make_dir(&folder)?;
        let (mut found, mut last) = (BTreeMap::new(), 0);
        for path in files::list(&folder)? {
            let Some(number) = file::number_of(&path) else {
                tracing::warn!(path = %path.display(), "not a value file; it is left as it is");
                continue;
            };
            last = last.max(number);
            // Whoever opened a pipe would wait for its writer.
            if !path.is_file() {
                tracing::warn!(path = %path.display(), "has the name of a value file and is none; it is left as it is");
                continue;
            }
            let living = tally.get(&number).copied().unwrap_or(0);
            let opened = ValueFile::open(
                &path,
                number,
                living,
                #[cfg(test)]
                faults.clone(),
            );
            if let Some(file) = opened? {
                found.insert(number, Arc::new(file));
            } else if !tally.contains_key(&number) {
                files::remove(&path)?;
            }
        }
        if let Some(missing) = tally.keys().find(|number| !found.contains_key(number)) {
            return Err(Trouble::Content(format!("value file {missing} is missing or damaged")));
        }
        let next = last.saturating_add(1);
        if next == file::NO_NUMBER {
            // A working copy that is made anew begins with small numbers.
            return Err(Trouble::Content("no number is left for a value file".to_owned()));
        }
        Ok(Self {
            folder,
            files: RwLock::new(found),
            next: AtomicU32::new(next),
            emptied: Mutex::default(),
            sync_failed: Mutex::new(false),
            has_new_names: AtomicBool::new(true),
            #[cfg(test)]
            faults,
        })
    }

    pub(crate) fn get(&self, number: u32) -> Option<Arc<ValueFile>> {
        self.files.read().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }

    /// All files, by number.
    pub(crate) fn all(&self) -> Vec<Arc<ValueFile>> {
        self.files.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The value of `key` at `pointer`.
    pub(crate) fn read(&self, pointer: Pointer, key: &[u8]) -> Result<Read, Trouble> {
        let Some(file) = self.get(pointer.file) else { return Ok(Read::FileIsGone) };
        file.read(pointer, key).map(Read::Value).map_err(Trouble::Content)
    }

    /// Creates the next file.
    pub(super) fn create(&self) -> Result<Arc<ValueFile>, EngineError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number == file::NO_NUMBER {
            self.next.store(file::NO_NUMBER, Ordering::Relaxed);
            return Err(EngineError::Io("no number is left for a value file".to_owned()));
        }
        let file = Arc::new(ValueFile::create(
            &self.folder,
            number,
            #[cfg(test)]
            self.faults.clone(),
        )?);
        self.has_new_names.store(true, Ordering::Release);
        self.files.write().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::clone(&file));
        Ok(file)
    }

    /// Counts an entry that sled now points to.
    pub(crate) fn lives(&self, pointer: Pointer) {
        if let Some(file) = self.get(pointer.file) {
            file.set_living(file.living().saturating_add(u64::from(pointer.length)));
        }
    }

    /// Counts an entry that sled no longer points to.
    pub(crate) fn died(&self, pointer: Pointer) {
        if let Some(file) = self.get(pointer.file) {
            file.set_living(file.living().saturating_sub(u64::from(pointer.length)));
        }
    }

    /// The living bytes of all files but those in `without`.
    pub(crate) fn tally(&self, without: &[u32]) -> Tally {
        let emptied = lock(&self.emptied).clone();
        let is_kept =
            |file: &Arc<ValueFile>| !without.contains(&file.number()) && !emptied.contains(&file.number());
        self.all().iter().filter(|file| is_kept(file)).map(|file| (file.number(), file.living())).collect()
    }

    /// The size of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.all().iter().map(|file| file.bytes()).sum()
    }

    /// Lets the next sync remove files to which nothing points, neither in sled nor in the last position.
    pub(crate) fn let_go(&self, numbers: &mut Vec<u32>) {
        lock(&self.emptied).append(numbers);
    }

    pub(crate) fn is_let_go(&self, number: u32) -> bool {
        lock(&self.emptied).contains(&number)
    }

    /// The files that may be removed once everything that sled and the files have now is on stable storage.
    pub(crate) fn to_remove(&self) -> Vec<u32> {
        lock(&self.emptied).clone()
    }

    /// Brings everything that the files have to stable storage. After an error nobody knows what is there,
    /// and every later sync fails too.
    pub(crate) fn sync(&self) -> Result<(), EngineError> {
        let mut failed = lock(&self.sync_failed);
        if *failed {
            return Err(EngineError::Io("an earlier sync of the value files failed".to_owned()));
        }
        let synced = self.sync_files();
        *failed = synced.is_err();
        synced
    }

    fn sync_files(&self) -> Result<(), EngineError> {
        self.all().iter().try_for_each(|file| file.sync())?;
        if self.has_new_names.swap(false, Ordering::AcqRel) { files::sync_dir(&self.folder) } else { Ok(()) }
    }

    /// Removes files that [`to_remove`](Self::to_remove) returned before a sync that has succeeded. Reads
    /// that have begun keep their file.
    pub(crate) fn remove(&self, numbers: &[u32]) -> Result<(), EngineError> {
        for number in numbers {
            let Some(file) = self.get(*number) else { continue };
            #[cfg(test)]
            self.faults.before_move().map_err(|e| files::error("remove", file.path(), &e))?;
            self.files.write().unwrap_or_else(PoisonError::into_inner).remove(number);
            remove_file(file.path())?;
            lock(&self.emptied).retain(|emptied| emptied != number);
        }
        Ok(())
    }
}

/// Removes a file. It does not matter when that becomes durable: an open finds that nothing in it lives.
fn remove_file(path: &Path) -> Result<(), EngineError> {
    std::fs::remove_file(path).map_err(|e| files::error("remove", path, &e))
}
