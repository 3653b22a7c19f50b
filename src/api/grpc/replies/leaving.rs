//! Encodes and compresses large replies without holding up other calls.
//!
//! tonic encodes and compresses a message when the connection polls the body of a reply. So a reply with
//! large messages is marked, and its body is polled with [`compute::in_place`]. A single message waits for
//! its turn first, and is encoded on the same thread if it is of middle size. A message of a stream is
//! encoded once the message before it was sent and there is memory for it, which bounds how many are encoded
//! at a time. Other replies pass unchanged.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderName, Response};
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use crate::compute::{self, Permit, Size};
use crate::tasks;

/// The header with the compression of a reply's messages.
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// Why a reply is large: an extension of the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Large {
    /// Its only message is large; this is how much work encoding it is.
    Message(Size),
    /// The messages of a stream.
    Stream,
}

/// Marks a reply whose only message has this many bytes.
pub fn has_bytes(reply: &mut Extensions, bytes: usize) {
    let size = Size::of_bytes(bytes);
    if size > Size::Small {
        reply.insert(Large::Message(size));
    }
}

/// Marks a reply that is a stream of large messages.
pub fn has_pieces(reply: &mut Extensions) {
    reply.insert(Large::Stream);
}

/// The reply for the connection.
pub fn leave(reply: Response<Body>) -> Response<Body> {
    match reply.extensions().get() {
        None => reply,
        Some(&Large::Message(size)) => {
            tasks::want_task();
            let size = work(reply.headers(), size);
            reply.map(|body| made(body, size, Turn::Next(Box::pin(compute::permit()))))
        }
        Some(Large::Stream) => reply.map(|body| made(body, Size::Large, Turn::None)),
    }
}

/// How much work a message is: compressing takes ten times as long as encoding.
fn work(headers: &HeaderMap, size: Size) -> Size {
    if headers.contains_key(GRPC_ENCODING) { Size::Large } else { size }
}

fn made(body: Body, size: Size, turn: Turn) -> Body {
    Body::new(Made { body, size, turn })
}

/// A body, and how much work each of its messages is.
struct Made {
    body: Body,
    size: Size,
    turn: Turn,
}

/// What a body waits for before a message is encoded.
enum Turn {
    /// Nothing.
    None,
    /// The turn to compute.
    Next(Pin<Box<dyn Future<Output = Permit> + Send>>),
}

impl http_body::Body for Made {
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
                // Only the trailers follow its message.
                self.turn = Turn::None;
                Some(permit)
            }
        };
        if self.size < Size::Large {
            return Pin::new(&mut self.body).poll_frame(cx);
        }
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
    async fn a_large_reply_that_no_client_reads_holds_no_turn() {
        let mut untaken = reply(compute::LARGE_BYTES).into_body();
        let all = compute::every_permit().await;
        assert!(untaken.frame().now_or_never().is_none());
        drop(all);
        assert!(untaken.frame().await.is_some());
        drop(compute::every_permit().await);
        assert!(untaken.frame().await.is_none());
    }

    #[test]
    fn a_message_that_is_compressed_is_more_work() {
        let mut headers = HeaderMap::new();
        assert_eq!(work(&headers, Size::Middle), Size::Middle);
        headers.insert(GRPC_ENCODING, http::HeaderValue::from_static("gzip"));
        assert_eq!(work(&headers, Size::Middle), Size::Large);
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
