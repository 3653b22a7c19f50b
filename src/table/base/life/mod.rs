//! The life of bases in memory.
//!
//! ```text
//!              somebody asks          opened              nobody has it
//!   closed ──────────────► opening ──────────► open ─────────────────────► closing ──► closed
//!      ▲                    │  ▲                                              │
//!      └────────────────────┘  └──────────────────────────────────────────────┘
//!              failed                     somebody asked meanwhile
//! ```
//!
//! - A base that is not closed has one entry and one task; the task alone opens and closes it, and ends with the entry. So a
//!   base never has two lanes, and a caller who leaves changes nothing: who asks again later finds it further opened.
//! - What is handed out is open, and stays so as long as somebody has it; only the end of the store closes it all the same.
//! - Everybody who asks is answered, with the base or with why it cannot be opened. Who asks after a failure tries anew.
//! - A base whose last checkpoint fails is closed all the same: the commit log has what the stored indexes lack.
//!
//! Nothing here knows what opening and closing do ([`Kind`]).

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

    /// Closes a base. When this returns it is closed, whether or not that went well.
    async fn close(&self, base: &Self::Open) -> Result<(), TableError>;
}

/// The bases that are not closed.
pub struct Lives<K: Kind> {
    kind: Arc<K>,
    states: Mutex<States<K::Open>>,
    /// Rung when a base was opened or closed, or could not be.
    changed: watch::Sender<()>,
}

struct States<O> {
    lives: HashMap<BaseNumber, Life<O>>,
    /// The store ends: nothing is opened any more.
    is_ending: bool,
}

/// The life of one base that is not closed.
struct Life<O> {
    /// When somebody last asked for it.
    last_used: Timestamp,
    state: State<O>,
}

enum State<O> {
    Opening(Waiting<O>),
    Open(Arc<O>, oneshot::Sender<Order<O>>),
    Closing(Waiting<O>),
}

/// Those who asked for a base that is not open.
type Waiting<O> = Vec<oneshot::Sender<Result<Arc<O>, TableError>>>;

/// Tells the task of an open base to close it.
struct Order<O> {
    base: Arc<O>,
    /// What is done while it is closed.
    then: Work,
    /// Hears how the closing went.
    closed: oneshot::Sender<Result<(), TableError>>,
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<K: Kind> Lives<K> {
    /// All bases are closed.
    pub fn new(kind: K) -> Arc<Self> {
        let states = States { lives: HashMap::default(), is_ending: false };
        Arc::new(Self { kind: Arc::new(kind), states: Mutex::new(states), changed: watch::Sender::new(()) })
    }

    /// The open base of a number. One that is closed is opened; that goes on, for whoever asks next, if the caller leaves.
    pub async fn get(
        self: &Arc<Self>,
        number: BaseNumber,
        now: Timestamp,
    ) -> Result<Arc<K::Open>, TableError> {
        let told = {
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
            let (answer, told) = oneshot::channel();
            waiting.push(answer);
            told
        };
        told.await.unwrap_or(Err(TableError::Closing))
    }

    /// Closes the bases that nobody has and nobody asked for since `before`, one after another. Says which could not write
    /// their last checkpoint.
    pub async fn close_idle(&self, before: Timestamp) -> Vec<(BaseNumber, TableError)> {
        let numbers: Vec<BaseNumber> = self.states().lives.keys().copied().collect();
        let mut failed = Vec::new();
        for number in numbers {
            let told = self.order(number, Some(before), Box::pin(async {}));
            if let Some(told) = told
                && let Ok(Err(error)) = told.await
            {
                failed.push((number, error));
            }
        }
        failed
    }

    /// Does `work` while a base is closed: it is closed first if need be, and opened for nobody meanwhile. `None`, and
    /// nothing is done, if somebody has it or is about to have it.
    pub async fn while_closed<T: Send + 'static>(
        self: &Arc<Self>,
        number: BaseNumber,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (done, result) = oneshot::channel();
        let work: Work = Box::pin(async move {
            // The work counts, whether or not somebody still wants to know.
            drop(done.send(work.await));
        });
        if self.begin_work(number, work) { result.await.ok() } else { None }
    }

    /// Closes all bases, one after another, and opens none any more. Says what failed first.
    pub async fn end(&self) -> Result<(), TableError> {
        self.states().is_ending = true;
        let mut result = Ok(());
        loop {
            let mut changed = self.changed.subscribe();
            let next = {
                let mut states = self.states();
                let Some(number) = states.lives.keys().next().copied() else { return result };
                // One that is opening is open soon, and one that is closing ends by itself.
                states.lives.get_mut(&number).and_then(|life| life.close(Box::pin(async {})))
            };
            match next {
                Some(told) => result = result.and(told.await.unwrap_or(Ok(()))),
                None => drop(changed.changed().await),
            }
        }
    }

    /// Has the task of a base do `work` while it is closed; `false` if the base cannot be closed.
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
        // How the closing went is in the log; the work counts.
        self.order(number, None, work).is_some()
    }

    /// Tells an open base that nobody has to close; `idle_since` says since when nobody may have asked for it.
    fn order(
        &self,
        number: BaseNumber,
        idle_since: Option<Timestamp>,
        then: Work,
    ) -> Option<oneshot::Receiver<Result<(), TableError>>> {
        let mut states = self.states();
        let life = states.lives.get_mut(&number)?;
        let State::Open(base, _) = &life.state else { return None };
        // Whoever has it cannot hand it on without us: clones are made under this lock, or from one that is counted.
        let is_free = Arc::strong_count(base) == 1 && idle_since.is_none_or(|since| life.last_used <= since);
        if is_free { life.close(then) } else { None }
    }

    fn states(&self) -> MutexGuard<'_, States<K::Open>> {
        // Nothing panics while it holds this lock, and the states are whole between any two statements.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<O> Life<O> {
    /// From open to closing; nothing if it is not open.
    fn close(&mut self, then: Work) -> Option<oneshot::Receiver<Result<(), TableError>>> {
        match std::mem::replace(&mut self.state, State::Closing(Vec::new())) {
            State::Open(base, task) => {
                let (closed, told) = oneshot::channel();
                // The task waits for this and for nothing else.
                drop(task.send(Order { base, then, closed }));
                Some(told)
            }
            other => {
                self.state = other;
                None
            }
        }
    }
}

/// The task of a base: from the first who asks until it is closed and nobody asks any more. It begins with `work` on a
/// base that is closed, or by opening it. It holds on to the store only for moments, so that a store that is dropped is gone.
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
        // Without an order the store was dropped, and the base with it.
        let Ok(Order { base, then, closed }) = order.await else { return };
        let result = kind.close(&base).await;
        drop(base);
        if let Err(error) = &result {
            tracing::warn!(base = number.0, %error, "a last checkpoint failed; the next opening makes up for it");
        }
        then.await;
        let is_asked = asked_again(&lives, number);
        // Whoever hears it finds the base closed.
        drop(closed.send(result));
        if !is_asked {
            return;
        }
    }
}

/// From opening to open, or to closed. Answers where the order to close will come from; nothing if the base is closed.
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
    // All under the lock: whoever is answered counts before anybody looks whether the base is used, and nobody else does.
    for asked in waiting {
        let answer = if states.is_ending { Err(TableError::Closing) } else { opened.clone() };
        drop(asked.send(answer));
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

/// From closing to opening if somebody asked meanwhile, otherwise to closed.
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
