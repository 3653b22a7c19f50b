//! The metadata of a store: its format and its secret keys. It is written when the store is created, when
//! its format is raised, when its e-mail lookups are rewritten, and when a restored store begins a new
//! timeline.

use super::DecodeError;
use super::bytes::{Reader, Writer};

const VALUE: &str = "store meta";

/// The newest format of a store that this program reads, and the one that it writes.
pub const FORMAT: u32 = 4;
/// The first format, in which the metadata ended after the keys.
const FIRST_FORMAT: u32 = 1;

/// The format in the mark of an unfinished copy. No store has it, so every program refuses the mark.
const NO_FORMAT: u32 = u32::MAX;

/// What stands in the place of the metadata until a copy of a store is complete.
#[must_use]
pub fn unfinished() -> Vec<u8> {
    let mut w = Writer::default();
    w.varint(u64::from(NO_FORMAT));
    w.0
}

/// A fold version of its own: addresses are folded by the newest rule, and the e-mail lookups made by an
/// older rule are being rewritten.
pub const REFOLDING: u32 = 3;

/// Format and secrets of a store. The secrets make ids unguessable and hashes unpredictable; they never leave
/// the store.
#[derive(Clone, PartialEq, Eq)]
pub struct Meta {
    /// The format of the store. A program that does not know it refuses to open the store.
    pub format: u32,
    /// The format in which values are written: a program that knows this format can read every value in the
    /// store. Never greater than `format`.
    pub write_format: u32,
    /// The rule by which e-mails are folded, see [`crate::model::Fold`], or [`REFOLDING`].
    pub fold_version: u32,
    /// Encrypts ids.
    pub id_key: [u8; 16],
    /// Encrypts and authenticates cursors.
    pub cursor_key: [u8; 16],
    /// The key of the hashes in lookups.
    pub hash_key: [u8; 16],
    /// The key of the fingerprints of inputs, and of the hashes of request ids.
    pub fingerprint_key: [u8; 16],
}

impl Meta {
    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.varint(u64::from(self.format));
        w.varint(u64::from(self.fold_version));
        [self.id_key, self.cursor_key, self.hash_key, self.fingerprint_key]
            .iter()
            .for_each(|key| w.slice(key));
        if self.format > FIRST_FORMAT {
            w.varint(u64::from(self.write_format));
        }
        w.0
    }

    /// The metadata of the same store, raised to the format that this program writes.
    #[must_use]
    pub fn raised(self) -> Self {
        Self { format: FORMAT, write_format: FORMAT, ..self }
    }

    /// Reads only the format, which works for every format, also a newer one.
    pub fn format(bytes: &[u8]) -> Result<u32, DecodeError> {
        number(&mut Reader::new(VALUE, bytes))
    }

    /// Reads the stored form of a format up to [`FORMAT`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(VALUE, bytes);
        let format = number(&mut r)?;
        let mut meta = Self {
            format,
            write_format: format,
            fold_version: number(&mut r)?,
            id_key: key(&mut r)?,
            cursor_key: key(&mut r)?,
            hash_key: key(&mut r)?,
            fingerprint_key: key(&mut r)?,
        };
        if format > FIRST_FORMAT {
            meta.write_format = number(&mut r)?;
        }
        if meta.write_format > format {
            return Err(r.damaged("its write format is newer than its format"));
        }
        r.end()?;
        Ok(meta)
    }
}

/// The stored form of the next base number.
#[must_use]
pub fn next_base(number: u32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// Reads the next base number.
pub fn decode_next_base(bytes: &[u8]) -> Result<u32, DecodeError> {
    let damaged = |_| DecodeError::Damaged { value: "next base", detail: "it is not four bytes long" };
    bytes.try_into().map(u32::from_be_bytes).map_err(damaged)
}

fn number(r: &mut Reader<'_>) -> Result<u32, DecodeError> {
    u32::try_from(r.varint()?).map_err(|_| r.damaged("a number is too large"))
}

fn key(r: &mut Reader<'_>) -> Result<[u8; 16], DecodeError> {
    r.slice()?.try_into().map_err(|_| r.damaged("a key is not 16 bytes long"))
}

/// The metadata that `docs/formats.md` shows; its hashes there are made with these keys.
#[cfg(test)]
pub(crate) fn sample() -> Meta {
    Meta {
        format: FORMAT,
        write_format: FORMAT,
        fold_version: 1,
        id_key: [1; 16],
        cursor_key: [2; 16],
        hash_key: [3; 16],
        fingerprint_key: [4; 16],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::documented::assert_documented;

    #[test]
    fn meta_comes_back_and_every_truncation_is_refused() {
        for meta in [sample(), Meta { format: 1, write_format: 1, ..sample() }] {
            let bytes = meta.encode();
            assert!(Meta::decode(&bytes).unwrap() == meta);
            assert_eq!(Meta::format(&bytes), Ok(meta.format));
            for length in 0..bytes.len() {
                assert!(Meta::decode(&bytes[..length]).is_err(), "{length} bytes");
            }
            assert!(Meta::decode(&[bytes, vec![0]].concat()).is_err());
        }
    }

    #[test]
    fn the_mark_of_an_unfinished_copy_is_of_no_format() {
        assert_documented(&unfinished());
        assert!(Meta::format(&unfinished()).unwrap() > FORMAT);
    }

    #[test]
    fn meta_has_its_golden_bytes_and_that_of_the_first_format_is_raised() {
        let golden = sample().encode();
        assert_documented(&golden);
        let first = [&[1][..], &golden[1..golden.len() - 1]].concat();
        let read = Meta::decode(&first).unwrap();
        assert_eq!((read.format, read.write_format), (1, 1));
        assert!(read.raised() == sample());
    }

    #[test]
    fn the_next_base_number_comes_back() {
        assert_eq!(decode_next_base(&next_base(7)), Ok(7));
        assert!(decode_next_base(&[1]).is_err());
    }
}
