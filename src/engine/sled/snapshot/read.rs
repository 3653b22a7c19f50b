//! Reading a file of sorted entries. Every bit of it is covered by a checksum.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::vec;

use bytes::Bytes;

use super::super::super::EngineError;
use super::super::super::pending::Op;
use super::super::reader::{Record, read_record};
use super::super::record::Kind;
use super::super::{files, payload};
use super::Pace;
use super::format::{self, FIRST_RECORD, HEADER_BYTES, Header, Totals};

const READ_BUFFER_BYTES: usize = 256 * 1024;

/// The entries of a file, in order.
#[derive(Debug)]
pub(in super::super) struct Entries {
    path: PathBuf,
    pub(in super::super) header: Header,
    input: Summed<BufReader<File>>,
    len: u64,
    /// Where the next record begins.
    at: u64,
    blocks: u64,
    found: Totals,
    block: vec::IntoIter<Op>,
    last_key: Bytes,
    ended: bool,
}

impl Entries {
    pub(in super::super) fn open(path: &Path) -> Result<Self, EngineError> {
        let header = format::read_header(path)?;
        let failed = |e: io::Error| files::error("read", path, &e);
        let file = File::open(path).map_err(failed)?;
        let len = file.metadata().map_err(failed)?.len();
        let mut input = Summed { input: BufReader::with_capacity(READ_BUFFER_BYTES, file), crc: 0 };
        input.read_exact(&mut [0; HEADER_BYTES]).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            header,
            input,
            len,
            at: FIRST_RECORD,
            blocks: 0,
            found: Totals::default(),
            block: Vec::new().into_iter(),
            last_key: Bytes::new(),
            ended: false,
        })
    }

    /// The next entry; `None` at the end, once everything is known to be there.
    pub(in super::super) fn next(&mut self) -> Result<Option<Op>, EngineError> {
        loop {
            if let Some(op) = self.block.next() {
                if op.key <= self.last_key {
                    return Err(self.corrupt("its keys are not in order"));
                }
                self.last_key = op.key.clone();
                self.found.entries += 1;
                let bytes = op.key.len() + op.value.as_ref().map_or(0, Bytes::len);
                self.found.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
                return Ok(Some(op));
            }
            if self.ended {
                return Ok(None);
            }
            self.read_block()?;
        }
    }

    /// How many bytes of the file were read.
    pub(in super::super) fn at(&self) -> u64 {
        self.at
    }

    fn read_block(&mut self) -> Result<(), EngineError> {
        let crc = self.input.crc;
        let read = read_record(&mut self.input, self.len.saturating_sub(self.at), self.header.seed());
        let read = read.map_err(|e| files::error("read", &self.path, &e))?;
        let Some((Record { header, payload }, bytes)) = read else {
            return Err(self.corrupt("a record is missing or damaged"));
        };
        if header.number != self.blocks || header.durable != self.header.position {
            return Err(self.corrupt("a record is not where it belongs"));
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
                    return Err(self.corrupt("the end does not fit what is before it"));
                }
                self.ended = true;
            }
            Kind::Batch | Kind::Mark => return Err(self.corrupt("a record is of the wrong kind")),
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

/// Reads a snapshot whole.
pub(in super::super) fn verify(path: &Path, pace: Pace<'_>) -> Result<(), super::Cut> {
    let mut entries = Entries::open(path)?;
    let mut told = 0;
    while entries.next()?.is_some() {
        if entries.at() > told {
            pace(entries.at() - told)?;
            told = entries.at();
        }
    }
    Ok(())
}

/// Sums up what is read through it.
#[derive(Debug)]
struct Summed<R> {
    input: R,
    crc: u32,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buf)?;
        self.crc = crc32c::crc32c_append(self.crc, buf.get(..read).unwrap_or_default());
        Ok(read)
    }
}
