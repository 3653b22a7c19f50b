//! The random ids of batches. They come from one source per store, whose seed is passed in when the store
//! opens; no code of the table asks the system for them.

use std::sync::atomic::{AtomicU64, Ordering};

/// The increment of each step. It is odd, so that the steps go through all numbers.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A source of numbers that look random and do not repeat (SplitMix64).
#[derive(Debug)]
pub struct Nonces(AtomicU64);

impl Nonces {
    /// A source with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        let at = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (at ^ (at >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_follow_from_the_seed_and_do_not_repeat() {
        let nonces = Nonces::new(7);
        let drawn: HashSet<u64> = (0..10_000).map(|_| nonces.next()).collect();
        assert_eq!(drawn.len(), 10_000);
        assert_eq!(Nonces::new(7).next(), Nonces::new(7).next());
        assert_ne!(Nonces::new(7).next(), Nonces::new(8).next());
    }
}
