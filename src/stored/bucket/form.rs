//! The stored form of a bucket, and what is found in it.

use crate::stored::decode::{DecodeError, versioned};

const VALUE: &str = "bucket";
pub(super) const VERSION: u8 = 2;
/// The number of a bucket has at most this many bits.
const MAX_BITS: u8 = 32;

/// One entry of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The keyed hash of the value.
    pub hash: u64,
    /// The row that has (or had) the value.
    pub row: u64,
    /// The fingerprint of the input last applied, 0 where there is none.
    pub fingerprint: u128,
}

/// Whether the entries of a bucket carry fingerprints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// 16 bytes: hash and row.
    Plain,
    /// 32 bytes: hash, row and fingerprint.
    Fingerprint,
}

impl Width {
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::Plain => 16,
            Self::Fingerprint => 32,
        }
    }
}

/// Every entry of a bucket, in order.
pub fn decode(width: Width, bytes: &[u8]) -> Result<Vec<Entry>, DecodeError> {
    Ok(entries(width, bytes)?.collect())
}

/// The entries of a bucket, in order.
pub fn entries(
    width: Width,
    bytes: &[u8],
) -> Result<impl ExactSizeIterator<Item = Entry> + Clone + '_, DecodeError> {
    Ok(body(width, bytes)?.chunks_exact(width.bytes()).map(entry))
}

/// How many low bits of a hash address the bucket; `None` for version 1, which does not store it.
pub fn bits(bytes: &[u8]) -> Result<Option<u8>, DecodeError> {
    Ok(split(bytes)?.0)
}

/// The entries of `hash`.
pub fn find(width: Width, bytes: &[u8], hash: u64) -> Result<impl Iterator<Item = Entry>, DecodeError> {
    let body = body(width, bytes)?;
    let (mut low, mut high) = (0, body.len() / width.bytes());
    while low < high {
        let middle = low.midpoint(high);
        let at = middle * width.bytes();
        match body.get(at..at + 8) {
            Some(bytes) if number(bytes) < hash => low = middle + 1,
            _ => high = middle,
        }
    }
    let rest = body.get(low * width.bytes()..).unwrap_or_default();
    Ok(rest.chunks_exact(width.bytes()).map(entry).take_while(move |entry| entry.hash == hash))
}

pub(super) fn body(width: Width, bytes: &[u8]) -> Result<&[u8], DecodeError> {
    let (_, body) = split(bytes)?;
    if body.len() % width.bytes() == 0 {
        Ok(body)
    } else {
        Err(DecodeError::Damaged { value: VALUE, detail: "it ends within an entry" })
    }
}

/// The bits and the entries.
fn split(bytes: &[u8]) -> Result<(Option<u8>, &[u8]), DecodeError> {
    let rest = versioned(VALUE, VERSION, bytes)?;
    if bytes.first() == Some(&1) {
        return Ok((None, rest));
    }
    match rest.split_first() {
        Some((bits, body)) if *bits <= MAX_BITS => Ok((Some(*bits), body)),
        Some(_) => Err(DecodeError::Damaged { value: VALUE, detail: "too many bits address it" }),
        None => {
            Err(DecodeError::Damaged { value: VALUE, detail: "it does not say how many bits address it" })
        }
    }
}

pub(super) fn entry(chunk: &[u8]) -> Entry {
    let (hash, rest) = chunk.split_at_checked(8).unwrap_or_default();
    let (row, fingerprint) = rest.split_at_checked(8).unwrap_or_default();
    Entry {
        hash: number(hash),
        row: number(row),
        fingerprint: fingerprint.try_into().map(u128::from_le_bytes).unwrap_or_default(),
    }
}

pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map(u64::from_le_bytes).unwrap_or_default()
}
