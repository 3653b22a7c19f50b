//! A service that makes each call within its trace, and puts the trace id on the log lines that belong to it.
//!
//! A caller names the trace with the header `traceparent`. A call without it has a trace only if spans are
//! recorded and the sampler chooses it; for all others nothing is done but to look for the header. The lines
//! that a call causes in tasks of all callers, such as lanes, have no trace id.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response};
use http_body::{Frame, SizeHint};
use hyper::service::Service;
use tonic::body::Body;

use tracing::Span;

use crate::trace::{Current, Parent, Recorder};

/// The header in which a caller names its trace and its span.
const HEADER: HeaderName = HeaderName::from_static("traceparent");

/// Serves the calls of one connection with `inner`, each within its trace.
pub struct Traced<S> {
    /// The service.
    pub inner: S,
    /// What records the spans of calls, if they are recorded.
    pub recorder: Option<Recorder>,
}

impl<S, B> Service<Request<B>> for Traced<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = TracedCall<S::Future>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let call = Current::begin(self.recorder.as_ref(), parent(request.headers()));
        let Some(trace) = call.map(Trace::new) else {
            return TracedCall { reply: self.inner.call(request), trace: None };
        };
        TracedCall { reply: trace.within(|| self.inner.call(request)), trace: Some(trace) }
    }
}

/// The span of the caller; `None` if there is none, or several, or the header is not valid.
fn parent(headers: &HeaderMap) -> Option<Parent> {
    // Nearly every call ends here.
    let first = headers.get(HEADER)?;
    if headers.get_all(HEADER).iter().count() > 1 {
        return None;
    }
    Parent::parse(first.to_str().ok()?)
}

/// The trace of a call.
struct Trace {
    call: Current,
    span: Span,
}

impl Trace {
    fn new(call: Current) -> Self {
        // At every level of the log, because errors need it most.
        let span = tracing::error_span!("call", trace_id = %call.trace);
        Self { call, span }
    }

    fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        self.call.within(|| self.span.in_scope(work))
    }
}

/// A call within its trace, if it has one.
pub struct TracedCall<F> {
    reply: F,
    trace: Option<Trace>,
}

impl<F> Future for TracedCall<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { reply, trace } = &mut *self;
        let Some(within) = &*trace else { return Pin::new(reply).poll(cx) };
        let polled = within.within(|| Pin::new(reply).poll(cx));
        polled.map_ok(|response| match trace.take() {
            Some(trace) => response.map(|body| Body::new(TracedBody { body, trace })),
            None => response,
        })
    }
}

/// The body of a reply, whose pieces are made within the trace of its call.
struct TracedBody {
    body: Body,
    trace: Trace,
}

impl http_body::Body for TracedBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Self { body, trace } = &mut *self;
        trace.within(|| Pin::new(body).poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};

    use super::*;

    #[test]
    fn several_headers_name_no_trace() {
        let mut headers = HeaderMap::new();
        assert_eq!(parent(&headers), None);
        headers.insert(HEADER, PARENT.parse().unwrap());
        assert!(parent(&headers).is_some());
        headers.append(HEADER, PARENT.parse().unwrap());
        assert_eq!(parent(&headers), None);
    }

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[tokio::test]
    async fn a_call_and_its_reply_are_made_within_its_trace() {
        for (parent, expected) in [(Some(PARENT), Some(&PARENT[3..35])), (None, None)] {
            let (tell, told) = std::sync::mpsc::channel();
            let inner = hyper::service::service_fn(move |_: Request<Body>| {
                let tell = tell.clone();
                Box::pin(async move {
                    tokio::task::yield_now().await;
                    tell.send(Current::get()).unwrap();
                    let body = Full::new(Bytes::from("data")).map_frame(move |frame| {
                        tell.send(Current::get()).unwrap();
                        frame
                    });
                    Ok::<_, Infallible>(Response::new(Body::new(body)))
                })
            });
            let mut request = Request::new(Body::empty());
            if let Some(parent) = parent {
                request.headers_mut().insert("traceparent", parent.parse().unwrap());
            }
            let reply = Traced { inner, recorder: None }.call(request).await.unwrap();
            assert_eq!(reply.into_body().collect().await.unwrap().to_bytes(), "data");
            let seen: Vec<_> = told.iter().map(|call| call.map(|call| call.trace.to_string())).collect();
            assert_eq!(seen, vec![expected.map(str::to_owned); 2]);
        }
        assert!(Current::get().is_none());
    }
}
