//! Changes of entries, and a bucket that takes them without decoding all of its entries.

use super::form::{Entry, VERSION, Width, body, entry, number};
use crate::stored::DecodeError;

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

    /// A change as a bucket of the recent level has it.
    #[must_use]
    pub const fn of_stored(entry: Entry) -> Self {
        Self(entry)
    }

    /// The hash and the row of its entry. Entries and changes are in this order.
    #[must_use]
    pub const fn place(&self) -> (u64, u64) {
        (self.0.hash, row_of(self.0.row))
    }

    /// What it sets; `None` if it removes its entry.
    #[must_use]
    pub const fn new_entry(&self) -> Option<&Entry> {
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

    /// The bucket of the main level after these changes, which must be in ascending order of their places,
    /// each place once.
    #[must_use]
    pub fn changed(&self, changes: &[Change]) -> Self {
        self.with(changes, Change::new_entry)
    }

    /// The bucket of the recent level with these changes too, which must be in the same order. A newer change
    /// replaces the older one of its place.
    #[must_use]
    pub fn noting(&self, changes: &[Change]) -> Self {
        self.with(changes, |change| Some(&change.0))
    }

    /// With what `kept` says of each change in the place of its entry.
    fn with(&self, changes: &[Change], kept: impl Fn(&Change) -> Option<&Entry>) -> Self {
        let mut left = self.body();
        let mut changed = Self::with_room(self.width, left.len() + changes.len() * self.width.bytes());
        for change in changes {
            let (before, rest) = self.split_before(left, change.place());
            changed.stored.extend_from_slice(before);
            kept(change).into_iter().for_each(|entry| changed.push(entry));
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

    /// Its entries, or the changes of a bucket of the recent level as they are stored, in order.
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

/// The row without the mark of a removal.
const fn row_of(stored: u64) -> u64 {
    stored & !Change::REMOVES
}

/// Hash and row of a stored entry or change.
fn place_of(entry: &[u8]) -> (u64, u64) {
    let (hash, rest) = entry.split_at_checked(8).unwrap_or_default();
    (number(hash), row_of(rest.get(..8).map(number).unwrap_or_default()))
}
