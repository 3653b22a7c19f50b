//! Makes numbered batches durable, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::commit::{prove, release, send};
use super::group::{Part, parts};
use crate::engine::pending::Ops;
use crate::engine::postgres::backlog::weight;
use crate::engine::postgres::core::Core;
use crate::engine::postgres::rows::{Fence, random_id};
use crate::engine::postgres::wire::{Failure, Kept, Link, pause};
use crate::engine::{Durable, EngineError};

/// The bytes of batches that go into one transaction, unless the first alone has more.
const GROUP_BYTES: usize = 3 * 1024 * 1024;
/// The most batches that wait in the writer's own queue.
const TOGETHER: usize = 4096;
/// Why a write is given up that closing no longer waits for.
const CLOSED_IN_VAIN: &str = "the database did not answer before the store was closed";
/// How often giving the store up is tried.
const RELEASE_TRIES: u32 = 3;

/// A batch with a number.
#[derive(Debug)]
pub(in crate::engine::postgres) struct Ready {
    pub(super) number: u64,
    pub(super) ops: Ops,
    pub(super) reply: oneshot::Sender<Result<Durable, EngineError>>,
}

/// The way of batches from `numbering` to the writer.
pub(in crate::engine::postgres) type Batches = UnboundedReceiver<Ready>;

/// Writes what comes until nothing can come any more, then gives the store up. `fence` is what the tables
/// have, as was proven through `link`.
pub(in crate::engine::postgres) async fn write(
    core: Arc<Core>,
    mut batches: Batches,
    link: Link,
    fence: Fence,
) {
    let stop = core.stop.clone();
    let work = async {
        let mut writer = Writer { core: &core, link: Kept::default(), fence, is_proven: true };
        writer.link.put(link);
        let (mut queue, mut come) = (VecDeque::new(), Vec::new());
        loop {
            if queue.is_empty() && batches.recv_many(&mut come, TOGETHER).await == 0 {
                break;
            }
            while come.len() < TOGETHER
                && let Ok(batch) = batches.try_recv()
            {
                come.push(batch);
            }
            queue.extend(come.drain(..));
            let group = take_group(&mut queue);
            match writer.commit(&group).await {
                Ok(()) => answer(&core, group),
                Err(error) => {
                    core.backlog.refuse(EngineError::Refusing(error.to_string()));
                    core.ownership.lose(&format!("a write failed: {error}"));
                    group.into_iter().for_each(|batch| drop(batch.reply.send(Err(error.clone()))));
                }
            }
        }
        writer.give_up().await;
    };
    stop.run_until_cancelled(work).await;
}

fn take_group(queue: &mut VecDeque<Ready>) -> Vec<Ready> {
    let (mut group, mut bytes) = (Vec::new(), 0);
    while let Some(batch) = queue.front() {
        bytes += weight(&batch.ops);
        if bytes > GROUP_BYTES && !group.is_empty() {
            break;
        }
        group.extend(queue.pop_front());
    }
    group
}

fn answer(core: &Arc<Core>, group: Vec<Ready>) {
    if let Some(last) = group.last() {
        core.backlog.durable(last.number);
    }
    for Ready { number, reply, .. } in group {
        let core = Arc::clone(core);
        // If nobody waits, the batch is published here.
        let _ = reply.send(Ok(Durable::new(number, move || core.backlog.publish(number))));
    }
}

struct Writer<'a> {
    core: &'a Core,
    link: Kept,
    /// The fence that the tables have, if it is proven.
    fence: Fence,
    is_proven: bool,
}

