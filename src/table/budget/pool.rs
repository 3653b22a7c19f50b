//! One part of a budget: what is in, and who waits.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::{Giants, Party, Patience};

/// Room for so many bytes.
#[derive(Debug)]
pub struct Pool {
    /// In bytes.
    limit: usize,
    /// What one party may have, in bytes.
    share: usize,
    giants: Giants,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    used: usize,
    /// Whether a request is in that counts as less than it is.
    has_giant: bool,
    /// What each party has, without those that have nothing.
    held: HashMap<Party, usize>,
    /// Who waits, without parties that do not: the first party is next, if it may have more.
    queues: VecDeque<Queue>,
    /// The number of the request that comes next.
    next: u64,
}

#[derive(Debug)]
struct Queue {
    party: Party,
    /// What its requests count, in bytes.
    bytes: usize,
    requests: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    /// What is asked for, in bytes.
    bytes: usize,
    granted: oneshot::Sender<Permit>,
}

/// What a request counts.
#[derive(Debug, Clone, Copy)]
struct Size {
    bytes: usize,
    /// Whether it is larger than it counts, and has to be alone with that.
    is_giant: bool,
}

/// Bytes taken from a budget; dropping it gives them back.
#[derive(Debug)]
pub struct Permit {
    pool: Arc<Pool>,
    party: Party,
    /// As they were asked for.
    bytes: usize,
}

/// Resolves when a request gets in. Dropped before, it gives up its place.
#[derive(Debug)]
pub struct Turn(Place);

#[derive(Debug)]
enum Place {
    In(Option<Permit>),
    Waiting { pool: Arc<Pool>, party: Party, number: u64, granted: oneshot::Receiver<Permit> },
}

impl Pool {
    /// A part of `limit` bytes.
    pub fn new(limit: usize, giants: Giants) -> Self {
        Self { limit, share: limit / 2, giants, state: Mutex::default() }
    }

    /// What one party may have, in bytes.
    pub fn share(&self) -> usize {
        self.share
    }

    /// In bytes.
    pub fn used(&self) -> usize {
        self.lock().used
    }

    /// Takes bytes if they fit now and nobody waits whose turn it is.
    pub fn take(self: &Arc<Self>, party: Party, bytes: usize) -> Option<Permit> {
        let mut state = self.lock();
        // Beside parties that wait because they have their half.
        let waits = state.queues.iter().any(|queue| queue.party == party) || state.is_anybody_next(self);
        if waits || !self.fits(&state, party, bytes) {
            return None;
        }
        Some(self.admit(&mut state, party, bytes))
    }

    /// Takes bytes whether or not they fit.
    pub fn count(self: &Arc<Self>, party: Party, bytes: usize) -> Permit {
        self.admit(&mut self.lock(), party, bytes)
    }

    /// Takes bytes when the turn of the party has come, if it may wait for them.
    pub fn turn(self: &Arc<Self>, party: Party, bytes: usize, patience: Patience) -> Option<Turn> {
        let mut state = self.lock();
        // Beside parties that wait because they have their half.
        let queue = state.queues.iter().position(|queue| queue.party == party);
        if queue.is_none() && !state.is_anybody_next(self) && self.fits(&state, party, bytes) {
            return Some(Turn(Place::In(Some(self.admit(&mut state, party, bytes)))));
        }
        let waits = queue.and_then(|at| state.queues.get(at)).map_or(0, |queue| queue.bytes);
        let counted = self.size(bytes).bytes;
        if patience == Patience::Bounded && waits + counted > self.share {
            return None;
        }
        let (granted, receiver) = oneshot::channel();
        let number = state.next;
        state.next += 1;
        let waiting = Waiting { number, bytes, granted };
        match queue.and_then(|at| state.queues.get_mut(at)) {
            Some(queue) => {
                queue.bytes += counted;
                queue.requests.push_back(waiting);
            }
            None => {
                let requests = VecDeque::from([waiting]);
                state.queues.push_back(Queue { party, bytes: counted, requests });
            }
        }
        let pool = Arc::clone(self);
        Some(Turn(Place::Waiting { pool, party, number, granted: receiver }))
    }

