//! A limit per second, as a bucket that empties at the rate of the limit and holds one second's worth.
//!
//! Kept as one number: the time at which everything taken so far has run out. Who comes before that time waits until
//! then. Who comes after it is served whatever the amount, so that a call larger than the bucket gets through and the next
//! one waits for it.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::model::Timestamp;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// What may be taken per second.
pub struct Meter {
    /// Without a limit when absent.
    per_second: Option<u32>,
    /// In microseconds since the epoch.
    free_at: AtomicI64,
}

impl Meter {
    /// A full second's worth of `per_second`.
    pub fn new(per_second: Option<u32>) -> Self {
        Self { per_second, free_at: AtomicI64::new(0) }
    }

    /// Takes `amount`; otherwise says how long to wait, in microseconds.
    pub fn take(&self, amount: u64, now: Timestamp) -> Result<(), u64> {
        let Some(per_second) = self.per_second.filter(|_| amount > 0) else { return Ok(()) };
        let now = now.micros();
        let cost = i64::try_from(amount).unwrap_or(i64::MAX).saturating_mul(MICROS_PER_SECOND);
        let cost = cost / i64::from(per_second.max(1));
        let taken = self.free_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free_at| {
            // What was saved up is one second's worth at most.
            let saved = free_at.max(now.saturating_sub(MICROS_PER_SECOND));
            (free_at <= now).then(|| saved.saturating_add(cost))
        });
        taken.map(|_| ()).map_err(|free_at| free_at.saturating_sub(now).unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + millis * 1_000)
    }

    #[test]
    fn a_second_of_requests_may_come_at_once_and_then_as_many_as_the_limit_says() {
        let meter = Meter::new(Some(10));
        let served =
            |from: i64, to: i64| (from..to).filter(|millis| meter.take(1, at(*millis)).is_ok()).count();
        // One more than ten, because the last of them needs only that the bucket is not empty.
        assert_eq!((0..100).filter(|_| meter.take(1, at(0)).is_ok()).count(), 11);
        assert_eq!(meter.take(1, at(0)), Err(100_000));
        assert_eq!(served(1, 10_001), 100);
    }

    #[test]
    fn a_call_larger_than_a_second_is_served_and_waited_for() {
        let meter = Meter::new(Some(1_000));
        assert_eq!(meter.take(10_000, at(0)), Ok(()));
        assert_eq!(meter.take(1, at(0)), Err(9_000_000));
        assert_eq!(meter.take(1, at(8_999)), Err(1_000));
        assert_eq!(meter.take(1, at(9_000)), Ok(()));
    }

    #[test]
    fn nothing_is_free_and_without_a_limit_everything_is() {
        let meter = Meter::new(Some(1));
        assert_eq!(meter.take(5, at(0)), Ok(()));
        assert_eq!(meter.take(0, at(0)), Ok(()));
        let meter = Meter::new(None);
        assert!((0..1_000).all(|_| meter.take(u64::MAX, at(0)).is_ok()));
    }
}
