//! Index changes that are not in the stored buckets yet, keyed by hash and row.
//!
//! Each pair of hash and row has at most one operation, the newest. Nearly every hash has only one row, which
//! is in a flat map. Further rows of the same hash (after a collision, or when a ref moved to a new row) are
//! in a second map.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

/// The newest operation on an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// The entry is there, with this fingerprint (0 = none).
    Put(u128),
    /// The entry is gone.
    Remove,
}

/// A row and the operation on it.
pub type RowOp = (u64, Op);

/// The overlay of one lookup.
#[derive(Debug, Default)]
pub struct Overlay {
    first: HashMap<u64, Packed, BuildHasherDefault<Identity>>,
    more: BTreeMap<(u64, u64), Packed>,
}

impl Overlay {
    /// Makes room for so many more hashes, so that it need not grow step by step.
    pub fn reserve(&mut self, hashes: usize) {
        self.first.reserve(hashes);
    }

    /// Sets the operation of a pair of hash and row.
    pub fn set(&mut self, hash: u64, row: u64, op: Op) {
        self.put(hash, Packed::new(row, op));
    }

    fn put(&mut self, hash: u64, packed: Packed) {
        match self.first.entry(hash) {
            Entry::Vacant(none) => {
                none.insert(packed);
            }
            Entry::Occupied(mut first) if first.get().row() == packed.row() => {
                first.insert(packed);
            }
            Entry::Occupied(_) => {
                self.more.insert((hash, packed.row()), packed);
            }
        }
    }

    /// The operations on the rows of `hash`.
    pub fn get(&self, hash: u64) -> impl Iterator<Item = RowOp> + '_ {
        let first = self.first.get(&hash);
        // Without a first row there are no further ones.
        let more =
            first.filter(|_| !self.more.is_empty()).map(|_| self.more.range((hash, 0)..=(hash, u64::MAX)));
        first.into_iter().chain(more.into_iter().flatten().map(|(_, packed)| packed)).map(Packed::unpack)
    }

    /// All entries, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, RowOp)> + '_ {
        let first = self.first.iter().map(|(hash, packed)| (*hash, packed.unpack()));
        first.chain(self.more.iter().map(|((hash, _), packed)| (*hash, packed.unpack())))
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.first.len() + self.more.len()
    }

    /// Takes over every entry of `newer`, which replaces its own.
    pub fn absorb(&mut self, newer: &Self) {
        self.reserve(newer.first.len());
        newer.first.iter().for_each(|(hash, packed)| self.put(*hash, *packed));
        newer.more.iter().for_each(|((hash, _), packed)| self.put(*hash, *packed));
    }
}

/// A row and its operation in 24 bytes.
#[derive(Debug, Clone, Copy)]
struct Packed {
    row: u64,
    fingerprint: [u32; 4],
}

impl Packed {
    /// Marks a removed entry. Rows stay far below 2^63, so the top bit is free.
    const REMOVED: u64 = 1 << 63;

    fn new(row: u64, op: Op) -> Self {
        match op {
            Op::Put(fingerprint) => Self { row, fingerprint: split(fingerprint) },
            Op::Remove => Self { row: row | Self::REMOVED, fingerprint: [0; 4] },
        }
    }

    fn row(&self) -> u64 {
        self.row & !Self::REMOVED
    }

    fn unpack(&self) -> RowOp {
        let removed = self.row & Self::REMOVED != 0;
        (self.row(), if removed { Op::Remove } else { Op::Put(join(self.fingerprint)) })
    }
}

fn split(value: u128) -> [u32; 4] {
    let b = value.to_le_bytes();
    let [b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15] = b;
    [[b0, b1, b2, b3], [b4, b5, b6, b7], [b8, b9, b10, b11], [b12, b13, b14, b15]].map(u32::from_le_bytes)
}

fn join(parts: [u32; 4]) -> u128 {
    parts.iter().rev().fold(0, |value, part| value << 32 | u128::from(*part))
}

/// A hasher that returns its input: the keys are hashes that are keyed and well mixed already.
#[derive(Debug, Default, Clone, Copy)]
pub struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 ^= value;
    }

    fn write_u8(&mut self, value: u8) {
        self.0 = self.0.rotate_left(8) ^ u64::from(value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_newest_operation_of_each_hash_and_row_stands(
            ops in proptest::collection::vec((0_u64..4, 0_u64..4, proptest::option::of(any::<u128>())), 0..60),
        ) {
            let mut overlay = Overlay::default();
            let mut model = BTreeMap::new();
            for (hash, row, op) in ops {
                let op = op.map_or(Op::Remove, Op::Put);
                overlay.set(hash, row, op);
                model.insert((hash, row), op);
            }
            prop_assert_eq!(overlay.len(), model.len());
            // Another one that takes over the same entries, on top of some that they replace.
            let mut other = Overlay::default();
            model.keys().step_by(2).for_each(|(hash, row)| other.set(*hash, *row, Op::Put(1)));
            other.absorb(&overlay);
            let sorted = |overlay: &Overlay| {
                let mut all: Vec<_> = overlay.iter().collect();
                all.sort_by_key(|(hash, (row, _))| (*hash, *row));
                all
            };
            prop_assert_eq!(sorted(&other), sorted(&overlay));
            for hash in 0..4 {
                let mut got: Vec<RowOp> = overlay.get(hash).collect();
                got.sort_by_key(|(row, _)| *row);
                let expected: Vec<RowOp> =
                    model.iter().filter(|((h, _), _)| *h == hash).map(|((_, row), op)| (*row, *op)).collect();
                prop_assert_eq!(got, expected);
            }
        }
    }
}
