//! A bucket of a lookup: a version byte, the number of low bits of a hash that address the bucket, then
//! entries of fixed width in ascending order of (hash, row).
//!
//! The bits say which hashes belong in the bucket, so a reader needs no current number of buckets: if a
//! hash belongs to another bucket by these bits, the reader goes on to that one. Therefore a bucket is never
//! deleted once it is written, not even when it is empty. Version 1 stores no bits, and empty buckets of
//! version 1 were deleted.
//!
//! An entry is a keyed 64-bit hash and a row, 16 bytes; the entries of the `ref` lookup also carry the
//! 128-bit fingerprint of the input last applied to the member (0 = none), 32 bytes in all.

use super::decode::{DecodeError, versioned};

const VALUE: &str = "bucket";
const VERSION: u8 = 2;
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
    const fn bytes(self) -> usize {
        match self {
            Self::Plain => 16,
            Self::Fingerprint => 32,
        }
    }
}

/// A change of one entry of a bucket, in the 32 bytes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change(Entry);

impl Change {
    /// Marks a change that removes its entry. Rows stay far below 2^63, so the top bit is free.
    const REMOVES: u64 = 1 << 63;

    /// Sets this entry, whether one of this hash and row is there or not.
    #[must_use]
    pub const fn put(entry: Entry) -> Self {
        Self(entry)
    }

    /// Removes the entry of this hash and row, if it is there.
    #[must_use]
    pub const fn remove(hash: u64, row: u64) -> Self {
        Self(Entry { hash, row: row | Self::REMOVES, fingerprint: 0 })
    }

    /// The hash and the row of its entry. Entries and changes are in this order.
    #[must_use]
    pub const fn place(&self) -> (u64, u64) {
        (self.0.hash, self.0.row & !Self::REMOVES)
    }

    const fn new_entry(&self) -> Option<&Entry> {
        if self.0.row & Self::REMOVES == 0 { Some(&self.0) } else { None }
    }
}

/// A bucket as it is stored, whose entries are split and changed without decoding all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    width: Width,
    /// The stored form of version 2.
    stored: Vec<u8>,
}

impl Bucket {
    /// The bytes before the entries.
    const HEAD: [u8; 2] = [VERSION, 0];

    /// A bucket without entries.
    #[must_use]
    pub fn empty(width: Width) -> Self {
        Self { width, stored: Self::HEAD.to_vec() }
    }

    /// A bucket with these entries, which must be in ascending order.
    #[must_use]
    pub fn of(width: Width, entries: &[Entry]) -> Self {
        let mut bucket = Self::with_room(width, entries.len() * width.bytes());
        entries.iter().for_each(|entry| bucket.push(entry));
        bucket
    }

    /// Reads the stored form.
    pub fn read(width: Width, bytes: &[u8]) -> Result<Self, DecodeError> {
        let body = body(width, bytes)?;
        let mut bucket = Self::with_room(width, body.len());
        bucket.stored.extend_from_slice(body);
        Ok(bucket)
    }

    /// The bucket after these changes, which must be in ascending order of their places, each place once.
    #[must_use]
    pub fn changed(&self, changes: &[Change]) -> Self {
        let mut left = self.body();
        let mut changed = Self::with_room(self.width, left.len() + changes.len() * self.width.bytes());
        for change in changes {
            let (before, rest) = self.split_before(left, change.place());
            changed.stored.extend_from_slice(before);
            change.new_entry().into_iter().for_each(|entry| changed.push(entry));
            let is_there = self.first(rest).is_some_and(|first| first == change.place());
            left = if is_there { rest.get(self.width.bytes()..).unwrap_or_default() } else { rest };
        }
        changed.stored.extend_from_slice(left);
        changed
    }

    /// Two buckets with the entries whose hash `stays`, and with the others.
    #[must_use]
    pub fn split(&self, stays: impl Fn(u64) -> bool) -> (Self, Self) {
        let (mut stay, mut go) = (Self::empty(self.width), Self::empty(self.width));
        for entry in self.body().chunks_exact(self.width.bytes()) {
            let is_staying = entry.first_chunk().is_some_and(|hash| stays(u64::from_le_bytes(*hash)));
            let to = if is_staying { &mut stay } else { &mut go };
            to.stored.extend_from_slice(entry);
        }
        (stay, go)
    }

