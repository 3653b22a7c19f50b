//! When the recent level of a lookup is merged into the main one, and in which portions.

use crate::stored::index::RecentState;
use crate::table::index::overlay::Overlay;

/// The recent level is merged once it has this part of the entries of its lookup. A larger level would be
/// merged less often, but written more at each checkpoint.
pub const MERGED_FROM: u64 = 6;

/// Whether the recent level of a lookup with so many entries is merged into the main one, if it gets these
/// changes. Without changes, neither is written.
pub fn merges(recent: &RecentState, frozen: &Overlay, entries: u64) -> bool {
    frozen.len() > 0 && changes_of(recent, frozen).saturating_mul(MERGED_FROM) >= entries
}

/// How many changes the recent level and the frozen overlay have together.
pub fn changes_of(recent: &RecentState, frozen: &Overlay) -> u64 {
    recent.changes.saturating_add(u64::try_from(frozen.len()).unwrap_or(u64::MAX))
}

/// The hashes with the same low bits: a part of a lookup that a merge holds in memory. Linear hashing
/// addresses buckets by low bits too, so every bucket of a level with at least as many buckets as there are
/// portions has hashes of one portion alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    number: u32,
    /// How many there are: a power of two.
    of: u32,
}

impl Portion {
    /// Portions of about `at_once` of so many changes each, for levels with at least so many buckets.
    pub fn all(changes: u64, at_once: u64, buckets: u32) -> impl ExactSizeIterator<Item = Self> {
        let wanted = u32::try_from(changes.div_ceil(at_once.max(1))).ok();
        let wanted = wanted.and_then(u32::checked_next_power_of_two).unwrap_or(u32::MAX);
        let of = wanted.min(1 << buckets.max(1).ilog2()).max(1);
        (0..of).map(move |number| Self { number, of })
    }

    /// Whether this hash belongs to it.
    pub fn has(self, hash: u64) -> bool {
        hash & u64::from(self.of - 1) == u64::from(self.number)
    }

    /// Its buckets in a level with so many.
    pub fn buckets(self, count: u32) -> impl Iterator<Item = u32> {
        (self.number..count).step_by(usize::try_from(self.of).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::index::address::address;

    proptest! {
        #[test]
        fn a_bucket_and_its_hashes_are_of_one_portion(
            hash: u64, changes in 0_u64..1_000, at_once in 0_u64..50, few in 0_u32..200, more in 0_u32..200,
        ) {
            for count in [few, few + more].into_iter().filter(|count| *count > 0) {
                let portions: Vec<_> = Portion::all(changes, at_once, few).collect();
                let of_hash: Vec<_> = portions.iter().filter(|portion| portion.has(hash)).collect();
                prop_assert_eq!(of_hash.len(), 1);
                let bucket = address(hash, count);
                let of_bucket = portions.iter().filter(|part| part.buckets(count).any(|one| one == bucket));
                prop_assert_eq!(of_bucket.collect::<Vec<_>>(), of_hash);
            }
        }
    }

    #[test]
    fn there_are_as_many_portions_as_the_changes_need_and_the_buckets_allow() {
        let cases = [(0, 10, 9), (10, 10, 9), (11, 10, 9), (41, 10, 9), (1_000, 10, 9), (1_000, 10, 0)];
        let counts = cases.map(|(changes, at_once, buckets)| Portion::all(changes, at_once, buckets).len());
        assert_eq!(counts, [1, 1, 2, 8, 8, 1]);
        assert_eq!(Portion::all(u64::MAX, 1, u32::MAX).len(), 1 << 31);
    }
}
