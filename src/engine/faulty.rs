//! Tests only: an engine that fails at a chosen operation, for the tests of the layers above.
//!
//! It can also be slow: each operation takes at least a given time, or all of them hang until they are
//! released.
//!
//! Every `get_many`, `scan` and `append` is one operation, counted from 1 when the wrapper is created. A test
//! runs a scenario once without a fault to count its operations, and can then make each of them fail in turn.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Append, Batch, Direction, Engine, EngineError, EngineStatus, Grant, Key, KeyRange, Value};

/// What happens at the chosen operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The operation returns this error and does nothing; later operations work. An append is not numbered.
    Error(EngineError),
    /// An append fails after it was numbered, and so do the next `also` appends, because every later batch
    /// fails too. None of them is written. A read returns the error.
    FailedWrite {
        /// The number of later appends that also fail.
        also: u64,
    },
    /// The process dies before the operation: nothing is done, and no later operation works.
    CrashBefore,
    /// The process dies after the operation: an append is durable although its caller gets an error, and no
    /// later operation works.
    CrashAfter,
}

/// See the module documentation. A test that "restarts" continues with the inner engine.
pub(crate) struct Faulty {
    inner: Arc<dyn Engine>,
    operations: AtomicU64,
    plan: Mutex<Option<(u64, Fault)>>,
    failing_appends: AtomicU64,
    crashed: AtomicBool,
    pace: Arc<Pace>,
    status: Mutex<Option<EngineStatus>>,
    /// The bytes that the working copy lacks, and how many fewer each look finds.
    lag: Mutex<(usize, usize)>,
    /// How often reads still miss a key that is there.
    missed: Mutex<Option<(Key, u32)>>,
    unreadable: Mutex<Vec<EngineError>>,
    /// A key whose value is damaged: batches that write it are refused.
    damaged: Mutex<Option<Key>>,
}

/// The speed of operations.
struct Pace {
    delay: Mutex<Option<Duration>>,
    held: watch::Sender<bool>,
    /// A key; batches that write it hang before they are numbered.
    held_key: watch::Sender<Option<Key>>,
    waiting: watch::Sender<u64>,
}

impl Pace {
    fn new() -> Self {
        Self {
            delay: Mutex::new(None),
            held: watch::Sender::new(false),
            held_key: watch::Sender::new(None),
            waiting: watch::Sender::new(0),
        }
    }

    fn holds(&self, batch: &Batch) -> bool {
        self.held_key.borrow().as_ref().is_some_and(|held| batch.puts.iter().any(|(key, _)| key == held))
    }

    async fn keep(&self) {
        let delay = *self.delay.lock().unwrap();
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        let mut held = self.held.subscribe();
        if *held.borrow() {
            self.waiting.send_modify(|waiting| *waiting += 1);
        }
        held.wait_for(|held| !held).await.unwrap();
    }
}

impl Faulty {
    /// Wraps `inner`, without a fault.
    pub(crate) fn new(inner: Arc<dyn Engine>) -> Self {
        Self {
            inner,
            operations: AtomicU64::new(0),
            plan: Mutex::new(None),
            failing_appends: AtomicU64::new(0),
            crashed: AtomicBool::new(false),
            pace: Arc::new(Pace::new()),
            status: Mutex::default(),
            lag: Mutex::default(),
            missed: Mutex::default(),
            unreadable: Mutex::default(),
            damaged: Mutex::default(),
        }
    }

    /// Makes the next `times` reads of `key` miss it.
    pub(crate) fn miss(&self, key: Key, times: u32) {
        *self.missed.lock().unwrap() = Some((key, times));
    }

    /// How often reads are still to miss a key.
    pub(crate) fn still_missed(&self) -> u32 {
        self.missed.lock().unwrap().as_ref().map_or(0, |(_, times)| *times)
    }

    /// Makes operation `n` fail; 1 is the first since the wrapper was created.
    pub(crate) fn fail_at(self, n: u64, fault: Fault) -> Self {
        *self.plan.lock().unwrap() = Some((n, fault));
        self
    }

    /// Makes operation `n` from now on fail; 1 is the next. Replaces a fault that has not happened yet.
    pub(crate) fn fail_later(&self, n: u64, fault: Fault) {
        self.failing_appends.store(0, Ordering::SeqCst);
        *self.plan.lock().unwrap() = Some((self.operations().saturating_add(n), fault));
    }

    /// Reports `status` instead of the status of the inner engine.
    pub(crate) fn tell_status(&self, status: Option<EngineStatus>) {
        *self.status.lock().unwrap() = status;
    }

    /// Makes the working copy lag behind by `bytes`, and each look at the status find `step` fewer. As long as
    /// any are pending, there is no room for appends.
    pub(crate) fn lag(&self, bytes: usize, step: usize) {
        *self.lag.lock().unwrap() = (bytes, step);
    }

