//! The calls of one connection: each is counted from its head to the last byte of its reply.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use tower::Service;

use super::places::Calls;

/// `inner`, for one connection.
#[derive(Clone)]
pub struct Counting<S> {
    inner: S,
    calls: Calls,
    /// The moment from which time is counted, see [`super::places`].
    start: Instant,
}

impl<S> Counting<S> {
    /// Counts the calls of `inner`.
    pub fn new(inner: S, calls: Calls, start: Instant) -> Self {
        Self { inner, calls, start }
    }
}

impl<S, R, B> Service<Request<R>> for Counting<S>
where
    S: Service<Request<R>, Response = Response<B>, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response<Reply<B>>;
    type Error = Infallible;
    type Future = Answer<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        self.calls.begin();
        let call = Call { calls: self.calls.clone(), start: self.start };
        Answer { inner: self.inner.call(request), call: Some(call) }
    }
}

/// A call under way; dropping it ends it.
struct Call {
    calls: Calls,
    start: Instant,
}

impl Drop for Call {
    fn drop(&mut self) {
        self.calls.end(self.start.elapsed());
    }
}

/// Resolves to the reply. Dropped before, it ends the call: its peer went away.
pub struct Answer<F> {
    inner: F,
    call: Option<Call>,
}

impl<F, B> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, Infallible>> + Unpin,
{
    type Output = Result<Response<Reply<B>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = Pin::new(&mut self.inner).poll(cx);
        polled.map_ok(|response| response.map(|body| Reply { body, _call: self.call.take() }))
    }
}

/// The body of a reply; its call lasts as long.
pub struct Reply<B> {
    body: B,
    _call: Option<Call>,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Reply<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
