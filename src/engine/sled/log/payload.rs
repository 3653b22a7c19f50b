//! The content of a log entry: the puts and deletes of one batch, in order.
//!
//! ```text
//! payload := write*                       (to the end of the payload)
//! write   := key-length:u16 key value
//! value   := 0xFFFF_FFFF                  (the key is removed)
//!          | 0xFFFF_FFFE length:u32 byte* (a difference: what the value before it becomes)
//!          | length:u32 byte*
//! ```
//!
//! Numbers are little-endian. A payload over [`COMPRESS_FROM_BYTES`] is stored as one zstd frame if that is
//! smaller, unless its values are packed already; then it stays as it is in snapshots too. Differences are
//! described in [`difference`]. The value before one is in an earlier batch or in a snapshot. No snapshot has
//! differences, and segments of version 1 have none.

use std::sync::Mutex;

use bytes::{Buf, Bytes};

use crate::engine::lock::lock;
use crate::engine::pending::{Op, bytes_of};
use crate::engine::{EngineError, Value, difference};

/// Payloads of at least this many bytes are compressed.
const COMPRESS_FROM_BYTES: usize = 1024;
/// Fast enough for the write path; higher levels gain little on blocks that are dense already.
const ZSTD_LEVEL: i32 = 1;
/// Longest payload, compressed or not: twice the largest batch leaves room for the lengths of its keys and
/// values.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 128 * 1024 * 1024;
/// The bytes of the lengths of a key and its value.
const LENGTHS_BYTES: usize = 6;
/// In place of a value's length: the key is removed.
const REMOVED: u32 = u32::MAX;
/// In place of a value's length: a difference follows, with its length.
const DIFFERENCE: u32 = u32::MAX - 1;

/// A write as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) key: Bytes,
    pub(crate) write: Write,
    /// Whether it comes from a payload that is long enough to be compressed and was not: its values are
    /// packed already, or compressing them saved nothing.
    pub(crate) is_packed: bool,
}

/// What the log says about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Write {
    /// It has this value.
    Value(Value),
    /// Its value becomes another one by this difference.
    Difference(Bytes),
    /// It is removed.
    Removal,
}

impl Logged {
    /// The bytes of key and value.
    pub(crate) fn bytes(&self) -> usize {
        self.key.len() + self.write.bytes().len()
    }
}

impl Write {
    /// The value that it sets, or the difference.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Value(bytes) | Self::Difference(bytes) => bytes,
            Self::Removal => &[],
        }
    }

    /// This write and the one before it as one write; `None` if they do not belong together.
    pub(crate) fn over(self, older: &Self) -> Option<Self> {
        let Self::Difference(newer) = self else { return Some(self) };
        match older {
            Self::Value(value) => difference::apply(value, &newer).map(|value| Self::Value(value.into())),
            Self::Difference(older) => {
                difference::join(older, &newer).map(|joined| Self::Difference(joined.into()))
            }
            Self::Removal => None,
        }
    }

    pub(crate) fn is_difference(&self) -> bool {
        matches!(self, Self::Difference(_))
    }
}

/// A payload as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) stored: Bytes,
    /// The length before compression, if it was compressed.
    pub(crate) plain_len: Option<usize>,
}

impl Payload {
    /// Whether it was not compressed although it is long enough.
    fn is_packed(&self) -> bool {
        self.plain_len.is_none() && self.stored.len() >= COMPRESS_FROM_BYTES
    }
}

/// Idle compressors. Setting up a compressor's tables costs more than compressing a small batch, and one
/// compressor per thread would take too much memory.
static COMPRESSORS: Mutex<Vec<zstd::bulk::Compressor<'static>>> = Mutex::new(Vec::new());
/// The number of idle compressors that are kept, at about 600 KB each.
const SPARE_COMPRESSORS: usize = 2;
/// Idle decompressors: setting one up costs about as much as decompressing a small payload.
static DECOMPRESSORS: Mutex<Vec<zstd::bulk::Decompressor<'static>>> = Mutex::new(Vec::new());
/// The number of idle decompressors that are kept, at about 160 KB each.
const SPARE_DECOMPRESSORS: usize = 2;

/// Encodes `ops`, some by their difference, by their index and in this order. Values that are packed already
/// are not compressed. The CPU time is proportional to what is written, so the caller does this, not the
/// syncer.
pub(crate) fn encode(
    ops: &[Op],
    differences: &[(usize, Value)],
    is_packed: bool,
) -> Result<Payload, EngineError> {
    let mut left = differences.iter().peekable();
    let saved = |(of, difference): &(usize, Value)| {
        let value = ops.get(*of).and_then(|op| op.value.as_ref());
        value.map_or(0, |value| value.len().saturating_sub(difference.len()))
    };
    let bytes = bytes_of(ops).saturating_sub(differences.iter().map(saved).sum());
    let mut plain = Plain::with_room(ops.len() + differences.len(), bytes);
    for (index, op) in ops.iter().enumerate() {
        match (left.next_if(|(of, _)| *of == index), &op.value) {
            (Some((_, difference)), _) => plain.push(&op.key, Some(difference), true)?,
            (None, value) => plain.push(&op.key, value.as_deref(), false)?,
        }
    }
    plain.finish(is_packed)
}

