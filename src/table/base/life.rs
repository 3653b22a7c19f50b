//! The life of bases in memory.
//!
//! ```text
//!                first call           opened                not in use
//!   closed ──────────────► opening ──────────► open ─────────────────────► closing ──► closed
//!      ▲                    │  ▲                                              │
//!      └────────────────────┘  └──────────────────────────────────────────────┘
//!              failed                          a call came meanwhile
//! ```
//!
//! - Every base that is not closed has one entry and one task. Only this task opens and closes the base, and
//!   it ends with the entry. So a base never has two lanes. A caller who leaves does not stop the opening, so
//!   a later call finds the base open or being opened.
//! - A base that a caller holds is open and stays open as long as the caller holds it. Only closing the store
//!   closes it anyway.
//! - Every caller gets the base, or the error if it cannot be opened. The next call after a failure tries
//!   again.
//! - A base is closed even if its last checkpoint fails: the commit log has what the stored indexes lack.
//!
//! This module does not know what opening and closing do ([`Kind`]).

#[cfg(test)]
mod tests;

use std::collections::hash_map::Entry;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_trait::async_trait;
use foldhash::HashMap;
use tokio::sync::{oneshot, watch};

use crate::model::{BaseNumber, Timestamp};
use crate::table::TableError;
use crate::tasks;

/// How a base is opened and closed.
#[async_trait]
pub trait Kind: Send + Sync + 'static {
    /// A base that is open.
    type Open: Send + Sync + 'static;

    /// Opens a base.
    async fn open(&self, number: BaseNumber) -> Result<Arc<Self::Open>, TableError>;

    /// Closes a base. Afterwards it is closed, even if this returns an error.
    async fn close(&self, base: &Self::Open) -> Result<(), TableError>;
}

/// The bases that are not closed.
pub struct Lives<K: Kind> {
    kind: Arc<K>,
    states: Mutex<States<K::Open>>,
    /// Notified when a base was opened or closed, or could not be opened.
    changed: watch::Sender<()>,
}

struct States<O> {
    lives: HashMap<BaseNumber, Life<O>>,
    /// Whether the store is closing, so no base is opened any more.
    is_ending: bool,
}

/// The life of one base that is not closed.
struct Life<O> {
    /// When a caller last asked for it.
    last_used: Timestamp,
    state: State<O>,
}

enum State<O> {
    Opening(Waiting<O>),
    Open(Arc<O>, oneshot::Sender<Order<O>>),
    Closing(Waiting<O>),
}

/// Callers who wait for a base that is not open.
type Waiting<O> = Vec<oneshot::Sender<Result<Arc<O>, TableError>>>;

