//! Writing the log's files while the store is open.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::entry::{self, Kind};
use super::header::FIRST_ENTRY;
use super::payload::Payload;
use super::segment::{self, Header, Timeline};
use super::watch::{self, Watch};
use crate::engine::EngineError;
use crate::engine::sled::dir::files;
use crate::engine::sled::disk::{self, Disk, LogFile};

/// Zeros that are written ahead of the entries. Entries that overwrite them change no length and allocate no
/// block, so `fdatasync` writes only the data, in half the time (PostgreSQL and etcd do the same).
const ROOM_BYTES: u64 = 1024 * 1024;
/// Larger groups write no zeros ahead: their own bytes outweigh the saving.
const SMALL_GROUP_BYTES: usize = 64 * 1024;
/// The write buffer shrinks to this size after a large group.
const KEPT_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// How a group of batches failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The log contains nothing of it.
    NothingWritten(EngineError),
    /// The log may contain some or all of it.
    Unknown(String),
}

/// Appends to segments that this process created, never to one that existed when the store was opened: after
/// a failed or missing `fdatasync` the page cache may differ from the disk.
#[derive(Debug)]
pub(crate) struct Writer {
    disk: Arc<Disk>,
    watch: Arc<Watch>,
    dir: PathBuf,
    segment_bytes: u64,
    timeline: Timeline,
    next_sequence: u64,
    durable: u64,
    /// Created by the first write.
    current: Option<Current>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Current {
    file: LogFile,
    path: PathBuf,
    seed: u32,
    /// The offset of the next entry.
    at: u64,
    /// The length of the file, which has zeros from `at` on.
    len: u64,
}

impl Writer {
    /// Continues a log at `place`.
    pub(crate) fn new(
        disk: Arc<Disk>,
        watch: Arc<Watch>,
        dir: PathBuf,
        segment_bytes: u64,
        place: Place,
    ) -> Self {
        let Place { timeline, next_sequence, durable } = place;
        Self {
            disk,
            watch,
            dir,
            segment_bytes,
            timeline,
            next_sequence,
            durable,
            current: None,
            buffer: Vec::new(),
        }
    }

    /// Makes the group durable; returns by how many bytes the log's files grew.
    pub(crate) fn write<'a>(
        &mut self,
        group: impl Iterator<Item = (u64, &'a Payload)>,
    ) -> Result<u64, Failure> {
        let made = self.make_segment_if_due().map_err(Failure::NothingWritten)?;
        let Some(current) = &mut self.current else { return Ok(0) };
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BUFFER_BYTES);
        let mut last = self.durable;
        for (number, payload) in group {
            entry::encode(&mut self.buffer, current.seed, Kind::Batch, number, self.durable, payload);
            last = number;
        }
        let grown = current.append(&mut self.buffer, self.segment_bytes, &self.disk)?;
        self.durable = last;
        self.disk.look();
        Ok(made + grown)
    }

    /// Writes a mark that everything in the log is durable, and cuts off the zeros after it. No promise
    /// depends on this, so a failure is only logged.
    pub(crate) fn mark(&mut self) {
        let Some(current) = &mut self.current else { return };
        self.buffer.clear();
        encode_mark(&mut self.buffer, current.seed, self.durable);
        if let Err(failure) = current.append(&mut self.buffer, 0, &self.disk) {
            tracing::warn!(?failure, "the end of the log could not be marked");
        } else if let Err(error) = current.file.cut(current.at) {
            tracing::warn!(%error, "the zeros at the end of the log could not be cut off");
        }
    }

    fn make_segment_if_due(&mut self) -> Result<u64, EngineError> {
        if self.current.as_ref().is_some_and(|c| c.at < self.segment_bytes) {
            return Ok(0);
        }
        let header = Header {
            sequence: self.next_sequence,
            id: u64::from_le_bytes(segment::random()?),
            timeline: self.timeline,
            first: self.durable + 1,
        };
        let path = segment::path(&self.dir, header.sequence);
        let file = create(&self.disk, &path, &header)?;
        self.next_sequence += 1;
        self.watch.add(&path)?;
        let (at, len) = (FIRST_ENTRY, FIRST_ENTRY);
        self.current = Some(Current { file, path, seed: header.seed(), at, len });
        Ok(FIRST_ENTRY)
    }
}

impl Current {
    /// Writes entries, and zeros ahead of later ones up to a file length of `most`; returns by how many bytes
    /// the file grew.
    fn append(&mut self, entries: &mut Vec<u8>, most: u64, disk: &Disk) -> Result<u64, Failure> {
        let end = self.at + as_u64(entries.len());
        if end > self.len && entries.len() <= SMALL_GROUP_BYTES {
            let room = most.saturating_sub(end).min(ROOM_BYTES);
            // Zeros must not use the reserve, which is for acknowledged batches.
            if disk.admit(room).is_ok() {
                entries.resize(entries.len() + usize::try_from(room).unwrap_or(0), 0);
            }
        }
        if let Err(error) = self.file.write_at(self.at, entries) {
            return Err(self.cut_off(&error, disk));
        }
        if let Err(error) = self.file.sync() {
            return Err(Failure::Unknown(format!("cannot sync {}: {error}", self.path.display())));
        }
        match self.file.has_name() {
            Ok(true) => {}
            Ok(false) => return Err(Failure::Unknown(watch::lost_text(&self.path))),
            Err(error) => {
                return Err(Failure::Unknown(format!("cannot examine {}: {error}", self.path.display())));
            }
        }
        let before = self.len;
        self.len = before.max(self.at + as_u64(entries.len()));
        self.at = end;
        Ok(self.len - before)
    }

    fn cut_off(&mut self, error: &io::Error, disk: &Disk) -> Failure {
        let cut = self.file.cut(self.at);
        self.len = self.at;
        match cut {
            Ok(()) if disk::is_full(error) => Failure::NothingWritten(disk.full()),
            Ok(()) => Failure::NothingWritten(files::error("write", &self.path, error)),
            Err(cut) => {
                let path = self.path.display();
                Failure::Unknown(format!(
                    "cannot write {path}: {error}, and cannot cut off what was written: {cut}"
                ))
            }
        }
    }
}

/// Where a log continues: after batch `durable`, with segment `next_sequence`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) timeline: Timeline,
    pub(crate) next_sequence: u64,
    pub(crate) durable: u64,
}

/// Creates a segment that consists of its header, durably. Leaves nothing behind if that fails.
pub(super) fn create(disk: &Disk, path: &Path, header: &Header) -> Result<LogFile, EngineError> {
    let make = || {
        let file = disk.create(path)?;
        file.write_at(0, &header.encode())?;
        file.sync()?;
        Ok(file)
    };
    let made =
        make().map_err(|e| if disk::is_full(&e) { disk.full() } else { files::error("create", path, &e) });
    let made = made.and_then(|file| files::sync_parent(path).map(|()| file));
    if made.is_err() {
        // A leftover file would make the next attempt fail.
        drop(std::fs::remove_file(path));
    }
    made
}

pub(super) fn encode_mark(buffer: &mut Vec<u8>, seed: u32, durable: u64) {
    let nothing = Payload { stored: Bytes::new(), plain_len: None };
    entry::encode(buffer, seed, Kind::Mark, durable, durable, &nothing);
}

pub(super) fn as_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
