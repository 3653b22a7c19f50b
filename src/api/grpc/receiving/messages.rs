//! The body of a request between the connection and tonic, split into messages.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use tokio::time::Sleep;
use tonic::Status;
use tonic::codegen::StdError;

use super::collect::{Piece, Source};
use super::prefix::{PREFIX_BYTES, prefix};
use super::requests::{Arriving, SMALL_BYTES, is_light};
use super::terms::Terms;
use crate::api::grpc::methods::Method;
use crate::tasks;

/// The messages of a request: light messages as they arrive, others once they are complete and have room.
pub struct Messages<B> {
    terms: Terms,
    state: State<B>,
    /// Runs out while nothing arrives.
    silence: Option<Pin<Box<Sleep>>>,
}

/// A collected message, the bytes that arrived after it, and the body with further bytes.
type Collected<B> = (Result<Piece, Status>, Bytes, B);

enum State<B> {
    /// Bytes that arrived and were not passed on, and the body with further bytes.
    Flowing {
        rest: Bytes,
        body: B,
    },
    /// A message that is incomplete, or waits for room.
    Collecting(Pin<Box<dyn Future<Output = Collected<B>> + Send>>),
    Ended,
}

impl<B> Messages<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<StdError>,
{
    /// The messages in `body`.
    pub fn new(body: B, terms: Terms) -> Self {
        Self::after(Bytes::new(), body, terms)
    }

    /// The messages in `start`, which has arrived, and in `body`.
    pub fn after(start: Bytes, body: B, terms: Terms) -> Self {
        Self { terms, state: State::Flowing { rest: start, body }, silence: None }
    }

    /// The next bytes unchanged, while only the peer has to be waited for.
    fn poll_flowing(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let State::Flowing { rest, body } = &mut self.state else { return Poll::Ready(None) };
        let mut data = std::mem::take(rest);
        if data.is_empty() {
            let polled = Pin::new(body).poll_frame(cx);
            if polled.is_pending() && !self.terms.is_stream {
                return self.poll_silence(cx).map(|status| Some(Err(status)));
            }
            self.silence = None;
            match ready!(polled).map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(next))) => data = next,
                Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
                Some(Err(error)) => return Poll::Ready(Some(Err(Status::from_error(error.into())))),
                None => return Poll::Ready(None),
            }
        }
        let whole = whole_light(&data, self.terms.arriving.as_ref());
        if whole == data.len() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let now = data.split_to(whole);
        if now.is_empty() {
            self.collect(data);
            return self.poll_collecting(cx);
        }
        if let State::Flowing { rest, .. } = &mut self.state {
            *rest = data;
        }
        Poll::Ready(Some(Ok(Frame::data(now))))
    }

    /// Resolves once a caller that must continue has been silent for too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Status> {
        let patience = self.terms.incoming.patience;
        let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        silence.as_mut().poll(cx).map(|()| super::collect::too_slow())
    }

    /// Begins to collect the message at the start of `data`.
    fn collect(&mut self, data: Bytes) {
        let State::Flowing { body, .. } = std::mem::replace(&mut self.state, State::Ended) else { return };
        tasks::want_task();
        let terms = self.terms.of_one();
        self.state = State::Collecting(Box::pin(async move {
            let mut source = Source::new(body, data, terms.incoming.patience);
            let piece = super::collect::collect(&mut source, &terms).await;
            let (rest, body) = source.into_parts();
            (piece, rest, body)
        }));
    }

    fn poll_collecting(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let State::Collecting(collecting) = &mut self.state else { return Poll::Ready(None) };
        let (piece, rest, body) = ready!(collecting.as_mut().poll(cx));
        let piece = match piece {
            Ok(piece) => piece,
            Err(status) => {
                self.state = State::Ended;
                return Poll::Ready(Some(Err(status)));
            }
        };
        self.state = State::Flowing { rest, body };
        Poll::Ready(Some(Ok(Frame::data(piece.hand_over(self.terms.arriving.as_ref())))))
    }
}

/// The message of a request of `method` that has nothing else, if it is complete, small, not compressed, and
/// certain to become little.
pub fn whole(data: &Bytes, method: &Method) -> Option<Bytes> {
    let ((flag, length), message) = prefix(data)?;
    let is_whole = flag == 0 && length == message.len() && length <= SMALL_BYTES;
    (is_whole && is_light(&method.request, message)).then(|| data.slice_ref(message))
}

/// How many bytes at the start of `data` are complete small messages that are not compressed and become
/// little.
fn whole_light(data: &[u8], arriving: Option<&Arriving>) -> usize {
    let mut at = 0;
    while let Some(((flag, length), rest)) = data.get(at..).and_then(prefix) {
        let Some(message) = rest.get(..length).filter(|_| flag == 0 && length <= SMALL_BYTES) else { break };
        if arriving.is_some_and(|arriving| !arriving.is_light(message)) {
            break;
        }
        at += PREFIX_BYTES + length;
    }
    at
}

impl<B> http_body::Body for Messages<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<StdError>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.state {
            State::Flowing { .. } => self.poll_flowing(cx),
            State::Collecting(_) => self.poll_collecting(cx),
            State::Ended => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Flowing { rest, body } => rest.is_empty() && body.is_end_stream(),
            State::Collecting(_) => false,
            State::Ended => true,
        }
    }
}
