//! Which bucket of a level has a hash, by linear hashing.

/// The bucket of a hash among `buckets` buckets.
pub fn address(hash: u64, buckets: u32) -> u32 {
    let mask = buckets.max(1).checked_next_power_of_two().map_or(u32::MAX, |power| power - 1);
    let [a, b, c, d, ..] = hash.to_le_bytes();
    let low = u32::from_le_bytes([a, b, c, d]) & mask;
    if low < buckets { low } else { low & (mask >> 1) }
}

/// The bucket that is split when `bucket` is added.
pub fn parent(bucket: u32) -> u32 {
    bucket & !(1_u32.checked_shl(bucket.checked_ilog2().unwrap_or(0)).unwrap_or(0))
}

/// How many low bits of a hash decide that it belongs to `bucket`, among `buckets` buckets.
pub fn bits_of(bucket: u32, buckets: u32) -> u8 {
    let bits = u32::BITS - buckets.max(1).saturating_sub(1).leading_zeros();
    let is_split = match bits.checked_sub(1).map(|bit| 1_u32 << bit) {
        // The new buckets of the current round, and those that they were split from.
        Some(half) => bucket >= half || bucket.checked_add(half).is_some_and(|twin| twin < buckets),
        None => true,
    };
    u8::try_from(if is_split { bits } else { bits - 1 }).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn growth_moves_entries_only_from_the_parent_to_the_new_bucket(hash: u64, buckets in 1_u32..5_000) {
            let (before, after) = (address(hash, buckets), address(hash, buckets + 1));
            prop_assert!(before < buckets);
            prop_assert!(before == after || (after == buckets && before == parent(buckets)));
        }
    }

    proptest! {
        #[test]
        fn a_bucket_has_the_hashes_whose_low_bits_are_its_number(hash: u64, buckets in 1_u32..5_000) {
            let bucket = address(hash, buckets);
            let bits = bits_of(bucket, buckets);
            prop_assert_eq!(hash & ((1 << bits) - 1), u64::from(bucket));
            // Growth changes the bits of the split bucket only.
            let after = bits_of(bucket, buckets + 1);
            prop_assert_eq!(after, if bucket == parent(buckets) { bits + 1 } else { bits });
        }
    }

    #[test]
    fn bits_go_up_to_the_largest_number_of_buckets() {
        assert_eq!(
            [bits_of(0, 1), bits_of(0, 2), bits_of(1, 2), bits_of(0, 3), bits_of(1, 3)],
            [0, 1, 1, 2, 1]
        );
        assert_eq!((bits_of(7, u32::MAX), bits_of(u32::MAX / 2, u32::MAX)), (32, 31));
    }
}
