//! Reading one segment of the log, entry by entry.
//!
//! Reading stops at the first bad entry; `chain.rs` decides what that means. Zeros up to the end of a segment
//! are not a bad entry: they are room for entries that were never written (`writer.rs`).

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;

use super::entry::{self, Entry, Kind, read_entry};
use super::header::FIRST_ENTRY;
use super::segment::Segment;
use crate::engine::EngineError;
use crate::engine::sled::dir::files;

const READ_BUFFER_BYTES: usize = 1024 * 1024;
const ROOM_PIECE_BYTES: usize = 4096;

/// What the reader finds at its position in a segment.
#[derive(Debug)]
pub(crate) enum Step {
    Entry(Entry),
    End,
    Bad,
}

/// Reads a segment entry by entry.
#[derive(Debug)]
pub(crate) struct SegmentReader<'a> {
    segment: &'a Segment,
    input: BufReader<File>,
    len: u64,
    /// The offset of the next entry.
    at: u64,
    /// The number of the next batch.
    expected: u64,
}

impl<'a> SegmentReader<'a> {
    pub(crate) fn open(segment: &'a Segment) -> Result<Self, EngineError> {
        let open = || {
            let file = File::open(&segment.path)?;
            let len = file.metadata()?.len();
            let mut input = BufReader::with_capacity(READ_BUFFER_BYTES, file);
            input.seek_relative(i64::try_from(FIRST_ENTRY).unwrap_or(i64::MAX))?;
            Ok((input, len))
        };
        let (input, len) = open().map_err(|e: io::Error| files::error("open", &segment.path, &e))?;
        Ok(Self { segment, input, len, at: FIRST_ENTRY, expected: segment.header.first })
    }

    /// Reads the next entry. If it finds none, the position stays the same.
    pub(crate) fn step(&mut self) -> Result<Step, EngineError> {
        if self.at >= self.len {
            return Ok(Step::End);
        }
        let seed = self.segment.header.seed();
        let left = self.len - self.at;
        let found = read_entry(&mut self.input, left, seed);
        let failed = |e| files::error("read", &self.segment.path, &e);
        let Some((entry, bytes)) = found.map_err(failed)? else {
            return Ok(if self.is_room().map_err(failed)? { Step::End } else { Step::Bad });
        };
        match entry.header.kind {
            Kind::Batch if entry.header.number == self.expected => self.expected += 1,
            Kind::Mark if entry.header.number + 1 == self.expected => {}
            Kind::Batch | Kind::Mark | Kind::Block | Kind::End => return Ok(Step::Bad),
        }
        self.at += bytes;
        Ok(Step::Entry(entry))
    }

    /// Whether only room for entries follows.
    fn is_room(&self) -> io::Result<bool> {
        let mut rest = At { file: self.input.get_ref(), at: self.at }.take(self.len - self.at);
        let mut piece = [0; ROOM_PIECE_BYTES];
        loop {
            match rest.read(&mut piece)? {
                0 => return Ok(true),
                read if piece.iter().take(read).all(|byte| *byte == 0) => {}
                _ => return Ok(false),
            }
        }
    }

    /// Whether an undamaged entry after this position says that batch `number` is durable.
    pub(super) fn is_proven_later(&self, number: u64) -> Result<bool, EngineError> {
        let file = self.input.get_ref();
        let step = u64::try_from(entry::ALIGN).unwrap_or(u64::MAX);
        let mut at = self.at;
        while at < self.len {
            let mut input = At { file, at };
            let found = read_entry(&mut input, self.len - at, self.segment.header.seed());
            let found = found.map_err(|e| files::error("read", &self.segment.path, &e))?;
            if found.is_some_and(|(entry, _)| entry.header.durable >= number) {
                return Ok(true);
            }
            at += step;
        }
        Ok(false)
    }

    /// The number of the next batch.
    pub(crate) fn expected(&self) -> u64 {
        self.expected
    }

    /// The offset of the next entry.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    pub(crate) fn corrupt(&self, detail: String) -> EngineError {
        EngineError::Corrupt { file: self.segment.name(), offset: self.at, detail }
    }
}

struct At<'a> {
    file: &'a File,
    at: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buf, self.at)?;
        self.at += u64::try_from(read).unwrap_or(0);
        Ok(read)
    }
}
