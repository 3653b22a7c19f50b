//! In which order the keys of a group go to sled.
//!
//! sled splits a leaf of 17 keys into one of 9 and one of 8. If keys come one after the other, as those of
//! commits and new blocks do, every ninth key splits a leaf, which is half of the work of sled, and leaves of
//! 9 keys remain. So of 16 keys that follow each other 9 go first, and leave leaves of 9; the other 7 fill
//! these, and split nothing. Where keys lie far apart the order changes nothing.
//!
//! Nothing depends on the order: a group counts only once all of it is written.

/// The most keys of a leaf of sled.
const LEAF_KEYS: usize = 16;
/// The keys of the left one of the two leaves that a leaf with one key more is split into.
const LEFT_KEYS: usize = 9;

/// The items of a sorted group in that order.
pub(super) fn filling<T>(sorted: &[T]) -> impl Iterator<Item = &T> {
    let turn = |is_first: bool| {
        let numbered = sorted.iter().enumerate();
        numbered.filter(move |(at, _)| (at % LEAF_KEYS < LEFT_KEYS) == is_first).map(|(_, item)| item)
    };
    turn(true).chain(turn(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_comes_once_whatever_their_number() {
        for number in 0..100_usize {
            let items: Vec<_> = (0..number).collect();
            let mut came: Vec<_> = filling(&items).copied().collect();
            came.sort_unstable();
            assert_eq!(came, items);
        }
    }

    /// A leaf as sled makes it: a leaf that has more than [`LEAF_KEYS`] keys is split by the next key.
    fn leaves(keys: impl Iterator<Item = usize>) -> Vec<Vec<usize>> {
        let mut leaves = vec![Vec::new()];
        for key in keys {
            let mut at = leaves.partition_point(|leaf: &Vec<_>| leaf.first().is_some_and(|low| *low <= key));
            at = at.saturating_sub(1);
            if leaves[at].len() > LEAF_KEYS {
                let right = leaves[at].split_off(LEFT_KEYS);
                leaves.insert(at + 1, right);
                at += usize::from(leaves[at + 1][0] <= key);
            }
            let place = leaves[at].partition_point(|before| *before < key);
            leaves[at].insert(place, key);
        }
        leaves
    }

    #[test]
    fn keys_that_follow_each_other_fill_their_leaves() {
        let keys: Vec<_> = (0..1_600).collect();
        let one_by_one = leaves(keys.iter().copied());
        assert!(one_by_one.iter().rev().skip(1).all(|leaf| leaf.len() == LEFT_KEYS));
        let filled = leaves(filling(&keys).copied());
        assert!(filled.iter().rev().skip(2).all(|leaf| leaf.len() == LEAF_KEYS));
        assert_eq!((one_by_one.len(), filled.len()), (177, 100));
    }
}
