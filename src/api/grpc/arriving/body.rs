//! The body of a request, between the connection and tonic.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::Frame;
use tokio::time::Sleep;
use tonic::Status;
use tonic::codegen::StdError;

use super::collect::{Piece, Source};
use super::unpack::Encoding;
use super::{Arriving, SMALL_BYTES};
use crate::api::grpc::OPEN_MESSAGE_MAX_BYTES;
use crate::api::peer::Peer;
use crate::directory::{Incoming, Party, Whose};

/// What stands before each message: whether it is compressed, and its length.
pub const PREFIX_BYTES: usize = 5;

/// What the messages of a request may be.
pub struct Terms {
    /// The memory for their bytes.
    pub incoming: Incoming,
    /// Whose they are.
    pub whose: Whose,
    /// The largest, in bytes.
    pub most: usize,
    /// The call, if they are looked at before they are decoded.
    pub arriving: Option<Arriving>,
    /// How they are compressed.
    pub encoding: Option<Encoding>,
    /// Whether the caller may take its time between two of them.
    pub is_stream: bool,
}

impl Terms {
    /// Those of a request that needs no token: to health checks or reflection.
    pub fn of_open<B>(request: &Request<B>, incoming: Incoming) -> Self {
        let peer = request.extensions().get::<Peer>().copied();
        let party = peer.map_or(Party::Nobody, |peer| Party::Peer(peer.address));
        let whose = Whose { party, connection: peer.map(|peer| peer.connection) };
        let most = OPEN_MESSAGE_MAX_BYTES;
        // Reflection is asked one thing after another.
        Self { incoming, whose, most, arriving: None, encoding: None, is_stream: true }
    }

    /// Notes how the messages are compressed.
    pub fn with_headers(mut self, headers: &HeaderMap) -> Self {
        self.encoding = Encoding::of(headers);
        self
    }
}

/// The messages of a request: the light ones as they come, the others once they are complete and have room.
pub struct Messages<B> {
    terms: Terms,
    state: State<B>,
    /// Runs out while nothing comes.
    silence: Option<Pin<Box<Sleep>>>,
}

/// What a message became, and what there is besides: the bytes that came behind it, and where more come from.
type Collected<B> = (Result<Piece, Status>, Bytes, B);

enum State<B> {
    /// What came and was not handed on, and where more comes from.
    Flowing {
        rest: Bytes,
        body: B,
    },
    /// A message that is not complete, or has no room yet.
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
        Self { terms, state: State::Flowing { rest: Bytes::new(), body }, silence: None }
    }

    /// What comes next as it is, if there is nothing to wait for but the peer.
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

    /// Resolves when a caller that has to go on has been silent for too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Status> {
        let patience = self.terms.incoming.patience;
        let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        silence.as_mut().poll(cx).map(|()| super::collect::too_slow())
    }

    /// Begins to collect the message that begins with `data`.
    fn collect(&mut self, data: Bytes) {
        let State::Flowing { body, .. } = std::mem::replace(&mut self.state, State::Ended) else { return };
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

impl Terms {
    /// The same for one of the messages.
    fn of_one(&self) -> Self {
        let Self { incoming, whose, most, arriving, encoding, is_stream } = self;
        Self {
            incoming: incoming.clone(),
            whose: *whose,
            most: *most,
            arriving: arriving.clone(),
            encoding: *encoding,
            is_stream: *is_stream,
        }
    }
}

/// How many bytes of `data` are small messages that are complete, not compressed, and become little.
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

/// What stands before a message, and what comes after that.
pub fn prefix(data: &[u8]) -> Option<((u8, usize), &[u8])> {
    let ([flag, length @ ..], rest) = data.split_first_chunk::<PREFIX_BYTES>()?;
    Some(((*flag, usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX)), rest))
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
