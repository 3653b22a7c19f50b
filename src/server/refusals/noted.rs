//! A service that notes the rejected calls of one connection.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response, Uri};
use tonic::body::Body;
use tower::Service;

use super::stream;
use super::table::Refusals;
use super::why::why;
use crate::api::peer::Peer;

/// Serves the calls of one connection with `inner`, and notes those that are rejected.
#[derive(Clone)]
pub struct Noted<S> {
    /// The service.
    pub inner: S,
    /// The peer of the connection.
    pub peer: Peer,
    /// Where rejected calls are noted.
    pub refusals: Refusals,
}

impl<S, B> Service<Request<B>> for Noted<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = NotedCall<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        let uri = request.uri().clone();
        let reply = self.inner.call(request);
        NotedCall { reply, uri, peer: self.peer.address, refusals: self.refusals.clone() }
    }
}

/// A running call.
pub struct NotedCall<F> {
    reply: F,
    uri: Uri,
    peer: IpAddr,
    refusals: Refusals,
}

impl<F> Future for NotedCall<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        Pin::new(&mut self.reply).poll(cx).map_ok(|response| {
            if let Some(refused) = why(&response) {
                self.refusals.note(self.peer, &self.uri, refused);
                return response;
            }
            if !stream::is_stream(&self.uri) {
                return response;
            }
            let (uri, peer, refusals) = (self.uri.clone(), self.peer, self.refusals.clone());
            let note = move |refused| refusals.note(peer, &uri, refused);
            response.map(|body| stream::watch(body, note))
        })
    }
}
