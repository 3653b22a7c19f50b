//! Stored members that were read by key, kept in memory.
//!
//! The engine keeps pages of a hundred and more members; of members that are asked for again and again, wherever they
//! stand, this keeps just these. Lists and writes pass it by.
//!
//! Invariants:
//!
//! - A record is put in only by who holds the view lock of its base shared, and rows that a commit touches are removed
//!   while it is published, under the same lock held exclusively. So what is found here is what the view shows.
//! - Rows are never used again, so what is left of a purged base only waits to be evicted.
//! - The bytes that all bases take for the images of their lookups leave the cache less room, and half as many again are
//!   held back, because the engine's own heap grows with the store. Never less than an eighth is left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::model::{BaseNumber, Row};
use crate::stored::block::ROWS_PER_BLOCK;

/// What a record takes in the cache beside its bytes: its key, its place and its part of the tables, in bytes.
const ENTRY_BYTES: usize = 110;
/// How large a record is taken to be when the cache's tables are first made, in bytes.
const USUAL_BYTES: usize = 220;
/// The part of the room that the images of lookups never take.
const LEAST_PART: u64 = 8;

/// A stored member.
pub type CachedMember = Arc<[u8]>;

type Key = (BaseNumber, Row);

/// The records of all bases of a store.
#[derive(Debug)]
pub struct MemberCache {
    cache: Cache<Key, CachedMember, Bytes>,
    /// Bytes for this cache and the images together.
    room: u64,
    /// Bytes that the images of each base take.
    images: Mutex<HashMap<BaseNumber, u64>>,
}

#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<Key, CachedMember> for Bytes {
    fn weight(&self, _key: &Key, record: &CachedMember) -> u64 {
        bytes(record.len() + ENTRY_BYTES)
    }
}

impl MemberCache {
    /// An empty cache that shares `room` bytes with the images of lookups.
    pub fn new(room: usize) -> Arc<Self> {
        let cache = Cache::with_weighter(room / (USUAL_BYTES + ENTRY_BYTES), bytes(room), Bytes);
        Arc::new(Self { cache, room: bytes(room), images: Mutex::default() })
    }

    /// The record of a row, if it is known.
    pub fn get(&self, base: BaseNumber, row: Row) -> Option<CachedMember> {
        self.cache.get(&(base, row))
    }

    /// Keeps the record of a row, read under the view that the caller holds.
    pub fn put(&self, base: BaseNumber, row: Row, record: &[u8]) -> CachedMember {
        let record = CachedMember::from(record);
        self.cache.insert((base, row), Arc::clone(&record));
        record
    }

    /// Forgets the rows of these blocks, for a commit that is published now. Rows from `next_row` on are new.
    pub fn forget(&self, base: BaseNumber, blocks: impl Iterator<Item = u64>, next_row: u64) {
        if self.cache.is_empty() {
            return;
        }
        for block in blocks {
            let first = block * ROWS_PER_BLOCK;
            for row in first..next_row.min(first + ROWS_PER_BLOCK) {
                self.cache.remove(&(base, Row(row)));
            }
        }
    }

    /// Notes how many bytes the images of a base take, and gives the cache what is left.
    pub fn set_images(&self, base: BaseNumber, taken: usize) {
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        images.insert(base, bytes(taken));
        images.retain(|_, taken| *taken > 0);
        let taken: u64 = images.values().sum();
        let taken = taken.saturating_add(taken / 2);
        self.cache.set_capacity(self.room.saturating_sub(taken).max(self.room / LEAST_PART));
    }
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: BaseNumber = BaseNumber(1);

    #[test]
    fn a_commit_forgets_the_rows_of_its_blocks_and_no_others() {
        let records = MemberCache::new(100_000);
        for row in [15, 16, 31, 32] {
            records.put(BASE, Row(row), b"old");
        }
        records.put(BaseNumber(2), Row(16), b"old");
        records.forget(BASE, [1].into_iter(), 40);
        let known = |row| records.get(BASE, Row(row)).is_some();
        assert_eq!([15, 16, 31, 32].map(known), [true, false, false, true]);
        assert!(records.get(BaseNumber(2), Row(16)).is_some());
    }

    #[test]
    fn images_take_room_from_records_but_not_all_of_it() {
        let records = MemberCache::new(800_000);
        let fill = || (0..5_000).for_each(|row| drop(records.put(BASE, Row(row), &[7; 110])));
        let weight = || records.cache.weight();
        fill();
        assert!((400_000..=800_000).contains(&weight()), "{}", weight());
        records.set_images(BASE, 600_000);
        fill();
        assert!((50_000..=200_000).contains(&weight()), "{}", weight());
        records.set_images(BaseNumber(2), 10_000_000);
        fill();
        assert!((20_000..=100_000).contains(&weight()), "{}", weight());
        records.set_images(BASE, 0);
        records.set_images(BaseNumber(2), 0);
        fill();
        assert!((400_000..=800_000).contains(&weight()), "{}", weight());
    }
}
