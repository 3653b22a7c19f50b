//! The header of a file that consists of entries: a segment of the log, or a snapshot.
//!
//! ```text
//! at  size  what
//!  0   8    magic
//!  8   4    format version
//! 12   4    CRC32C of the other 60 bytes
//! 16  48    content, which depends on the kind of file
//! ```
//!
//! Numbers are little-endian. The magic and the version keep their places in every future format.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::engine::EngineError;
use crate::engine::sled::dir::files;

/// The bytes of a header.
pub(crate) const HEADER_BYTES: usize = 64;
/// The offset of the first entry: [`HEADER_BYTES`].
pub(crate) const FIRST_ENTRY: u64 = 64;
/// The bytes of the content.
pub(crate) const CONTENT_BYTES: usize = 48;

/// The kind of a file, and the format version that this program writes, which is the newest that it reads.
#[derive(Debug)]
pub(crate) struct Format {
    pub(crate) magic: [u8; 8],
    pub(crate) version: u32,
}

impl Format {
    /// The header with this content, which is filled up with zeros.
    pub(crate) fn encode(&self, content: &[&[u8]]) -> [u8; HEADER_BYTES] {
        let mut content = content.concat();
        content.resize(CONTENT_BYTES, 0);
        let start = [self.magic.as_slice(), &self.version.to_le_bytes()].concat();
        let crc = crc32c::crc32c_append(crc32c::crc32c(&start), &content).to_le_bytes();
        let mut header = [0; HEADER_BYTES];
        header.copy_from_slice(&[start.as_slice(), &crc, &content].concat());
        header
    }

    /// The content of a header, whose checksum is not checked yet. `Ok(None)` if the magic is wrong,
    /// `Err(version)` if a newer version of this program wrote the file.
    pub(crate) fn content(&self, bytes: &[u8; HEADER_BYTES]) -> Result<Option<[u8; CONTENT_BYTES]>, u32> {
        let Some((version, content)) = parts(bytes).filter(|_| bytes.starts_with(&self.magic)) else {
            return Ok(None);
        };
        if version > self.version { Err(version) } else { Ok(Some(content)) }
    }

    /// Reads the header of the file at `path` and decodes it; `None` if it is damaged or too short.
    pub(crate) fn read<H>(
        &self,
        path: &Path,
        decode: impl FnOnce(&[u8; HEADER_BYTES]) -> Result<Option<H>, u32>,
    ) -> Result<Option<H>, EngineError> {
        let mut bytes = [0; HEADER_BYTES];
        let mut file = File::open(path).map_err(|e| files::error("open", path, &e))?;
        match file.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(e) => return Err(files::error("read", path, &e)),
        }
        decode(&bytes).map_err(|found| EngineError::NewerFormat {
            file: path.display().to_string(),
            found,
            supported: self.version,
        })
    }
}

fn parts(bytes: &[u8; HEADER_BYTES]) -> Option<(u32, [u8; CONTENT_BYTES])> {
    let version = u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?);
    Some((version, bytes.get(16..)?.try_into().ok()?))
}

/// The number at `at` in the content of a header.
pub(crate) fn u64_at(content: &[u8; CONTENT_BYTES], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(content.get(at..at + 8)?.try_into().ok()?))
}

/// The seed of the checksums of the entries in a file with this random id.
pub(crate) fn seed_of(id: u64) -> u32 {
    crc32c::crc32c(&id.to_le_bytes())
}
