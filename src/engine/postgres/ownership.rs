//! Whether this server still owns the store.
//!
//! The owner renews a row of the database, and counts a term from *before* it sent a renewal that was
//! acknowledged. Another server takes over only after it has itself watched the row unchanged for longer than
//! a term. So nobody else can have written while [`Ownership::holds_now`] is true. What is computed while it
//! is true may be answered if it is still true afterwards.
//!
//! Once lost, it is lost for ever: the memory of this process may be old. A term that ran out is not lost
//! yet: a later renewal that succeeds proves that nobody else wrote in between.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::clock::BootClock;

/// See the module documentation. Clones are the same ownership.
#[derive(Clone)]
pub struct Ownership(Arc<Inner>);

struct Inner {
    epoch: u64,
    clock: BootClock,
    term: Duration,
    /// When the last acknowledged renewal was sent, in microseconds of the clock.
    renewed: AtomicU64,
    is_over: AtomicBool,
    lost: watch::Sender<Option<String>>,
}

impl Ownership {
    pub(crate) fn new(epoch: u64, clock: BootClock, term: Duration, renewed: Duration) -> Self {
        let (renewed, is_over) = (AtomicU64::new(micros(renewed)), AtomicBool::new(false));
        Self(Arc::new(Inner { epoch, clock, term, renewed, is_over, lost: watch::Sender::new(None) }))
    }

    /// Whether nobody else can own the store now. Cheap: call it after each answer is computed and before it
    /// leaves.
    #[must_use]
    pub fn holds_now(&self) -> bool {
        !self.0.is_over.load(Ordering::Acquire) && self.beat_age() < self.0.term
    }

    /// Whether it has ended, and does not come back: it was lost, or the store was closed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::Acquire)
    }

    /// How old the last acknowledged renewal is.
    #[must_use]
    pub fn beat_age(&self) -> Duration {
        let renewed = Duration::from_micros(self.0.renewed.load(Ordering::Acquire));
        self.0.clock.now().saturating_sub(renewed)
    }

    /// How many servers have owned the store before, and this one.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.0.epoch
    }

    /// Why the ownership is lost, once it is.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.0.lost.borrow().clone()
    }

    /// Waits until the ownership is lost, and says why. The process should end then, or open the store anew.
    pub async fn lost(&self) -> String {
        let mut lost = self.0.lost.subscribe();
        match lost.wait_for(Option::is_some).await.map(|reason| reason.clone()) {
            Ok(Some(reason)) => reason,
            // The sender lives as long as this handle, and the condition asks for a reason.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// A renewal that was sent at `sent` has been acknowledged.
    pub(crate) fn renewed(&self, sent: Duration) {
        self.0.renewed.fetch_max(micros(sent), Ordering::AcqRel);
    }

    /// Nothing more may be answered. The first reason stays. What was given up is not lost: the next owner may
    /// be there before this process has ended.
    pub(crate) fn lose(&self, reason: &str) {
        self.0.lost.send_if_modified(|lost| {
            let was_over = self.0.is_over.swap(true, Ordering::AcqRel);
            let is_news = !was_over && lost.is_none();
            if is_news {
                *lost = Some(reason.to_owned());
            }
            is_news
        });
    }

    /// The store is closed: the ownership is over, and was not lost.
    pub(crate) fn end(&self) {
        self.0.is_over.store(true, Ordering::Release);
    }
}

impl fmt::Debug for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ownership").field("epoch", &self.0.epoch).finish_non_exhaustive()
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn it_holds_for_a_term_since_the_renewal_was_sent_and_never_again_once_lost() {
        let now = Arc::new(Mutex::new(Duration::from_secs(100)));
        let told = Arc::clone(&now);
        let clock = BootClock::new(move || *told.lock().unwrap());
        let owned = Ownership::new(3, clock, Duration::from_secs(6), Duration::from_secs(100));
        let at = |seconds| *now.lock().unwrap() = Duration::from_secs(seconds);
        assert!(owned.holds_now());
        at(106);
        assert!(!owned.holds_now(), "the term ends with its last moment");
        owned.renewed(Duration::from_secs(103));
        assert!(owned.holds_now());
        // An answer that comes late is no news.
        owned.renewed(Duration::from_secs(101));
        at(108);
        assert!(owned.holds_now());
        owned.lose("first");
        owned.lose("second");
        owned.renewed(Duration::from_secs(108));
        assert!(!owned.holds_now());
        assert_eq!(owned.lost().await, "first");
    }

    #[test]
    fn what_was_given_up_is_not_lost_to_the_next_owner() {
        let clock = BootClock::new(|| Duration::from_secs(100));
        let owned = Ownership::new(3, clock, Duration::from_secs(6), Duration::from_secs(100));
        owned.end();
        owned.lose("another server has taken over the store");
        assert_eq!((owned.reason(), owned.holds_now(), owned.is_over()), (None, false, true));
    }
}
