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

use std::path::Path;

use bytes::{Buf, Bytes};

use crate::engine::EngineError;
use crate::engine::sled::log::header::{CONTENT_BYTES, Format, HEADER_BYTES, seed_of, u64_at};
use crate::engine::sled::log::segment::Timeline;

/// The format of snapshots.
const FORMAT: Format = Format { magic: *b"mbSNAPSH", version: 1 };

/// See the module documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) position: u64,
    pub(crate) id: u64,
    pub(crate) timeline: Timeline,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        FORMAT.encode(&[&self.position.to_le_bytes(), &self.id.to_le_bytes(), &self.timeline])
    }

    /// `Ok(None)` if the bytes are damaged, `Err(version)` if a newer version of this program wrote them.
    fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Option<Self>, u32> {
        let content = FORMAT.content(bytes)?;
        Ok(content.and_then(|content| Self::parse(&content)).filter(|header| header.encode() == *bytes))
    }

    fn parse(content: &[u8; CONTENT_BYTES]) -> Option<Self> {
        let timeline = content.get(16..32)?.try_into().ok()?;
        Some(Self { position: u64_at(content, 0)?, id: u64_at(content, 8)?, timeline })
    }

    /// The seed of the checksums of the entries.
    pub(crate) fn seed(&self) -> u32 {
        seed_of(self.id)
    }
}

/// Reads the header of the snapshot at `path`.
pub(super) fn read_header(path: &Path) -> Result<Header, EngineError> {
    FORMAT.read(path, Header::decode)?.ok_or_else(|| damaged(path))
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
