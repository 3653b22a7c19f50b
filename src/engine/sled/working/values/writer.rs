//! The files that are written.
//!
//! There is one file for each [`Stream`], so that values which will soon be replaced do not lie between values
//! that stay. Entries are gathered in memory; a pointer may go to sled only after [`Writer::flush`].

use std::sync::Arc;

use super::choose;
use super::entry;
use super::file::ValueFile;
use super::files::Values;
use super::pointer::Pointer;
use crate::engine::EngineError;

/// Gathered entries are written once they have this size.
const BUFFER_BYTES: usize = 256 * 1024;

/// What kind of value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// The first value of a key.
    New,
    /// A later value of a key: what was replaced once is likely to be replaced again.
    Changed,
    /// A value from a file that is emptied: it has lived for long.
    Moved,
}

/// The file that is emptied, and how far.
#[derive(Debug, Clone)]
pub(crate) enum Emptying {
    /// Its entries are looked at, from this byte on.
    Entries(Arc<ValueFile>, u64),
    /// The entries did not lead to everything that lives in it, so all keys of sled after this one are looked
    /// at.
    Keys(Arc<ValueFile>, Vec<u8>),
}

/// What the one thread knows that writes value files. A writer that has failed must be dropped with its sled.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    new: Open,
    changed: Open,
    moved: Open,
    pub(crate) emptying: Option<Emptying>,
    /// Emptied files that the last position still has.
    pub(crate) emptied: Vec<u32>,
    is_merging: bool,
    cannot_create: bool,
}

/// The file of one stream, once it has one.
#[derive(Debug, Default)]
struct Open {
    file: Option<Arc<ValueFile>>,
    /// The size at which the file is full.
    full_bytes: u64,
    /// Entries that are not in the file yet.
    gathered: Vec<u8>,
}

impl Open {
    fn flush(&mut self) -> Result<(), EngineError> {
        let Some(file) = self.file.as_ref().filter(|_| !self.gathered.is_empty()) else { return Ok(()) };
        file.append(&self.gathered)?;
        self.gathered.clear();
        Ok(())
    }

    /// Where the next entry goes.
    fn end(&self) -> u64 {
        let gathered = u64::try_from(self.gathered.len()).unwrap_or(u64::MAX);
        self.file.as_ref().map_or(0, |file| file.bytes()).saturating_add(gathered)
    }

    /// The file that gets the next entry, which may be a new one.
    fn file(&mut self, values: &Values) -> Result<Arc<ValueFile>, EngineError> {
        if let Some(file) = self.file.as_ref().filter(|_| self.end() < self.full_bytes) {
            return Ok(Arc::clone(file));
        }
        let next = values.create();
        self.flush()?;
        self.file = None;
        let next = next?;
        self.full_bytes = choose::full_bytes(values.bytes());
        self.file = Some(Arc::clone(&next));
        Ok(next)
    }
}

impl Writer {
    /// Gathers an entry, and returns where it will lie; `None` if no file can be created for it.
    pub(crate) fn put(
        &mut self,
        values: &Values,
        stream: Stream,
        key: &[u8],
        value: &[u8],
    ) -> Result<Option<Pointer>, EngineError> {
        let open = match stream {
            Stream::New => &mut self.new,
            Stream::Changed => &mut self.changed,
            Stream::Moved => &mut self.moved,
        };
        let file = match open.file(values) {
            Ok(file) => file,
            // What was gathered for the file before is not in it.
            Err(error) if !open.gathered.is_empty() => return Err(error),
            Err(error) => {
                if !std::mem::replace(&mut self.cannot_create, true) {
                    tracing::warn!(%error, "large values stay in sled until a value file can be created");
                }
                return Ok(None);
            }
        };
        self.cannot_create = false;
        let Ok(offset) = u32::try_from(open.end()) else { return Ok(None) };
        let entry = entry::encode(&mut open.gathered, file.seed(), key, value)?;
        if open.gathered.len() >= BUFFER_BYTES {
            open.flush()?;
        }
        Ok(Some(Pointer { file: file.number(), offset, length: entry.bytes, checksum: entry.checksum }))
    }

    /// Writes what was gathered.
    pub(crate) fn flush(&mut self) -> Result<(), EngineError> {
        self.new.flush()?;
        self.changed.flush()?;
        self.moved.flush()
    }

    /// The file that the mover empties next.
    pub(crate) fn next_to_empty(&mut self, values: &Values) -> Option<Arc<ValueFile>> {
        let mut idle = values.all();
        let total = idle.iter().map(|file| file.bytes()).sum();
        let written =
            [&self.new, &self.changed, &self.moved].map(|open| open.file.as_ref().map(|f| f.number()));
        idle.retain(|file| {
            let number = file.number();
            !written.contains(&Some(number)) && !self.emptied.contains(&number) && !values.is_let_go(number)
        });
        self.is_merging = choose::is_merging(&idle, total, self.is_merging);
        choose::next_to_empty(&idle, total, self.is_merging)
    }
}
