//! Where values lie that were read lately, so that the next read of one does not ask sled.
//!
//! sled finds a key by way of a dozen places in memory. In a large store none of them is in a cache of the
//! processor, so that takes longer than reading the value. Here it is one place.
//!
//! Invariants:
//!
//! - What is known was so while nobody had changed the key since: it is noted only if no key of its shard was
//!   changed from before sled was asked. A change of a key is told right after sled has it, and before the
//!   change returns. So nothing is known here that sled has not, unless a change goes on at this moment.
//! - Keys are told apart by a hash of 64 bits. That two are equal is not excluded: a value file believes a
//!   pointer only if its entry has the key that was asked for. Whoever finds none there asks sled.
//! - A shard begins empty and grows with what is read, up to a limit. A key has two places in it, beside each
//!   other. If others have both, it takes one of them. So nothing has to be searched or kept in order.

use std::hash::BuildHasher;
use std::sync::Mutex;

use foldhash::fast::RandomState;

use super::pointer::Pointer;
use crate::engine::lock::lock;

/// How many shards there are, a power of two.
const SHARDS: usize = 64;
/// The places of a shard that is not empty, at first.
const FIRST_PLACES: usize = 16;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Known {
    shards: Box<[Mutex<Shard>]>,
    /// The most places of a shard.
    most: usize,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Shard {
    /// A power of two of them, at least two, or none.
    places: Vec<Place>,
    taken: usize,
    /// How often any of its keys was changed.
    changes: u64,
}

/// The hash of a key, 0 if the place is free, and where the value lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    hash: u64,
    pointer: Pointer,
}

const FREE: Place = Place { hash: 0, pointer: Pointer { file: 0, offset: 0, length: 0, checksum: 0 } };

/// What is known about a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Where its value lies, if that is known.
    pub(crate) pointer: Option<Pointer>,
    hash: u64,
    /// How often keys of its shard had been changed.
    changes: u64,
}

impl Known {
    /// Nothing is known yet. It takes up to so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let places = usize::try_from(bytes).unwrap_or(usize::MAX) / size_of::<Place>() / SHARDS;
        let most = places.checked_ilog2().map_or(0, |log| 1 << log) & !1;
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, most, hasher: RandomState::default() }
    }

    /// What is known about a key. To be asked before sled is.
    pub(crate) fn look(&self, key: &[u8]) -> Look {
        let hash = self.hash(key);
        let (pointer, changes) =
            self.shard(hash, |shard| (shard.get(hash), shard.changes)).unwrap_or_default();
        Look { pointer, hash, changes }
    }

    /// Notes where sled said that the value lies, unless a key of the shard was changed since the look.
    pub(crate) fn note(&self, look: Look, pointer: Pointer) {
        self.shard(look.hash, |shard| {
            if shard.changes == look.changes {
                shard.put(Place { hash: look.hash, pointer }, self.most);
            }
        });
    }

    /// Forgets a key that sled has changed, or may have.
    pub(crate) fn changed(&self, key: &[u8]) {
        let hash = self.hash(key);
        self.shard(hash, |shard| {
            shard.changes = shard.changes.wrapping_add(1);
            shard.remove(hash);
        });
    }

    /// Never 0.
    fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key) | 1 << 63
    }

    fn shard<T>(&self, hash: u64, use_it: impl FnOnce(&mut Shard) -> T) -> Option<T> {
        let shard = usize::try_from(hash).unwrap_or(usize::MAX) % SHARDS;
        self.shards.get(shard).map(|shard| use_it(&mut lock(shard)))
    }
}

impl Shard {
    /// The two places of a key.
    fn pair(&mut self, hash: u64) -> Option<&mut [Place]> {
        // The low bits are those of the shard.
        let first = usize::try_from(hash / 64).unwrap_or(usize::MAX) & self.places.len().checked_sub(2)?;
        self.places.get_mut(first..first + 2)
    }

    fn place(&mut self, hash: u64) -> Option<&mut Place> {
        self.pair(hash)?.iter_mut().find(|place| place.hash == hash)
    }

