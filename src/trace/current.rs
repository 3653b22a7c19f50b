//! The call that a thread works on.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tracing::Instrument;
use tracing::instrument::Instrumented;

use super::ids::{Parent, TraceId};
use super::recorder::{CallSpans, Recorder};

thread_local! {
    static CURRENT: Cell<Option<Current>> = const { Cell::new(None) };
}

/// A call that has a trace.
#[derive(Debug, Clone)]
pub struct Current {
    /// The trace.
    pub trace: TraceId,
    /// Its spans, if they are recorded.
    pub spans: Option<Arc<CallSpans>>,
}

impl Current {
    /// Begins a call; `None` if it has no trace.
    #[must_use]
    pub fn begin(recorder: Option<&Recorder>, parent: Option<Parent>) -> Option<Self> {
        let (trace, spans) = match (recorder, parent) {
            (None, None) => return None,
            (None, Some(parent)) => (parent.trace, None),
            (Some(recorder), parent) => recorder.begin(parent),
        };
        (parent.is_some() || spans.is_some()).then_some(Self { trace, spans })
    }

    /// Does `work`, a piece of this call.
    pub fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = CURRENT.replace(Some(self.clone()));
        let done = work();
        CURRENT.set(before);
        done
    }

    /// The call that this thread works on, if that has a trace.
    #[must_use]
    pub fn get() -> Option<Self> {
        let current = CURRENT.take();
        CURRENT.set(current.clone());
        current
    }

    /// The spans of the call that this thread works on, if they are recorded.
    #[must_use]
    pub fn spans() -> Option<Arc<CallSpans>> {
        Self::get()?.spans
    }
}

/// Work that a task of its own does for the call that this thread works on: it keeps the call's trace.
pub fn keep<F: Future>(work: F) -> Instrumented<Kept<F>> {
    Kept { work, call: Current::get() }.in_current_span()
}

pin_project! {
    /// Work for a call, within its trace if it has one.
    pub struct Kept<F> {
        #[pin]
        work: F,
        call: Option<Current>,
    }
}

impl<F: Future> Future for Kept<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        match this.call {
            Some(call) => call.within(|| this.work.poll(cx)),
            None => this.work.poll(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ids::Ids;
    use super::super::recorder::recorder;
    use super::super::sampler::{Root, Sampler};
    use super::*;
    use crate::metrics::Counter;

    fn current() -> Option<TraceId> {
        Current::get().map(|call| call.trace)
    }

    #[test]
    fn a_call_without_a_trace_of_its_caller_has_one_only_if_it_is_recorded() {
        let parent = Parent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00").unwrap();
        let with = |root| recorder(Sampler { follows_parent: true, root }, [1, 2], Counter::default()).0;
        let (all, none) = (with(Root::All), with(Root::None));
        for (recorder, parent, expected) in [
            (None, None, None),
            (None, Some(parent), Some(false)),
            (Some(&none), None, None),
            (Some(&all), Some(parent), Some(false)),
            (Some(&all), None, Some(true)),
        ] {
            let call = Current::begin(recorder, parent);
            assert_eq!(call.map(|call| call.spans.is_some()), expected, "{parent:?}");
        }
    }

    #[tokio::test]
    async fn a_trace_is_current_only_within_its_call_and_the_tasks_that_it_starts() {
        let ids = Ids::new([1, 2]);
        let [one, two] = [ids.trace(), ids.trace()].map(|trace| Current { trace, spans: None });
        let seen = one.within(|| (current(), two.within(current), current()));
        assert_eq!(seen, (Some(one.trace), Some(two.trace), Some(one.trace)));
        assert_eq!(current(), None);

        let read = async {
            tokio::task::yield_now().await;
            current()
        };
        assert_eq!(tokio::spawn(one.within(|| keep(read))).await.unwrap(), Some(one.trace));
        assert_eq!(keep(async { current() }).await, None);
    }
}
