//! Backups, in the words of whoever carries them: named files, of which the receiver may hold a part already.
//!
//! A backup holds everything up to one batch. Its files only ever grow at their ends, so an interrupted backup goes on
//! where it stopped, and the next one carries only what is new.

use std::fs::File;
use std::os::unix::fs::FileExt;

use bytes::Bytes;

use super::EngineError;

/// Bytes that are read and carried at a time.
pub const CHUNK_BYTES: u64 = 1024 * 1024;

/// What a receiver holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Of which timeline; none if it holds nothing.
    pub timeline: Option<[u8; 16]>,
    /// The batch up to which it has a whole backup; 0 if it has none.
    pub covered: u64,
    /// Its files.
    pub files: Vec<HeldFile>,
}

/// A file, or the beginning of one, that a receiver holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldFile {
    /// Its path within the backup.
    pub name: String,
    /// The random number in its header.
    pub id: u64,
    /// How many good bytes of it there are.
    pub bytes: u64,
    /// Whether the whole backup has it; an interrupted one brought it otherwise.
    pub in_backup: bool,
}

/// What a backup consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// The timeline of the store.
    pub timeline: [u8; 16],
    /// Whether it completes the whole backup that the receiver holds; otherwise it is whole by itself.
    pub extends: bool,
    /// The batch of the snapshot that it begins with; 0 if it begins with the first batch of the log. Without meaning
    /// if it extends another.
    pub base: u64,
    /// The batch that it goes up to.
    pub position: u64,
    /// Its files, in the order in which they are sent.
    pub files: Vec<FileOutline>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOutline {
    /// Its path within the backup.
    pub name: String,
    /// The random number in its header.
    pub id: u64,
    /// Where the part begins that the receiver lacks.
    pub from: u64,
    /// Its size.
    pub bytes: u64,
}

/// A backup that can be read. Its files stay readable for as long as it exists, whatever the store removes meanwhile.
#[derive(Debug)]
pub struct Backup {
    outline: Outline,
    sources: Vec<File>,
}

impl Backup {
    /// A backup whose files are `sources`, in the order of the outline.
    #[must_use]
    pub fn new(outline: Outline, sources: Vec<File>) -> Self {
        Self { outline, sources }
    }

    /// What it consists of.
    #[must_use]
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// The bytes of a file from `at` on, [`CHUNK_BYTES`] of them or up to its end; none at its end. Blocks.
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
