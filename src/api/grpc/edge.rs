//! Surrounds every call: ends it at its deadline, and gives faults that tonic finds our codes and reasons.
//!
//! tonic reports a message over the limit as OUT_OF_RANGE, and an unknown method without a reason. Here these
//! become errors of our table. Other replies pass unchanged.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{Request, Response};
use hyper::service::Service;
use tokio::time::{Sleep, sleep_until};
use tonic::body::Body;
use tonic::{Code, Status};

use super::deadline::{Deadline, timeout};
use super::faults::{deadline_passed, translate};

/// The edge around `inner`.
#[derive(Debug)]
pub struct Edge<S>(pub S);

impl<S, B> Service<Request<B>> for Edge<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = WithinDeadline<S::Future>;

    fn call(&self, mut request: Request<B>) -> Self::Future {
        let deadline = timeout(request.headers()).map(|timeout| Instant::now() + timeout);
        if let Some(deadline) = deadline {
            request.extensions_mut().insert(Deadline(deadline));
        }
        WithinDeadline { inner: self.0.call(request), deadline, passed: None }
    }
}

/// Resolves to the reply, or to an error once the deadline has passed. A timer starts only if the reply is
/// not ready at once.
pub struct WithinDeadline<F> {
    inner: F,
    deadline: Option<Instant>,
    /// Runs out at the deadline.
    passed: Option<Pin<Box<Sleep>>>,
}

impl<F> Future for WithinDeadline<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>> + Unpin,
{
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { inner, deadline, passed } = &mut *self;
        if let Poll::Ready(response) = Pin::new(inner).poll(cx) {
            return Poll::Ready(response.map(explain));
        }
        let Some(deadline) = *deadline else { return Poll::Pending };
        let passed = passed.get_or_insert_with(|| Box::pin(sleep_until(deadline.into())));
        // A write that is in the log goes on; only its reply is lost.
        passed.as_mut().poll(cx).map(|()| Ok(deadline_passed().into_http()))
    }
}

/// Translates the status of a response that has nothing but one.
fn explain(response: Response<Body>) -> Response<Body> {
    let Some(status) = Status::from_header_map(response.headers()) else { return response };
    if status.code() == Code::Ok || !status.details().is_empty() {
        return response;
    }
    translate(status).into_http()
}
