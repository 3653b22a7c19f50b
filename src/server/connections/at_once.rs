//! Answers light calls in the task of their connection.
//!
//! A task for each call costs a light call more than its work does: an allocation, a place in a queue, a
//! thread that wakes, the lock and the task of the connection, and a write to the socket. So the light calls
//! that came with one read are made one after another where their connection is polled, and their replies
//! leave with one write. Those that wait for the same commit wake one task, and leave with one write too.
//!
//! Invariants:
//!
//! - Whether a call is light is known before it begins, from its path. Every other call has a task from the
//!   start. A light call whose message or reply turns out to be large gets one then ([`tasks::want_task`]).
//! - A call is polled with the waker of the connection before it is left alone. So no wake is lost.
//! - The calls of one poll take [`BATCH_TIME`]. Those that were not begun then get tasks, which other threads
//!   may take; the others let the tasks of their thread go first.
//! - A call that panics ends alone ([`Within`]).
//! - What a call notes about its reply does not count for its connection ([`stall::apart`]).
//! - When a connection ends, its calls go on in tasks until they notice, as they would have done.
//!
//! Calls that have tasks are answered one after another, often many of them by one commit. Each answer wakes
//! the connection, and tokio polls a task that another one wakes right after that one: so nearly every answer
//! left with a write of its own. Now a connection that was woken by an answer lets the tasks of its thread go
//! first, once, if more of its calls have tasks ([`Others`]). Their answers then leave with one write.
//!
//! Calls over HTTP/1 are not started here: their connection polls them itself.

mod others;

use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, Stream};
use hyper::rt::Executor;
use pin_project_lite::pin_project;

use self::others::{Elsewhere, Others};
use super::{stall, weighing};
use crate::tasks::{self, Within, Work};

/// How long the calls of one poll of their connection may take.
const BATCH_TIME: Duration = Duration::from_micros(200);

/// Starts the calls of a connection. Clones are of the same connection.
#[derive(Clone)]
pub struct Calls {
    /// How long a peer may take nothing of a reply.
    stall_after: Duration,
    /// How long the calls of one poll may take.
    batch_time: Duration,
    /// Light calls that were not begun.
    light: Arc<Mutex<Vec<Work>>>,
    /// The calls that have tasks.
    others: Arc<Others>,
}

impl Calls {
    /// Starts the calls of a connection whose peer may take nothing of a reply for this long.
    pub fn new(stall_after: Duration) -> Self {
        Self { stall_after, batch_time: BATCH_TIME, light: Arc::default(), others: Arc::default() }
    }

    /// Takes the light calls that were not begun, into an empty list.
    fn take(&self, into: &mut Vec<Work>) {
        mem::swap(&mut *self.light(), into);
    }

    fn light(&self) -> MutexGuard<'_, Vec<Work>> {
        // Nothing panics while it holds this lock.
        self.light.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F> Executor<F> for Calls
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, call: F) {
        let call = stall::watch(call, self.stall_after);
        if weighing::is_light() {
            self.light().push(Box::pin(call.map(drop)));
        } else {
            tasks::for_caller(Elsewhere::new(call, &self.others));
        }
    }
}

pin_project! {
    /// A connection, with its light calls: a batch that is about to begin, and those that wait.
    pub struct WithCalls<C> {
        #[pin]
        connection: C,
        calls: Calls,
        batch: Vec<Work>,
        waiting: FuturesUnordered<Within>,
        // Whether it has let the tasks of its thread go first.
        has_stood_back: bool,
    }
}

impl<C> WithCalls<C> {
    /// Polls `connection`, and the light calls that it starts with `calls`.
    pub fn new(connection: C, calls: Calls) -> Self {
        let (batch, waiting) = (Vec::new(), FuturesUnordered::new());
        Self { connection, calls, batch, waiting, has_stood_back: false }
    }

    /// The connection.
    pub fn connection(self: Pin<&mut Self>) -> Pin<&mut C> {
        self.project().connection
    }
}

impl<C: Future> Future for WithCalls<C> {
    type Output = C::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        let mut this = self.project();
        let are_answered = this.calls.others.are_answered();
        *this.has_stood_back = are_answered && !*this.has_stood_back;
        if *this.has_stood_back {
            // A task that wakes itself takes its turn after those that wait already.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut until = Until::new(this.calls.batch_time);
        loop {
            let polled = this.connection.as_mut().poll(cx);
            this.calls.take(this.batch);
            if polled.is_ready() {
                let begun = mem::take(this.waiting).into_iter();
                this.batch.drain(..).map(Within::new).chain(begun).for_each(Within::leave);
                return polled;
            }
            let (batch, waiting) = (&mut *this.batch, &mut *this.waiting);
            if !stall::apart(|| begin(batch, waiting, &mut until) | go_on(waiting, &mut until, cx)) {
                return Poll::Pending;
            }
            // The connection sends the replies now, and may bring more calls.
        }
    }
}

/// Until when the calls of one poll may take time.
pub struct Until {
    batch_time: Duration,
    /// Known once the first call is polled.
    end: Option<Instant>,
}

impl Until {
    /// So long from the first call on.
    pub fn new(batch_time: Duration) -> Self {
        Self { batch_time, end: None }
    }

    fn is_over(&mut self) -> bool {
        let now = Instant::now();
        now >= *self.end.get_or_insert(now + self.batch_time)
    }
}

/// Begins these calls. Returns whether there were any.
pub fn begin(calls: &mut Vec<Work>, waiting: &FuturesUnordered<Within>, until: &mut Until) -> bool {
    let any = !calls.is_empty();
    for call in calls.drain(..) {
        let mut call = Within::new(call);
        if until.is_over() {
            call.leave();
        } else if Pin::new(&mut call).poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            // It is polled again before anything waits for it.
            waiting.push(call);
        }
    }
    any
}

/// Goes on with calls that wait. Returns whether any of them has ended.
pub fn go_on(waiting: &mut FuturesUnordered<Within>, until: &mut Until, cx: &mut Context<'_>) -> bool {
    let mut any = false;
    while !waiting.is_empty() {
        if until.is_over() {
            cx.waker().wake_by_ref();
            break;
        }
        match Pin::new(&mut *waiting).poll_next(cx) {
            Poll::Ready(Some(())) => any = true,
            Poll::Ready(None) | Poll::Pending => break,
        }
    }
    any
}

#[cfg(test)]
mod tests;