    fn get(&mut self, hash: u64) -> Option<Pointer> {
        self.place(hash).map(|place| place.pointer)
    }

    fn remove(&mut self, hash: u64) {
        if let Some(place) = self.place(hash) {
            *place = FREE;
            self.taken -= 1;
        }
    }

    fn put(&mut self, new: Place, most: usize) {
        let places = self.places.len();
        if self.taken * 2 >= places && places < most {
            self.grow((places * 2).max(FIRST_PLACES).min(most));
        }
        let Some([first, second]) = self.pair(new.hash) else { return };
        let prefers_second = new.hash >> 62 & 1 == 1;
        let place = match (first.hash, second.hash) {
            (hash, _) if hash == new.hash => first,
            (_, hash) if hash == new.hash => second,
            (hash, _) if hash == FREE.hash => first,
            (_, hash) if hash == FREE.hash || prefers_second => second,
            _ => first,
        };
        let was_free = place.hash == FREE.hash;
        *place = new;
        self.taken += usize::from(was_free);
    }

    fn grow(&mut self, places: usize) {
        self.taken = 0;
        for old in std::mem::replace(&mut self.places, vec![FREE; places]) {
            if old.hash != FREE.hash {
                self.put(old, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(offset: u32) -> Pointer {
        Pointer { file: 1, offset, length: 40, checksum: 9 }
    }

    fn key(number: u32) -> [u8; 4] {
        number.to_be_bytes()
    }

    fn places(known: &Known) -> usize {
        known.shards.iter().map(|shard| lock(shard).places.len()).sum()
    }

    #[test]
    fn a_key_is_known_until_it_changes() {
        let known = Known::new(1 << 20);
        assert_eq!((known.look(b"key").pointer, places(&known)), (None, 0));
        known.note(known.look(b"key"), pointer(64));
        assert_eq!(known.look(b"key").pointer, Some(pointer(64)));
        assert_eq!(known.look(b"kez").pointer, None);
        known.note(known.look(b"key"), pointer(128));
        assert_eq!(known.look(b"key").pointer, Some(pointer(128)));
        known.changed(b"key");
        assert_eq!(known.look(b"key").pointer, None);
        assert!(known.shards.iter().all(|shard| lock(shard).taken == 0));
    }

    #[test]
    fn what_sled_said_before_a_change_is_not_noted_after_it() {
        let known = Known::new(1 << 20);
        let look = known.look(b"key");
        known.changed(b"key");
        known.note(look, pointer(64));
        assert_eq!(known.look(b"key").pointer, None);
        known.note(known.look(b"key"), pointer(128));
        assert_eq!(known.look(b"key").pointer, Some(pointer(128)));
    }

    #[test]
    fn it_grows_with_what_is_read_up_to_its_limit() {
        let known = Known::new(1 << 20);
        let note = |numbers: std::ops::Range<u32>| {
            numbers.for_each(|number| known.note(known.look(&key(number)), pointer(number)));
        };
        let found = |numbers: std::ops::Range<u32>| {
            numbers.filter(|number| known.look(&key(*number)).pointer == Some(pointer(*number))).count()
        };
        note(0..5_000);
        assert!((5_000..40_000).contains(&places(&known)), "{}", places(&known));
        assert!(found(0..5_000) > 3_000, "most keys keep their places: {}", found(0..5_000));
        note(5_000..200_000);
        assert!(places(&known) * size_of::<Place>() <= 1 << 20);
        assert!(found(0..200_000) > 15_000, "{}", found(0..200_000));
        assert!(found(199_000..200_000) > 900, "the last ones have theirs: {}", found(199_000..200_000));
        let taken: usize = known.shards.iter().map(|shard| lock(shard).taken).sum();
        assert!(taken <= places(&known) && taken == found(0..200_000), "{taken}");
    }

    #[test]
    fn without_room_nothing_is_known() {
        let known = Known::new(100);
        known.note(known.look(b"key"), pointer(64));
        assert_eq!((known.look(b"key").pointer, places(&known)), (None, 0));
    }
}
