//! The changes that a checkpoint makes in the buckets of a lookup.

use std::sync::Arc;

use crate::compute;
use crate::stored::bucket::{Change, Entry};
use crate::table::checkpoint::merging::Portion;
use crate::table::index::address::address;
use crate::table::index::overlay::{Op, Overlay};

/// The changes of a frozen overlay, and of the recent level if that is merged too, sorted by bucket in one
/// vector.
#[derive(Default)]
pub struct Changes {
    /// In each bucket they are in the order of their places, each place once.
    changes: Vec<Change>,
    /// Where the changes of each bucket begin, and where the last ones end. Those of a bucket that is written
    /// are taken.
    begins: Vec<usize>,
    taken: Vec<bool>,
}

impl Changes {
    /// The changes of `overlay`, and those of `older` that it does not replace, for a level with so many
    /// buckets; if `portion` is given, `older` are those of this portion, and only its changes are taken.
    /// Sorting them takes so long that it is done outside the threads that serve calls.
    pub async fn sorted(
        overlay: Arc<Overlay>,
        older: Vec<Change>,
        portion: Option<Portion>,
        buckets: u32,
    ) -> Self {
        compute::run(move || Self::new(&overlay, older, portion, buckets)).await
    }

    fn new(overlay: &Overlay, older: Vec<Change>, portion: Option<Portion>, buckets: u32) -> Self {
        let change = |(hash, (row, op))| match op {
            Op::Put(fingerprint) => Change::put(Entry { hash, row, fingerprint }),
            Op::Remove => Change::remove(hash, row),
        };
        let mut changes = older;
        changes.retain(|change| {
            let (hash, row) = change.place();
            !overlay.get(hash).any(|(newer, _)| newer == row)
        });
        let newer = overlay.iter().filter(|(hash, _)| portion.is_none_or(|portion| portion.has(*hash)));
        changes.extend(newer.map(change));
        let bucket_of = |change: &Change| address(change.place().0, buckets);
        changes.sort_unstable_by_key(|change| (bucket_of(change), change.place()));
        let mut begins = Vec::with_capacity(usize::try_from(buckets).unwrap_or_default() + 1);
        for (at, change) in changes.iter().enumerate() {
            let bucket = usize::try_from(bucket_of(change)).unwrap_or_default();
            begins.resize(begins.len().max(bucket + 1), at);
        }
        let buckets = usize::try_from(buckets).unwrap_or_default();
        begins.resize(buckets + 1, changes.len());
        Self { changes, begins, taken: vec![false; buckets] }
    }

    /// The changes of a bucket at the first call for it, and none at later calls.
    pub fn take(&mut self, bucket: u32) -> &[Change] {
        let bucket = usize::try_from(bucket).unwrap_or(usize::MAX);
        let is_taken = self.taken.get_mut(bucket).is_none_or(|taken| std::mem::replace(taken, true));
        if is_taken { &[] } else { self.of(bucket) }
    }

    /// The buckets whose changes were not taken yet, in ascending order.
    pub fn left(&self) -> impl Iterator<Item = u32> + '_ {
        let left =
            self.taken.iter().enumerate().filter(|(bucket, taken)| !**taken && !self.of(*bucket).is_empty());
        left.filter_map(|(bucket, _)| u32::try_from(bucket).ok())
    }

    fn of(&self, bucket: usize) -> &[Change] {
        let end = bucket.checked_add(1).and_then(|next| self.begins.get(next));
        let begin = self.begins.get(bucket);
        begin.zip(end).and_then(|(begin, end)| self.changes.get(*begin..*end)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_bucket_gets_its_newest_changes_once(
            older in proptest::collection::btree_map((0_u64..40, 0_u64..3), proptest::option::of(1_u128..9), 0..40),
            newer in proptest::collection::btree_map((0_u64..40, 0_u64..3), proptest::option::of(1_u128..9), 0..40),
            early in proptest::collection::btree_set(0_u32..9, 0..4),
            buckets in 1_u32..9,
        ) {
            let change = |(&(hash, row), new): (&(u64, u64), &Option<u128>)| match new {
                Some(fingerprint) => Change::put(Entry { hash, row, fingerprint: *fingerprint }),
                None => Change::remove(hash, row),
            };
            let mut overlay = Overlay::default();
            for ((hash, row), new) in &newer {
                overlay.set(*hash, *row, new.map_or(Op::Remove, Op::Put));
            }
            let mut changes = Changes::new(&overlay, older.iter().map(change).collect(), None, buckets);
            let mut all = older;
            all.extend(newer);
            let of = |bucket: u32| -> Vec<Change> {
                all.iter().filter(|((hash, _), _)| address(*hash, buckets) == bucket).map(change).collect()
            };
            let with_changes: BTreeSet<u32> = (0..buckets).filter(|bucket| !of(*bucket).is_empty()).collect();
            for bucket in &early {
                prop_assert_eq!(changes.take(*bucket).to_vec(), of(*bucket));
                prop_assert!(changes.take(*bucket).is_empty());
            }
            let left: Vec<u32> = changes.left().collect();
            prop_assert_eq!(&left, &with_changes.difference(&early).copied().collect::<Vec<_>>());
            for bucket in left {
                prop_assert_eq!(changes.take(bucket).to_vec(), of(bucket));
            }
            prop_assert_eq!(changes.left().count(), 0);
        }
    }

    #[test]
    fn without_changes_nothing_is_left() {
        let mut changes = Changes::new(&Overlay::default(), Vec::new(), None, 3);
        assert!(changes.left().next().is_none() && changes.take(2).is_empty() && changes.take(9).is_empty());
    }
}
