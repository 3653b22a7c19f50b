//! The one place that writes the log's files.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::super::EngineError;
use super::disk::{self, Disk, LogFile};
use super::files;
use super::payload::Payload;
use super::reader::{self, End};
use super::record::{self, Kind};
use super::segment::{self, FIRST_RECORD, Header, Segment, Timeline};
use super::wal::Waiting;
use super::watch::{self, Watch};

/// Zeros that are written ahead of the records: what is then written over them changes no length and takes no new block,
/// so that `fdatasync` has nothing but the data to bring to the disk, which takes half the time (PostgreSQL and etcd do
/// the same).
const ROOM_BYTES: u64 = 1024 * 1024;
/// Groups over this size write no room ahead: their own bytes outweigh what it saves.
const SMALL_GROUP_BYTES: usize = 64 * 1024;
/// The write buffer is given back when a large group has made it larger than this.
const KEPT_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// How a group of batches failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing of it is in the log.
    NothingWritten(EngineError),
    /// Some or all of it may be.
    Unknown(String),
}

/// Appends to a segment that this process has made: never to one that was there when the store was opened, because
/// after a failed or missing `fdatasync` the page cache may say other than the disk.
#[derive(Debug)]
pub(super) struct Writer {
    disk: Arc<Disk>,
    watch: Arc<Watch>,
    dir: PathBuf,
    segment_bytes: u64,
    timeline: Timeline,
    next_sequence: u64,
    durable: u64,
    /// Made by the first write.
    current: Option<Current>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Current {
    file: LogFile,
    path: PathBuf,
    seed: u32,
    /// Where the next record begins.
    at: u64,
    /// How long the file is: from `at` up to here it has zeros.
    len: u64,
}

impl Writer {
    /// Continues a log after batch `durable` with segment `next_sequence`.
    pub(super) fn new(
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

    /// Makes the group durable, and says by how many bytes the log's files grew.
    pub(super) fn write(&mut self, group: &[Waiting]) -> Result<u64, Failure> {
        let made = self.make_segment_if_due().map_err(Failure::NothingWritten)?;
        let Some(current) = &mut self.current else { return Ok(0) };
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BUFFER_BYTES);
        for waiting in group {
            let (number, payload) = (waiting.number, &waiting.payload);
            record::encode(&mut self.buffer, current.seed, Kind::Batch, number, self.durable, payload);
        }
        let grown = current.append(&mut self.buffer, self.segment_bytes, &self.disk)?;
        if let Some(last) = group.last() {
            self.durable = last.number;
        }
        self.disk.look();
        Ok(made + grown)
    }

    /// Notes in the log that everything in it is durable, and gives its room back. Not needed for the promise, so a failure
    /// is only reported.
    pub(super) fn mark(&mut self) {
        let Some(current) = &mut self.current else { return };
        self.buffer.clear();
        encode_mark(&mut self.buffer, current.seed, self.durable);
        if let Err(failure) = current.append(&mut self.buffer, 0, &self.disk) {
            tracing::warn!(?failure, "the end of the log could not be marked");
        } else if let Err(error) = current.file.cut(current.at) {
            tracing::warn!(%error, "room at the end of the log stays");
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
        let (at, len) = (FIRST_RECORD, FIRST_RECORD);
        self.current = Some(Current { file, path, seed: header.seed(), at, len });
        Ok(FIRST_RECORD)
    }
}

impl Current {
    /// Writes records, and room for more of them up to a file length of `most`; says by how many bytes the file grew.
    fn append(&mut self, records: &mut Vec<u8>, most: u64, disk: &Disk) -> Result<u64, Failure> {
        let end = self.at + as_u64(records.len());
        if end > self.len && records.len() <= SMALL_GROUP_BYTES {
            let room = most.saturating_sub(end).min(ROOM_BYTES);
            // Not out of the reserve: that is for what was acknowledged.
            if disk.admit(room).is_ok() {
                records.resize(records.len() + usize::try_from(room).unwrap_or(0), 0);
            }
        }
        if let Err(error) = self.file.write_at(self.at, records) {
            return Err(self.cut_off(&error, disk));
        }
        if let Err(error) = self.file.sync() {
            return Err(Failure::Unknown(format!("cannot sync {}: {error}", self.path.display())));
        }
        match self.file.has_name() {
            Ok(true) => {}
            Ok(false) => return Err(Failure::Unknown(watch::lost_text(&self.path))),
            Err(error) => {
                return Err(Failure::Unknown(format!("cannot look at {}: {error}", self.path.display())));
            }
        }
        let before = self.len;
        self.len = before.max(self.at + as_u64(records.len()));
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
                Failure::Unknown(format!("cannot write {path}: {error}, and cannot cut it off: {cut}"))
            }
        }
    }
}

