//! Streams of replies: each message is made once the message before it was sent.
//!
//! Nothing is read ahead, and a message is made only once there is memory for it, so callers that do not read
//! hold no more than their share. A stream releases the store when it ends or when its caller disconnects.

use std::pin::Pin;
use std::time::Instant;

use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::leaving;
use crate::api::grpc::deadline::{deadline, passed};
use crate::api::grpc::faults;
use crate::directory::{Directory, Error, Replies};

/// The memory of a message while it is made and sent, in bytes: a page of a megabyte, twice.
const PIECE_BYTES: usize = 2 * 1024 * 1024;

/// A stream of replies.
pub type Pulled<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Makes the messages of a stream.
pub trait Pieces: Send + 'static {
    /// A message.
    type Piece: Send;

    /// The next message; `None` after the last.
    fn next(&mut self) -> impl Future<Output = Result<Option<Self::Piece>, Error>> + Send;
}

/// What ends a stream early.
pub struct Ends {
    /// The server stops.
    pub stopping: CancellationToken,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
}

impl Ends {
    /// Waits until the stream must end, and says why.
    pub async fn ended(&self) -> Status {
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => Error::Stopping.into(),
            () = passed(self.deadline) => faults::deadline_passed(),
        }
    }
}

/// The memory for the stream that replies to `request`, and what ends it early.
pub fn parts<T>(
    directory: &Directory,
    stopping: &CancellationToken,
    request: &Request<T>,
) -> (Replies, Ends) {
    (directory.replies(), Ends { stopping: stopping.clone(), deadline: deadline(request) })
}

/// The reply with a stream of messages.
pub fn stream<T>(pieces: Pulled<T>) -> Response<Pulled<T>> {
    let mut response = Response::new(pieces);
    leaving::has_pieces(response.extensions_mut());
    response
}

/// The messages as a stream.
pub fn pull<P: Pieces>(pieces: P, replies: Replies, ends: Ends) -> Pulled<P::Piece> {
    let begin = Some((pieces, None));
    Box::pin(futures_util::stream::unfold((begin, replies, ends), async |(state, replies, ends)| {
        let (mut pieces, before) = state?;
        // A caller that asks for the next message has received the one before.
        drop(before);
        let make = async {
            let room = replies.wait(PIECE_BYTES).await?;
            Ok::<_, Error>(pieces.next().await?.map(|piece| (piece, room)))
        };
        let made = tokio::select! {
            biased;
            ended = ends.ended() => Err(ended),
            made = make => made.map_err(Status::from),
        };
        match made {
            Ok(Some((piece, room))) => Some((Ok(piece), (Some((pieces, Some(room))), replies, ends))),
            Ok(None) => None,
            Err(status) => Some((Err(status), (None, replies, ends))),
        }
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio_stream::StreamExt;

    use super::*;
    use crate::directory::Party;

    /// Counts the pieces that were made, up to three.
    struct Counted(Arc<AtomicUsize>);

    impl Pieces for Counted {
        type Piece = usize;

        async fn next(&mut self) -> Result<Option<usize>, Error> {
            let made = self.0.fetch_add(1, Ordering::Relaxed);
            Ok((made < 3).then_some(made))
        }
    }

    fn ends(deadline: Option<Instant>) -> Ends {
        Ends { stopping: CancellationToken::new(), deadline }
    }

    #[tokio::test]
    async fn a_piece_is_made_when_the_one_before_was_taken_and_there_is_room() {
        // A quarter of it is for small replies; half of the rest is one piece.
        let replies = Replies::new(16 * 1024 * 1024 / 3, Party::Nobody);
        let (first, second) = (Arc::default(), Arc::default());
        let mut one = pull(Counted(Arc::clone(&first)), replies.clone(), ends(None));
        let mut other = pull(Counted(Arc::clone(&second)), replies, ends(None));
        assert_eq!(one.next().await.unwrap().unwrap(), 0);
        assert_eq!(first.load(Ordering::Relaxed), 1);
        assert!(other.next().now_or_never().is_none(), "the first holds the room of its caller");
        assert_eq!(second.load(Ordering::Relaxed), 0);
        drop(one);
        let all: Vec<_> = other.map(Result::unwrap).collect().await;
        assert_eq!(all, [0, 1, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_with_its_deadline_and_with_the_server() {
        let replies = Replies::new(16 * 1024 * 1024, Party::Nobody);
        let deadline = Some(Instant::now() - Duration::from_secs(1));
        let mut late = pull(Counted(Arc::default()), replies.clone(), ends(deadline));
        assert_eq!(late.next().await.unwrap().unwrap_err().code(), tonic::Code::DeadlineExceeded);
        assert!(late.next().await.is_none());
        let stopped = ends(None);
        stopped.stopping.cancel();
        let mut stopped = pull(Counted(Arc::default()), replies, stopped);
        assert_eq!(stopped.next().await.unwrap().unwrap_err().code(), tonic::Code::Unavailable);
    }
}
