//! The calls of a connection that have tasks of their own.
//!
//! This decides nothing but when replies leave, so what it says may be a moment old.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// The calls of a connection that have tasks.
#[derive(Default)]
pub struct Others {
    running: AtomicUsize,
    /// Whether any has ended since this was asked last.
    has_ended: AtomicBool,
}

impl Others {
    /// Whether some have just been answered, and others were not.
    pub fn are_answered(&self) -> bool {
        self.has_ended.swap(false, Ordering::Relaxed) && self.running.load(Ordering::Relaxed) > 0
    }
}

/// Counts a call while it runs.
struct Running(Arc<Others>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
        self.0.has_ended.store(true, Ordering::Relaxed);
    }
}

pin_project! {
    /// A call that has a task. Not an `async` block, because that would be as large as two calls.
    pub struct Elsewhere<F> {
        #[pin]
        call: F,
        running: Running,
    }
}

impl<F> Elsewhere<F> {
    /// A call of a connection. It counts as running until this is dropped.
    pub fn new(call: F, others: &Arc<Others>) -> Self {
        others.running.fetch_add(1, Ordering::Relaxed);
        Self { call, running: Running(Arc::clone(others)) }
    }
}

impl<F: Future> Future for Elsewhere<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().call.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_ended_is_told_once_and_only_while_others_run() {
        let others = Arc::<Others>::default();
        let [first, second, third] = [(); 3].map(|()| Elsewhere::new((), &others));
        assert!(!others.are_answered());
        drop(first);
        assert!(others.are_answered() && !others.are_answered());
        drop((second, third));
        assert!(!others.are_answered(), "it was the last one");
    }
}
