//! What a checkpoint writes about a base's indexes: how far they go, and the chunks of its sets.

use roaring::RoaringBitmap;

use super::bytes::{Reader, Writer};
use super::{SchemaError, versioned};

const RECORD: &str = "index state";
const CHUNK: &str = "set chunk";
const VERSION: u8 = 1;

/// Lookups of a base: `ref`, folded e-mail, worker id. The order is stored.
pub const LOOKUPS: usize = 3;

/// The state of one lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookupState {
    /// Buckets of the linear hash, at least 1.
    pub buckets: u32,
    /// Entries as of the watermark.
    pub entries: u64,
}

impl Default for LookupState {
    fn default() -> Self {
        Self { buckets: 1, entries: 0 }
    }
}

/// How far the stored indexes of a base go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexState {
    /// Every commit up to this revision is in the stored indexes; later ones are replayed at open.
    pub watermark: u64,
    /// One per lookup.
    pub lookups: [LookupState; LOOKUPS],
    /// Fields whose set was given up because they have too many distinct values.
    pub unindexed: Vec<u8>,
}

impl IndexState {
    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.u8(VERSION);
        w.varint(self.watermark);
        for lookup in &self.lookups {
            w.varint(u64::from(lookup.buckets));
            w.varint(lookup.entries);
        }
        w.slice(&self.unindexed);
        w.0
    }

    /// Reads the stored form.
    pub fn decode(bytes: &[u8]) -> Result<Self, SchemaError> {
        let mut r = Reader::new(RECORD, versioned(RECORD, VERSION, bytes)?);
        let mut state = Self { watermark: r.varint()?, ..Self::default() };
        for lookup in &mut state.lookups {
            let buckets = u32::try_from(r.varint()?).ok().filter(|buckets| *buckets > 0);
            lookup.buckets = buckets.ok_or_else(|| r.damaged("a number of buckets is out of range"))?;
            lookup.entries = r.varint()?;
        }
        state.unindexed = r.slice()?.to_vec();
        Ok(state)
    }
}

/// The stored form of a chunk of a set: a version byte and the bitmap in the portable roaring format.
#[must_use]
pub fn encode_chunk(chunk: &RoaringBitmap) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + chunk.serialized_size());
    bytes.push(VERSION);
    // Writing to a vector cannot fail.
    let written = chunk.serialize_into(&mut bytes);
    debug_assert!(written.is_ok());
    bytes
}

/// Reads a chunk of a set.
pub fn decode_chunk(bytes: &[u8]) -> Result<RoaringBitmap, SchemaError> {
    let body = versioned(CHUNK, VERSION, bytes)?;
    RoaringBitmap::deserialize_from(body)
        .map_err(|_| SchemaError::Damaged { record: CHUNK, detail: "its bitmap cannot be read" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_comes_back_and_every_truncation_is_refused() {
        let mut state = IndexState { watermark: 1 << 40, unindexed: vec![1], ..IndexState::default() };
        state.lookups[1] = LookupState { buckets: 70_000, entries: 1 << 33 };
        let bytes = state.encode();
        assert_eq!(IndexState::decode(&bytes), Ok(state));
        for length in 0..bytes.len() {
            assert!(IndexState::decode(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_lookup_without_buckets_is_refused() {
        let mut state = IndexState::default();
        state.lookups[0].buckets = 0;
        assert!(IndexState::decode(&state.encode()).is_err());
    }

    #[test]
    fn a_chunk_comes_back_and_a_damaged_one_is_refused() {
        let chunk: RoaringBitmap = (0..9_000).step_by(2).collect();
        let bytes = encode_chunk(&chunk);
        assert_eq!(decode_chunk(&bytes), Ok(chunk));
        assert!(decode_chunk(&bytes[..bytes.len() / 2]).is_err());
        assert!(decode_chunk(&[]).is_err());
    }
}