/// Tells the task of an open base to close it.
struct Order<O> {
    base: Arc<O>,
    /// Work to do while it is closed.
    then: Work,
    /// Gets the result of closing it.
    closed: oneshot::Sender<Result<(), TableError>>,
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<K: Kind> Lives<K> {
    /// Begins with all bases closed.
    pub fn new(kind: K) -> Arc<Self> {
        let states = States { lives: HashMap::default(), is_ending: false };
        Arc::new(Self { kind: Arc::new(kind), states: Mutex::new(states), changed: watch::Sender::new(()) })
    }

    /// The open base with this number. Opens it if it is closed; the opening continues even if the caller
    /// leaves.
    pub async fn get(
        self: &Arc<Self>,
        number: BaseNumber,
        now: Timestamp,
    ) -> Result<Arc<K::Open>, TableError> {
        let receiver = {
            let mut states = self.states();
            if states.is_ending {
                return Err(TableError::Closing);
            }
            let waiting = match states.lives.entry(number) {
                Entry::Occupied(entry) => {
                    let life = entry.into_mut();
                    life.last_used = life.last_used.max(now);
                    match &mut life.state {
                        State::Open(base, _) => return Ok(Arc::clone(base)),
                        State::Opening(waiting) | State::Closing(waiting) => waiting,
                    }
                }
                Entry::Vacant(entry) => {
                    tasks::vital("base", live(Arc::downgrade(self), Arc::clone(&self.kind), number, None));
                    let opening = Life { last_used: now, state: State::Opening(Vec::new()) };
                    match &mut entry.insert(opening).state {
                        State::Opening(waiting) => waiting,
                        State::Open(..) | State::Closing(_) => return Err(TableError::Closing),
                    }
                }
            };
            let (sender, receiver) = oneshot::channel();
            waiting.push(sender);
            receiver
        };
        receiver.await.unwrap_or(Err(TableError::Closing))
    }

    /// The bases that are open now. It does not count as a use of them.
    pub fn all_open(&self) -> Vec<Arc<K::Open>> {
        let states = self.states();
        let open = states.lives.values().filter_map(|life| match &life.state {
            State::Open(base, _) => Some(Arc::clone(base)),
            State::Opening(_) | State::Closing(_) => None,
        });
        open.collect()
    }

    /// Closes, one after another, the bases that no caller holds and that were not used since `before`.
    /// Returns those that could not write their last checkpoint.
    pub async fn close_idle(&self, before: Timestamp) -> Vec<(BaseNumber, TableError)> {
        let numbers: Vec<BaseNumber> = self.states().lives.keys().copied().collect();
        let mut failed = Vec::new();
        for number in numbers {
            let receiver = self.order(number, Some(before), Box::pin(async {}));
            if let Some(receiver) = receiver
                && let Ok(Err(error)) = receiver.await
            {
                failed.push((number, error));
            }
        }
        failed
    }

    /// Does `work` while a base is closed: closes it first if necessary, and does not open it meanwhile. If a
    /// caller holds the base or waits for it, does nothing and returns `None`.
    pub async fn while_closed<T: Send + 'static>(
        self: &Arc<Self>,
        number: BaseNumber,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (done, result) = oneshot::channel();
        let work: Work = Box::pin(async move {
            // The work is done even if the caller has left.
            drop(done.send(work.await));
        });
        if self.begin_work(number, work) { result.await.ok() } else { None }
    }

    /// Whether a caller waits for a base that is not open.
    pub fn is_awaited(&self, number: BaseNumber) -> bool {
        let states = self.states();
        let state = states.lives.get(&number).map(|life| &life.state);
        matches!(state, Some(State::Opening(waiting) | State::Closing(waiting))
            if waiting.iter().any(|asked| !asked.is_closed()))
    }

    /// Closes all bases, one after another, and opens none any more. Returns the first error.
    pub async fn end(&self) -> Result<(), TableError> {
        self.states().is_ending = true;
        let mut result = Ok(());
        loop {
            let mut changed = self.changed.subscribe();
            let next = {
                let mut states = self.states();
                let Some(number) = states.lives.keys().next().copied() else { return result };
                // A base that is opening will be open soon, and one that is closing will be closed.
                states.lives.get_mut(&number).and_then(|life| life.close(Box::pin(async {})))
            };
            match next {
                Some(receiver) => result = result.and(receiver.await.unwrap_or(Ok(()))),
                None => drop(changed.changed().await),
            }
        }
    }

    /// Tells the task of a base to do `work` while it is closed; `false` if the base cannot be closed.
    fn begin_work(self: &Arc<Self>, number: BaseNumber, work: Work) -> bool {
        let mut states = self.states();
        if states.is_ending {
            return false;
        }
        if let Entry::Vacant(entry) = states.lives.entry(number) {
            entry.insert(Life { last_used: Timestamp::from_micros(0), state: State::Closing(Vec::new()) });
            tasks::vital("base", live(Arc::downgrade(self), Arc::clone(&self.kind), number, Some(work)));
            return true;
        }
        drop(states);
        // The task logs the result of closing, so nobody waits for it here.
        self.order(number, None, work).is_some()
    }

    /// Orders an open base to close, unless a caller holds it or has used it after `idle_since`.
    fn order(
        &self,
        number: BaseNumber,
        idle_since: Option<Timestamp>,
        then: Work,
    ) -> Option<oneshot::Receiver<Result<(), TableError>>> {
        let mut states = self.states();
        let life = states.lives.get_mut(&number)?;
        let State::Open(base, _) = &life.state else { return None };
        // A clone is made under this lock, or from another clone, which is counted. So a count of 1 cannot
        // grow now.
        let is_free = Arc::strong_count(base) == 1 && idle_since.is_none_or(|since| life.last_used <= since);
        if is_free { life.close(then) } else { None }
    }

