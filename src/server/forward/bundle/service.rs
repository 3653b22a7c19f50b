//! The service of a connection, which takes bundles beside calls.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, Version};
use http_body_util::Either;
use hyper::service::Service;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::codegen::StdError;

use super::serving::Calls;
use crate::server::forward::proof::{BUNDLE, BUNDLES, Callers, VERSION, seconds};

/// Serves the calls of one connection with `inner`, those in bundles too.
pub struct Bundling<S> {
    /// The service.
    pub inner: Arc<S>,
    /// Who may open bundles.
    pub callers: Callers,
    /// Once cancelled, bundles end.
    pub stopping: CancellationToken,
}

/// What a service for calls in bundles does, whatever the body of their requests.
type CallOf<S, R> = <S as Service<Request<R>>>::Future;

impl<S, B, R> Service<Request<R>> for Bundling<S>
where
    S: Service<Request<R>, Response = Response<B>, Error = Infallible>
        + Service<Request<Body>, Response = Response<B>, Error = Infallible>
        + Send
        + Sync
        + 'static,
    CallOf<S, R>: Unpin,
    CallOf<S, Body>: Send,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    R: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    R::Error: Into<StdError>,
{
    type Response = Response<Either<B, Body>>;
    type Error = Infallible;
    type Future = Answering<CallOf<S, R>>;

    fn call(&self, request: Request<R>) -> Self::Future {
        if !self.opens(&request) {
            return Answering::Call(Service::<Request<R>>::call(&*self.inner, request));
        }
        let calls = Calls::new(
            Arc::clone(&self.inner),
            Body::new(request.into_body()),
            self.stopping.clone().cancelled_owned(),
        );
        let mut reply = Response::new(Body::new(calls));
        reply.headers_mut().insert(BUNDLE, VERSION);
        Answering::Bundle(Some(reply))
    }
}

impl<S> Bundling<S> {
    /// Whether a request opens a bundle.
    fn opens<R>(&self, request: &Request<R>) -> bool {
        request.uri().path() == BUNDLES
            && request.version() == Version::HTTP_2
            && *request.method() == Method::POST
            && !self.stopping.is_cancelled()
            && self.callers.may_bundle(request.headers(), seconds())
    }
}

/// A call or a bundle that is being answered.
pub enum Answering<F> {
    /// A call that has a stream.
    Call(F),
    /// A bundle.
    Bundle(Option<Response<Body>>),
}

impl<F, B> Future for Answering<F>
where
    F: Future<Output = Result<Response<B>, Infallible>> + Unpin,
{
    type Output = Result<Response<Either<B, Body>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Call(call) => Pin::new(call).poll(cx).map_ok(|reply| reply.map(Either::Left)),
            Self::Bundle(reply) => Poll::Ready(Ok(reply.take().unwrap_or_default().map(Either::Right))),
        }
    }
}
