//! The trace id of a call, which its caller gave as `traceparent` (W3C Trace Context).
//!
//! A call is polled by one thread at a time, so the id of the call that a thread works on is a thread-local
//! value. Only errors read it: their replies and log lines have it instead of a random number.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::HeaderMap;
use pin_project_lite::pin_project;
use tracing::Instrument;
use tracing::instrument::Instrumented;

/// The header with the trace id.
const HEADER: &str = "traceparent";
/// The number of digits of a version, a trace id, the id of a span, and flags.
const DIGITS: [usize; 4] = [2, 32, 16, 2];

thread_local! {
    static CURRENT: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// A trace id: any number but 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId(u128);

impl TraceId {
    /// The trace id that a caller gave; `None` if there is none, or several, or the header is not valid.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        // Nearly every call ends here.
        let first = headers.get(HEADER)?;
        if headers.get_all(HEADER).iter().count() > 1 {
            return None;
        }
        Self::parse(first.to_str().ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let [version, trace, span, flags] = DIGITS.map(|digits| digits_of(parts.next(), digits));
        let is_first_version = version? == "00";
        // Later versions may have more parts.
        if version? == "ff" || flags.is_none() || (is_first_version && parts.next().is_some()) {
            return None;
        }
        let number = |digits: &str| u128::from_str_radix(digits, 16).ok().filter(|number| *number != 0);
        number(span?)?;
        number(trace?).map(Self)
    }

    /// Does `work`, a piece of the call with this trace id.
    pub fn within<T>(self, work: impl FnOnce() -> T) -> T {
        let before = CURRENT.replace(Some(self));
        let done = work();
        CURRENT.set(before);
        done
    }

    /// That of the call that this thread works on.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.get()
    }
}

/// Work that a task of its own does for the call that this thread works on: it keeps the call's trace.
pub fn keep<F: Future>(work: F) -> Instrumented<Kept<F>> {
    Kept { work, trace: TraceId::current() }.in_current_span()
}

pin_project! {
    /// Work within the trace of a call, if that has one.
    pub struct Kept<F> {
        #[pin]
        work: F,
        trace: Option<TraceId>,
    }
}

impl<F: Future> Future for Kept<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        match *this.trace {
            Some(trace) => trace.within(|| this.work.poll(cx)),
            None => this.work.poll(cx),
        }
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

fn digits_of(part: Option<&str>, digits: usize) -> Option<&str> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    part.filter(|part| part.len() == digits && part.bytes().all(is_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_valid_header_has_a_trace_id() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        for (text, is_valid) in [
            (format!("00-{id}-00f067aa0ba902b7-01"), true),
            (format!("cc-{id}-00f067aa0ba902b7-00-later"), true),
            (format!("00-{id}-00f067aa0ba902b7-01-more"), false),
            (format!("ff-{id}-00f067aa0ba902b7-01"), false),
            (format!("00-{id}-00f067aa0ba902b7"), false),
            (format!("00-{id}-0000000000000000-01"), false),
            (format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)), false),
            (format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()), false),
            (format!("00-{}-00f067aa0ba902b7-01", &id[1..]), false),
            (String::new(), false),
            ("ada@example.com".to_owned(), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, text.parse().unwrap());
            let found = TraceId::of(&headers).map(|found| found.to_string());
            assert_eq!(found.as_deref(), is_valid.then_some(id), "{text}");
            headers.append(HEADER, text.parse().unwrap());
            assert_eq!(TraceId::of(&headers), None);
        }
    }

    #[test]
    fn a_trace_id_is_current_only_within_its_call() {
        let (one, two) = (TraceId(1), TraceId(2));
        let seen = one.within(|| (TraceId::current(), two.within(TraceId::current), TraceId::current()));
        assert_eq!(seen, (Some(one), Some(two), Some(one)));
        assert_eq!(TraceId::current(), None);
    }

    #[tokio::test]
    async fn a_task_that_a_call_starts_keeps_the_trace() {
        let read = async {
            tokio::task::yield_now().await;
            TraceId::current()
        };
        let one = TraceId(1);
        assert_eq!(tokio::spawn(one.within(|| keep(read))).await.unwrap(), Some(one));
        assert_eq!(keep(async { TraceId::current() }).await, None);
    }
}
