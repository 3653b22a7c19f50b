//! Counts the calls of one connection, and the memory of each from its head to the last byte of its reply.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::service::Service;

use super::places::{Begun, Calls, Crowded};
use super::stall::{self, Seen};

/// The largest piece of a reply that its connection gets at a time, in bytes: the lowest limit that a peer
/// may set for HTTP/2 frames.
const PIECE_BYTES: usize = 16 * 1024;

/// Serves the calls of one connection with `inner`, and counts them.
pub struct Counting<S> {
    inner: S,
    calls: Calls,
    /// The moment that times are counted from, see [`super::places`].
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
    type Future = CountedCall<S::Future>;

    fn call(&self, mut request: Request<R>) -> Self::Future {
        let begun = self.calls.begin(head_bytes(&request));
        if !begun.fits {
            request.extensions_mut().insert(Crowded);
        }
        let call = Call { calls: self.calls.clone(), begun, start: self.start };
        CountedCall { inner: self.inner.call(request), call: Some(call) }
    }
}

/// The size of the head of a request, in bytes.
fn head_bytes<B>(request: &Request<B>) -> usize {
    let path = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    fields.sum::<usize>() + path
}

/// A running call; dropping this ends it.
struct Call {
    calls: Calls,
    begun: Begun,
    start: Instant,
}

impl Drop for Call {
    fn drop(&mut self) {
        self.calls.end(self.begun, self.start.elapsed());
    }
}

/// Resolves to the reply. If it is dropped before that, because the peer has gone, the call ends.
pub struct CountedCall<F> {
    inner: F,
    call: Option<Call>,
}

impl<F, B> Future for CountedCall<F>
where
    F: Future<Output = Result<Response<B>, Infallible>> + Unpin,
{
    type Output = Result<Response<Reply<B>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = Pin::new(&mut self.inner).poll(cx);
        if polled.is_ready() {
            stall::note(Seen::Gave);
        }
        polled.map_ok(|response| {
            response.map(|body| Reply { body, rest: Bytes::new(), _call: self.call.take() })
        })
    }
}

/// The body of a reply, which keeps its call running. It passes large pieces to the connection in smaller
/// ones, because memory that the connection has cannot be freed with the call. The rest stays here until the
/// peer takes it.
pub struct Reply<B> {
    body: B,
    /// The part of the last piece of the body that was not passed on yet.
    rest: Bytes,
    _call: Option<Call>,
}

impl<B: Body<Data = Bytes> + Unpin> Reply<B> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.rest.is_empty() {
            let polled = Pin::new(&mut self.body).poll_frame(cx);
            let Poll::Ready(Some(Ok(frame))) = polled else { return polled };
            match frame.into_data() {
                Ok(data) if data.len() > PIECE_BYTES => self.rest = data,
                Ok(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Err(other) => return Poll::Ready(Some(Ok(other))),
            }
        }
        let piece = self.rest.split_to(self.rest.len().min(PIECE_BYTES));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Reply<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = self.poll(cx);
        stall::note(match &polled {
            Poll::Pending => Seen::HadNothing,
            Poll::Ready(Some(_)) => Seen::Gave,
            Poll::Ready(None) => Seen::Ended,
        });
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        let inner = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

impl<B> Drop for Reply<B> {
    fn drop(&mut self) {
        stall::note(Seen::Ended);
    }
}
