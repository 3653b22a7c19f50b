//! Tells a body that was cut from one that has ended.
//!
//! Over HTTP/2 whoever sends a body ends it with a flag, and breaks it off with a reset. hyper takes a reset
//! with the code NO_ERROR for an end, because a server may send it after a reply whose request it has not
//! read (RFC 9113, 8.1). But Envoy resets a call with this code too, at the server behind it, when its own
//! caller has cancelled or is gone. Then a part of a file would pass for all of it.
//!
//! Over HTTP/1 hyper knows.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::service::Service;
use tonic::codegen::StdError;

/// Serves the calls of a connection with `inner`, whose requests fail if they are cut.
pub struct Uncutting<S> {
    /// The service.
    pub inner: S,
}

impl<S, B> Service<Request<B>> for Uncutting<S>
where
    S: Service<Request<Uncut<B>>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, request: Request<B>) -> Self::Future {
        let is_framed = request.version() == Version::HTTP_2;
        self.inner.call(request.map(|body| Uncut { body, is_framed }))
    }
}

/// A body that fails if it is cut, as if it had been reset with CANCEL.
pub struct Uncut<B> {
    body: B,
    /// Whether it has not ended before a frame has said so.
    is_framed: bool,
}

impl<B> Body for Uncut<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<StdError>,
{
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() && self.is_framed && is_cut(&self.body) {
            self.is_framed = false;
            return Poll::Ready(Some(Err(h2::Error::from(h2::Reason::CANCEL).into())));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether a body of HTTP/2 that gives no more frames was cut.
pub fn is_cut(body: &impl Body) -> bool {
    !body.is_end_stream()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use h2::client::{ResponseFuture, SendRequest};
    use h2::{Reason, SendStream};
    use http::{HeaderMap, Response};
    use http_body_util::{BodyExt, Empty};
    use hyper::service::service_fn;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::server::conn::auto;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::sync::{Notify, mpsc};

    use super::*;

    /// What a server has seen of its requests.
    struct Seen {
        began: Arc<Notify>,
        /// The bytes of each request, or none if it was broken off.
        ended: mpsc::UnboundedReceiver<Option<Bytes>>,
    }

    impl Seen {
        async fn next(&mut self) -> Option<Bytes> {
            self.ended.recv().await.unwrap()
        }
    }

    /// A connection to a server that reads requests to their end.
    fn connect() -> (DuplexStream, Seen) {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (tell, ended) = mpsc::unbounded_channel();
        let seen = Seen { began: Arc::default(), ended };
        let began = Arc::clone(&seen.began);
        let inner = service_fn(move |request: Request<Uncut<hyper::body::Incoming>>| {
            let tell = tell.clone();
            began.notify_one();
            async move {
                let whole = request.into_body().collect().await;
                tell.send(whole.ok().map(|whole| whole.to_bytes())).unwrap();
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        });
        tokio::spawn(async move {
            let service = Arc::new(Uncutting { inner });
            auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(far), service).await
        });
        (near, seen)
    }

    async fn calls(near: DuplexStream) -> SendRequest<Bytes> {
        let (calls, connection) = h2::client::handshake(near).await.unwrap();
        tokio::spawn(connection);
        calls
    }

    /// Begins a request, and sends half of its body. Without the reply the call would be reset.
    async fn half(calls: &mut SendRequest<Bytes>) -> (ResponseFuture, SendStream<Bytes>) {
        *calls = calls.clone().ready().await.unwrap();
        let request = Request::post("http://mb/a").body(()).unwrap();
        let (reply, mut body) = calls.send_request(request, false).unwrap();
        body.send_data(Bytes::from("half"), false).unwrap();
        (reply, body)
    }

    #[tokio::test]
    async fn a_request_that_is_reset_has_not_ended_whatever_its_code() {
        let (near, mut seen) = connect();
        let mut calls = calls(near).await;
        for reason in [Reason::NO_ERROR, Reason::CANCEL] {
            let (_reply, mut body) = half(&mut calls).await;
            seen.began.notified().await;
            body.send_reset(reason);
            assert_eq!(seen.next().await, None, "{reason:?}");
        }
    }

    #[tokio::test]
    async fn a_request_ends_with_data_with_nothing_with_trailers_or_at_once() {
        let (near, mut seen) = connect();
        let mut calls = calls(near).await;
        let (_reply, mut body) = half(&mut calls).await;
        body.send_data(Bytes::from("whole"), true).unwrap();
        assert_eq!(seen.next().await.unwrap(), "halfwhole");
        let (_reply, mut body) = half(&mut calls).await;
        body.send_data(Bytes::new(), true).unwrap();
        assert_eq!(seen.next().await.unwrap(), "half");
        let (_reply, mut body) = half(&mut calls).await;
        body.send_trailers(HeaderMap::new()).unwrap();
        assert_eq!(seen.next().await.unwrap(), "half");
        let mut ready = calls.ready().await.unwrap();
        let _reply = ready.send_request(Request::get("http://mb/a").body(()).unwrap(), true).unwrap();
        assert_eq!(seen.next().await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_request_of_http_1_ends_without_a_flag() {
        let (mut near, mut seen) = connect();
        let head = "POST /a HTTP/1.1\r\nHost: mb\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
        near.write_all(format!("{head}4\r\nhalf\r\n0\r\n\r\n").as_bytes()).await.unwrap();
        assert_eq!(seen.next().await.unwrap(), "half");
        let mut reply = String::new();
        near.read_to_string(&mut reply).await.unwrap();
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    }
}
