//! A value in its file.
//!
//! ```text
//! at  size  what
//!  0   4    CRC32C of the rest, which continues from the seed of the file
//!  4   2    length of the key
//!  6   4    length of the value
//! 10        key, value
//! ```

use bytes::{Buf, Bytes};

use super::number::u32_at;
use crate::engine::{EngineError, MAX_KEY_BYTES, MAX_VALUE_BYTES, Value};

/// The bytes before the key.
pub(crate) const HEADER_BYTES: usize = 10;
/// The longest entry.
pub(super) const MAX_BYTES: usize = HEADER_BYTES + MAX_KEY_BYTES + MAX_VALUE_BYTES;

/// The first bytes of an entry, whose checksum is not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    checksum: u32,
    key_bytes: usize,
    value_bytes: usize,
}

impl Head {
    /// `None` if this is not the beginning of an entry.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let key_bytes = usize::from(u16::from_le_bytes(bytes.get(4..6)?.try_into().ok()?));
        let value_bytes = usize::try_from(u32_at(bytes, 6)?).ok()?;
        let is_possible = (1..=MAX_KEY_BYTES).contains(&key_bytes) && value_bytes <= MAX_VALUE_BYTES;
        is_possible.then_some(Self { checksum: u32_at(bytes, 0)?, key_bytes, value_bytes })
    }

    /// The bytes of the entry.
    pub(crate) fn entry_bytes(self) -> usize {
        HEADER_BYTES + self.key_bytes + self.value_bytes
    }

    /// The key in the bytes of the entry.
    pub(crate) fn key(self, entry: &[u8]) -> Option<&[u8]> {
        entry.get(HEADER_BYTES..HEADER_BYTES + self.key_bytes)
    }

    /// Whether the bytes are those of the entry that was written with this checksum into a file with this seed.
    pub(super) fn is_whole(self, seed: u32, entry: &[u8], checksum: u32) -> bool {
        let is_entry = entry.len() == self.entry_bytes() && self.checksum == checksum;
        is_entry && entry.get(4..).is_some_and(|rest| crc32c::crc32c_append(seed, rest) == checksum)
    }

    /// The value in the bytes of the entry.
    pub(crate) fn value(self, entry: &[u8]) -> Option<&[u8]> {
        entry.get(HEADER_BYTES + self.key_bytes..self.entry_bytes())
    }
}

/// What a pointer to an entry says about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Encoded {
    pub(super) bytes: u32,
    pub(super) checksum: u32,
}

/// Appends an entry to `out`. After an error nothing was appended.
pub(super) fn encode(out: &mut Vec<u8>, seed: u32, key: &[u8], value: &[u8]) -> Result<Encoded, EngineError> {
    let bytes = HEADER_BYTES + key.len() + value.len();
    let lengths = (u16::try_from(key.len()), u32::try_from(value.len()), u32::try_from(bytes));
    let (Ok(key_bytes), Ok(value_bytes), Ok(length)) = lengths else {
        return Err(EngineError::TooLarge { what: "value", bytes: value.len(), limit: MAX_VALUE_BYTES });
    };
    let mut head = [0; HEADER_BYTES - 4];
    head[..2].copy_from_slice(&key_bytes.to_le_bytes());
    head[2..].copy_from_slice(&value_bytes.to_le_bytes());
    let checksum = [head.as_slice(), key, value].into_iter().fold(seed, crc32c::crc32c_append);
    out.reserve(bytes);
    out.extend_from_slice(&checksum.to_le_bytes());
    [head.as_slice(), key, value].into_iter().for_each(|part| out.extend_from_slice(part));
    Ok(Encoded { bytes: length, checksum })
}

/// The value in an entry; `None` unless the entry is whole, belongs to `key`, and has this checksum in a file
/// with this seed.
pub(super) fn value(seed: u32, entry: Vec<u8>, key: &[u8], checksum: u32) -> Option<Value> {
    let head = Head::decode(&entry).filter(|head| head.key(&entry) == Some(key))?;
    let is_whole = head.is_whole(seed, &entry, checksum);
    is_whole.then(|| {
        let mut value = Bytes::from(entry);
        value.advance(HEADER_BYTES + head.key_bytes);
        value
    })
}
