//! The queue of the log, and the syncer thread that empties it.
//!
//! A batch gets its number and its place in the queue under one short lock, so the order of the numbers is
//! the order of the log; the caller encodes and compresses the batch before that. One syncer thread takes
//! everything that is queued, writes it with one write, makes it durable with one `fdatasync`, and answers
//! all callers.
//!
//! After a failed write the log is cut back to its former end, and the batches in flight fail. After a failed
//! `fdatasync` nobody knows what the disk has, so the log rejects batches until the store is reopened. It
//! also rejects them once one of its files is gone: the next open would not find what is written into a file
//! without a name.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use super::payload::Payload;
use super::writer::{Failure, Writer};
use crate::engine::lock::lock;
use crate::engine::pending::Ops;
use crate::engine::sled::backlog::Backlog;
use crate::engine::{Durable, EngineError};
use crate::metrics::Histogram;

/// The payload bytes that one `fdatasync` covers; the rest of the queue goes into the next group.
const GROUP_BYTES: usize = 32 * 1024 * 1024;

/// The log, as its callers see it.
#[derive(Debug)]
pub(crate) struct Log {
    queue: Mutex<Queue>,
    syncer: Condvar,
    backlog: Arc<Backlog>,
    durable: AtomicU64,
    bytes: AtomicU64,
    /// Never decreases, unlike `bytes`.
    taken: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Waiting>,
    closing: Option<Closing>,
    /// Why the log rejects batches until the store is reopened.
    refusing: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// The queued batches are still made durable.
    Orderly,
    /// The queued batches are dropped, as in a crash.
    Now,
}

/// The result that a caller of [`Log::append`] waits for.
pub(crate) type Reply = oneshot::Receiver<Result<Durable, EngineError>>;

/// A batch that is numbered and not yet durable.
#[derive(Debug)]
struct Waiting {
    number: u64,
    payload: Payload,
    reply: oneshot::Sender<Result<Durable, EngineError>>,
}

impl Log {
    /// A log that ends with batch `last` and has `bytes` on disk. Nothing is written until [`run`] runs.
    pub(crate) fn new(backlog: Arc<Backlog>, last: u64, bytes: u64) -> Self {
        Self {
            queue: Mutex::default(),
            syncer: Condvar::new(),
            backlog,
            durable: AtomicU64::new(last),
            bytes: AtomicU64::new(bytes),
            taken: AtomicU64::new(bytes),
        }
    }

    /// Numbers and queues a batch, unless `check` rejects it. `check` runs under the lock of the queue, so it
    /// sees every batch with a lower number.
    pub(crate) fn append(
        &self,
        ops: Ops,
        payload: Payload,
        check: impl FnOnce() -> Result<(), EngineError>,
    ) -> Result<Reply, EngineError> {
        let (reply, answer) = oneshot::channel();
        let mut queue = lock(&self.queue);
        if queue.closing.is_some() {
            return Err(EngineError::Closed);
        }
        if let Some(reason) = &queue.refusing {
            return Err(EngineError::Refusing(reason.clone()));
        }
        check()?;
        let number = self.backlog.write(|pending| pending.push(ops));
        queue.waiting.push(Waiting { number, payload, reply });
        drop(queue);
        self.syncer.notify_one();
        Ok(answer)
    }

    /// The last durable batch.
    pub(crate) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// The size of all segments.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The bytes appended since the store was opened, plus the size of the log at that time.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Subtracts `bytes` of old segments that were removed.
    pub(crate) fn forget(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Why the log rejects batches until the store is reopened; `None` if it accepts them.
    pub(crate) fn refusing(&self) -> Option<String> {
        lock(&self.queue).refusing.clone()
    }

    /// Rejects batches from now on until the store is reopened. The syncer still tries the queued ones.
    pub(crate) fn refuse(&self, why: String) {
        tracing::error!(why, "the store rejects writes until it is reopened");
        lock(&self.queue).refusing.get_or_insert(why);
    }

    /// Rejects batches from now on, and ends the syncer: after the queued batches if `orderly`, otherwise at
    /// once.
    pub(crate) fn close(&self, orderly: bool) {
        lock(&self.queue).closing = Some(if orderly { Closing::Orderly } else { Closing::Now });
        self.syncer.notify_one();
    }

    /// The next batches to make durable; `None` if the syncer has to end.
    fn next_group(&self) -> Option<Vec<Waiting>> {
        let queue = lock(&self.queue);
        let idle = |q: &mut Queue| q.waiting.is_empty() && q.closing.is_none();
        let mut queue = self.syncer.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner);
        if queue.closing == Some(Closing::Now) {
            let dropped = mem::take(&mut queue.waiting);
            drop(queue);
            answer_all(dropped, &EngineError::CommitUnknown("the store was dropped".to_owned()));
            return None;
        }
        let mut bytes = 0;
        let mut fits = |w: &Waiting| {
            bytes += w.payload.stored.len();
            bytes <= GROUP_BYTES
        };
        let count = queue.waiting.iter().take_while(|w| fits(w)).count().max(1).min(queue.waiting.len());
        let rest = queue.waiting.split_off(count);
        let group = mem::replace(&mut queue.waiting, rest);
        (!group.is_empty()).then_some(group)
    }

    fn succeed(&self, group: Vec<Waiting>, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        if let Some(last) = group.last() {
            self.durable.store(last.number, Ordering::Release);
        }
        for Waiting { number, reply, .. } in group {
            let backlog = Arc::clone(&self.backlog);
            // If the caller is gone, `send` returns the value, and dropping it publishes the batch.
            drop(reply.send(Ok(Durable::new(number, move || backlog.publish(number)))));
        }
    }

    /// Fails a group and every later batch. It holds the queue's lock, so that no batch is checked against a
    /// failed one or numbered after it.
    fn fail(&self, mut group: Vec<Waiting>, failure: Failure) {
        let mut queue = lock(&self.queue);
        group.append(&mut queue.waiting);
        if let Some(first) = group.first() {
            self.backlog.write(|pending| pending.abandon_from(first.number));
        }
        let error = match failure {
            Failure::NothingWritten(error) => error,
            Failure::Unknown(reason) => {
                queue.refusing = Some(reason.clone());
                EngineError::CommitUnknown(reason)
            }
        };
        drop(queue);
        tracing::error!(%error, batches = group.len(), "writing to the log failed");
        answer_all(group, &error);
    }
}

/// The syncer thread, which ends when the log is closed. `times` counts how long each group took.
pub(crate) fn run(log: &Log, mut writer: Writer, times: &Histogram) {
    while let Some(group) = log.next_group() {
        let begun = Instant::now();
        let written = writer.write(group.iter().map(|waiting| (waiting.number, &waiting.payload)));
        times.add_time(begun.elapsed());
        match written {
            Ok(bytes) => log.succeed(group, bytes),
            Err(failure) => log.fail(group, failure),
        }
    }
    let orderly = lock(&log.queue).closing == Some(Closing::Orderly);
    if orderly && log.refusing().is_none() {
        writer.mark();
    }
}

fn answer_all(group: Vec<Waiting>, error: &EngineError) {
    for waiting in group {
        drop(waiting.reply.send(Err(error.clone())));
    }
}
