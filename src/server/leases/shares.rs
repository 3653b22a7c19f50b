//! Which part of the memory each lease may use.
//!
//! - All leases together use no more than `memory`: a server that stands by has no store of its own besides.
//!   Only while calls still hold a lease that is over, the next one may get a sixth more than that.
//! - The first lease gets half of it, because most servers are called for one memberbase, and the others get
//!   a sixth each. A part that is free again goes to the next lease, the largest first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most leases that a server has, or asks for, at a time.
pub const LEASES_MAX: usize = 4;

/// The parts: each is the memory divided by this number.
const DIVISORS: [u64; LEASES_MAX] = [2, SMALLEST, SMALLEST, SMALLEST];
const SMALLEST: u64 = 6;

/// The parts that are taken. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Shares(Arc<Mutex<[bool; LEASES_MAX]>>);

/// A part of the memory, until it is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Shares,
    /// Which part it is; `None` if it is beyond them.
    place: Option<usize>,
    divisor: u64,
}

impl Shares {
    /// The largest part that is free.
    #[must_use]
    pub fn take(&self) -> Share {
        let mut taken = self.taken();
        let free = taken.iter().position(|is_taken| !is_taken);
        let part = free.and_then(|place| taken.get_mut(place));
        part.into_iter().for_each(|is_taken| *is_taken = true);
        let divisor = free.and_then(|place| DIVISORS.get(place)).copied().unwrap_or(SMALLEST);
        Share { shares: self.clone(), place: free, divisor }
    }

    fn taken(&self) -> MutexGuard<'_, [bool; LEASES_MAX]> {
        // Nothing panics while it holds this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// This part of so much memory.
    #[must_use]
    pub fn of(&self, memory: u64) -> u64 {
        memory / self.divisor
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        self.place.and_then(|place| taken.get_mut(place)).into_iter().for_each(|is_taken| *is_taken = false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_share_the_memory_and_the_largest_free_part_goes_first() {
        let shares = Shares::default();
        let mut taken: Vec<Share> = (0..LEASES_MAX).map(|_| shares.take()).collect();
        assert_eq!(taken.iter().map(|share| share.of(600)).collect::<Vec<_>>(), [300, 100, 100, 100]);
        assert_eq!(shares.take().of(600), 100, "beyond all parts");
        drop(taken.drain(..2));
        let again = [shares.take(), shares.take(), shares.take()];
        assert_eq!(again.each_ref().map(|share| share.of(600)), [300, 100, 100]);
        assert_eq!([&again[0], &again[1], &again[2]].map(|share| share.place), [Some(0), Some(1), None]);
    }
}