    fn states(&self) -> MutexGuard<'_, States<K::Open>> {
        // No code panics while it holds this lock, and the states are consistent between any two statements.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<O> Life<O> {
    /// Moves from open to closing; `None` if it is not open.
    fn close(&mut self, then: Work) -> Option<oneshot::Receiver<Result<(), TableError>>> {
        match std::mem::replace(&mut self.state, State::Closing(Vec::new())) {
            State::Open(base, task) => {
                let (closed, receiver) = oneshot::channel();
                // The task waits only for this, so the message arrives.
                drop(task.send(Order { base, then, closed }));
                Some(receiver)
            }
            other => {
                self.state = other;
                None
            }
        }
    }
}

/// The task of a base, from the first call until the base is closed and no caller waits for it. It begins
/// with `work` on the closed base, or by opening it. It holds a reference to the store only briefly, so it
/// does not keep a dropped store alive.
async fn live<K: Kind>(lives: Weak<Lives<K>>, kind: Arc<K>, number: BaseNumber, work: Option<Work>) {
    if let Some(work) = work {
        work.await;
        if !asked_again(&lives, number) {
            return;
        }
    }
    loop {
        let opened = kind.open(number).await;
        let Some(order) = hand_out(&lives, number, opened) else { return };
        // There is no order if the store was dropped, and the base with it.
        let Ok(Order { base, then, closed }) = order.await else { return };
        let result = kind.close(&base).await;
        drop(base);
        if let Err(error) = &result {
            tracing::warn!(
                base = number.0,
                %error,
                "the last checkpoint of a memberbase failed; the next opening replays its commits"
            );
        }
        then.await;
        let is_asked = asked_again(&lives, number);
        // Only now, so the receiver finds the base closed.
        drop(closed.send(result));
        if !is_asked {
            return;
        }
    }
}

/// Moves from opening to open, or to closed if opening failed. Returns the channel for the order to close;
/// `None` if the base is closed.
fn hand_out<K: Kind>(
    lives: &Weak<Lives<K>>,
    number: BaseNumber,
    opened: Result<Arc<K::Open>, TableError>,
) -> Option<oneshot::Receiver<Order<K::Open>>> {
    let lives = lives.upgrade()?;
    let mut states = lives.states();
    let states = &mut *states;
    let Entry::Occupied(mut entry) = states.lives.entry(number) else { return None };
    let waiting = match &mut entry.get_mut().state {
        State::Opening(waiting) => std::mem::take(waiting),
        State::Open(..) | State::Closing(_) => Vec::new(),
    };
    // All under the lock: callers that get the base are counted before anything checks whether it is in use.
    for asked in waiting {
        let result = if states.is_ending { Err(TableError::Closing) } else { opened.clone() };
        drop(asked.send(result));
    }
    let order = match opened {
        Ok(base) => {
            let (task, order) = oneshot::channel();
            entry.get_mut().state = State::Open(base, task);
            Some(order)
        }
        Err(_) => {
            entry.remove();
            None
        }
    };
    lives.changed.send_replace(());
    order
}

/// Moves from closing to opening if a call came meanwhile, and otherwise to closed.
fn asked_again<K: Kind>(lives: &Weak<Lives<K>>, number: BaseNumber) -> bool {
    let Some(lives) = lives.upgrade() else { return false };
    let mut states = lives.states();
    let states = &mut *states;
    let Entry::Occupied(mut entry) = states.lives.entry(number) else { return false };
    let State::Closing(waiting) = &mut entry.get_mut().state else { return false };
    waiting.retain(|asked| !asked.is_closed());
    if waiting.is_empty() || states.is_ending {
        for asked in std::mem::take(waiting) {
            drop(asked.send(Err(TableError::Closing)));
        }
        entry.remove();
        lives.changed.send_replace(());
        return false;
    }
    let waiting = std::mem::take(waiting);
    entry.get_mut().state = State::Opening(waiting);
    true
}