impl Writer<'_> {
    /// Returns once the group is durable, or can no longer become so.
    async fn commit(&mut self, group: &[Ready]) -> Result<(), EngineError> {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { return Ok(()) };
        if let Some(error) = self.core.backlog.refusing() {
            return Err(error);
        }
        let parts =
            parts(group.iter().map(|batch| &batch.ops), |key| self.core.backlog.before(key, first.number));
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let begun = Instant::now();
        let mut tries = Tries { is_sent: false, failed: 0 };
        loop {
            let sent = self.core.config.clock.now();
            let hurry = &self.core.hurry.clone();
            let attempt = hurry.run_until_cancelled(self.attempt(last.number, &parts, &mut tries)).await;
            let in_vain = || Err(EngineError::Io(CLOSED_IN_VAIN.to_owned()).into());
            match attempt.unwrap_or_else(in_vain) {
                Ok(()) => {
                    self.core.ownership.renewed(sent);
                    self.core.stalled(None);
                    self.core.config.commit_times.add_time(begun.elapsed());
                    return Ok(());
                }
                Err(Failure::Engine(error)) => return Err(self.lost(&tries, error)),
                Err(failure) => {
                    tracing::warn!(%failure, batch = last.number, "a write did not get through; it is proven and tried again");
                    self.core.stalled(Some(failure.to_string()));
                    self.core.doubt();
                    if begun.elapsed() > self.core.config.prove_within {
                        let error = EngineError::Io(format!("the database failed: {failure}"));
                        return Err(self.lost(&tries, error));
                    }
                    hurry.run_until_cancelled(self.pause(&mut tries)).await;
                }
            }
        }
    }

    async fn attempt(&mut self, last: u64, parts: &[Part], tries: &mut Tries) -> Result<(), Failure> {
        // If anything fails, the connection is not used again, and what it did is proven.
        let mut link = match self.link.take() {
            Some(link) => link,
            None => self.core.link(&self.core.config).await?,
        };
        if !std::mem::take(&mut self.is_proven) {
            self.fence = prove(self.core, &link, self.core.backlog.counts().0).await?;
            if tries.is_sent {
                self.core.config.proven.inc();
            }
            tries.is_sent = false;
        }
        if self.fence.last < last {
            let next = Fence { last, write: random_id()?, ..self.fence };
            tries.is_sent = true;
            if !send(self.core, &mut link, &self.fence, &next, parts).await? {
                return Err(Failure::Lost("the fence was changed by somebody else".to_owned()));
            }
            self.fence = next;
        }
        self.is_proven = true;
        self.link.put(link);
        Ok(())
    }

    /// The error for a group that is given up: unknown if it may be in the tables.
    fn lost(&self, tries: &Tries, error: EngineError) -> EngineError {
        if tries.is_sent {
            self.core.config.unknown.inc();
            EngineError::CommitUnknown(error.to_string())
        } else {
            error
        }
    }

    async fn pause(&self, tries: &mut Tries) {
        let random = random_id().map_or(0, |id| id.first().copied().unwrap_or_default());
        tokio::time::sleep(pause(tries.failed, random)).await;
        tries.failed += 1;
    }

    /// Closes: the next owner need not wait.
    async fn give_up(&mut self) {
        self.core.ownership.end();
        if self.core.ownership.reason().is_some() {
            return;
        }
        let mut tries = Tries { is_sent: false, failed: 0 };
        let hurry = &self.core.hurry.clone();
        while tries.failed < RELEASE_TRIES {
            match hurry.run_until_cancelled(self.release()).await {
                Some(Ok(())) => return,
                Some(Err(failure)) => tracing::warn!(%failure, "the ownership could not be given up"),
                None => break,
            }
            hurry.run_until_cancelled(self.pause(&mut tries)).await;
        }
        tracing::warn!("the next server has to wait until the ownership of this one has run out");
    }

    async fn release(&mut self) -> Result<(), Failure> {
        let link = match self.link.take() {
            Some(link) => link,
            None => self.core.link(&self.core.config).await?,
        };
        if !std::mem::take(&mut self.is_proven) {
            self.fence = prove(self.core, &link, self.core.backlog.counts().0).await?;
        }
        if release(self.core, &link, &self.fence).await? {
            Ok(())
        } else {
            Err(Failure::Lost("the fence was changed by somebody else".to_owned()))
        }
    }
}

struct Tries {
    /// The group was sent, and what became of it is not known.
    is_sent: bool,
    failed: u32,
}
