//! The bytes of a snapshot.
//!
//! ```text
//! at  size  what
//!  0   8    magic "mbSNAPSH"
//!  8   4    format version
//! 12   4    CRC32C of the other 60 bytes
//! 16   8    position: its last batch
//! 24   8    id: random; seeds the checksums of the entries
//! 32  16    timeline
//! 48  16    zero
//! ```
//!
//! Entries follow as in the log (see `log::entry`): blocks, numbered from 0, whose payloads hold writes in
//! ascending order of their keys, and one end, whose number is the number of blocks. The payload of the end
//! is
//!
//! ```text
//!  0   8    writes
//!  8   8    bytes of their keys and values
//! 16   4    CRC32C of the file before this entry
//! ```
//!
//! Nothing follows the end. Magic and version keep their places in every future format.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::{Buf, Bytes};

use crate::engine::EngineError;
use crate::engine::sled::dir::files;
use crate::engine::sled::log::segment::Timeline;

/// The format of a snapshot that this program writes, and the newest that it reads.
pub(crate) const FORMAT_VERSION: u32 = 1;
/// The bytes of the header.
pub(super) const HEADER_BYTES: usize = 64;
/// [`HEADER_BYTES`], as an offset.
pub(super) const FIRST_ENTRY: u64 = 64;

const MAGIC: [u8; 8] = *b"mbSNAPSH";

/// See the module documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) position: u64,
    pub(crate) id: u64,
    pub(crate) timeline: Timeline,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut rest = Vec::with_capacity(HEADER_BYTES);
        rest.extend_from_slice(&self.position.to_le_bytes());
        rest.extend_from_slice(&self.id.to_le_bytes());
        rest.extend_from_slice(&self.timeline);
        rest.extend_from_slice(&[0; 16]);
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&crc32c::crc32c_append(crc32c::crc32c(&out), &rest).to_le_bytes());
        out.append(&mut rest);
        let mut header = [0; HEADER_BYTES];
        header.copy_from_slice(&out);
        header
    }

    /// `Ok(None)` if the bytes are damaged, `Err(version)` if a newer version of this program wrote them.
    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Option<Self>, u32> {
        let Some((version, header)) = Self::parse(bytes) else { return Ok(None) };
        if version > FORMAT_VERSION {
            return Err(version);
        }
        Ok((header.encode() == *bytes).then_some(header))
    }

    fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<(u32, Self)> {
        let u64_at = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let version = u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?);
        let timeline = bytes.get(32..48)?.try_into().ok()?;
        let header = Self { position: u64_at(16)?, id: u64_at(24)?, timeline };
        bytes.starts_with(&MAGIC).then_some((version, header))
    }

    /// The seed of the checksums of the entries.
    pub(crate) fn seed(&self) -> u32 {
        crc32c::crc32c(&self.id.to_le_bytes())
    }
}

/// Reads the header of the snapshot at `path`.
pub(super) fn read_header(path: &Path) -> Result<Header, EngineError> {
    let mut bytes = [0; HEADER_BYTES];
    let mut file = File::open(path).map_err(|e| files::error("open", path, &e))?;
    match file.read_exact(&mut bytes) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Err(damaged(path)),
        Err(e) => return Err(files::error("read", path, &e)),
    }
    let found = Header::decode(&bytes).map_err(|found| EngineError::NewerFormat {
        file: path.display().to_string(),
        found,
        supported: FORMAT_VERSION,
    })?;
    found.ok_or_else(|| damaged(path))
}

fn damaged(path: &Path) -> EngineError {
    let detail = "the header of the snapshot is damaged".to_owned();
    EngineError::Corrupt { file: path.display().to_string(), offset: 0, detail }
}

/// The totals that the end states for everything before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) writes: u64,
    pub(super) bytes: u64,
    pub(super) crc: u32,
}

impl Totals {
    pub(super) fn encode(&self) -> Bytes {
        let parts: [&[u8]; 3] =
            [&self.writes.to_le_bytes(), &self.bytes.to_le_bytes(), &self.crc.to_le_bytes()];
        parts.concat().into()
    }

    pub(super) fn decode(mut bytes: Bytes) -> Option<Self> {
        let totals = Self {
            writes: bytes.try_get_u64_le().ok()?,
            bytes: bytes.try_get_u64_le().ok()?,
            crc: bytes.try_get_u32_le().ok()?,
        };
        bytes.is_empty().then_some(totals)
    }
}
