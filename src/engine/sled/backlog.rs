//! The pending batches of a sled store behind their lock, and the signals between the threads that add
//! batches and the applier that takes them.
//!
//! This lock is the innermost: a thread may take it while it holds others, such as that of the log's queue,
//! and takes no other lock while it holds this one. A guard that is a temporary lives to the end of its
//! statement, which is easy to overlook, so no guard is handed out: code that runs under the lock is a
//! closure, which knows [`Pending`] alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;

use crate::engine::SMALL_BATCH_BYTES;
use crate::engine::lock::lock;
use crate::engine::pending::Pending;
use crate::engine::sled::disk::Behind;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Backlog {
    pending: RwLock<Pending>,
    behind: Behind,
    signal: Mutex<Signal>,
    applier: Condvar,
    room: Notify,
    /// Set while the applier cannot continue: acknowledgements must not wait for it.
    never_wait: AtomicBool,
    limit: usize,
}

/// Small batches may exceed the limit by one part in this many.
const SMALL_PART: usize = 4;

/// With this many ready bytes the applier begins at once.
const PLENTY_BYTES: usize = 1024 * 1024;

#[derive(Debug, Default)]
struct Signal {
    work: bool,
    /// The applier should not wait for more work.
    urgent: bool,
    stop: Option<Stop>,
}

/// How the applier ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// After all ready batches are in sled.
    Drained,
    /// At once, as a crash would.
    Now,
}