    /// Its entries, in order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry> + Clone + '_ {
        self.body().chunks_exact(self.width.bytes()).map(entry)
    }

    /// The stored form of the bucket, which `bits` low bits of a hash address.
    #[must_use]
    pub fn encode(mut self, bits: u8) -> Vec<u8> {
        let [_, at, ..] = self.stored.as_mut_slice() else { return self.stored };
        *at = bits;
        self.stored
    }

    fn with_room(width: Width, bytes: usize) -> Self {
        let mut stored = Vec::with_capacity(Self::HEAD.len() + bytes);
        stored.extend_from_slice(&Self::HEAD);
        Self { width, stored }
    }

    fn push(&mut self, entry: &Entry) {
        self.stored.extend_from_slice(&entry.hash.to_le_bytes());
        self.stored.extend_from_slice(&entry.row.to_le_bytes());
        if self.width == Width::Fingerprint {
            self.stored.extend_from_slice(&entry.fingerprint.to_le_bytes());
        }
    }

    fn body(&self) -> &[u8] {
        self.stored.get(Self::HEAD.len()..).unwrap_or_default()
    }

    /// Hash and row of the first entry.
    fn first(&self, entries: &[u8]) -> Option<(u64, u64)> {
        entries.get(..self.width.bytes()).map(place_of)
    }

    /// The entries before a place, and the rest.
    fn split_before<'a>(&self, entries: &'a [u8], place: (u64, u64)) -> (&'a [u8], &'a [u8]) {
        let width = self.width.bytes();
        let (mut low, mut high) = (0, entries.len() / width);
        while low < high {
            let middle = low.midpoint(high);
            let at = middle * width;
            if entries.get(at..at + width).is_some_and(|entry| place_of(entry) < place) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        entries.split_at_checked(low * width).unwrap_or((entries, &[]))
    }
}

