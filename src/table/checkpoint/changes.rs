//! The changes that a checkpoint makes in the buckets of a lookup.

use std::collections::HashSet;
use std::sync::Arc;

use crate::compute;
use crate::stored::bucket::{Change, Entry};
use crate::table::index::lookup::address;
use crate::table::index::overlay::{Op, Overlay};

/// The entries of a frozen overlay, sorted by bucket, in one vector.
pub struct Changes {
    /// In each bucket they are in the order of their places.
    changes: Vec<Change>,
    /// How many buckets the lookup has.
    buckets: u32,
    taken: HashSet<u32>,
}

impl Changes {
    /// The entries of `overlay` for a lookup with this many buckets. Sorting them takes so long that it is
    /// done outside the threads that serve calls.
    pub async fn sorted(overlay: Arc<Overlay>, buckets: u32) -> Self {
        compute::run(move || Self::new(&overlay, buckets)).await
    }

    fn new(overlay: &Overlay, buckets: u32) -> Self {
        let change = |(hash, (row, op))| match op {
            Op::Put(fingerprint) => Change::put(Entry { hash, row, fingerprint }),
            Op::Remove => Change::remove(hash, row),
        };
        let mut changes: Vec<Change> = overlay.iter().map(change).collect();
        changes.sort_unstable_by_key(|change| (bucket_of(change, buckets), change.place()));
        Self { changes, buckets, taken: HashSet::new() }
    }

    /// The changes of a bucket at the first call for it, and none at later calls.
    pub fn take(&mut self, bucket: u32) -> &[Change] {
        let buckets = self.buckets;
        let first = self.changes.partition_point(|change| bucket_of(change, buckets) < bucket);
        let changes = self.changes.get(first..).unwrap_or_default();
        let count = if self.taken.insert(bucket) {
            changes.partition_point(|change| bucket_of(change, buckets) == bucket)
        } else {
            0
        };
        changes.get(..count).unwrap_or_default()
    }

    /// The buckets whose changes were not taken yet, in ascending order.
    pub fn left(&self) -> impl Iterator<Item = u32> + '_ {
        let of = |change: &Change| bucket_of(change, self.buckets);
        let buckets = self.changes.chunk_by(move |a, b| of(a) == of(b)).filter_map(|changes| changes.first());
        buckets.map(of).filter(|bucket| !self.taken.contains(bucket))
    }
}

fn bucket_of(change: &Change, buckets: u32) -> u32 {
    address(change.place().0, buckets)
}
