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
//! - A member that is read alone is inserted when it is asked for again (`Lately`). In a base that is larger
//!   than the cache most reads are of members that nobody asks for again soon: each would cost a copy, and
//!   push out a member that is read often.
//! - While another process has a base on lease, none of its members are cached.
//! - Rows are never reused, so entries of a purged base do no harm until they are evicted.
//! - The cache shrinks by one and a half times the bytes that the lookup images of all bases take; the extra
//!   half is for the engine's own heap, which grows with the store. The cache keeps at least an eighth of the
//!   room.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::model::{BaseNumber, Row};
use crate::stored::block::ROWS_PER_BLOCK;

/// Bytes that a member takes in the cache besides its own: its key, its slot and its part of the tables.
const ENTRY_BYTES: usize = 110;
/// The assumed size of a member when the cache's tables are created, in bytes.
const USUAL_BYTES: usize = 220;
/// One part in this many of the members that fit in is remembered as asked for, in two bytes each. More would
/// let a member in after fewer reads, and would itself be in no cache of the processor.
const LATELY_PART: usize = 4;
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
    lately: Lately,
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
        let members = room / (USUAL_BYTES + ENTRY_BYTES);
        let cache = Cache::with_weighter(members, bytes(room), Bytes);
        Arc::new(Self {
            cache,
            lately: Lately::new(members / LATELY_PART),
            room: bytes(room),
            images: Mutex::default(),
        })
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

    /// The same, unless nobody has asked for the member lately.
    pub fn put_if_again(&self, base: BaseNumber, row: Row, member: &[u8]) {
        if self.lately.asks_again(&(base, row)) {
            self.put(base, row, member);
        }
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

    /// Removes all members of a base that is closed, because another process is going to change them.
    pub fn forget_all(&self, base: BaseNumber) {
        self.cache.retain(|(of, _), _| *of != base);
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

/// What was asked for lately: the last one of those that share a place, as far as the hash of its key tells.
#[derive(Debug)]
struct Lately {
    places: Box<[AtomicU16]>,
    hasher: RandomState,
}

impl Lately {
    /// Remembers about so many.
    fn new(count: usize) -> Self {
        let places = (0..count.next_power_of_two()).map(|_| AtomicU16::new(0)).collect();
        Self { places, hasher: RandomState::default() }
    }

    /// Whether this was asked for lately. From now on it was.
    fn asks_again(&self, key: &Key) -> bool {
        let hash = self.hasher.hash_one(key);
        let [.., low, high] = hash.to_le_bytes();
        // No place that was never used has this mark.
        let mark = u16::from_le_bytes([low, high]) | 1;
        let places = bytes(self.places.len());
        let place = usize::try_from(hash & places.saturating_sub(1)).ok().and_then(|at| self.places.get(at));
        place.is_some_and(|place| {
            place.load(Ordering::Relaxed) == mark || {
                place.store(mark, Ordering::Relaxed);
                false
            }
        })
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
        members.forget_all(BASE);
        assert_eq!([15, 16, 31, 32].map(is_cached), [false; 4]);
        assert!(members.get(BaseNumber(2), Row(16)).is_some());
    }

    #[test]
    fn a_member_that_is_read_alone_is_cached_when_it_is_asked_for_again() {
        let members = MemberCache::new(1_000_000);
        let is_cached = |row| members.get(BASE, Row(row)).is_some();
        members.put_if_again(BASE, Row(1), b"one");
        assert!(!is_cached(1));
        members.put_if_again(BASE, Row(1), b"one");
        assert!(is_cached(1) && !is_cached(2));
        members.put_if_again(BaseNumber(2), Row(1), b"one");
        assert!(members.get(BaseNumber(2), Row(1)).is_none());
    }

    #[test]
    fn rows_that_were_asked_for_long_ago_are_forgotten() {
        let lately = Lately::new(1_000);
        let ask =
            |rows: std::ops::Range<u64>| rows.filter(|row| lately.asks_again(&(BASE, Row(*row)))).count();
        // Two have the same mark in one of 32,768 cases.
        assert!(ask(0..64) < 8);
        assert!(ask(0..64) > 48);
        assert!(ask(1_000..101_000) < 100);
        assert!(ask(0..64) < 8);
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
