//! How many bytes may still be accepted, by the last look at the file system.
//!
//! # Invariants
//!
//! - Any number of threads look at the same time. The answer of a look counts only if no look that began later
//!   has ended: a thread that is stopped between question and answer never brings an old answer back.
//! - Bytes accepted while a look is under way count as not seen by it, so none is given away twice.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::lock::lock;

/// The bytes that may still be accepted. None before the first look.
#[derive(Debug, Default)]
pub(super) struct Spare {
    /// The bytes accepted since the start.
    accepted: AtomicU64,
    /// What `accepted` may reach.
    limit: AtomicU64,
    begun: AtomicU64,
    /// The number of the look that `limit` is from.
    counted: Mutex<u64>,
}

/// A look that has begun.
#[derive(Debug)]
pub(super) struct Look {
    number: u64,
    accepted: u64,
}

impl Spare {
    /// Accepts `bytes`, if that leaves at least `reserve`.
    pub(super) fn take(&self, bytes: u64, reserve: u64) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let enough = |accepted: u64| {
            let accepted = accepted.checked_add(bytes)?;
            (accepted.checked_add(reserve)? <= limit).then_some(accepted)
        };
        self.accepted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enough).is_ok()
    }

    /// Begins a look, before the file system is asked.
    pub(super) fn begin(&self) -> Look {
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        Look { number, accepted: self.accepted.load(Ordering::Relaxed) }
    }

    /// Ends a look that found room for `spare` bytes.
    pub(super) fn end(&self, look: Look, spare: u64) {
        let mut counted = lock(&self.counted);
        if look.number > *counted {
            *counted = look.number;
            self.limit.store(look.accepted.saturating_add(spare), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Spare;

    #[test]
    fn the_answer_of_an_earlier_look_never_replaces_that_of_a_later_one() {
        let spare = Spare::default();
        let (stopped, later) = (spare.begin(), spare.begin());
        spare.end(later, 100);
        spare.end(stopped, 1_000_000);
        assert!(!spare.take(51, 50));
        assert!(spare.take(50, 50));
        assert!(!spare.take(1, 50));
    }

    #[test]
    fn bytes_accepted_during_a_look_are_not_given_away_again() {
        let spare = Spare::default();
        let first = spare.begin();
        spare.end(first, 100);
        let second = spare.begin();
        assert!(spare.take(60, 0));
        spare.end(second, 100);
        assert!(!spare.take(41, 0));
        assert!(spare.take(40, 0));
    }

    #[test]
    fn nothing_is_accepted_before_the_first_look_and_anything_without_a_limit() {
        let spare = Spare::default();
        assert!(!spare.take(1, 0));
        let look = spare.begin();
        spare.end(look, u64::MAX);
        assert!(spare.take(1 << 40, 1 << 40));
    }
}
