//! Bodies on their way: requests that are read ahead, and replies that may be lost.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tonic::Status;
use tonic::body::Body;

use super::active::Held;
use super::bundle::Whole;
use super::counts::ForwardCounts;
use crate::server::connections::is_cut;
use crate::server::ending::broken_off;

/// The most that is read of a request before it is passed on, in bytes.
pub const SHORT_BYTES: usize = 8 * 1024;

/// A request body, and whether the call needs a connection of its own.
pub struct Read {
    pub body: Body,
    pub is_long: bool,
    /// What was read of it.
    pub ahead: Bytes,
    /// Whether that is all.
    pub is_whole: bool,
}

impl Read {
    fn short(whole: Bytes) -> Self {
        Self { body: Body::new(Full::new(whole.clone())), is_long: false, ahead: whole, is_whole: true }
    }

    fn long(body: Body, ahead: Bytes) -> Self {
        Self { body, is_long: true, ahead, is_whole: false }
    }

    /// All of it, if it is short.
    pub fn whole(&self) -> Option<&Bytes> {
        self.is_whole.then_some(&self.ahead)
    }
}

/// How much of a request is read ahead, if it is not short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ahead {
    /// Nothing: it streams, and whoever sends it may wait for an answer.
    Nothing,
    /// The first message of its stream, or its beginning.
    First,
    /// All, or its beginning.
    All,
}

/// Reads a request to its end if it is short. What is longer, streams, or does not arrive within `within` is
/// read while it is passed on.
pub async fn read_ahead<B>(body: B, how: Ahead, within: Duration) -> Read
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<tonic::codegen::StdError>,
{
    if body.is_end_stream() {
        return Read::short(Bytes::new());
    }
    let is_short = usize::try_from(body.size_hint().lower()).is_ok_and(|least| least <= SHORT_BYTES);
    let body = Body::new(body);
    if how == Ahead::Nothing || how == Ahead::All && !is_short {
        return Read::long(body, Bytes::new());
    }
    let mut reading = Reading { read: BytesMut::new(), last: None, rest: body };
    let is_whole = tokio::time::timeout(within, reading.fill(how)).await.unwrap_or(false);
    let Reading { read, last, rest } = reading;
    let read = read.freeze();
    if is_whole && how == Ahead::All {
        return Read::short(read);
    }
    let ahead = (!read.is_empty()).then(|| Ok(Frame::data(read.clone())));
    let first = [ahead, last].into_iter().flatten().collect();
    Read::long(Body::new(Prefixed { first, rest }), read)
}

struct Reading {
    read: BytesMut,
    /// A frame that is no data, or an error.
    last: Option<Result<Frame<Bytes>, Status>>,
    rest: Body,
}

impl Reading {
    /// Whether the body has ended with these bytes. It can be stopped at any moment.
    async fn fill(&mut self, how: Ahead) -> bool {
        while self.read.len() <= SHORT_BYTES {
            if how == Ahead::First && has_message(&self.read) {
                return false;
            }
            match self.rest.frame().await {
                None => return true,
                Some(Ok(frame)) if frame.is_data() => {
                    self.read.extend_from_slice(&frame.into_data().unwrap_or_default());
                    if self.rest.is_end_stream() {
                        return self.read.len() <= SHORT_BYTES;
                    }
                }
                Some(other) => {
                    self.last = Some(other);
                    return false;
                }
            }
        }
        false
    }
}

/// Whether a gRPC message is there to its end.
fn has_message(read: &[u8]) -> bool {
    let length = read.get(1..5).and_then(|length| Some(u32::from_be_bytes(length.try_into().ok()?)));
    let length = length.and_then(|length| usize::try_from(length).ok());
    length.is_some_and(|length| read.len() - 5 >= length)
}

/// A body whose first frames were read already.
struct Prefixed {
    first: VecDeque<Result<Frame<Bytes>, Status>>,
    rest: Body,
}

impl http_body::Body for Prefixed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.first.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.rest.is_end_stream()
    }
}

