//! One value file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::entry::{self, Head};
use super::pointer::Pointer;
use crate::engine::sled::dir::files;
#[cfg(test)]
use crate::engine::sled::faults::Faults;
use crate::engine::sled::log::header::{FIRST_ENTRY, Format, HEADER_BYTES, seed_of, u64_at};
use crate::engine::sled::log::segment;
use crate::engine::{EngineError, Value};

const FORMAT: Format = Format { magic: *b"mbVALUES", version: 1 };
const SUFFIX: &str = ".values";
/// The number that no file has: it stands for none that is left.
pub(super) const NO_NUMBER: u32 = u32::MAX;

/// One value file, open.
#[derive(Debug)]
pub(crate) struct ValueFile {
    number: u32,
    path: PathBuf,
    file: File,
    seed: u32,
    /// Where the next entry goes. Only the writer changes it.
    end: AtomicU64,
    /// The bytes of the entries that sled points to, as far as that is known. Only the writer changes it.
    living: AtomicU64,
    /// Something may have been written since the last sync.
    unsynced: AtomicBool,
    #[cfg(test)]
    faults: Faults,
}

/// The header of value file `number`.
pub(super) fn header(number: u32, id: u64) -> [u8; HEADER_BYTES] {
    FORMAT.encode(&[&u64::from(number).to_le_bytes(), &id.to_le_bytes()])
}

/// The name of file `number`.
fn name_of(number: u32) -> String {
    format!("{number:010}{SUFFIX}")
}

/// The number in a file's name; `None` for other files, also if they are called nearly like one of ours.
pub(super) fn number_of(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?;
    let number = name.strip_suffix(SUFFIX)?.parse().ok()?;
    (name == name_of(number) && number != NO_NUMBER).then_some(number)
}

impl ValueFile {
    /// Where the first entry begins.
    pub(crate) const FIRST_ENTRY: u64 = FIRST_ENTRY;

    /// Creates file `number` in `folder`. Its name is not durable yet.
    pub(super) fn create(
        folder: &Path,
        number: u32,
        #[cfg(test)] faults: Faults,
    ) -> Result<Self, EngineError> {
        let path = folder.join(name_of(number));
        let id = u64::from_le_bytes(segment::random()?);
        let create = || {
            let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
            file.write_all_at(&header(number, id), 0)?;
            Ok(file)
        };
        let file = create().map_err(|e| files::error("create", &path, &e))?;
        Ok(Self {
            number,
            path,
            file,
            seed: seed_of(id),
            end: AtomicU64::new(FIRST_ENTRY),
            living: AtomicU64::new(0),
            unsynced: AtomicBool::new(true),
            #[cfg(test)]
            faults,
        })
    }

    /// Opens a file that an earlier process wrote; `None` if it has no whole header of its own, so nothing
    /// can point to it.
    pub(super) fn open(
        path: &Path,
        number: u32,
        living: u64,
        #[cfg(test)] faults: Faults,
    ) -> Result<Option<Self>, EngineError> {
        let id = FORMAT.read(path, |bytes| {
            let content = FORMAT.content(bytes)?;
            let id = content.and_then(|content| u64_at(&content, 8));
            Ok(id.filter(|id| header(number, *id) == *bytes))
        })?;
        let Some(id) = id else { return Ok(None) };
        let open = || {
            let file = File::open(path)?;
            let end = file.metadata()?.len();
            Ok((file, end))
        };
        let (file, end) = open().map_err(|e| files::error("open", path, &e))?;
        Ok(Some(Self {
            number,
            path: path.to_owned(),
            file,
            seed: seed_of(id),
            end: AtomicU64::new(end),
            living: AtomicU64::new(living),
            // The process that wrote it may have been killed before it synced it, and sled may point into it.
            unsynced: AtomicBool::new(true),
            #[cfg(test)]
            faults,
        }))
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn seed(&self) -> u32 {
        self.seed
    }

    /// The bytes of the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// The bytes of the entries that sled points to.
    pub(crate) fn living(&self) -> u64 {
        self.living.load(Ordering::Relaxed)
    }

    pub(crate) fn set_living(&self, bytes: u64) {
        self.living.store(bytes, Ordering::Relaxed);
    }

    /// Appends whole entries at the end. After an error any part of them may be in the file, and the file
    /// must not be appended to any more.
    pub(super) fn append(&self, entries: &[u8]) -> Result<(), EngineError> {
        let end = self.bytes();
        let written = self.write(entries, end);
        written.map_err(|e| files::error("write", &self.path, &e))?;
        // In this order: a sync that begins later must not miss what was written.
        self.unsynced.store(true, Ordering::Release);
        self.end.store(end + u64::try_from(entries.len()).unwrap_or(u64::MAX), Ordering::Release);
        Ok(())
    }

    fn write(&self, entries: &[u8], end: u64) -> io::Result<()> {
        #[cfg(test)]
        if let Err((part, error)) = self.faults.before_value_write(entries) {
            self.file.write_all_at(part, end)?;
            return Err(error);
        }
        self.file.write_all_at(entries, end)
    }

    /// Up to `length` bytes at `offset`; fewer at the end of the file. An error says what is wrong with the
    /// file.
    pub(crate) fn piece(&self, offset: u64, length: usize) -> Result<Vec<u8>, String> {
        let left = usize::try_from(self.bytes().saturating_sub(offset)).unwrap_or(usize::MAX);
        let piece = self.bytes_at(offset, length.min(left));
        piece.map_err(|e| format!("{} cannot be read: {e}", self.path.display()))
    }

    /// The value in an entry to which `pointer` points. An error says what is wrong with the file.
    pub(crate) fn value_in<'a>(&self, entry: &'a [u8], pointer: Pointer) -> Result<&'a [u8], String> {
        let head = Head::decode(entry).filter(|head| head.is_whole(self.seed, entry, pointer.checksum));
        let value = head.and_then(|head| head.value(entry));
        value.ok_or_else(|| self.damaged(pointer, "is not what was written"))
    }

    /// The value of `key` that lies at `pointer`. An error says what is wrong with the file.
    pub(crate) fn read(&self, pointer: Pointer, key: &[u8]) -> Result<Value, String> {
        let length = usize::try_from(pointer.length).ok().filter(|length| *length <= entry::MAX_BYTES);
        let length = length.ok_or_else(|| self.damaged(pointer, "is too long"))?;
        let bytes = self.bytes_at(u64::from(pointer.offset), length);
        let bytes = bytes.map_err(|e| self.damaged(pointer, &format!("cannot be read ({e})")))?;
        let value = entry::value(self.seed, bytes, key, pointer.checksum);
        value.ok_or_else(|| self.damaged(pointer, "is not what was written"))
    }

    /// Exactly `length` bytes at `offset`. The buffer is not filled with zeros before it is read into.
    fn bytes_at(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let at = offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            match rustix::io::pread(&self.file, rustix::buffer::spare_capacity(&mut bytes), at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // The allocator may have given more room than was asked for.
        bytes.truncate(length);
        Ok(bytes)
    }

    fn damaged(&self, pointer: Pointer, what: &str) -> String {
        format!("{}: the value at byte {} {what}", self.path.display(), pointer.offset)
    }

    /// Brings everything written so far to stable storage.
    pub(super) fn sync(&self) -> Result<(), EngineError> {
        if self.unsynced.swap(false, Ordering::AcqRel) {
            #[cfg(test)]
            self.faults.before_value_sync().map_err(|e| files::error("sync", &self.path, &e))?;
            self.file.sync_data().map_err(|e| files::error("sync", &self.path, &e))?;
        }
        Ok(())
    }
}
