//! The service of one connection, with its refusals noted.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response, Uri};
use tonic::body::Body;
use tower::Service;

use super::stream::{self, Watched};
use super::table::Refusals;
use super::why::why;
use crate::api::peer::Peer;

/// `inner`, for one connection, with its refusals noted.
#[derive(Clone)]
pub struct Noted<S> {
    /// What answers.
    pub inner: S,
    /// Who is at the other end.
    pub peer: Peer,
    /// Where refusals are noted.
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
        let answer = self.inner.call(request);
        NotedCall { answer, uri, peer: self.peer.address, refusals: self.refusals.clone() }
    }
}

/// A call under way.
pub struct NotedCall<F> {
    answer: F,
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
        Pin::new(&mut self.answer).poll(cx).map_ok(|response| {
            if let Some(refused) = why(&response) {
                self.refusals.note(self.peer, &self.uri, refused);
                return response;
            }
            if !stream::is_stream(&self.uri) {
                return response;
            }
            let (uri, peer, refusals) = (self.uri.clone(), self.peer, self.refusals.clone());
            let note = move |refused| refusals.note(peer, &uri, refused);
            response.map(|body| Watched::watch(body, note))
        })
    }
}
