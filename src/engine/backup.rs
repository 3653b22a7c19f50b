//! Backups as data: named files, of which a receiver may already hold a part.
//!
//! A backup holds everything up to one batch. Its files only ever grow at their ends, so an interrupted
//! backup continues where it stopped, and the next backup transfers only what is new.

use std::fs::File;
use std::os::unix::fs::FileExt;

use bytes::Bytes;

use super::EngineError;

/// The number of bytes read and transferred at a time.
pub const CHUNK_BYTES: u64 = 1024 * 1024;

/// The state of a receiver before a backup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The timeline of its files; `None` if it holds nothing.
    pub timeline: Option<[u8; 16]>,
    /// The last batch of its complete backup; 0 if it has no complete backup.
    pub covered: u64,
    /// Its files.
    pub files: Vec<HeldFile>,
}

/// A file that a receiver holds, or the beginning of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldFile {
    /// Its path within the backup.
    pub name: String,
    /// The random number in its header.
    pub id: u64,
    /// The number of good bytes, from its beginning.
    pub bytes: u64,
    /// Whether it belongs to the complete backup; otherwise it comes from an interrupted one.
    pub in_backup: bool,
}

/// The contents of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// The timeline of the store.
    pub timeline: [u8; 16],
    /// Whether it extends the complete backup that the receiver holds; otherwise it is complete by itself.
    pub extends: bool,
    /// The batch of the snapshot that it begins with; 0 if it begins with the first batch of the log. Without
    /// meaning if it extends another backup.
    pub base: u64,
    /// Its last batch.
    pub position: u64,
    /// Its files, in the order of transfer.
    pub files: Vec<FileOutline>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOutline {
    /// Its path within the backup.
    pub name: String,
    /// The random number in its header.
    pub id: u64,
    /// The offset of the first byte that the receiver lacks.
    pub from: u64,
    /// Its size.
    pub bytes: u64,
}

/// A backup that can be read. It holds its files open, so they stay readable even if the store removes them.
#[derive(Debug)]
pub struct Backup {
    outline: Outline,
    sources: Vec<File>,
}

impl Backup {
    /// A backup with the files `sources`, in the order of the outline.
    #[must_use]
    pub fn new(outline: Outline, sources: Vec<File>) -> Self {
        Self { outline, sources }
    }

    /// Its contents.
    #[must_use]
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// The bytes of a file from `at` on: [`CHUNK_BYTES`] of them, or fewer at the end of the file, or none
    /// after it. Blocks the thread.
    pub fn read(&self, file: usize, at: u64) -> Result<Bytes, EngineError> {
        let (Some(outline), Some(source)) = (self.outline.files.get(file), self.sources.get(file)) else {
            return Ok(Bytes::new());
        };
        let wanted = outline.bytes.saturating_sub(at).min(CHUNK_BYTES);
        let mut bytes = vec![0; usize::try_from(wanted).unwrap_or(0)];
        let read = source.read_exact_at(&mut bytes, at);
        read.map_err(|e| EngineError::Io(format!("cannot read {}: {e}", outline.name)))?;
        Ok(bytes.into())
    }
}
