//! The one byte budget of a store: what requests hold in memory, from their arrival to their answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::TableError;

/// Counts bytes against a limit.
#[derive(Debug)]
pub struct Budget {
    used: AtomicUsize,
    limit: usize,
    /// Rung when bytes come back.
    freed: Notify,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), limit, freed: Notify::new() })
    }

    /// Takes bytes until the permit is dropped. A request alone in the store is always let in, however large.
    pub fn take(self: &Arc<Self>, bytes: usize) -> Result<Permit, TableError> {
        let fits = |used: usize| {
            let after = used.saturating_add(bytes);
            (used == 0 || after <= self.limit).then_some(after)
        };
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(_) => Ok(Permit { budget: Arc::clone(self), bytes }),
            Err(_) => Err(TableError::Overloaded { wanted: bytes, limit: self.limit }),
        }
    }

    /// Takes bytes as soon as they fit.
    pub async fn wait(self: &Arc<Self>, bytes: usize) -> Permit {
        loop {
            let freed = self.freed.notified();
            if let Ok(permit) = self.take(bytes) {
                return permit;
            }
            freed.await;
        }
    }

    /// Bytes taken now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// Bytes taken from a budget; dropping it gives them back.
#[derive(Debug)]
pub struct Permit {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.budget.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_beside_others_is_refused_and_comes_back() {
        let budget = Budget::new(100);
        let first = budget.take(150).unwrap();
        assert_eq!(budget.take(1).unwrap_err(), TableError::Overloaded { wanted: 1, limit: 100 });
        drop(first);
        assert_eq!(budget.used(), 0);
        let _second = budget.take(60).unwrap();
        assert!(budget.take(40).is_ok());
        assert!(budget.take(41).is_err());
    }

    #[tokio::test]
    async fn who_waits_is_let_in_when_bytes_come_back() {
        let budget = Budget::new(100);
        let first = budget.take(80).unwrap();
        let waiting = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move { budget.wait(50).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(budget.used(), 80);
        drop(first);
        assert_eq!(waiting.await.unwrap().bytes, 50);
    }
}
