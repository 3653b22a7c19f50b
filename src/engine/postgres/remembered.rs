//! Values of the tables in memory, so that the owner reads them without a statement.
//!
//! Nobody else changes the values that are here, so what it wrote or read stays true for as long as it owns the
//! store. Whoever answers looks at the ownership *after* it has read here. If it still holds then, nobody
//! else had written when the value was read, and the call had begun by then; so the answer is that of a
//! moment within the call, however long the process is paused before it, or between the look and the
//! sending.
//!
//! # Invariants
//!
//! - The value of a key that no batch of the backlog writes is the one that the tables have.
//! - A batch that leaves the backlog leaves its values here in the same step.
//! - What a statement returned stays here only if no batch that writes its key has left the backlog since
//!   the statement was asked for. The number of the last one that left is noted by the hash of the key, in
//!   one of a few thousand places. Keys that share a place may keep each other's values out, and never an
//!   old one in.
//! - Keys that others write too are not here: see [`keys`](super::keys).

use std::hash::BuildHasher;

use bytes::Bytes;
use foldhash::fast::RandomState;
use quick_cache::Weighter;
use quick_cache::unsync::Cache;

use crate::engine::Value;

/// Bytes that an entry takes besides its key and value: two counted allocations, its slot, its part of the
/// tables.
const ENTRY_BYTES: usize = 160;
/// The assumed size of an entry when the tables are made.
const USUAL_BYTES: usize = 2_000;
/// No value takes more than one part in so many of the room.
const LARGEST_PART: usize = 16;
/// The places for numbers of batches that have left; a power of two.
const PLACES: usize = 4_096;

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Remembered {
    values: Cache<Bytes, Value, Weight>,
    largest: usize,
    left: Vec<u64>,
    hashes: RandomState,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Bytes, Value> for Weight {
    fn weight(&self, key: &Bytes, value: &Value) -> u64 {
        u64::try_from(bytes(key, value)).unwrap_or(u64::MAX)
    }
}

fn bytes(key: &Bytes, value: &Value) -> usize {
    key.len() + value.len() + ENTRY_BYTES
}

impl Remembered {
    /// Nothing yet, and at most `room` bytes.
    pub(super) fn new(room: usize) -> Self {
        let weight = u64::try_from(room).unwrap_or(u64::MAX);
        Self {
            values: Cache::with_weighter(room / USUAL_BYTES, weight, Weight),
            largest: room / LARGEST_PART,
            left: vec![0; PLACES],
            hashes: RandomState::default(),
        }
    }

    /// The value of a key that no batch of the backlog writes.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Value> {
        self.values.get(key)
    }

    /// Batch `number`, which gives the key this value, leaves the backlog.
    pub(super) fn left(&mut self, number: u64, key: &Bytes, value: Option<&Value>) {
        if let Some(left) = self.place(key) {
            *left = number;
        }
        match value {
            Some(value) if self.fits(key, value) => self.values.insert(key.clone(), value.clone()),
            _ => drop(self.values.remove(key)),
        }
    }

    /// Keeps what a statement returned that was asked for when `next` was the number of the next batch. No
    /// batch of the backlog writes the key now.
    pub(super) fn read(&mut self, next: u64, key: &Bytes, value: &Value) {
        if self.fits(key, value) && self.place(key).is_some_and(|left| *left < next) {
            self.values.insert(key.clone(), value.clone());
        }
    }

    /// Keeps only the values of these keys.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&[u8]) -> bool) {
        self.values.retain(|key, _| is_kept(key));
    }

    fn fits(&self, key: &Bytes, value: &Value) -> bool {
        bytes(key, value) <= self.largest
    }

    fn place(&mut self, key: &Bytes) -> Option<&mut u64> {
        let hash = self.hashes.hash_one(key.as_ref()) % u64::try_from(PLACES).unwrap_or(1);
        self.left.get_mut(usize::try_from(hash).unwrap_or_default())
    }
}
