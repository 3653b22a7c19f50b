//! The calls that a lease has, and how they end.
//!
//! - A lease is given back only when none of its calls runs any more: neither one that is being made, nor one
//!   whose reply has not been taken to its end.
//! - A call that does not end in time is ended: its caller gets `ANSWER_LOST`, and may repeat it. A reply that its
//!   caller does not take cannot end; the lease does not wait for it, and its rest never leaves, because the
//!   lease is over by then.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::Status;
use tonic::body::Body;

use crate::api::error;
use crate::model::Reason;
use crate::server::ending::broken_off;

/// How long calls that are ended may take to notice it.
const LAST: Duration = Duration::from_millis(500);
/// When to repeat a call that was ended.
const AGAIN: Duration = Duration::from_secs(1);

/// The calls of one lease.
#[derive(Debug, Default)]
pub struct Running {
    calls: TaskTracker,
    cut: CancellationToken,
}

/// One of them; the lease is kept as long as this is.
pub struct Call {
    token: TaskTrackerToken,
    cut: CancellationToken,
}

impl Running {
    /// One more.
    pub fn begin(&self) -> Call {
        Call { token: self.calls.token(), cut: self.cut.clone() }
    }

    /// Whether none runs.
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }

    /// Waits until all have ended, and ends those that have not after `within`.
    pub async fn end(&self, within: Duration) {
        self.calls.close();
        if tokio::time::timeout(within, self.calls.wait()).await.is_err() {
            self.cut.cancel();
            drop(tokio::time::timeout(LAST, self.calls.wait()).await);
        }
    }
}

impl Call {
    /// Makes the call, unless it is ended before.
    pub async fn make<E>(
        self,
        call: impl Future<Output = Result<Response<Body>, E>>,
    ) -> Result<Response<Body>, E> {
        match self.cut.run_until_cancelled(call).await {
            Some(reply) => Ok(reply?.map(|body| {
                let (is_cut, cut) = (self.cut.clone(), self.cut.clone().cancelled_owned());
                Body::new(Leaving { body, is_cut, cut, call: Some(self.token) })
            })),
            None => Ok(lost().into_http()),
        }
    }
}

/// What a call that was ended says.
fn lost() -> Status {
    error::unavailable(Reason::AnswerLost, AGAIN)
}

pin_project! {
    /// The body of a reply. With it, its call ends.
    struct Leaving {
        #[pin]
        body: Body,
        is_cut: CancellationToken,
        #[pin]
        cut: WaitForCancellationFutureOwned,
        call: Option<TaskTrackerToken>,
    }
}

impl http_body::Body for Leaving {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.project();
        if this.call.is_none() {
            return Poll::Ready(None);
        }
        let frame = match this.body.poll_frame(context) {
            Poll::Ready(frame) if !this.is_cut.is_cancelled() => frame,
            Poll::Pending if this.cut.poll(context).is_pending() => return Poll::Pending,
            Poll::Ready(_) | Poll::Pending => {
                *this.call = None;
                return Poll::Ready(Some(broken_off(lost(), true)));
            }
        };
        if !matches!(frame, Some(Ok(_))) {
            *this.call = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.call.is_none() || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::StreamExt;
    use http_body::Body as _;
    use http_body_util::{BodyExt, StreamBody};
    use tonic::Code;

    use super::*;

    const WITHIN: Duration = Duration::from_secs(2);

    fn streaming() -> Response<Body> {
        let first = futures_util::stream::iter([Ok::<_, Status>(Frame::data(Bytes::from("a")))]);
        Response::new(Body::new(StreamBody::new(first.chain(futures_util::stream::pending()))))
    }

    fn whole() -> Response<Body> {
        Response::new(Body::new(http_body_util::Full::new(Bytes::from("a"))))
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_waits_for_its_calls_and_their_replies() {
        let running = Running::default();
        let reply = running.begin().make(async { Ok::<_, Infallible>(whole()) }).await.unwrap();
        assert!(!running.is_idle(), "its reply was not taken");
        let end = running.end(WITHIN);
        let taken = async {
            tokio::time::sleep(WITHIN / 2).await;
            reply.into_body().collect().await.unwrap().to_bytes()
        };
        let ((), taken) = tokio::join!(end, taken);
        assert_eq!(taken, "a");
        assert!(running.is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_does_not_end_is_ended() {
        let running = Running::default();
        let never = running.begin().make(std::future::pending::<Result<_, Infallible>>());
        let ((), ended) = tokio::join!(running.end(WITHIN), never);
        let status = Status::from_header_map(ended.unwrap().headers()).unwrap();
        assert_eq!(
            (status.code(), error::reason_of(&status).as_deref()),
            (Code::Unavailable, Some("ANSWER_LOST"))
        );

        let running = Running::default();
        let reply = running.begin().make(async { Ok::<_, Infallible>(streaming()) }).await.unwrap();
        let mut body = reply.into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "a");
        let ((), last) = tokio::join!(running.end(WITHIN), body.frame());
        let status = Status::from_header_map(last.unwrap().unwrap().trailers_ref().unwrap()).unwrap();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(body.is_end_stream() && body.frame().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_that_never_ends_or_that_nobody_takes_holds_up_no_lease() {
        let running = Running::default();
        let pieces = futures_util::stream::repeat_with(|| Ok::<_, Status>(Frame::data(Bytes::from("a"))));
        let endless = async { Ok::<_, Infallible>(Response::new(Body::new(StreamBody::new(pieces)))) };
        let mut body = running.begin().make(endless).await.unwrap().into_body();
        let untaken = running.begin().make(async { Ok::<_, Infallible>(streaming()) }).await.unwrap();
        running.end(WITHIN).await;
        let status =
            Status::from_header_map(body.frame().await.unwrap().unwrap().trailers_ref().unwrap()).unwrap();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(body.is_end_stream() && !running.is_idle());
        drop(untaken);
        assert!(running.is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_leaves_keeps_no_lease() {
        let running = Running::default();
        drop(running.begin().make(async { Ok::<_, Infallible>(streaming()) }).await);
        drop(running.begin());
        assert!(running.is_idle());
        running.end(WITHIN).await;
    }
}
