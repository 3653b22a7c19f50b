//! The content of a log entry: the puts and deletes of one batch, in order.
//!
//! ```text
//! payload := write*                       (to the end of the payload)
//! write   := key-length:u16 key value
//! value   := 0xFFFF_FFFF                  (the key is removed)
//!          | length:u32 byte*
//! ```
//!
//! Numbers are little-endian. A payload over [`COMPRESS_FROM_BYTES`] is stored as one zstd frame if that is
//! smaller, unless its values are packed already.

use std::sync::Mutex;

use bytes::{Buf, Bytes};

use crate::engine::EngineError;
use crate::engine::lock::lock;
use crate::engine::pending::{Op, bytes_of};

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

/// A payload as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) stored: Bytes,
    /// The length before compression, if it was compressed.
    pub(crate) plain_len: Option<usize>,
}

/// Idle compressors. Setting up a compressor's tables costs more than compressing a small batch, and one
/// compressor per thread would take too much memory.
static COMPRESSORS: Mutex<Vec<zstd::bulk::Compressor<'static>>> = Mutex::new(Vec::new());
/// The number of idle compressors that are kept, at about 600 KB each.
const SPARE_COMPRESSORS: usize = 2;

/// Encodes `ops`; values that are packed already are not compressed. The CPU time is proportional to the
/// batch, so the caller does this, not the syncer.
pub(crate) fn encode(ops: &[Op], is_packed: bool) -> Result<Payload, EngineError> {
    let size = ops.len() * LENGTHS_BYTES + bytes_of(ops);
    if size > MAX_PAYLOAD_BYTES {
        return Err(EngineError::TooLarge { what: "batch", bytes: size, limit: MAX_PAYLOAD_BYTES });
    }
    let mut plain = Vec::with_capacity(size);
    for op in ops {
        let too_long = |what, bytes| EngineError::TooLarge { what, bytes, limit: MAX_PAYLOAD_BYTES };
        let key_len = u16::try_from(op.key.len()).map_err(|_| too_long("key", op.key.len()))?;
        plain.extend_from_slice(&key_len.to_le_bytes());
        plain.extend_from_slice(&op.key);
        match &op.value {
            Some(value) => {
                let len = u32::try_from(value.len()).map_err(|_| too_long("value", value.len()))?;
                plain.extend_from_slice(&len.to_le_bytes());
                plain.extend_from_slice(value);
            }
            None => plain.extend_from_slice(&REMOVED.to_le_bytes()),
        }
    }
    Ok(if is_packed { Payload { stored: plain.into(), plain_len: None } } else { compress(plain) })
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

/// Decodes a payload; the error says what is wrong with it.
pub(crate) fn decode(payload: &Payload) -> Result<Vec<Op>, String> {
    let mut plain = match payload.plain_len {
        None => payload.stored.clone(),
        Some(len) if len > MAX_PAYLOAD_BYTES => {
            return Err(format!("the payload of {len} bytes exceeds the limit of {MAX_PAYLOAD_BYTES}"));
        }
        Some(len) => {
            let plain = zstd::bulk::decompress(&payload.stored, len).map_err(|e| format!("zstd: {e}"))?;
            if plain.len() != len {
                return Err(format!("the payload has {} bytes, and its header says {len}", plain.len()));
            }
            plain.into()
        }
    };
    let mut ops = Vec::new();
    while plain.has_remaining() {
        let key_len = plain.try_get_u16_le().map_err(|e| format!("key length: {e}"))?;
        let key = take(&mut plain, usize::from(key_len)).ok_or("a key is cut off")?;
        let value = match plain.try_get_u32_le().map_err(|e| format!("value length: {e}"))? {
            REMOVED => None,
            len => {
                let len = usize::try_from(len).map_err(|e| format!("value length: {e}"))?;
                Some(take(&mut plain, len).ok_or("a value is cut off")?)
            }
        };
        ops.push(Op { key, value });
    }
    Ok(ops)
}

fn take(from: &mut Bytes, len: usize) -> Option<Bytes> {
    (len <= from.len()).then(|| from.split_to(len))
}