    /// Says of these errors that reads of single values meet them.
    pub(crate) fn tell_unreadable(&self, errors: Vec<EngineError>) {
        *self.unreadable.lock().unwrap() = errors;
    }

    /// Makes the next operation fail.
    pub(crate) fn fail_next(&self, fault: Fault) {
        self.fail_after(1, fault);
    }

    /// Makes the `n`th operation from now on fail.
    pub(crate) fn fail_after(&self, n: u64, fault: Fault) {
        *self.plan.lock().unwrap() = Some((self.operations() + n, fault));
    }

    /// Makes each later operation take at least this long.
    pub(crate) fn delay_each(&self, delay: Option<Duration>) {
        *self.pace.delay.lock().unwrap() = delay;
    }

    /// Makes every operation hang.
    pub(crate) fn hold(&self) {
        self.pace.held.send_replace(true);
    }

    /// Refuses every batch that writes `key`, because its value is damaged.
    pub(crate) fn damage(&self, key: Key) {
        *self.damaged.lock().unwrap() = Some(key);
    }

    fn writes_damaged(&self, batch: &Batch) -> bool {
        let puts = batch.puts.iter().map(|(key, _)| key);
        let damaged = self.damaged.lock().unwrap();
        damaged.as_ref().is_some_and(|damaged| puts.chain(&batch.deletes).any(|key| key == damaged))
    }

    /// Makes every batch that writes `key` hang before it is numbered.
    pub(crate) fn hold_writes_of(&self, key: Key) {
        self.pace.held_key.send_replace(Some(key));
    }

    /// Waits until an operation hangs.
    pub(crate) async fn someone_waits(&self) {
        self.pace.waiting.subscribe().wait_for(|waiting| *waiting > 0).await.unwrap();
    }

    /// Whether an operation has hung.
    pub(crate) fn has_held(&self) -> bool {
        *self.pace.waiting.borrow() > 0
    }

    /// Releases everything that hangs.
    pub(crate) fn release(&self) {
        self.pace.held.send_replace(false);
        self.pace.held_key.send_replace(None);
    }

    /// The number of operations so far.
    pub(crate) fn operations(&self) -> u64 {
        self.operations.load(Ordering::SeqCst)
    }

    /// Whether the fault has happened.
    pub(crate) fn has_failed(&self) -> bool {
        self.plan.lock().unwrap().as_ref().is_some_and(|(n, _)| self.operations() >= *n)
    }

    fn next(&self) -> Result<Option<Fault>, EngineError> {
        if self.crashed.load(Ordering::SeqCst) {
            return Err(EngineError::Closed);
        }
        let now = self.operations.fetch_add(1, Ordering::SeqCst) + 1;
        let fault =
            self.plan.lock().unwrap().as_ref().filter(|(n, _)| *n == now).map(|(_, fault)| fault.clone());
        if matches!(fault, Some(Fault::CrashBefore | Fault::CrashAfter)) {
            self.crashed.store(true, Ordering::SeqCst);
        }
        Ok(fault)
    }

    fn before_read(&self) -> Result<(), EngineError> {
        match self.next()? {
            None => Ok(()),
            Some(Fault::Error(error)) => Err(error),
            Some(Fault::FailedWrite { .. }) => Err(injected()),
            Some(Fault::CrashBefore | Fault::CrashAfter) => Err(EngineError::Closed),
        }
    }
}

fn injected() -> EngineError {
    EngineError::Io("injected".to_owned())
}

#[async_trait]
impl Engine for Faulty {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, EngineError> {
        self.pace.keep().await;
        self.before_read()?;
        let mut found = self.inner.get_many(keys).await?;
        if let Some((missed, times)) = &mut *self.missed.lock().unwrap() {
            for (key, value) in keys.iter().zip(&mut found) {
                if key == missed && *times > 0 && value.take().is_some() {
                    *times -= 1;
                }
            }
        }
        Ok(found)
    }

    async fn scan(
        &self,
        range: KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Key, Value)>, EngineError> {
        self.pace.keep().await;
        self.before_read()?;
        self.inner.scan(range, direction, limit).await
    }

