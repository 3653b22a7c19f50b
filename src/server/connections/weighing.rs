//! Says which calls of a connection are light, and begins calls where they are polled.

use std::cell::Cell;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Version};
use hyper::service::Service;

thread_local! {
    /// Whether the call that its connection starts next is light.
    static IS_LIGHT: Cell<bool> = const { Cell::new(false) };
}

/// Whether the call that is started now is light. This is known once for each call.
pub fn is_light() -> bool {
    IS_LIGHT.take()
}

/// The call that is started next is light.
#[cfg(test)]
pub fn next_is_light() {
    IS_LIGHT.set(true);
}

/// Serves the calls of a connection with a service that they share, and says which are light.
pub struct Weighing<S> {
    /// The service.
    pub inner: Arc<S>,
    /// Whether a call with this path is light: it reads or changes so little that making it takes some
    /// microseconds, and has a small message and a small reply.
    pub is_light: fn(&str) -> bool,
}

impl<S, B> Service<Request<B>> for Weighing<S>
where
    S: Service<Request<B>>,
    S::Future: Unpin,
    B: Unpin,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Beginning<S, Request<B>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        // Over HTTP/2, hyper starts the call next, on this thread. Over HTTP/1 it starts none.
        IS_LIGHT.set(request.version() == Version::HTTP_2 && (self.is_light)(request.uri().path()));
        Beginning::Waits(Arc::clone(&self.inner), request)
    }
}

/// A call that begins when it is polled, so that whatever it does belongs to it and not to its connection.
pub enum Beginning<S: Service<R>, R> {
    /// It has not begun.
    Waits(Arc<S>, R),
    /// It has begun.
    Began(S::Future),
    /// It panicked as it began.
    Failed,
}

impl<S, R> Future for Beginning<S, R>
where
    S: Service<R>,
    S::Future: Unpin,
    R: Unpin,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if matches!(*self, Self::Waits(..))
            && let Self::Waits(service, request) = mem::replace(&mut *self, Self::Failed)
        {
            *self = Self::Began(service.call(request));
        }
        match &mut *self {
            Self::Began(call) => Pin::new(call).poll(cx),
            Self::Waits(..) | Self::Failed => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, ready};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Waker;

    use http::Response;
    use hyper::service::service_fn;
    use tonic::body::Body;

    use super::*;

    fn reply(_: Request<Body>) -> Ready<Result<Response<Body>, Infallible>> {
        ready(Ok(Response::new(Body::empty())))
    }

    #[test]
    fn a_path_is_weighed_for_the_call_that_starts_next() {
        let service = Weighing { inner: Arc::new(service_fn(reply)), is_light: |path| path == "/light" };
        let cases = [
            (Version::HTTP_2, "/light", true),
            (Version::HTTP_2, "/other", false),
            (Version::HTTP_11, "/light", false),
            (Version::HTTP_2, "/light", true),
        ];
        for (version, path, expected) in cases {
            drop(service.call(Request::get(path).version(version).body(Body::empty()).unwrap()));
            assert_eq!((is_light(), is_light()), (expected, false), "{version:?} {path}");
        }
    }

    #[test]
    fn a_call_begins_when_it_is_polled() {
        let calls = AtomicUsize::new(0);
        let inner = service_fn(|request| {
            calls.fetch_add(1, Ordering::Relaxed);
            reply(request)
        });
        let service = Weighing { inner: Arc::new(inner), is_light: |_| true };
        let mut call = service.call(Request::new(Body::empty()));
        assert_eq!(calls.load(Ordering::Relaxed), 0);
        let polled = Pin::new(&mut call).poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_ready() && calls.load(Ordering::Relaxed) == 1);
    }
}
