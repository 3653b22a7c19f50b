//! A limit per second, as a bucket that empties at the rate of the limit and holds one second's worth.
//!
//! Kept as one number: the moment at which everything taken so far has run out. Who comes before that moment waits until
//! then. Who comes after it is served whatever the amount, so that a call larger than the bucket gets through and the next
//! one waits for it. Moments are those of a clock that only goes forward: the time of day may be set while tokens wait.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What may be saved up.
const SAVED: Duration = Duration::from_secs(1);
/// What one call may cost at most: as good as for ever, and still a moment that a clock can have.
const COST_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What may be taken per second.
pub struct Meter {
    /// Without a limit when absent.
    per_second: Option<u32>,
    /// `None` before anything was taken.
    free_at: Mutex<Option<Instant>>,
}

impl Meter {
    /// A full second's worth of `per_second`.
    pub fn new(per_second: Option<u32>) -> Self {
        Self { per_second, free_at: Mutex::new(None) }
    }

    /// Takes `amount`; otherwise says how long to wait.
    pub fn take(&self, amount: u64, now: Instant) -> Result<(), Duration> {
        let Some(per_second) = self.per_second.filter(|_| amount > 0) else { return Ok(()) };
        let micros = amount.saturating_mul(1_000_000) / u64::from(per_second.max(1));
        let cost = Duration::from_micros(micros).min(COST_MAX);
        // Nothing panics while it holds this lock.
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(free_at) = free_at.filter(|free_at| *free_at > now) {
            return Err(free_at - now);
        }
        // A clock that is younger than a second has nothing to save up from.
        let saved = now.checked_sub(SAVED).unwrap_or(now);
        let from = free_at.map_or(saved, |free_at| free_at.max(saved));
        *free_at = Some(from + cost);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many milliseconds after a moment that has a past.
    fn clock() -> impl Fn(u64) -> Instant {
        let start = Instant::now() + 10 * SAVED;
        move |millis| start + Duration::from_millis(millis)
    }

    #[test]
    fn a_second_of_requests_may_come_at_once_and_then_as_many_as_the_limit_says() {
        let (meter, at) = (Meter::new(Some(10)), clock());
        let served =
            |from: u64, to: u64| (from..to).filter(|millis| meter.take(1, at(*millis)).is_ok()).count();
        // One more than ten, because the last of them needs only that the bucket is not empty.
        assert_eq!((0..100).filter(|_| meter.take(1, at(0)).is_ok()).count(), 11);
        assert_eq!(meter.take(1, at(0)), Err(Duration::from_millis(100)));
        assert_eq!(served(1, 10_001), 100);
    }

    #[test]
    fn a_call_larger_than_a_second_is_served_and_waited_for() {
        let (meter, at) = (Meter::new(Some(1_000)), clock());
        assert_eq!(meter.take(10_000, at(0)), Ok(()));
        assert_eq!(meter.take(1, at(0)), Err(Duration::from_secs(9)));
        assert_eq!(meter.take(1, at(8_999)), Err(Duration::from_millis(1)));
        assert_eq!(meter.take(1, at(9_000)), Ok(()));
        assert_eq!(meter.take(u64::MAX, at(10_000)), Ok(()));
        assert!(meter.take(1, at(20_000)).is_err());
    }

    #[test]
    fn nothing_is_free_and_without_a_limit_everything_is() {
        let (meter, at) = (Meter::new(Some(1)), clock());
        assert_eq!(meter.take(5, at(0)), Ok(()));
        assert_eq!(meter.take(0, at(0)), Ok(()));
        let meter = Meter::new(None);
        assert!((0..1_000).all(|_| meter.take(u64::MAX, at(0)).is_ok()));
    }
}