    fn append(&self, batch: Batch) -> Append {
        let failed = |error| -> Append { Box::pin(std::future::ready(Err(error))) };
        if self.lag.lock().unwrap().0 > 0 {
            return failed(EngineError::StorageFull { free: 1, needed: 2 });
        }
        let fault = match self.next() {
            Ok(fault) => fault,
            Err(error) => return failed(error),
        };
        match fault {
            None if self.writes_damaged(&batch) => failed(EngineError::Corrupt {
                file: "kv".to_owned(),
                offset: 0,
                detail: "a piece is lost".to_owned(),
            }),
            None if self.pace.holds(&batch) => {
                let (inner, pace) = (Arc::clone(&self.inner), Arc::clone(&self.pace));
                Box::pin(async move {
                    pace.waiting.send_modify(|waiting| *waiting += 1);
                    pace.held_key.subscribe().wait_for(Option::is_none).await.unwrap();
                    inner.append(batch).await
                })
            }
            None => {
                let one_less = |n: u64| n.checked_sub(1);
                match self.failing_appends.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
                    Ok(_) => failed(injected()),
                    Err(_) => {
                        let (append, pace) = (self.inner.append(batch), Arc::clone(&self.pace));
                        Box::pin(async move {
                            pace.keep().await;
                            append.await
                        })
                    }
                }
            }
            Some(Fault::Error(error)) => failed(error),
            Some(Fault::FailedWrite { also }) => {
                self.failing_appends.store(also, Ordering::SeqCst);
                failed(injected())
            }
            Some(Fault::CrashBefore) => failed(EngineError::CommitUnknown("crashed".to_owned())),
            Some(Fault::CrashAfter) => {
                let append = self.inner.append(batch);
                Box::pin(async move {
                    drop(append.await?);
                    Err(EngineError::CommitUnknown("crashed".to_owned()))
                })
            }
        }
    }

    async fn unreadable(&self, most: usize) -> Result<Vec<EngineError>, EngineError> {
        Ok(self.unreadable.lock().unwrap().iter().take(most).cloned().collect())
    }

    fn is_lent(&self, lease: u32) -> bool {
        self.inner.is_lent(lease)
    }

    fn lent(&self) -> Vec<u32> {
        self.inner.lent()
    }

    async fn lend(&self, lease: u32) -> Result<Grant, EngineError> {
        self.inner.lend(lease).await
    }

    async fn take_back(&self, lease: u32) -> Result<(), EngineError> {
        self.inner.take_back(lease).await
    }

    fn status(&self) -> EngineStatus {
        let mut status = self.status.lock().unwrap().clone().unwrap_or_else(|| self.inner.status());
        let (pending, step) = &mut *self.lag.lock().unwrap();
        status.pending_bytes = status.pending_bytes.saturating_add(*pending);
        *pending = pending.saturating_sub(*step);
        status
    }

    async fn close(&self) -> Result<(), EngineError> {
        self.inner.close().await
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::MemoryEngine;
    use super::*;

    fn batch(key: u8) -> Batch {
        let mut batch = Batch::default();
        batch.put(vec![key], vec![key]);
        batch
    }

    async fn keys(engine: &dyn Engine) -> Vec<u8> {
        let found = engine.scan(KeyRange::prefix(b""), Direction::Forward, 99).await.unwrap();
        found.into_iter().map(|(k, _)| k[0]).collect()
    }

    #[tokio::test]
    async fn an_error_happens_once_and_writes_nothing() {
        let full = EngineError::StorageFull { free: 1, needed: 2 };
        let engine = Faulty::new(Arc::new(MemoryEngine::new())).fail_at(2, Fault::Error(full.clone()));
        engine.commit(batch(1)).await.unwrap();
        assert!(!engine.has_failed());
        assert_eq!(engine.commit(batch(2)).await.unwrap_err(), full);
        assert!(engine.has_failed());
        engine.commit(batch(3)).await.unwrap();
        assert_eq!(keys(&engine).await, [1, 3]);
        assert_eq!(engine.operations(), 4);
    }

    #[tokio::test]
    async fn a_failed_write_takes_later_appends_with_it() {
        let engine = Faulty::new(Arc::new(MemoryEngine::new())).fail_at(1, Fault::FailedWrite { also: 1 });
        let (first, second, third) =
            (engine.append(batch(1)), engine.append(batch(2)), engine.append(batch(3)));
        assert!(first.await.is_err() && second.await.is_err());
        third.await.unwrap();
        assert_eq!(keys(&engine).await, [3]);
    }

    #[tokio::test]
    async fn after_a_crash_nothing_works_and_the_last_append_may_have_landed() {
        for (fault, expected) in [(Fault::CrashBefore, vec![1]), (Fault::CrashAfter, vec![1, 2])] {
            let inner: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
            let engine = Faulty::new(Arc::clone(&inner)).fail_at(2, fault);
            engine.commit(batch(1)).await.unwrap();
            assert!(matches!(engine.commit(batch(2)).await, Err(EngineError::CommitUnknown(_))));
            assert_eq!(engine.commit(batch(3)).await.unwrap_err(), EngineError::Closed);
            assert_eq!(engine.get_many(&[]).await.unwrap_err(), EngineError::Closed);
            assert_eq!(keys(&*inner).await, expected);
        }
    }
}