/// The stored form of a bucket that `bits` low bits of a hash address. `entries` must be in ascending order.
#[must_use]
pub fn encode(width: Width, bits: u8, entries: &[Entry]) -> Vec<u8> {
    Bucket::of(width, entries).encode(bits)
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

fn body(width: Width, bytes: &[u8]) -> Result<&[u8], DecodeError> {
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

fn entry(chunk: &[u8]) -> Entry {
    let (hash, rest) = chunk.split_at_checked(8).unwrap_or_default();
    let (row, fingerprint) = rest.split_at_checked(8).unwrap_or_default();
    Entry {
        hash: number(hash),
        row: number(row),
        fingerprint: fingerprint.try_into().map(u128::from_le_bytes).unwrap_or_default(),
    }
}

/// Hash and row of an entry.
fn place_of(entry: &[u8]) -> (u64, u64) {
    let (hash, rest) = entry.split_at_checked(8).unwrap_or_default();
    (number(hash), rest.get(..8).map(number).unwrap_or_default())
}

fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map(u64::from_le_bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::stored::documented::assert_documented;

    fn sorted(raw: &[(u64, u64, u128)], width: Width) -> Vec<Entry> {
        let fingerprint = |f: u128| if width == Width::Fingerprint { f } else { 0 };
        let mut entries: Vec<Entry> =
            raw.iter().map(|&(hash, row, f)| Entry { hash, row, fingerprint: fingerprint(f) }).collect();
        entries.sort_unstable();
        entries
    }

    proptest! {
        #[test]
        fn entries_come_back_and_are_found_by_hash(
            raw in proptest::collection::vec((0_u64..20, any::<u64>(), any::<u128>()), 0..60),
            wanted in 0_u64..20,
            wide: bool,
            stated in 0_u8..=32,
        ) {
            let width = if wide { Width::Fingerprint } else { Width::Plain };
            let entries = sorted(&raw, width);
            let bytes = encode(width, stated, &entries);
            prop_assert_eq!(bits(&bytes), Ok(Some(stated)));
            // A bucket of version 1 is the same without the bits.
            let older = [&[1][..], &bytes[2..]].concat();
            prop_assert_eq!(bits(&older), Ok(None));
            let expected: Vec<Entry> = entries.iter().copied().filter(|e| e.hash == wanted).collect();
            for bytes in [bytes, older] {
                prop_assert_eq!(decode(width, &bytes), Ok(entries.clone()));
                let found: Vec<Entry> = find(width, &bytes, wanted).unwrap().collect();
                prop_assert_eq!(&found, &expected);
            }
        }

        #[test]
        fn changes_make_what_they_make_of_a_map(
            raw in proptest::collection::vec((0_u64..9, 0_u64..4, any::<u128>()), 0..60),
            changes in proptest::collection::btree_map((0_u64..9, 0_u64..4), proptest::option::of(any::<u128>()), 0..40),
            older: bool,
            wide: bool,
        ) {
            let width = if wide { Width::Fingerprint } else { Width::Plain };
            let mut model: BTreeMap<(u64, u64), u128> = BTreeMap::new();
            let entry = |((hash, row), fingerprint): (&(u64, u64), &u128)| {
                Entry { hash: *hash, row: *row, fingerprint: if wide { *fingerprint } else { 0 } }
            };
            model.extend(raw.iter().map(|(hash, row, f)| ((*hash, *row), *f)));
            let mut bytes = encode(width, 3, &model.iter().map(entry).collect::<Vec<_>>());
            if older {
                bytes.splice(..2, [1]);
            }
            let mut listed = Vec::new();
            for ((hash, row), fingerprint) in changes {
                match fingerprint {
                    Some(f) => {
                        model.insert((hash, row), f);
                        listed.push(Change::put(Entry { hash, row, fingerprint: f }));
                    }
                    None => {
                        model.remove(&(hash, row));
                        listed.push(Change::remove(hash, row));
                    }
                }
            }
            let changed = Bucket::read(width, &bytes).unwrap().changed(&listed);
            let expected: Vec<Entry> = model.iter().map(entry).collect();
            prop_assert_eq!(changed.entries().collect::<Vec<_>>(), expected.clone());
            let (even, odd) = changed.split(|hash| hash % 2 == 0);
            for (half, of) in [(even, 0), (odd, 1)] {
                let own: Vec<Entry> = expected.iter().copied().filter(|e| e.hash % 2 == of).collect();
                prop_assert_eq!(decode(width, &half.encode(7)), Ok(own));
            }
            prop_assert_eq!(changed.encode(9), encode(width, 9, &expected));
        }

        #[test]
        fn any_bytes_are_read_or_refused(version in 0_u8..4, bytes: Vec<u8>) {
            let bytes = [vec![version], bytes].concat();
            let _ = (bits(&bytes), decode(Width::Plain, &bytes), decode(Width::Fingerprint, &bytes));
            let read = Bucket::read(Width::Plain, &bytes);
            prop_assert_eq!(read.map(|read| read.entries().collect()), decode(Width::Plain, &bytes));
        }
    }

    #[test]
    fn an_entry_has_its_golden_bytes() {
        let entry = Entry { hash: 1, row: 2, fingerprint: 3 };
        let mut golden = vec![2, 5, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
        assert_documented(&golden);
        assert_eq!(encode(Width::Plain, 5, &[entry]), golden);
        let older = [&[1][..], &golden[2..]].concat();
        assert_documented(&older);
        assert_eq!(decode(Width::Plain, &older), Ok(vec![Entry { fingerprint: 0, ..entry }]));
        golden.extend([3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_documented(&golden);
        assert_eq!(encode(Width::Fingerprint, 5, &[entry]), golden);
    }

    #[test]
    fn a_bucket_that_ends_within_an_entry_is_refused() {
        let bytes = encode(Width::Plain, 0, &[Entry { hash: 1, row: 2, fingerprint: 0 }]);
        for length in (0..bytes.len()).filter(|length| *length != 2) {
            assert!(decode(Width::Plain, &bytes[..length]).is_err(), "{length} bytes");
        }
        assert!(find(Width::Plain, &[], 1).is_err() && bits(&[2]).is_err() && bits(&[2, 33]).is_err());
        assert_eq!(decode(Width::Plain, &encode(Width::Plain, 7, &[])), Ok(Vec::new()));
    }
}