pin_project! {
    /// The body of an answer. If the rest of it is lost, a gRPC call ends with a status, and another one
    /// breaks off, as it does when its own server is lost.
    pub struct Answer {
        #[pin]
        pub body: Incoming,
        pub is_grpc: bool,
        pub lost: fn() -> Status,
        pub counts: ForwardCounts,
        // Given back with the last frame, or when the caller leaves.
        pub held: Option<Held>,
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.project();
        if this.held.is_none() {
            return Poll::Ready(None);
        }
        let mut body = this.body;
        let why = match ready!(body.as_mut().poll_frame(context)) {
            Some(Ok(frame)) => return Poll::Ready(Some(Ok(frame))),
            None if is_cut(&*body) => None,
            None => {
                *this.held = None;
                return Poll::Ready(None);
            }
            Some(Err(error)) => Some(error),
        };
        *this.held = None;
        this.counts.lost.inc();
        tracing::debug!(?why, "the rest of an answer was lost");
        Poll::Ready(Some(broken_off((this.lost)(), *this.is_grpc)))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The reply to a call that was passed on in a bundle.
pub fn whole_reply(whole: Whole, held: Held) -> Result<Response<Body>, http::Error> {
    let Whole { status, headers, body, trailers } = whole;
    let body = Body::new(WholeBody { body, trailers, _held: held });
    let mut reply = Response::builder().status(status).body(body)?;
    *reply.headers_mut() = headers;
    Ok(reply)
}

/// A body that is here, and the trailers after it, each of which may be empty.
struct WholeBody {
    body: Bytes,
    trailers: HeaderMap,
    // Given back once the caller has taken all of it, or has left.
    _held: Held,
}

impl http_body::Body for WholeBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if !self.body.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.body)))));
        }
        let trailers = std::mem::take(&mut self.trailers);
        Poll::Ready((!trailers.is_empty()).then(|| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_empty() && self.trailers.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        // With trailers there is more than the body.
        if self.trailers.is_empty() { Full::new(self.body.clone()).size_hint() } else { SizeHint::new() }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::StreamBody;

    use super::*;

    fn pieces(sizes: &[usize]) -> impl http_body::Body<Data = Bytes, Error = Status> + Send + Unpin + use<> {
        let frames: Vec<_> =
            sizes.iter().map(|size| Ok(Frame::data(Bytes::from(vec![b'x'; *size])))).collect();
        StreamBody::new(futures_util::stream::iter(frames))
    }

    #[tokio::test]
    async fn a_short_request_is_read_whole_and_no_byte_of_a_long_one_is_lost() {
        let within = Duration::from_secs(5);
        for (sizes, how, is_long, ahead) in [
            (&[][..], Ahead::All, false, 0),
            (&[10, 20], Ahead::All, false, 30),
            (&[SHORT_BYTES], Ahead::All, false, SHORT_BYTES),
            (&[SHORT_BYTES, 1], Ahead::All, true, SHORT_BYTES + 1),
            (&[10, 1 << 20, 3], Ahead::All, true, 10 + (1 << 20)),
            (&[10], Ahead::Nothing, true, 0),
            (&[10, SHORT_BYTES, 5], Ahead::First, true, 10 + SHORT_BYTES),
            (&[3, 4], Ahead::First, true, 7),
        ] {
            let read = read_ahead(pieces(sizes), how, within).await;
            assert_eq!(read.is_long, is_long, "{sizes:?}");
            assert_eq!((read.ahead.len(), read.whole().is_some()), (ahead, !is_long), "{sizes:?}");
            let total: usize = sizes.iter().sum();
            let hint = read.body.size_hint().exact();
            assert_eq!(hint, (!is_long).then_some(total as u64), "{sizes:?}");
            assert_eq!(read.body.collect().await.unwrap().to_bytes().len(), total, "{sizes:?}");
        }
    }

    #[tokio::test]
    async fn of_a_stream_no_more_is_read_than_its_first_message() {
        use futures_util::StreamExt;
        // Whoever sends it waits for an answer to the first message.
        let first = [&[0, 0, 0][..], &[0, 3, b'a', b'b'], b"c"]
            .map(|piece| Ok::<_, Status>(Frame::data(piece.into())));
        let body = StreamBody::new(futures_util::stream::iter(first).chain(futures_util::stream::pending()));
        let mut read = read_ahead(body, Ahead::First, Duration::MAX).await;
        assert_eq!(read.ahead, &b"\0\0\0\0\x03abc"[..]);
        assert_eq!(read.body.frame().await.unwrap().unwrap().into_data().unwrap(), read.ahead);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_does_not_arrive_and_trailers_and_errors_are_passed_on() {
        use futures_util::StreamExt;
        let first = futures_util::stream::iter([Ok::<_, Status>(Frame::data(Bytes::from("ab")))]);
        let body = StreamBody::new(first.chain(futures_util::stream::pending()));
        let mut read = read_ahead(body, Ahead::All, Duration::from_secs(5)).await;
        assert!(read.is_long);
        assert_eq!(read.body.frame().await.unwrap().unwrap().into_data().unwrap(), "ab");
        let mut trailers = HeaderMap::new();
        trailers.insert("a", "b".parse().unwrap());
        for last in [Ok(Frame::trailers(trailers)), Err(Status::internal("cut"))] {
            let is_error = last.is_err();
            let body =
                StreamBody::new(futures_util::stream::iter([Ok(Frame::data(Bytes::from("ab"))), last]));
            let collected = read_ahead(body, Ahead::All, Duration::from_secs(5)).await.body.collect().await;
            assert_eq!(collected.is_err(), is_error);
            if let Ok(collected) = collected {
                assert_eq!(collected.trailers().unwrap()["a"], "b");
                assert_eq!(collected.to_bytes(), "ab");
            }
        }
    }
}
