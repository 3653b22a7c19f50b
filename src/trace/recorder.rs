//! Where finished spans go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;

use super::ids::{Ids, Parent, SpanId, TraceId};
use super::sampler::Sampler;
use super::span::{Attributes, Kind, Span, Value};
use crate::metrics::Counter;

/// Most finished spans that wait to be sent: about half a megabyte.
const QUEUE: usize = 2_048;
/// Most parts of one call that are recorded. An import of a million rows has some thousand.
const PARTS_MAX: usize = 128;

/// Records the spans of calls. Clones share the queue.
#[derive(Debug, Clone)]
pub struct Recorder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: mpsc::Sender<Span>,
    sampler: Sampler,
    ids: Ids,
    dropped: Counter,
}

/// A recorder, and the queue of its finished spans. `dropped` counts those for which there was no room, and
/// `seed` is random.
#[must_use]
pub fn recorder(sampler: Sampler, seed: [u64; 2], dropped: Counter) -> (Recorder, mpsc::Receiver<Span>) {
    let (queue, finished) = mpsc::channel(QUEUE);
    (Recorder(Arc::new(Shared { queue, sampler, ids: Ids::new(seed), dropped })), finished)
}

impl Recorder {
    /// Begins a call: its trace, and its spans if they are recorded.
    #[must_use]
    pub fn begin(&self, parent: Option<Parent>) -> (TraceId, Option<Arc<CallSpans>>) {
        let Shared { sampler, ids, .. } = &*self.0;
        let trace = parent.map_or_else(|| ids.trace(), |parent| parent.trace);
        if !sampler.samples(trace, parent) {
            return (trace, None);
        }
        let spans = CallSpans {
            recorder: self.clone(),
            trace,
            id: ids.span(),
            parent: parent.map(|parent| parent.span),
            parts: AtomicUsize::new(0),
        };
        (trace, Some(Arc::new(spans)))
    }

    fn record(&self, span: Span) {
        if self.0.queue.try_send(span).is_err() {
            self.0.dropped.inc();
        }
    }
}

/// The spans of a call that is recorded.
#[derive(Debug)]
pub struct CallSpans {
    recorder: Recorder,
    trace: TraceId,
    /// That of the call itself.
    id: SpanId,
    parent: Option<SpanId>,
    /// How many parts have ended.
    parts: AtomicUsize,
}

impl CallSpans {
    /// Records a part of the call.
    pub fn part(
        &self,
        name: &'static str,
        begun: Instant,
        ended: Instant,
        attributes: &[(&'static str, Value)],
    ) {
        if self.parts.fetch_add(1, Ordering::Relaxed) >= PARTS_MAX {
            self.recorder.0.dropped.inc();
            return;
        }
        let id = self.recorder.0.ids.span();
        let span = Span {
            trace: self.trace,
            id,
            parent: Some(self.id),
            kind: Kind::Internal,
            name: ("", name),
            begun: since_1970(begun),
            ended: since_1970(ended),
            attributes: Attributes::from_slice(attributes),
            is_fault: false,
        };
        self.recorder.record(span);
    }

    /// Records the call itself, which has ended now.
    pub fn end(
        &self,
        name: (&'static str, &'static str),
        begun: Instant,
        attributes: Attributes,
        is_fault: bool,
    ) {
        self.recorder.record(Span {
            trace: self.trace,
            id: self.id,
            parent: self.parent,
            kind: Kind::Server,
            name,
            begun: since_1970(begun),
            ended: since_1970(Instant::now()),
            attributes,
            is_fault,
        });
    }
}

/// A moment in nanoseconds since 1970, by the clock as it is now.
fn since_1970(moment: Instant) -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let then: Duration = now.saturating_sub(moment.elapsed());
    u64::try_from(then.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spans_of_a_call_have_its_trace_and_are_parts_of_it() {
        let (recorder, mut finished) = recorder(Sampler::default(), [1, 2], Counter::default());
        let parent = Parent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        let call = recorder.begin(Some(parent)).1.unwrap();
        let begun = Instant::now();
        call.part("lane", begun, Instant::now(), &[("rows", Value::Number(3))]);
        call.end(("", "GetMember"), begun, Attributes::new(), true);
        let (part, whole) = (finished.try_recv().unwrap(), finished.try_recv().unwrap());
        assert!(part.trace == parent.trace && whole.trace == parent.trace);
        assert_eq!((whole.parent, part.parent), (Some(parent.span), Some(whole.id)));
        assert_eq!((whole.kind, part.kind), (Kind::Server, Kind::Internal));
        assert!(part.ended >= part.begun && whole.ended > 1_700_000_000_000_000_000);
        // A call that its caller does not record has a trace and no spans.
        let (trace, spans) = recorder.begin(Some(Parent { is_sampled: false, ..parent }));
        assert!(spans.is_none() && trace == parent.trace);
        assert!(recorder.begin(None).0 != recorder.begin(None).0);
    }

    #[test]
    fn spans_without_room_are_dropped_and_counted() {
        let dropped = Counter::default();
        let (recorder, mut finished) = recorder(Sampler::default(), [1, 2], dropped.clone());
        let now = Instant::now();
        let call = recorder.begin(None).1.unwrap();
        (0..PARTS_MAX + 5).for_each(|_| call.part("lane", now, now, &[]));
        assert_eq!((finished.len(), dropped.get()), (PARTS_MAX, 5));
        let end = || recorder.begin(None).1.unwrap().end(("", "GetMember"), now, Attributes::new(), false);
        (0..QUEUE).for_each(|_| end());
        assert_eq!(finished.len(), QUEUE);
        assert_eq!(dropped.get(), u64::try_from(5 + PARTS_MAX).unwrap());
        assert!(finished.try_recv().is_ok());
        end();
        assert_eq!(finished.len(), QUEUE);
    }
}
