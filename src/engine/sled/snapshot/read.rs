//! Reading a file of sorted writes. Checksums cover every bit of it.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::vec;

use bytes::Bytes;
use crc32c::Crc32cReader;

use super::format::{self, Header, Totals};
use super::pace::{Cut, Pace};
use crate::engine::EngineError;
use crate::engine::sled::dir::files;
use crate::engine::sled::log::entry::{Entry, Kind, read_entry};
use crate::engine::sled::log::header::{FIRST_ENTRY, HEADER_BYTES};
use crate::engine::sled::log::payload::{self, Logged};

const READ_BUFFER_BYTES: usize = 128 * 1024;

/// The writes of a file, in the order of their keys.
pub(crate) struct Writes {
    path: PathBuf,
    pub(crate) header: Header,
    input: Crc32cReader<BufReader<File>>,
    len: u64,
    /// The offset of the next entry.
    at: u64,
    blocks: u64,
    found: Totals,
    block: vec::IntoIter<Logged>,
    last_key: Bytes,
    ended: bool,
}

impl Writes {
    pub(crate) fn open(path: &Path) -> Result<Self, EngineError> {
        let header = format::read_header(path)?;
        let failed = |e: io::Error| files::error("read", path, &e);
        let file = File::open(path).map_err(failed)?;
        let len = file.metadata().map_err(failed)?.len();
        let mut input = Crc32cReader::new(BufReader::with_capacity(READ_BUFFER_BYTES, file));
        input.read_exact(&mut [0; HEADER_BYTES]).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            header,
            input,
            len,
            at: FIRST_ENTRY,
            blocks: 0,
            found: Totals::default(),
            block: Vec::new().into_iter(),
            last_key: Bytes::new(),
            ended: false,
        })
    }

    /// The next write; `None` at the end, after the totals were checked.
    pub(crate) fn next(&mut self) -> Result<Option<Logged>, EngineError> {
        loop {
            if let Some(op) = self.block.next() {
                if op.key <= self.last_key {
                    return Err(self.corrupt("its keys are out of order"));
                }
                self.last_key = op.key.clone();
                self.found.writes += 1;
                self.found.bytes += u64::try_from(op.bytes()).unwrap_or(u64::MAX);
                return Ok(Some(op));
            }
            if self.ended {
                return Ok(None);
            }
            self.read_block()?;
        }
    }

    /// The number of bytes read so far.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    fn read_block(&mut self) -> Result<(), EngineError> {
        let crc = self.input.crc32c();
        let read = read_entry(&mut self.input, self.len.saturating_sub(self.at), self.header.seed());
        let read = read.map_err(|e| files::error("read", &self.path, &e))?;
        let Some((Entry { header, payload }, bytes)) = read else {
            return Err(self.corrupt("an entry is missing or damaged"));
        };
        if header.number != self.blocks || header.durable != self.header.position {
            return Err(self.corrupt("an entry is out of place"));
        }
        match header.kind {
            Kind::Block => {
                let ops = payload::decode(&payload).map_err(|e| self.corrupt(&e))?;
                self.block = ops.into_iter();
                self.blocks += 1;
            }
            Kind::End => {
                let totals = Totals::decode(payload.stored);
                if totals != Some(Totals { crc, ..self.found }) || self.at + bytes != self.len {
                    return Err(self.corrupt("the totals at the end do not match the content"));
                }
                self.ended = true;
            }
            Kind::Batch | Kind::Mark => return Err(self.corrupt("an entry has the wrong kind")),
        }
        self.at += bytes;
        Ok(())
    }

    fn corrupt(&self, detail: &str) -> EngineError {
        EngineError::Corrupt {
            file: self.path.display().to_string(),
            offset: self.at,
            detail: detail.to_owned(),
        }
    }
}

/// Reads all of a snapshot and checks it.
pub(crate) fn verify(path: &Path, pace: Pace<'_>) -> Result<(), Cut> {
    let mut writes = Writes::open(path)?;
    let mut told = 0;
    while writes.next()?.is_some() {
        if writes.at() > told {
            pace(writes.at() - told)?;
            told = writes.at();
        }
    }
    Ok(())
}
