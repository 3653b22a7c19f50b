//! A limit per second.
//!
//! The state is one number: the time at which everything taken so far is paid for, at the rate of the limit.
//! [`Meter::take`] serves a call that arrives later, whatever its amount, and moves the time on; up to one
//! second without calls counts in advance. It rejects a call that arrives earlier, with the time to wait. So
//! a call for more than one second's worth is served, and the calls after it are rejected until it is paid
//! for. The clock only goes forward, because the time of day may be set meanwhile.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most time without calls that counts in advance.
const SAVED: Duration = Duration::from_secs(1);
/// The highest cost of one call: practically for ever, but still a time that a clock can represent.
const COST_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A limit per second, with its state.
pub struct Meter {
    /// `None` means no limit.
    per_second: Option<u32>,
    /// When everything taken so far is paid for. `None` before the first call.
    free_at: Mutex<Option<Instant>>,
}

impl Meter {
    /// A meter that starts with one second's worth in advance.
    pub fn new(per_second: Option<u32>) -> Self {
        Self { per_second, free_at: Mutex::new(None) }
    }

    /// Takes `amount` if everything taken before is paid for; otherwise returns how long to wait.
    pub fn take(&self, amount: u64, now: Instant) -> Result<(), Duration> {
        let Some(per_second) = self.per_second.filter(|_| amount > 0) else { return Ok(()) };
        let micros = amount.saturating_mul(1_000_000) / u64::from(per_second.max(1));
        let cost = Duration::from_micros(micros).min(COST_MAX);
        // Nothing panics while it holds this lock.
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(free_at) = free_at.filter(|free_at| *free_at > now) {
            return Err(free_at - now);
        }
        // A clock in its first second cannot go back by a second.
        let saved = now.checked_sub(SAVED).unwrap_or(now);
        let from = free_at.map_or(saved, |free_at| free_at.max(saved));
        *free_at = Some(from + cost);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds after a start that has a past.
    fn clock() -> impl Fn(u64) -> Instant {
        let start = Instant::now() + 10 * SAVED;
        move |millis| start + Duration::from_millis(millis)
    }

    #[test]
    fn a_second_of_requests_may_come_at_once_and_then_as_many_as_the_limit_says() {
        let (meter, at) = (Meter::new(Some(10)), clock());
        let served =
            |from: u64, to: u64| (from..to).filter(|millis| meter.take(1, at(*millis)).is_ok()).count();
        // One more than ten, because the eleventh arrives just as the first ten are paid for.
        assert_eq!((0..100).filter(|_| meter.take(1, at(0)).is_ok()).count(), 11);
        assert_eq!(meter.take(1, at(0)), Err(Duration::from_millis(100)));
        assert_eq!(served(1, 10_001), 100);
    }

    #[test]
    fn a_call_for_more_than_a_second_is_served_and_then_delays_others() {
        let (meter, at) = (Meter::new(Some(1_000)), clock());
        assert_eq!(meter.take(10_000, at(0)), Ok(()));
        assert_eq!(meter.take(1, at(0)), Err(Duration::from_secs(9)));
        assert_eq!(meter.take(1, at(8_999)), Err(Duration::from_millis(1)));
        assert_eq!(meter.take(1, at(9_000)), Ok(()));
        assert_eq!(meter.take(u64::MAX, at(10_000)), Ok(()));
        assert!(meter.take(1, at(20_000)).is_err());
    }

    #[test]
    fn a_call_for_nothing_is_always_served_and_without_a_limit_every_call_is() {
        let (meter, at) = (Meter::new(Some(1)), clock());
        assert_eq!(meter.take(5, at(0)), Ok(()));
        assert_eq!(meter.take(0, at(0)), Ok(()));
        let meter = Meter::new(None);
        assert!((0..1_000).all(|_| meter.take(u64::MAX, at(0)).is_ok()));
    }
}