/// Where a log goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) timeline: Timeline,
    pub(super) next_sequence: u64,
    pub(super) durable: u64,
}

/// Makes the first segment of a log that begins with batch `first`.
pub(super) fn found(
    disk: &Disk,
    dir: &std::path::Path,
    timeline: Timeline,
    first: u64,
) -> Result<(), EngineError> {
    let id = u64::from_le_bytes(segment::random()?);
    let header = Header { sequence: 1, id, timeline, first };
    create(disk, &segment::path(dir, 1), &header).map(drop)
}

/// Copies what is not proven durable into a segment of its own and syncs it, so that the store serves nothing that the
/// disk may not have. The segment gets its name when it is complete: it replaces what it was copied from.
pub(super) fn secure_tail(
    disk: &Disk,
    dir: &std::path::Path,
    segments: &[Segment],
    end: End,
) -> Result<(), EngineError> {
    let Some(last) = segments.last().filter(|_| end.last > end.proven) else { return Ok(()) };
    let header = Header {
        sequence: last.header.sequence + 1,
        id: u64::from_le_bytes(segment::random()?),
        timeline: last.header.timeline,
        first: end.proven + 1,
    };
    let path = segment::unfinished_path(dir, header.sequence);
    let failed = |e: io::Error| files::error("write", &path, &e);
    let file = create(disk, &path, &header)?;
    let mut at = FIRST_RECORD;
    let mut buffer = Vec::new();
    reader::read(segments, end.proven, end.last, |_, found| {
        buffer.clear();
        record::encode(
            &mut buffer,
            header.seed(),
            Kind::Batch,
            found.header.number,
            end.proven,
            &found.payload,
        );
        file.write_at(at, &buffer).map_err(failed)?;
        at += as_u64(buffer.len());
        Ok::<(), EngineError>(())
    })?;
    file.sync().map_err(failed)?;
    buffer.clear();
    encode_mark(&mut buffer, header.seed(), end.last);
    file.write_at(at, &buffer).and_then(|()| file.sync()).map_err(failed)?;
    files::rename(&path, &segment::path(dir, header.sequence))
}

/// Makes a segment with nothing but its header, durably. Leaves nothing behind if that fails.
fn create(disk: &Disk, path: &std::path::Path, header: &Header) -> Result<LogFile, EngineError> {
    let make = || {
        let file = disk.create(path)?;
        file.write_at(0, &header.encode())?;
        file.sync()?;
        Ok(file)
    };
    let made =
        make().map_err(|e| if disk::is_full(&e) { disk.full() } else { files::error("make", path, &e) });
    let made = made.and_then(|file| files::sync_parent(path).map(|()| file));
    if made.is_err() {
        // What is left of it would stand in the way of the next attempt.
        drop(std::fs::remove_file(path));
    }
    made
}

fn encode_mark(buffer: &mut Vec<u8>, seed: u32, durable: u64) {
    let nothing = Payload { stored: Bytes::new(), plain_len: None };
    record::encode(buffer, seed, Kind::Mark, durable, durable, &nothing);
}

fn as_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
