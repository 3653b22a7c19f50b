//! The changes that a checkpoint makes in the buckets of a lookup.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::compute;
use crate::stored::bucket::Entry;
use crate::table::index::lookup::address;
use crate::table::index::overlay::{Op, Overlay, RowOp};

/// The entries of a frozen overlay, sorted by bucket, in one vector.
pub struct Changes {
    ops: Vec<(u32, u64, RowOp)>,
    taken: HashSet<u32>,
}

impl Changes {
    /// The entries of `overlay` for a lookup with this many buckets. Sorting them takes so long that it is
    /// done outside the threads that serve calls.
    pub async fn sorted(overlay: Arc<Overlay>, buckets: u32) -> Self {
        compute::run(move || Self::new(&overlay, buckets)).await
    }

    fn new(overlay: &Overlay, buckets: u32) -> Self {
        let mut ops: Vec<_> = overlay.iter().map(|(hash, op)| (address(hash, buckets), hash, op)).collect();
        ops.sort_unstable_by_key(|(bucket, ..)| *bucket);
        Self { ops, taken: HashSet::new() }
    }

    /// The changes of a bucket at the first call for it, and none at later calls.
    pub fn take(&mut self, bucket: u32) -> &[(u32, u64, RowOp)] {
        let first = self.ops.partition_point(|(at, ..)| *at < bucket);
        let ops = self.ops.get(first..).unwrap_or_default();
        let count = if self.taken.insert(bucket) { ops.partition_point(|(at, ..)| *at == bucket) } else { 0 };
        ops.get(..count).unwrap_or_default()
    }

    /// The buckets whose changes were not taken yet, in ascending order.
    pub fn left(&self) -> impl Iterator<Item = u32> + '_ {
        let buckets = self.ops.chunk_by(|(a, ..), (b, ..)| a == b).filter_map(|ops| ops.first());
        buckets.map(|(bucket, ..)| *bucket).filter(|bucket| !self.taken.contains(bucket))
    }
}

/// Applies the operations to a bucket's entries.
pub fn merge(entries: &mut Vec<Entry>, ops: &[(u32, u64, RowOp)]) {
    let mut merged: BTreeMap<(u64, u64), u128> =
        entries.drain(..).map(|entry| ((entry.hash, entry.row), entry.fingerprint)).collect();
    for (_, hash, (row, op)) in ops {
        match op {
            Op::Put(fingerprint) => drop(merged.insert((*hash, *row), *fingerprint)),
            Op::Remove => drop(merged.remove(&(*hash, *row))),
        }
    }
    entries.extend(merged.into_iter().map(|((hash, row), fingerprint)| Entry { hash, row, fingerprint }));
}
