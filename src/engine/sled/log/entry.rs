//! An entry of the log, byte by byte. Snapshots consist of entries too.
//!
//! ```text
//! at  size  what
//!  0   4    magic "mbR1"
//!  4   4    CRC32C of everything after it up to the end of the payload, seeded with the segment's id
//!  8   1    kind: 1 batch, 2 mark; in snapshots 3 block, 4 end
//!  9   1    flags: 1 the payload is a zstd frame
//! 10   2    zero
//! 12   4    stored length of the payload
//! 16   4    its length before compression (equal if it was not compressed)
//! 20   4    zero
//! 24   8    number: of a batch; of a mark, that of the last batch before it; in snapshots, of a block,
//!           counted from 0; of the end, the number of blocks
//! 32   8    durable: the highest number that was known to be on stable storage when this was written; in
//!           snapshots, their position
//! 40   …    payload, then zeros up to a multiple of 64
//! ```
//!
//! Numbers are little-endian. Entries start at multiples of 64 bytes, so a reader can find the next one after
//! a damaged one. The seed invalidates entries of an earlier segment that the disk returns in place of this
//! one's. `durable` lets a reader tell a torn tail from corruption: see `chain.rs`.

use std::io::{self, Read};

use bytes::Bytes;

use super::payload::{MAX_PAYLOAD_BYTES, Payload};

/// Entries start at multiples of this.
pub(crate) const ALIGN: usize = 64;
/// The bytes before the payload.
pub(crate) const HEADER_BYTES: usize = 40;

const MAGIC: [u8; 4] = *b"mbR1";
const KIND_BATCH: u8 = 1;
const KIND_MARK: u8 = 2;
const KIND_BLOCK: u8 = 3;
const KIND_END: u8 = 4;
const FLAG_ZSTD: u8 = 1;

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The writes of a batch.
    Batch,
    /// Says that every batch up to its number is durable. Written by an orderly close, so that the next open
    /// need not copy the last batches, and can tell damage to them from a torn tail.
    Mark,
    /// Writes of a snapshot. Never in the log.
    Block,
    /// The end of a snapshot. Never in the log.
    End,
}

/// The fixed part of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) number: u64,
    pub(crate) durable: u64,
    stored_len: u32,
    plain_len: Option<u32>,
    crc: u32,
}

/// Appends an entry to `out`, whose length must be a multiple of [`ALIGN`]. The payload must be within its
/// limit.
pub(crate) fn encode(out: &mut Vec<u8>, seed: u32, kind: Kind, number: u64, durable: u64, payload: &Payload) {
    let start = out.len();
    let stored_len = u32::try_from(payload.stored.len()).unwrap_or(u32::MAX);
    let plain_len = payload.plain_len.map(|len| u32::try_from(len).unwrap_or(u32::MAX));
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0; 4]);
    out.push(match kind {
        Kind::Batch => KIND_BATCH,
        Kind::Mark => KIND_MARK,
        Kind::Block => KIND_BLOCK,
        Kind::End => KIND_END,
    });
    out.push(if plain_len.is_some() { FLAG_ZSTD } else { 0 });
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&stored_len.to_le_bytes());
    out.extend_from_slice(&plain_len.unwrap_or(stored_len).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&durable.to_le_bytes());
    out.extend_from_slice(&payload.stored);
    let crc = crc32c::crc32c_append(seed, out.get(start + 8..).unwrap_or_default());
    if let Some(place) = out.get_mut(start + 4..start + 8) {
        place.copy_from_slice(&crc.to_le_bytes());
    }
    out.resize(start + (out.len() - start).next_multiple_of(ALIGN), 0);
}

impl Header {
    /// Decodes the fixed part. `None` if these bytes are not the beginning of an entry. The checksum is not
    /// checked yet.
    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let u32_at = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let u64_at = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let kind = match *bytes.get(8)? {
            KIND_BATCH => Kind::Batch,
            KIND_MARK => Kind::Mark,
            KIND_BLOCK => Kind::Block,
            KIND_END => Kind::End,
            _ => return None,
        };
        let stored_len = u32_at(12)?;
        let plain_len = match *bytes.get(9)? {
            0 => None,
            FLAG_ZSTD => Some(u32_at(16)?),
            _ => return None,
        };
        let limit = u32::try_from(MAX_PAYLOAD_BYTES).ok()?;
        let plausible =
            bytes.starts_with(&MAGIC) && stored_len <= limit && plain_len.is_none_or(|l| l <= limit);
        let header =
            Self { kind, number: u64_at(24)?, durable: u64_at(32)?, stored_len, plain_len, crc: u32_at(4)? };
        plausible.then_some(header)
    }

    /// The bytes of payload and padding after the fixed part.
    pub(crate) fn rest_bytes(&self) -> usize {
        let payload = usize::try_from(self.stored_len).unwrap_or(usize::MAX);
        HEADER_BYTES.saturating_add(payload).next_multiple_of(ALIGN) - HEADER_BYTES
    }

    /// The payload, if `fixed` and `rest` (of [`Header::rest_bytes`] bytes) are undamaged.
    pub(crate) fn payload(&self, seed: u32, fixed: &[u8; HEADER_BYTES], rest: &Bytes) -> Option<Payload> {
        let len = usize::try_from(self.stored_len).ok()?;
        let padding = rest.get(len..)?;
        let crc = crc32c::crc32c_append(seed, fixed.get(8..)?);
        let crc = crc32c::crc32c_append(crc, rest.get(..len)?);
        let plain_len = self.plain_len.and_then(|len| usize::try_from(len).ok());
        let intact = crc == self.crc && rest.len() == self.rest_bytes() && padding.iter().all(|b| *b == 0);
        intact.then(|| Payload { stored: rest.slice(..len), plain_len })
    }
}

/// An undamaged entry.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) header: Header,
    pub(crate) payload: Payload,
}

/// An entry and its length on disk, or `None` if the bytes are not a complete and undamaged entry. Never
/// reads or allocates more than `left` bytes.
pub(crate) fn read_entry(input: &mut impl Read, left: u64, seed: u32) -> io::Result<Option<(Entry, u64)>> {
    let mut fixed = [0; HEADER_BYTES];
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    if left < fixed.len() {
        return Ok(None);
    }
    input.read_exact(&mut fixed)?;
    let Some(header) = Header::decode(&fixed) else { return Ok(None) };
    let rest_bytes = header.rest_bytes();
    if rest_bytes > left - fixed.len() {
        return Ok(None);
    }
    let mut rest = vec![0; rest_bytes];
    input.read_exact(&mut rest)?;
    let payload = header.payload(seed, &fixed, &Bytes::from(rest));
    let bytes = u64::try_from(fixed.len() + rest_bytes).unwrap_or(u64::MAX);
    Ok(payload.map(|payload| (Entry { header, payload }, bytes)))
}
