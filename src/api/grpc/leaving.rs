//! Replies that leave: large ones are encoded and compressed beside the threads that serve others.
//!
//! tonic encodes a message, and compresses it, when the connection asks for the next piece of a reply. So a
//! reply whose messages are large says so, and is asked [`compute::in_place`]; one that has a single message
//! waits for its turn first. Those of a stream are made there too, each when the one before was taken and
//! there is memory for it, which bounds how many there are at a time. Other replies pass as they are.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Extensions, Response};
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use crate::compute::{self, Permit};

/// What is large about a reply: an extension of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Large {
    /// Its only message.
    Message,
    /// The messages of a stream.
    Stream,
}

/// Notes on a reply that its only message has so many bytes.
pub fn has_bytes(reply: &mut Extensions, bytes: usize) {
    if bytes >= compute::LARGE_BYTES {
        reply.insert(Large::Message);
    }
}

/// Notes on a reply that it is a stream of pieces that are large.
pub fn has_pieces(reply: &mut Extensions) {
    reply.insert(Large::Stream);
}

/// The reply as the connection gets it.
pub fn leave(reply: Response<Body>) -> Response<Body> {
    match reply.extensions().get() {
        None => reply,
        Some(Large::Message) => reply.map(|body| beside(body, Turn::Next(Box::pin(compute::permit())))),
        Some(Large::Stream) => reply.map(|body| beside(body, Turn::None)),
    }
}

fn beside(body: Body, turn: Turn) -> Body {
    Body::new(Beside { body, turn })
}

/// A body whose pieces are made beside the threads that serve others.
struct Beside {
    body: Body,
    turn: Turn,
}

/// What is waited for before a piece is made.
enum Turn {
    /// Nothing.
    None,
    /// The turn to compute.
    Next(Pin<Box<dyn Future<Output = Permit> + Send>>),
}

impl http_body::Body for Beside {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let _permit = match &mut self.turn {
            Turn::None => None,
            Turn::Next(turn) => {
                let permit = ready!(turn.as_mut().poll(cx));
                // There is nothing but the trailers behind its message.
                self.turn = Turn::None;
                Some(permit)
            }
        };
        compute::in_place(|| Pin::new(&mut self.body).poll_frame(cx))
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
    use futures_util::FutureExt;
    use http_body_util::{BodyExt, Full};

    use super::*;

    fn reply(bytes: usize) -> Response<Body> {
        let mut reply = Response::new(Body::new(Full::new(Bytes::from(vec![7; bytes]))));
        has_bytes(reply.extensions_mut(), bytes);
        leave(reply)
    }

    #[tokio::test]
    async fn large_replies_wait_for_their_turn_and_small_ones_do_not() {
        let all = compute::every_permit().await;
        let small = reply(compute::LARGE_BYTES - 1);
        assert_eq!(small.into_body().collect().await.unwrap().to_bytes().len(), compute::LARGE_BYTES - 1);
        let mut large = Box::pin(reply(compute::LARGE_BYTES).into_body().collect());
        assert!(large.as_mut().now_or_never().is_none());
        drop(all);
        assert_eq!(large.await.unwrap().to_bytes(), vec![7; compute::LARGE_BYTES]);
        // It has given its turn back.
        drop(compute::every_permit().await);
    }

    #[tokio::test]
    async fn a_large_reply_that_nobody_takes_holds_no_turn() {
        let mut untaken = reply(compute::LARGE_BYTES).into_body();
        let all = compute::every_permit().await;
        assert!(untaken.frame().now_or_never().is_none());
        drop(all);
        assert!(untaken.frame().await.is_some());
        drop(compute::every_permit().await);
        assert!(untaken.frame().await.is_none());
    }

    #[test]
    fn the_pieces_of_streams_leave_the_other_tasks_of_their_thread_to_another() {
        use std::sync::mpsc;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let served = runtime.block_on(async {
            tokio::spawn(async {
                let (ask, asked) = mpsc::channel();
                tokio::spawn(async move { ask.send(7).unwrap() });
                // The piece is made once the other task was served, which waits for the only worker.
                let piece = futures_util::stream::once(async move {
                    Ok::<_, Status>(Frame::data(Bytes::from(vec![asked.recv().unwrap()])))
                });
                let body = Body::new(http_body_util::StreamBody::new(Box::pin(piece)));
                let mut reply = Response::new(body);
                has_pieces(reply.extensions_mut());
                leave(reply).into_body().collect().await.unwrap().to_bytes()
            })
            .await
        });
        assert_eq!(served.unwrap().as_ref(), [7]);
    }
}