    fn size(&self, bytes: usize) -> Size {
        Size {
            bytes: bytes.min(self.share),
            is_giant: self.giants == Giants::OneAtATime && bytes > self.share,
        }
    }

    fn fits(&self, state: &State, party: Party, bytes: usize) -> bool {
        self.is_due(state, party, bytes) && state.used + self.size(bytes).bytes <= self.limit
    }

    /// Whether a party may have so much more, if there is room for it.
    fn is_due(&self, state: &State, party: Party, bytes: usize) -> bool {
        let size = self.size(bytes);
        let held = state.held.get(&party).copied().unwrap_or_default();
        held + size.bytes <= self.share && !(size.is_giant && state.has_giant)
    }

    fn admit(self: &Arc<Self>, state: &mut State, party: Party, bytes: usize) -> Permit {
        let size = self.size(bytes);
        state.used += size.bytes;
        state.has_giant |= size.is_giant;
        *state.held.entry(party).or_default() += size.bytes;
        Permit { pool: Arc::clone(self), party, bytes }
    }

    fn give_back(self: &Arc<Self>, party: Party, bytes: usize) {
        let (mut state, size) = (self.lock(), self.size(bytes));
        state.used -= size.bytes;
        state.has_giant &= !size.is_giant;
        if let Some(held) = state.held.get_mut(&party) {
            *held -= size.bytes;
            if *held == 0 {
                state.held.remove(&party);
            }
        }
        self.let_in(state);
    }

    /// Gives up the place of a request that waits.
    fn leave(self: &Arc<Self>, party: Party, number: u64) {
        let mut state = self.lock();
        let Some(at) = state.queues.iter().position(|queue| queue.party == party) else { return };
        let Some(queue) = state.queues.get_mut(at) else { return };
        // They are in the order of their numbers.
        let Ok(found) = queue.requests.binary_search_by_key(&number, |waiting| waiting.number) else {
            return;
        };
        if let Some(waiting) = queue.requests.remove(found) {
            queue.bytes -= self.size(waiting.bytes).bytes;
        }
        if queue.requests.is_empty() {
            state.queues.remove(at);
        }
        // It may have been in the way of others.
        self.let_in(state);
    }

    /// Lets in whose turn it is, for as long as there is room.
    fn let_in(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let mut granted = Vec::new();
        while let Some(at) = state.next_party(self) {
            let next =
                state.queues.get(at).and_then(|queue| Some((queue.party, queue.requests.front()?.bytes)));
            let Some((party, bytes)) = next.filter(|(party, bytes)| self.fits(&state, *party, *bytes)) else {
                break;
            };
            let Some(mut queue) = state.queues.remove(at) else { break };
            if let Some(waiting) = queue.requests.pop_front() {
                queue.bytes -= self.size(bytes).bytes;
                granted.push((waiting.granted, self.admit(&mut state, party, bytes)));
            }
            if !queue.requests.is_empty() {
                state.queues.push_back(queue);
            }
        }
        drop(state);
        for (to, permit) in granted {
            // Who has just left gives it back, which lets in the next.
            drop(to.send(permit));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The place of the first party whose next request it may have.
    fn next_party(&self, pool: &Pool) -> Option<usize> {
        self.queues.iter().position(|queue| {
            queue.requests.front().is_some_and(|next| pool.is_due(self, queue.party, next.bytes))
        })
    }

    /// Whether somebody waits for nothing but room.
    fn is_anybody_next(&self, pool: &Pool) -> bool {
        self.next_party(pool).is_some()
    }
}

impl Permit {
    /// What was asked for, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.pool.give_back(self.party, self.bytes);
    }
}

impl Future for Turn {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit> {
        match &mut self.0 {
            Place::In(permit) => permit.take().map_or(Poll::Pending, Poll::Ready),
            Place::Waiting { granted, .. } => match Pin::new(granted).poll(cx) {
                Poll::Ready(Ok(permit)) => {
                    self.0 = Place::In(None);
                    Poll::Ready(permit)
                }
                // The pool, which this holds, drops no request that waits.
                Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
            },
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Place::Waiting { pool, party, number, .. } = &self.0 {
            pool.leave(*party, *number);
        }
    }
}