impl Backlog {
    /// No pending batches; the next batch gets number `next`. The bytes of the pending batches go to
    /// `behind`.
    pub(crate) fn new(next: u64, limit: usize, behind: Behind) -> Self {
        Self {
            pending: RwLock::new(Pending::new(next)),
            behind,
            signal: Mutex::default(),
            applier: Condvar::new(),
            room: Notify::new(),
            never_wait: AtomicBool::new(false),
            limit,
        }
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&Pending) -> T) -> T {
        read(&self.pending.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn write<T>(&self, write: impl FnOnce(&mut Pending) -> T) -> T {
        let mut pending = self.pending.write().unwrap_or_else(PoisonError::into_inner);
        let written = write(&mut pending);
        self.behind.set(pending.bytes());
        written
    }

    /// Whether a thread holds the lock on the pending batches.
    #[cfg(test)]
    pub(crate) fn is_locked(&self) -> bool {
        self.pending.try_write().is_err()
    }

    /// Makes a batch visible to reads, and tells the applier if this makes batches ready.
    pub(crate) fn publish(&self, number: u64) {
        let ready = self.write(|pending| pending.publish(number).then(|| pending.ready_bytes()));
        if let Some(bytes) = ready {
            self.tell_applier(bytes >= PLENTY_BYTES.min(self.limit));
        }
    }

    /// Makes the applier look for work at once.
    pub(crate) fn wake_applier(&self) {
        self.tell_applier(true);
    }

    fn tell_applier(&self, urgent: bool) {
        let is_news = {
            let mut signal = lock(&self.signal);
            let is_news = !signal.work || (urgent && !signal.urgent);
            signal.work = true;
            signal.urgent |= urgent;
            is_news
        };
        if is_news {
            self.applier.notify_one();
        }
    }

    /// Drops the batches up to `last`, because sled now has them.
    pub(crate) fn forget(&self, last: u64) {
        self.write(|pending| pending.forget(last));
        if !self.is_over(self.limit_of(0)) {
            self.room.notify_waiters();
        }
    }

    /// Whether more bytes wait for sled than may be kept in memory.
    ///
    /// Only ready batches count. The applier can always reduce these by itself. A batch that is not yet
    /// published waits for its caller, and if its acknowledgement waited too, both would wait for ever.
    pub(crate) fn is_over_limit(&self) -> bool {
        self.is_over(self.limit)
    }

    fn is_over(&self, limit: usize) -> bool {
        self.read(Pending::ready_bytes) > limit
    }

    /// The bytes that may be kept in memory when a batch of `bytes` is acknowledged. The limit is higher for
    /// small batches, so a memberbase that writes faster than sled slows its own large writes, but not the
    /// single writes of every memberbase.
    fn limit_of(&self, bytes: usize) -> usize {
        let small = if bytes <= SMALL_BATCH_BYTES { self.limit / SMALL_PART } else { 0 };
        self.limit.saturating_add(small)
    }

    /// Returns once sled has caught up to within the limit for a batch of `bytes`.
    pub(crate) async fn room(&self, bytes: usize) {
        let limit = self.limit_of(bytes);
        loop {
            let mut notified = std::pin::pin!(self.room.notified());
            notified.as_mut().enable();
            if self.never_wait.load(Ordering::Acquire) || self.stopping().is_some() || !self.is_over(limit) {
                return;
            }
            notified.await;
        }
    }

    /// Sets whether acknowledgements go out without waiting for the applier.
    pub(crate) fn set_never_wait(&self, never: bool) {
        self.never_wait.store(never, Ordering::Release);
        if never {
            self.room.notify_waiters();
        }
    }

    /// Tells the applier to end.
    pub(crate) fn stop(&self, stop: Stop) {
        lock(&self.signal).stop = Some(stop);
        self.room.notify_waiters();
        self.applier.notify_one();
    }

    /// Blocks the applier until batches are ready, it has to end, or `timeout` has passed. Unless the work is
    /// urgent, it then waits for `gather` longer, so that more work can arrive.
    pub(crate) fn wait_for_work(&self, timeout: Duration, gather: Duration) -> Option<Stop> {
        let calm = |signal: &Signal| !signal.urgent && signal.stop.is_none();
        let signal = self.wait_while(lock(&self.signal), timeout, |signal| !signal.work && calm(signal));
        let mut signal = self.wait_while(signal, gather, |signal| signal.work && calm(signal));
        (signal.work, signal.urgent) = (false, false);
        signal.stop
    }

    /// Whether the applier has to end.
    pub(crate) fn stopping(&self) -> Option<Stop> {
        lock(&self.signal).stop
    }

    /// Sleeps until it is time to try again, or to end.
    pub(crate) fn wait_to_retry(&self, pause: Duration) -> Option<Stop> {
        self.wait_while(lock(&self.signal), pause, |signal| signal.stop.is_none()).stop
    }

    fn wait_while<'a>(
        &self,
        signal: MutexGuard<'a, Signal>,
        timeout: Duration,
        condition: impl Fn(&Signal) -> bool,
    ) -> MutexGuard<'a, Signal> {
        let waited = self.applier.wait_timeout_while(signal, timeout, |signal| condition(signal));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use bytes::Bytes;
    use futures_util::FutureExt;

    use super::*;
    use crate::engine::pending::Op;

    const LONG: Duration = Duration::from_secs(3600);

    fn backlog_with(bytes: usize) -> Arc<Backlog> {
        let backlog = Backlog::new(1, usize::MAX, Behind::default());
        let value = Some(vec![0; bytes].into());
        backlog.write(|pending| {
            pending.push([Op { key: Bytes::from_static(b"key"), value, is_known: false }].into())
        });
        Arc::new(backlog)
    }

    /// The result of an applier that waits and gathers for a long time while `done` runs.
    fn told_while(backlog: &Arc<Backlog>, done: impl FnOnce(&Backlog)) -> Option<Stop> {
        let waiting = Arc::clone(backlog);
        let applier = thread::spawn(move || waiting.wait_for_work(LONG, LONG));
        done(backlog);
        applier.join().unwrap()
    }

    #[test]
    fn the_applier_gathers_small_work_until_it_is_plenty_or_urgent_or_time_to_end() {
        assert_eq!(told_while(&backlog_with(PLENTY_BYTES), |backlog| backlog.publish(1)), None);
        let urgent = |backlog: &Backlog| {
            backlog.publish(1);
            backlog.wake_applier();
        };
        assert_eq!(told_while(&backlog_with(1), urgent), None);
        let ends = |backlog: &Backlog| {
            backlog.publish(1);
            backlog.stop(Stop::Drained);
        };
        assert_eq!(told_while(&backlog_with(1), ends), Some(Stop::Drained));
    }

    #[tokio::test]
    async fn small_batches_are_acknowledged_while_large_ones_wait_for_sled() {
        let limit = 4 * SMALL_BATCH_BYTES;
        let backlog = Backlog::new(1, limit, Behind::default());
        let publish = |bytes: usize| {
            let value = Some(vec![0; bytes].into());
            let ops = [Op { key: Bytes::from_static(b"key"), value, is_known: false }].into();
            backlog.publish(backlog.write(|pending| pending.push(ops)));
        };
        publish(limit);
        let mut large = Box::pin(backlog.room(SMALL_BATCH_BYTES + 1));
        assert!(large.as_mut().now_or_never().is_none());
        backlog.room(SMALL_BATCH_BYTES).await;
        publish(SMALL_BATCH_BYTES);
        let mut small = Box::pin(backlog.room(1));
        assert!(small.as_mut().now_or_never().is_none(), "small batches have a limit too");
        backlog.forget(1);
        large.await;
        small.await;
    }

    #[test]
    fn small_work_is_done_once_it_was_given_time_to_become_more() {
        let backlog = backlog_with(1);
        backlog.publish(1);
        assert_eq!(backlog.wait_for_work(LONG, Duration::from_millis(1)), None);
        assert_eq!(backlog.wait_for_work(Duration::from_millis(1), LONG), None, "no work is left");
    }
}
