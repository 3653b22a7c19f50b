//! Writing a file of sorted writes.

use std::io;
use std::path::{Path, PathBuf};

use super::format::{Header, Totals};
use crate::engine::EngineError;
use crate::engine::sled::dir::files;
use crate::engine::sled::disk::{self, Disk, LogFile};
use crate::engine::sled::log::entry::{self, Kind};
use crate::engine::sled::log::header::FIRST_ENTRY;
use crate::engine::sled::log::payload::{self, Logged, Payload};
use crate::engine::sled::log::segment;

/// The bytes written between two syncs: one large sync at the end would delay the syncs of the log.
const SYNC_BYTES: u64 = 16 * 1024 * 1024;

/// A block is not compressed if at most this part of its bytes is not packed. It must be few: a block that is
/// not compressed counts as packed as a whole when it is read again.
const UNPACKED_PART: usize = 16;

/// Writes a file. The writes must come in ascending order of their keys. Packed writes, which compress badly,
/// are not compressed where many of them follow each other.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    disk: &'a Disk,
    path: PathBuf,
    file: LogFile,
    header: Header,
    block_bytes: usize,
    block: Vec<Logged>,
    in_block: usize,
    blocks: u64,
    at: u64,
    synced: u64,
    totals: Totals,
    buffer: Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Creates the file, replacing one that a killed process left.
    pub(super) fn create(
        disk: &'a Disk,
        path: &Path,
        position: u64,
        timeline: segment::Timeline,
        block_bytes: usize,
    ) -> Result<Self, EngineError> {
        if path.exists() {
            files::remove(path)?;
        }
        let header = Header { position, id: u64::from_le_bytes(segment::random()?), timeline };
        let file = disk.create(path).map_err(|e| failed(disk, path, &e))?;
        let mut writer = Self {
            disk,
            path: path.to_owned(),
            file,
            header,
            block_bytes,
            block: Vec::new(),
            in_block: 0,
            blocks: 0,
            at: 0,
            synced: 0,
            totals: Totals::default(),
            buffer: header.encode().to_vec(),
        };
        writer.write()?;
        debug_assert_eq!(writer.at, FIRST_ENTRY);
        Ok(writer)
    }

    /// Adds a write. Returns how many bytes this wrote to the file, which is mostly 0.
    pub(super) fn push(&mut self, write: Logged) -> Result<u64, EngineError> {
        let bytes = write.bytes();
        self.totals.writes += 1;
        self.totals.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
        self.in_block += bytes;
        self.block.push(write);
        if self.in_block >= self.block_bytes { self.end_block() } else { Ok(0) }
    }

    /// Ends the file and syncs it. The file name is not durable yet.
    pub(super) fn finish(mut self) -> Result<Header, EngineError> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        let payload = Payload { stored: self.totals.encode(), plain_len: None };
        self.push_entry(Kind::End, &payload);
        self.write()?;
        self.sync()?;
        Ok(self.header)
    }

    fn end_block(&mut self) -> Result<u64, EngineError> {
        let mut block = std::mem::take(&mut self.block);
        self.in_block = 0;
        let (first, second) = block.split_at(only_border(&block));
        let mut bytes = self.write_block(first)?;
        if !second.is_empty() {
            bytes += self.write_block(second)?;
        }
        block.clear();
        self.block = block;
        Ok(bytes)
    }

    fn write_block(&mut self, block: &[Logged]) -> Result<u64, EngineError> {
        let payload = payload::encode_logged(block, is_packed(block))?;
        self.push_entry(Kind::Block, &payload);
        self.blocks += 1;
        let bytes = self.write()?;
        if self.at - self.synced >= SYNC_BYTES {
            self.sync()?;
        }
        Ok(bytes)
    }

    fn push_entry(&mut self, kind: Kind, payload: &Payload) {
        let Header { position, .. } = self.header;
        entry::encode(&mut self.buffer, self.header.seed(), kind, self.blocks, position, payload);
    }

    fn write(&mut self) -> Result<u64, EngineError> {
        let bytes = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
        // The log may write nothing for a while, so the free space is queried each time.
        self.disk.look();
        self.disk.admit(bytes)?;
        self.file.write_at(self.at, &self.buffer).map_err(|e| failed(self.disk, &self.path, &e))?;
        self.totals.crc = crc32c::crc32c_append(self.totals.crc, &self.buffer);
        self.at += bytes;
        self.buffer.clear();
        Ok(bytes)
    }

    fn sync(&mut self) -> Result<(), EngineError> {
        self.file.sync().map_err(|e| failed(self.disk, &self.path, &e))?;
        self.synced = self.at;
        Ok(())
    }
}

/// Where packed writes begin or end in a block, if they do so once; otherwise the end of the block. Values of
/// one kind have keys that follow each other, so this parts what compresses from what does not.
fn only_border(block: &[Logged]) -> usize {
    let mut kinds = block.chunk_by(|a, b| a.is_packed == b.is_packed);
    match (kinds.next(), kinds.next(), kinds.next()) {
        (Some(first), Some(_), None) => first.len(),
        _ => block.len(),
    }
}

fn is_packed(block: &[Logged]) -> bool {
    let bytes: usize = block.iter().map(Logged::bytes).sum();
    let unpacked: usize = block.iter().filter(|write| !write.is_packed).map(Logged::bytes).sum();
    unpacked <= bytes / UNPACKED_PART
}

fn failed(disk: &Disk, path: &Path, error: &io::Error) -> EngineError {
    if disk::is_full(error) { disk.full() } else { files::error("write", path, error) }
}
