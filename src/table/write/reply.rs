//! Sending replies from the lane to callers, and the spans of their requests.
//!
//! A request of a call that is recorded has two spans: `lane`, until its last batch was handed to the engine,
//! and `log`, until that batch was durable and visible. A request that writes nothing has only the first.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::table::TableError;
use crate::trace::{CallSpans, Current, Value};

/// The failure of an earlier slice of a request, if there was one.
pub type Failure = Arc<OnceLock<TableError>>;

/// Where a reply goes.
pub struct ReplySender<T> {
    to: oneshot::Sender<Result<T, TableError>>,
    /// The spans of the request, if its call is recorded.
    spans: Option<RequestSpans>,
}

/// A request of the call that this thread works on: where its reply goes, and where it comes from.
pub fn channel<T>() -> (ReplySender<T>, oneshot::Receiver<Result<T, TableError>>) {
    let (to, answer) = oneshot::channel();
    (ReplySender { to, spans: Current::spans().map(RequestSpans::new) }, answer)
}

impl<T> ReplySender<T> {
    /// Sends the reply. The caller may have left.
    pub fn send(self, reply: Result<T, TableError>) {
        drop(self.spans);
        drop(self.to.send(reply));
    }

    /// Whether the caller has left.
    pub fn is_closed(&self) -> bool {
        self.to.is_closed()
    }

    /// Notes that the last batch of the request, which has so many rows, was handed to the engine.
    pub fn appended(&mut self, rows: usize) {
        if let Some(spans) = &mut self.spans {
            spans.appended(rows);
        }
    }
}

/// The spans of a request. Dropping this ends the last one.
struct RequestSpans {
    call: Arc<CallSpans>,
    /// When the span began that has not ended yet.
    begun: Instant,
    is_appended: bool,
}

impl RequestSpans {
    fn new(call: Arc<CallSpans>) -> Self {
        Self { call, begun: Instant::now(), is_appended: false }
    }

    fn appended(&mut self, rows: usize) {
        let now = Instant::now();
        let rows = Value::Number(u64::try_from(rows).unwrap_or(u64::MAX));
        self.call.part("lane", self.begun, now, &[("memberbase.rows", rows)]);
        (self.begun, self.is_appended) = (now, true);
    }
}

impl Drop for RequestSpans {
    fn drop(&mut self) {
        let name = if self.is_appended { "log" } else { "lane" };
        self.call.part(name, self.begun, Instant::now(), &[]);
    }
}
