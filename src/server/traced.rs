//! A service that puts the trace id of each call on the log lines that belong to it.
//!
//! A caller names the trace with the header `traceparent`. For calls without it nothing is done but to look
//! for it. The lines that a call causes in tasks of all callers, such as lanes, have no trace id.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use tonic::body::Body;
use tower::Service;
use tracing::Span;

use crate::api::trace::TraceId;

/// Serves the calls of one connection with `inner`, each within its trace.
#[derive(Clone)]
pub struct Traced<S>(pub S);

impl<S, B> Service<Request<B>> for Traced<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = TracedCall<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Some(trace) = TraceId::of(request.headers()).map(Trace::new) else {
            return TracedCall { reply: self.0.call(request), trace: None };
        };
        TracedCall { reply: trace.within(|| self.0.call(request)), trace: Some(trace) }
    }
}

/// The trace of a call.
struct Trace {
    id: TraceId,
    span: Span,
}

impl Trace {
    fn new(id: TraceId) -> Self {
        // At every level of the log, because errors need it most.
        Self { id, span: tracing::error_span!("call", trace_id = %id) }
    }

    fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        self.id.within(|| self.span.in_scope(work))
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

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[tokio::test]
    async fn a_call_and_its_reply_are_made_within_its_trace() {
        for (parent, expected) in [(Some(PARENT), Some(&PARENT[3..35])), (None, None)] {
            let (tell, told) = std::sync::mpsc::channel();
            let inner = tower::service_fn(move |_: Request<()>| {
                let tell = tell.clone();
                Box::pin(async move {
                    tokio::task::yield_now().await;
                    tell.send(TraceId::current()).unwrap();
                    let body = Full::new(Bytes::from("data")).map_frame(move |frame| {
                        tell.send(TraceId::current()).unwrap();
                        frame
                    });
                    Ok::<_, Infallible>(Response::new(Body::new(body)))
                })
            });
            let mut request = Request::new(());
            if let Some(parent) = parent {
                request.headers_mut().insert("traceparent", parent.parse().unwrap());
            }
            let reply = Traced(inner).call(request).await.unwrap();
            assert_eq!(reply.into_body().collect().await.unwrap().to_bytes(), "data");
            let seen: Vec<_> = told.iter().map(|id| id.map(|id| id.to_string())).collect();
            assert_eq!(seen, vec![expected.map(str::to_owned); 2]);
        }
        assert_eq!(TraceId::current(), None);
    }
}