/// Encodes writes that the log has. They are not compressed if they are packed already.
pub(crate) fn encode_logged(writes: &[Logged], is_packed: bool) -> Result<Payload, EngineError> {
    let mut plain = Plain::with_room(writes.len(), writes.iter().map(Logged::bytes).sum());
    for Logged { key, write, .. } in writes {
        let bytes = (*write != Write::Removal).then(|| write.bytes());
        plain.push(key, bytes, write.is_difference())?;
    }
    plain.finish(is_packed)
}

/// A payload in the making.
struct Plain(Vec<u8>);

impl Plain {
    fn with_room(writes: usize, bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes.saturating_add(writes.saturating_mul(LENGTHS_BYTES))))
    }

    fn push(&mut self, key: &[u8], value: Option<&[u8]>, is_difference: bool) -> Result<(), EngineError> {
        let Self(plain) = self;
        let too_long = |what, bytes| EngineError::TooLarge { what, bytes, limit: MAX_PAYLOAD_BYTES };
        let key_len = u16::try_from(key.len()).map_err(|_| too_long("key", key.len()))?;
        plain.extend_from_slice(&key_len.to_le_bytes());
        plain.extend_from_slice(key);
        let Some(value) = value else {
            plain.extend_from_slice(&REMOVED.to_le_bytes());
            return Ok(());
        };
        if is_difference {
            plain.extend_from_slice(&DIFFERENCE.to_le_bytes());
        }
        let len = u32::try_from(value.len()).ok().filter(|len| *len < DIFFERENCE);
        let len = len.ok_or_else(|| too_long("value", value.len()))?;
        plain.extend_from_slice(&len.to_le_bytes());
        plain.extend_from_slice(value);
        Ok(())
    }

    fn finish(self, is_packed: bool) -> Result<Payload, EngineError> {
        let Self(plain) = self;
        if plain.len() > MAX_PAYLOAD_BYTES {
            return Err(EngineError::TooLarge {
                what: "batch",
                bytes: plain.len(),
                limit: MAX_PAYLOAD_BYTES,
            });
        }
        Ok(if is_packed { Payload { stored: plain.into(), plain_len: None } } else { compress(plain) })
    }
}

fn compress(plain: Vec<u8>) -> Payload {
    if plain.len() >= COMPRESS_FROM_BYTES
        && let Some(shorter) = compressed(&plain).filter(|s| s.len() < plain.len())
    {
        return Payload { stored: shorter.into(), plain_len: Some(plain.len()) };
    }
    Payload { stored: plain.into(), plain_len: None }
}

/// `None` if compression fails. The batch is then stored uncompressed, because that is no reason to reject a
/// write.
fn compressed(plain: &[u8]) -> Option<Vec<u8>> {
    let kept = lock(&COMPRESSORS).pop();
    let mut compressor = match kept {
        Some(compressor) => compressor,
        None => zstd::bulk::Compressor::new(ZSTD_LEVEL).ok()?,
    };
    let shorter = compressor.compress(plain).ok();
    let mut spare = lock(&COMPRESSORS);
    if spare.len() < SPARE_COMPRESSORS {
        spare.push(compressor);
    }
    shorter
}

/// The bytes of a zstd frame, at most `most`.
fn decompressed(frame: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let failed = |error| format!("zstd: {error}");
    let kept = lock(&DECOMPRESSORS).pop();
    let mut decompressor = match kept {
        Some(decompressor) => decompressor,
        None => zstd::bulk::Decompressor::new().map_err(failed)?,
    };
    // After a failure it is dropped.
    let plain = decompressor.decompress(frame, most).map_err(failed)?;
    let mut spare = lock(&DECOMPRESSORS);
    if spare.len() < SPARE_DECOMPRESSORS {
        spare.push(decompressor);
    }
    Ok(plain)
}

/// Decodes a payload; the error says what is wrong with it.
pub(crate) fn decode(payload: &Payload) -> Result<Vec<Logged>, String> {
    let mut plain = match payload.plain_len {
        None => payload.stored.clone(),
        Some(len) if len > MAX_PAYLOAD_BYTES => {
            return Err(format!("the payload of {len} bytes exceeds the limit of {MAX_PAYLOAD_BYTES}"));
        }
        Some(len) => {
            let plain = decompressed(&payload.stored, len)?;
            if plain.len() != len {
                return Err(format!("the payload has {} bytes, and its header says {len}", plain.len()));
            }
            plain.into()
        }
    };
    let is_packed = payload.is_packed();
    let mut writes = Vec::new();
    while plain.has_remaining() {
        let key_len = plain.try_get_u16_le().map_err(|e| format!("key length: {e}"))?;
        let key = take(&mut plain, usize::from(key_len)).ok_or("a key is cut off")?;
        let write = match length(&mut plain)? {
            REMOVED => Write::Removal,
            DIFFERENCE => {
                let len = length(&mut plain)?;
                Write::Difference(take_value(&mut plain, len)?)
            }
            len => Write::Value(take_value(&mut plain, len)?),
        };
        writes.push(Logged { key, write, is_packed });
    }
    Ok(writes)
}

fn length(from: &mut Bytes) -> Result<u32, String> {
    from.try_get_u32_le().map_err(|e| format!("value length: {e}"))
}

fn take_value(from: &mut Bytes, len: u32) -> Result<Bytes, String> {
    let len = usize::try_from(len).map_err(|e| format!("value length: {e}"))?;
    take(from, len).ok_or_else(|| "a value is cut off".to_owned())
}

fn take(from: &mut Bytes, len: usize) -> Option<Bytes> {
    (len <= from.len()).then(|| from.split_to(len))
}
