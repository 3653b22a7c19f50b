//! The byte budgets of a store: what requests hold in memory, from their arrival to their answer.
//!
//! Who waits is served in the order of asking, however much it asks for, and nobody else gets in before: a large chunk waits
//! no longer than the small ones that came before it. A request that is larger than a whole budget counts as all of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::TableError;

/// What is counted as one, in bytes.
const GRAIN_BYTES: usize = 1024;
/// How long a call waits for its turn before it is refused.
const TURN_MAX: Duration = Duration::from_secs(1);

/// Counts bytes against a limit.
#[derive(Debug)]
pub struct Budget {
    grains: Arc<Semaphore>,
    /// Room for what waits for its turn: as much again.
    places: Semaphore,
    /// All of them.
    total: u32,
    /// In bytes.
    limit: usize,
}

/// Bytes taken from a budget; dropping it gives them back.
#[derive(Debug)]
pub struct Permit {
    _grains: OwnedSemaphorePermit,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        let total = u32::try_from((limit / GRAIN_BYTES).max(1)).unwrap_or(u32::MAX);
        let grains = usize::try_from(total).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let places = Semaphore::new(grains);
        Arc::new(Self { grains: Arc::new(Semaphore::new(grains)), places, total, limit })
    }

    /// Takes bytes until the permit is dropped. While they do not fit it waits for its turn, unless too much waits already, and
    /// is refused after a while.
    pub async fn turn(&self, bytes: usize) -> Result<Permit, TableError> {
        let refused = match self.take(bytes) {
            Ok(permit) => return Ok(permit),
            Err(refused) => refused,
        };
        let Ok(_place) = self.places.try_acquire_many(self.grains_of(bytes)) else { return Err(refused) };
        tokio::time::timeout(TURN_MAX, self.wait(bytes)).await.unwrap_or(Err(refused))
    }

    /// Takes bytes, if they fit now and nobody waits for any.
    pub fn take(&self, bytes: usize) -> Result<Permit, TableError> {
        let taken = Arc::clone(&self.grains).try_acquire_many_owned(self.grains_of(bytes));
        let refused = |_| TableError::Overloaded { wanted: bytes, limit: self.limit };
        taken.map(|grains| Permit { _grains: grains }).map_err(refused)
    }

    /// Takes bytes when its turn has come and they fit, however long that takes.
    pub async fn wait(&self, bytes: usize) -> Result<Permit, TableError> {
        let taken = Arc::clone(&self.grains).acquire_many_owned(self.grains_of(bytes)).await;
        // Nothing closes the semaphore.
        taken.map(|grains| Permit { _grains: grains }).map_err(|_| TableError::Closing)
    }

    /// All of it, in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes taken now, to the next grain.
    pub fn used(&self) -> usize {
        let total = usize::try_from(self.total).unwrap_or(usize::MAX);
        total.saturating_sub(self.grains.available_permits()).saturating_mul(GRAIN_BYTES)
    }

    fn grains_of(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(GRAIN_BYTES)).unwrap_or(u32::MAX).min(self.total)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const KIB: usize = 1024;

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn what_does_not_fit_beside_others_is_refused_and_comes_back() {
        let budget = Budget::new(100 * KIB);
        let first = budget.take(150 * KIB).unwrap();
        let refused = budget.take(1).unwrap_err();
        assert_eq!(refused, TableError::Overloaded { wanted: 1, limit: 100 * KIB });
        drop(first);
        assert_eq!(budget.used(), 0);
        let _second = budget.take(60 * KIB).unwrap();
        assert!(budget.take(40 * KIB).is_ok());
        assert!(budget.take(41 * KIB).is_err());
    }

    #[test]
    fn a_large_one_that_waits_is_served_before_small_ones_that_come_later() {
        let budget = Budget::new(100 * KIB);
        let first = budget.take(60 * KIB).unwrap();
        let second = budget.take(20 * KIB).unwrap();
        let mut large = pin!(budget.wait(90 * KIB));
        assert!(poll(large.as_mut()).is_pending());
        let mut small = pin!(budget.wait(10 * KIB));
        assert!(poll(small.as_mut()).is_pending(), "there is room for it, and it came later");
        drop(second);
        assert!(poll(small.as_mut()).is_pending() && poll(large.as_mut()).is_pending());
        assert!(budget.take(KIB).is_err(), "and nobody else gets in between");
        drop(first);
        assert!(poll(small.as_mut()).is_ready());
        let Poll::Ready(Ok(large)) = poll(large.as_mut()) else { panic!("the large one still waits") };
        drop(large);
        assert!(budget.take(100 * KIB).is_ok());
    }

    #[test]
    fn who_gives_up_waiting_lets_the_others_through() {
        let budget = Budget::new(100 * KIB);
        let first = budget.take(60 * KIB).unwrap();
        let mut small = pin!(budget.wait(10 * KIB));
        {
            let mut large = pin!(budget.wait(90 * KIB));
            assert!(poll(large.as_mut()).is_pending() && poll(small.as_mut()).is_pending());
        }
        assert!(poll(small.as_mut()).is_ready());
        drop(first);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_for_its_turn_for_a_while_and_only_so_much_waits() {
        let budget = Budget::new(100 * KIB);
        let all = budget.take(100 * KIB).unwrap();
        assert!(budget.turn(KIB).await.is_err(), "nothing came back");
        let mut waiting = pin!(budget.turn(90 * KIB));
        assert!(poll(waiting.as_mut()).is_pending());
        let mut too_much = pin!(budget.turn(20 * KIB));
        assert!(matches!(poll(too_much.as_mut()), Poll::Ready(Err(TableError::Overloaded { .. }))));
        drop(all);
        assert!(waiting.await.is_ok());
    }
}
