//! The pending batches of a sled store under their lock, and the signals between those who fill and who empty them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::Notify;

use super::super::pending::Pending;
use super::lock;

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Backlog {
    pending: RwLock<Pending>,
    signal: Mutex<Signal>,
    applier: Condvar,
    room: Notify,
    /// Acknowledgements must not wait for an applier that cannot go on.
    never_wait: AtomicBool,
    limit: usize,
}

#[derive(Debug, Default)]
struct Signal {
    work: bool,
    stop: Option<Stop>,
}

/// How the applier ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// After everything ready is in sled.
    Drained,
    /// At once, as a crash would.
    Now,
}

impl Backlog {
    pub(super) fn new(next: u64, limit: usize) -> Self {
        Self {
            pending: RwLock::new(Pending::new(next)),
            signal: Mutex::default(),
            applier: Condvar::new(),
            room: Notify::new(),
            never_wait: AtomicBool::new(false),
            limit,
        }
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Pending> {
        self.pending.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Pending> {
        self.pending.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a batch to reads and hands it to the applier once its turn has come.
    pub(super) fn publish(&self, number: u64) {
        if self.write().publish(number) {
            self.wake_applier();
        }
    }

    /// Makes the applier look whether there is something to do.
    pub(super) fn wake_applier(&self) {
        lock(&self.signal).work = true;
        self.applier.notify_one();
    }

    /// Drops what sled has now.
    pub(super) fn forget(&self, last: u64) {
        self.write().forget(last);
        if !self.is_over_limit() {
            self.room.notify_waiters();
        }
    }

    /// Whether sled lags behind by more than may be kept in memory.
    ///
    /// Only what is ready counts: the applier can always make that smaller by itself, while a batch that is not yet
    /// published waits for its caller, and holding its acknowledgement back would make both wait for ever.
    pub(super) fn is_over_limit(&self) -> bool {
        self.read().ready_bytes() > self.limit
    }

    /// Returns once sled has caught up to within the limit.
    pub(super) async fn room(&self) {
        loop {
            let mut notified = std::pin::pin!(self.room.notified());
            notified.as_mut().enable();
            if self.never_wait.load(Ordering::Acquire) || self.stopping().is_some() || !self.is_over_limit() {
                return;
            }
            notified.await;
        }
    }

    /// Whether acknowledgements wait for the applier.
    pub(super) fn set_never_wait(&self, never: bool) {
        self.never_wait.store(never, Ordering::Release);
        if never {
            self.room.notify_waiters();
        }
    }

    /// Tells the applier to end.
    pub(super) fn stop(&self, stop: Stop) {
        lock(&self.signal).stop = Some(stop);
        self.room.notify_waiters();
        self.applier.notify_one();
    }

    /// Where the applier waits: until something became ready, it has to end, or `timeout` passed.
    pub(super) fn wait_for_work(&self, timeout: Duration) -> Option<Stop> {
        let signal = lock(&self.signal);
        let idle = |s: &mut Signal| !s.work && s.stop.is_none();
        let waited = self.applier.wait_timeout_while(signal, timeout, idle);
        let (mut signal, _) = waited.unwrap_or_else(PoisonError::into_inner);
        signal.work = false;
        signal.stop
    }

    /// Whether the applier has to end.
    pub(super) fn stopping(&self) -> Option<Stop> {
        lock(&self.signal).stop
    }

    /// Sleeps until it is time to try again, or to end.
    pub(super) fn wait_to_retry(&self, pause: Duration) -> Option<Stop> {
        let waited = self.applier.wait_timeout_while(lock(&self.signal), pause, |s| s.stop.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.stop
    }
}
