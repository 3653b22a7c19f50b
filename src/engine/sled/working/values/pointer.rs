//! What sled holds in the place of a value.

use super::number::u32_at;

/// No value of this program begins like this, and a value that does is never stored inline.
const MAGIC: [u8; 8] = *b"\xffmbvalue";
/// The bytes of a pointer.
const BYTES: usize = 24;

/// Where the entry of a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pointer {
    /// The number of the value file.
    pub(crate) file: u32,
    /// Where the entry begins in the file.
    pub(crate) offset: u32,
    /// The bytes of the entry.
    pub(crate) length: u32,
    /// The checksum in the entry.
    pub(crate) checksum: u32,
}

impl Pointer {
    pub(crate) fn encode(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        let parts = [self.file, self.offset, self.length, self.checksum].map(u32::to_le_bytes);
        bytes.copy_from_slice(&[MAGIC.as_slice(), parts.as_flattened()].concat());
        bytes
    }

    /// `None` if the bytes are a value and not a pointer.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let word = |at| u32_at(bytes, at);
        bytes.starts_with(&MAGIC).then_some(())?;
        Some(Self { file: word(8)?, offset: word(12)?, length: word(16)?, checksum: word(20)? })
    }
}
