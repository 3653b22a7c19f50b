//! A cache of stored members that were read by key.
//!
//! The engine caches pages of a hundred and more members. This cache holds single members, so members that
//! are read often stay in memory even if they are spread over many pages. Lists and writes do not use it.
//!
//! Invariants:
//!
//! - A member is inserted only while the view lock of its base is held shared. Publishing a commit removes
//!   the rows of the blocks that it changed, while it holds the same lock exclusively. So the cache always
//!   agrees with the view.
//! - Rows are never reused, so entries of a purged base do no harm until they are evicted.
//! - The cache shrinks by one and a half times the bytes that the lookup images of all bases take; the extra
//!   half is for the engine's own heap, which grows with the store. The cache keeps at least an eighth of the
//!   room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::model::{BaseNumber, Row};
use crate::stored::block::ROWS_PER_BLOCK;

/// Bytes that a member takes in the cache besides its own: its key, its slot and its part of the tables.
const ENTRY_BYTES: usize = 110;
/// The assumed size of a member when the cache's tables are created, in bytes.
const USUAL_BYTES: usize = 220;
/// The cache keeps at least one part in this many of the room, however large the images are.
const LEAST_PART: u64 = 8;

/// A stored member.
pub type CachedMember = Arc<[u8]>;

type Key = (BaseNumber, Row);

/// The counters of the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheStatus {
    /// The bytes that cached members take.
    pub bytes: u64,
    /// The bytes that they may take now.
    pub capacity_bytes: u64,
    /// The bytes that the images of the lookups of all bases take.
    pub image_bytes: u64,
    /// How often a member was found.
    pub hits: u64,
    /// How often a member was not found.
    pub misses: u64,
}

/// The cached members of all bases of a store.
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
    fn weight(&self, _key: &Key, member: &CachedMember) -> u64 {
        bytes(member.len() + ENTRY_BYTES)
    }
}

impl MemberCache {
    /// An empty cache that shares `room` bytes with the images of lookups.
    pub fn new(room: usize) -> Arc<Self> {
        let cache = Cache::with_weighter(room / (USUAL_BYTES + ENTRY_BYTES), bytes(room), Bytes);
        Arc::new(Self { cache, room: bytes(room), images: Mutex::default() })
    }

    /// What the cache and the images take now, and how often a member was found in the cache.
    pub fn status(&self) -> CacheStatus {
        let images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        CacheStatus {
            bytes: self.cache.weight(),
            capacity_bytes: self.cache.capacity(),
            image_bytes: images.values().sum(),
            hits: self.cache.hits(),
            misses: self.cache.misses(),
        }
    }

    /// The member at a row, if it is cached.
    pub fn get(&self, base: BaseNumber, row: Row) -> Option<CachedMember> {
        self.cache.get(&(base, row))
    }

    /// Inserts the member at a row, which was read under the view that the caller holds.
    pub fn put(&self, base: BaseNumber, row: Row, member: &[u8]) -> CachedMember {
        let member = CachedMember::from(member);
        self.cache.insert((base, row), Arc::clone(&member));
        member
    }

    /// Removes the rows of these blocks while a commit that changed them is published. Rows from `next_row`
    /// on are new, so they cannot be cached.
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

    /// Notes how many bytes the images of a base take, and adjusts the capacity of the cache.
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
    fn a_commit_removes_the_rows_of_its_blocks_and_no_others() {
        let members = MemberCache::new(100_000);
        for row in [15, 16, 31, 32] {
            members.put(BASE, Row(row), b"old");
        }
        members.put(BaseNumber(2), Row(16), b"old");
        members.forget(BASE, [1].into_iter(), 40);
        let is_cached = |row| members.get(BASE, Row(row)).is_some();
        assert_eq!([15, 16, 31, 32].map(is_cached), [true, false, false, true]);
        assert!(members.get(BaseNumber(2), Row(16)).is_some());
    }

    #[test]
    fn images_take_room_from_members_but_not_all_of_it() {
        let members = MemberCache::new(800_000);
        let fill = || (0..5_000).for_each(|row| drop(members.put(BASE, Row(row), &[7; 110])));
        let weight = || members.cache.weight();
        fill();
        assert!((400_000..=800_000).contains(&weight()), "{}", weight());
        members.set_images(BASE, 600_000);
        fill();
        assert!((50_000..=200_000).contains(&weight()), "{}", weight());
        members.set_images(BaseNumber(2), 10_000_000);
        fill();
        assert!((20_000..=100_000).contains(&weight()), "{}", weight());
        members.set_images(BASE, 0);
        members.set_images(BaseNumber(2), 0);
        fill();
        assert!((400_000..=800_000).contains(&weight()), "{}", weight());
    }
}
