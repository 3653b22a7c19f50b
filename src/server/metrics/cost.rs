//! What counting costs: does what a server counts for one call, without the call. Not part of the interface;
//! only `benches/metrics.rs` uses it.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, Uri};
use hyper::service::{Service, service_fn};
use tonic::body::Body;

use super::CallMetrics;
use crate::metrics::Histogram;
use crate::server::around::Layer;
use crate::table::{RowEnd, RowSums, TableMetrics};

/// Bounds as those of the times of the log.
const LOG_TIMES: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000, 10_000_000];

/// What one server counts with. All threads of a server share it.
#[derive(Debug)]
pub struct Counting {
    calls: CallMetrics,
    table: TableMetrics,
    log: Histogram,
}

impl Default for Counting {
    fn default() -> Self {
        let calls = CallMetrics::default();
        Self { calls, table: TableMetrics::default(), log: Histogram::of_times(&LOG_TIMES) }
    }
}

/// A call with one message, of which nothing is left but its head.
#[derive(Debug, Clone)]
pub struct Call {
    uri: Uri,
    kind: HeaderValue,
}

impl Call {
    /// A gRPC call of the method with this path.
    #[must_use]
    pub fn new(path: &'static str) -> Self {
        Self { uri: Uri::from_static(path), kind: HeaderValue::from_static("application/grpc") }
    }

    fn request(&self) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().insert(CONTENT_TYPE, self.kind.clone());
        request
    }
}

impl Counting {
    /// A call, with what is counted of it.
    pub fn counted(&self, call: &Call) {
        finish(&Layer { around: self.calls.clone(), inner: service_fn(at_once) }, call);
    }

    /// The same call without that.
    pub fn plain(&self, call: &Call) {
        finish(&service_fn(at_once), call);
    }

    /// What is counted of a batch with so many rows that created members: by its lane, its publisher and the
    /// log. A single create is a batch of its own at worst.
    pub fn batch(&self, rows: u64) {
        let begun = Instant::now();
        self.table.batch_rows.add(black_box(rows));
        self.table.batch_bytes.add(black_box(rows * 800));
        self.table.batch_times.add_time(begun.elapsed());
        self.log.add_time(begun.elapsed());
        let mut sums = RowSums::default();
        for _ in 0..rows {
            sums.add(black_box(RowEnd::Created), 1);
        }
        self.table.count(sums);
    }
}

fn at_once(_: Request<Body>) -> Ready<Result<Response<Body>, Infallible>> {
    ready(Ok(Response::new(Body::empty())))
}

fn finish<S>(service: &S, call: &Call)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let reply = pin!(service.call(black_box(call.request())));
    let Poll::Ready(reply) = reply.poll(&mut Context::from_waker(Waker::noop())) else { return };
    drop(black_box(reply));
}
