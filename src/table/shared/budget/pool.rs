//! One part of a budget: which requests are admitted, and when.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::table::shared::budget::held::Held;
use crate::table::shared::budget::party::{Giants, Party, Patience, Whose};
use crate::table::shared::budget::queue::{Place, Queue, Queues};

/// A limited number of bytes that requests share.
#[derive(Debug)]
pub struct Pool {
    /// The size of the pool, in bytes.
    limit: usize,
    /// The bytes that one party may hold.
    share: usize,
    giants: Giants,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    used: usize,
    /// Whether an admitted request is larger than it counts.
    has_giant: bool,
    held: Held,
    queues: Queues<Permit>,
}

/// The size of a request, as it is counted.
#[derive(Debug, Clone, Copy)]
struct Size {
    bytes: usize,
    /// Whether it is larger than it counts, so that only one such request is admitted at a time.
    is_giant: bool,
}

/// Bytes taken from a budget. Dropping it returns them.
#[derive(Debug)]
pub struct Permit {
    pool: Arc<Pool>,
    whose: Whose,
    /// The bytes that were requested, which may be more than are counted.
    bytes: usize,
}

/// Resolves when the request is admitted. Dropping it before that removes the request from its queue.
#[derive(Debug)]
pub struct Turn(Stand);

#[derive(Debug)]
enum Stand {
    In(Option<Permit>),
    Waiting { pool: Arc<Pool>, whose: Whose, number: u64, granted: oneshot::Receiver<Permit> },
}

impl Pool {
    /// A pool of `limit` bytes.
    pub fn new(limit: usize, giants: Giants) -> Self {
        Self { limit, share: limit / 2, giants, state: Mutex::default() }
    }

    /// The bytes that one party may hold.
    pub fn share(&self) -> usize {
        self.share
    }

    /// The bytes above which a connection gives way to others of its party.
    pub(super) fn line_share(&self) -> usize {
        self.share / 2
    }

    /// The bytes that are taken now.
    pub fn used(&self) -> usize {
        self.lock().used
    }

    /// The number of requests that wait.
    pub fn waiting(&self) -> usize {
        self.lock().queues.len()
    }

    /// Takes bytes if they fit now and no waiting request comes first.
    pub fn take(self: &Arc<Self>, whose: Whose, bytes: usize) -> Option<Permit> {
        let mut state = self.lock();
        if !self.is_open(&state, whose.party, bytes) {
            return None;
        }
        Some(self.admit(&mut state, whose, bytes))
    }

    /// Takes bytes, even if they do not fit.
    pub fn count(self: &Arc<Self>, whose: Whose, bytes: usize) -> Permit {
        self.admit(&mut self.lock(), whose, bytes)
    }

    /// Takes bytes, waiting for its turn if necessary. `None` if the caller already waits with too much.
    pub fn turn(self: &Arc<Self>, whose: Whose, bytes: usize, patience: Patience) -> Option<Turn> {
        let mut state = self.lock();
        if self.is_open(&state, whose.party, bytes) {
            return Some(Turn(Stand::In(Some(self.admit(&mut state, whose, bytes)))));
        }
        let counted = self.size(bytes).bytes;
        if patience == Patience::Bounded {
            let before = state.queues.before(whose);
            let is_much = before.of_party + counted > self.share;
            // A connection with nothing waiting is never rejected. Otherwise other connections of its party
            // could keep it from waiting at all.
            let is_its_part =
                before.of_line == 0 || before.of_line + counted <= self.share / before.lines.max(1);
            if is_much && !is_its_part {
                return None;
            }
        }
        let (granted, receiver) = oneshot::channel();
        let number = state.queues.push(whose, bytes, counted, granted);
        Some(Turn(Stand::Waiting { pool: Arc::clone(self), whose, number, granted: receiver }))
    }

    /// Whether a request is admitted at once: its party has no other request waiting, every waiting party is
    /// skipped, and there is room.
    fn is_open(&self, state: &State, party: Party, bytes: usize) -> bool {
        !state.queues.has(party) && self.next(state).is_none() && self.fits(state, party, bytes)
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

    /// Whether the party's limits allow this request, apart from the room in the pool.
    fn is_due(&self, state: &State, party: Party, bytes: usize) -> bool {
        let size = self.size(bytes);
        state.held.of_party(party) + size.bytes <= self.share && !(size.is_giant && state.has_giant)
    }

    fn admit(self: &Arc<Self>, state: &mut State, whose: Whose, bytes: usize) -> Permit {
        let size = self.size(bytes);
        state.used += size.bytes;
        state.has_giant |= size.is_giant;
        state.held.add(whose, size.bytes);
        Permit { pool: Arc::clone(self), whose, bytes }
    }

    fn give_back(self: &Arc<Self>, whose: Whose, bytes: usize) {
        let (mut state, size) = (self.lock(), self.size(bytes));
        state.used -= size.bytes;
        state.has_giant &= !size.is_giant;
        state.held.remove(whose, size.bytes);
        self.let_in(state);
    }

    /// Removes a waiting request from its queue.
    fn leave(self: &Arc<Self>, whose: Whose, number: u64) {
        let mut state = self.lock();
        if state.queues.remove(whose, number) {
            // Others may have waited behind it.
            self.let_in(state);
        }
    }

    /// Admits waiting requests in turn, as long as there is room.
    fn let_in(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let mut granted = Vec::new();
        while let Some(place) = self.next(&state) {
            let head = state.queues.head(place).map(|(whose, waiting)| (whose, waiting.bytes));
            let Some((whose, bytes)) = head.filter(|(whose, bytes)| self.fits(&state, whose.party, *bytes))
            else {
                break;
            };
            if let Some(waiting) = state.queues.serve(place) {
                granted.push((waiting.granted, self.admit(&mut state, whose, bytes)));
            }
        }
        drop(state);
        for (to, permit) in granted {
            // If the receiver has just been dropped, so is the permit, which admits the next request.
            drop(to.send(permit));
        }
    }

    /// The place of the request whose turn it is: the next request of the first party whose limits allow it.
    fn next(&self, state: &State) -> Option<Place> {
        state.queues.parties().enumerate().find_map(|(party, queue)| {
            let place = (party, self.next_line(state, queue));
            let (whose, waiting) = state.queues.head(place)?;
            self.is_due(state, whose.party, waiting.bytes).then_some(place)
        })
    }

    /// The place of the connection whose turn it is: the first one that holds nothing or would stay within
    /// its share; if there is none, the first one of all.
    fn next_line(&self, state: &State, queue: &Queue<Permit>) -> usize {
        let is_modest = |whose: Whose, next: usize| {
            let held = state.held.of(whose);
            held == 0 || held + next <= self.line_share()
        };
        let whose = |connection| Whose { party: queue.party, connection };
        queue.lines().position(|line| is_modest(whose(line.connection), line.next())).unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// The bytes that were requested.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.pool.give_back(self.whose, self.bytes);
    }
}

impl Future for Turn {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit> {
        match &mut self.0 {
            Stand::In(permit) => permit.take().map_or(Poll::Pending, Poll::Ready),
            Stand::Waiting { granted, .. } => match Pin::new(granted).poll(cx) {
                Poll::Ready(Ok(permit)) => {
                    self.0 = Stand::In(None);
                    Poll::Ready(permit)
                }
                // The pool never drops the sender of a waiting request, and this future keeps the pool alive.
                Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
            },
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Stand::Waiting { pool, whose, number, .. } = &self.0 {
            pool.leave(*whose, *number);
        }
    }
}
