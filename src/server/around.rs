//! What happens around each call of a connection: before it begins, and when its reply is ready.
//!
//! This is for layers that only look at both ends of a call. A layer that must be there whenever a call is
//! polled (`traced`, `api::grpc::edge`) is a service of its own. Services are those of hyper, which all calls
//! of a connection share: nothing is copied for a call.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::service::Service;
use tonic::body::Body;

/// What happens around each call.
pub trait Around {
    /// What is kept of a call while it runs. It is dropped without a reply if the caller leaves.
    type Call: Unpin;

    /// Before the call begins.
    fn begin<B>(&self, request: &mut Request<B>) -> Self::Call;

    /// When the reply is ready. Returns the reply for the caller.
    fn end(call: Self::Call, reply: Response<Body>) -> Response<Body>;
}

/// Serves the calls of one connection with `inner`, with `around` around each.
pub struct Layer<A, S> {
    /// What happens around each call.
    pub around: A,
    /// The service.
    pub inner: S,
}

impl<A, S, B> Service<Request<B>> for Layer<A, S>
where
    A: Around,
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = AroundCall<A, S::Future>;

    fn call(&self, mut request: Request<B>) -> Self::Future {
        let call = Some(self.around.begin(&mut request));
        AroundCall { reply: self.inner.call(request), call }
    }
}

/// A running call.
pub struct AroundCall<A: Around, F> {
    reply: F,
    call: Option<A::Call>,
}

impl<A, F> Future for AroundCall<A, F>
where
    A: Around,
    F: Future<Output = Result<Response<Body>, Infallible>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        Pin::new(&mut self.reply).poll(cx).map_ok(|reply| match self.call.take() {
            Some(call) => A::end(call, reply),
            None => reply,
        })
    }
}
