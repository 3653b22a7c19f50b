//! The write-ahead log, which is the promise: a batch is durable once it is in here.
//!
//! Batches get their number and their place in the queue under one short lock, so that the order of numbers is the order
//! of the log; encoding and compression happen before that, in the caller. One syncer thread takes everything that is
//! queued, writes it with one write, makes it durable with one `fdatasync`, and answers all callers.
//!
//! After a failed write the log is cut back to where it was, and what was in flight fails; after a failed `fdatasync`
//! nobody knows what the disk has, so the log refuses batches until the store is reopened. It does so too once a file of it is
//! gone: what is written into a file without a name is not found by the next open.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::super::pending::Ops;
use super::super::{Durable, EngineError};
use super::backlog::Backlog;
use super::lock;
use super::payload::Payload;
use super::writer::{Failure, Writer};

/// Payload bytes that one `fdatasync` covers; the rest of the queue goes into the next group.
const GROUP_BYTES: usize = 32 * 1024 * 1024;

/// The end of the log that takes batches.
#[derive(Debug)]
pub(super) struct Log {
    queue: Mutex<Queue>,
    syncer: Condvar,
    backlog: Arc<Backlog>,
    durable: AtomicU64,
    bytes: AtomicU64,
    /// Never goes down, unlike `bytes`.
    taken: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Waiting>,
    closing: Option<Closing>,
    /// Why batches are refused until the store is reopened.
    refusing: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// What is queued is still made durable.
    Orderly,
    /// What is queued is dropped, as a crash would.
    Now,
}

/// What a caller of [`Log::append`] waits for.
pub(super) type Reply = oneshot::Receiver<Result<Durable, EngineError>>;

/// A batch that has its number and is not yet durable.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) number: u64,
    pub(super) payload: Payload,
    reply: oneshot::Sender<Result<Durable, EngineError>>,
}

impl Log {
    /// A log that ends with batch `last` and has `bytes` on disk. Nothing is written until [`run`] runs.
    pub(super) fn new(backlog: Arc<Backlog>, last: u64, bytes: u64) -> Self {
        Self {
            queue: Mutex::default(),
            syncer: Condvar::new(),
            backlog,
            durable: AtomicU64::new(last),
            bytes: AtomicU64::new(bytes),
            taken: AtomicU64::new(bytes),
        }
    }

    /// Numbers and queues a batch, unless `check` finds that it was planned on something else than is numbered now.
    pub(super) fn append(
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
    pub(super) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// The size of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The size of everything that was ever appended, counted from what was there when the store was opened.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Notes that `bytes` of old segments were removed.
    pub(super) fn forget(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Why batches are refused until the store is reopened, if they are.
    pub(super) fn refusing(&self) -> Option<String> {
        lock(&self.queue).refusing.clone()
    }

    /// Takes no more batches until the store is reopened. What is queued already is still tried.
    pub(super) fn refuse(&self, why: String) {
        tracing::error!(why, "no more writes are taken");
        lock(&self.queue).refusing.get_or_insert(why);
    }

    /// Takes no more batches and lets the syncer end: after what is queued, or at once.
    pub(super) fn close(&self, orderly: bool) {
        lock(&self.queue).closing = Some(if orderly { Closing::Orderly } else { Closing::Now });
        self.syncer.notify_one();
    }

    /// The next batches to make durable; `None` when the syncer has to end.
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
            // If the caller has gone, the value comes back and is dropped, which publishes the batch.
            drop(reply.send(Ok(Durable::new(number, move || backlog.publish(number)))));
        }
    }

    /// Fails a group and everything numbered after it. Under the queue's lock, so that no batch is checked against, or
    /// numbered after, one that has failed.
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
        tracing::error!(%error, batches = group.len(), "appending to the log failed");
        answer_all(group, &error);
    }
}

/// The syncer: ends when the log is closed.
pub(super) fn run(log: &Log, mut writer: Writer) {
    while let Some(group) = log.next_group() {
        match writer.write(&group) {
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
