//! Replies that leave only while this server owns the store.
//!
//! A reply whose ownership ended before it left is UNAVAILABLE, whatever was computed: it may be old. It says
//! STANDBY only if another server may serve; as long as merely the database is away, none can. A
//! stream ends with that status at the piece at which it was noticed. The caller repeats the call at another
//! server. What the call wrote is written or refused by the database, as with any lost connection.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::Status;
use tonic::body::Body;

use crate::api::error;
use crate::model::Reason;
use crate::server::ending::broken_off;
use crate::server::tenure::Tenure;

/// After which time clients should retry while no store is open here.
pub const CLOSED_RETRY: Duration = Duration::from_secs(1);

/// The reply to a call, if this server still owns the store now that it was computed. `otherwise` is the
/// reply if not. `is_grpc` says how a stream ends that was begun.
pub fn held(
    reply: Response<Body>,
    tenure: &Tenure,
    is_grpc: bool,
    otherwise: impl FnOnce(Reason) -> Response<Body>,
) -> Response<Body> {
    match tenure {
        Tenure::Always => reply,
        Tenure::Owner(_) if tenure.holds() => {
            let tenure = tenure.clone();
            reply.map(|body| Body::new(HeldBody { body, tenure, is_grpc, is_over: false }))
        }
        Tenure::Owner(_) => otherwise(reason(tenure)),
    }
}

/// The status of a gRPC call whose reply may be old.
pub fn status(reason: Reason) -> Status {
    error::unavailable(reason, CLOSED_RETRY)
}

/// Why a reply may be old.
fn reason(tenure: &Tenure) -> Reason {
    if tenure.is_over() { Reason::Standby } else { Reason::StorageUnavailable }
}

pin_project! {
    /// A body that ends once this server no longer owns the store.
    struct HeldBody {
        #[pin]
        body: Body,
        tenure: Tenure,
        is_grpc: bool,
        is_over: bool,
    }
}

impl http_body::Body for HeldBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.project();
        if *this.is_over {
            return Poll::Ready(None);
        }
        let frame = ready!(this.body.poll_frame(context));
        if this.tenure.holds() {
            return Poll::Ready(frame);
        }
        *this.is_over = true;
        Poll::Ready(Some(broken_off(status(reason(this.tenure)), *this.is_grpc)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use http_body::Body as _;
    use http_body_util::{BodyExt, StreamBody};
    use tonic::Code;

    use super::*;
    use crate::engine::postgres::Ownership;
    use crate::engine::postgres::clock::BootClock;

    const TERM: Duration = Duration::from_secs(6);

    /// An ownership whose last renewal was sent at 100 s, and its clock, in seconds.
    fn owned() -> (Tenure, Arc<AtomicU64>) {
        let now = Arc::new(AtomicU64::new(100));
        let told = Arc::clone(&now);
        let clock = BootClock::new(move || Duration::from_secs(told.load(Ordering::Relaxed)));
        (Tenure::Owner(Ownership::new(1, clock, TERM, Duration::from_secs(100))), now)
    }

    /// A reply of three pieces, as a stream has it.
    fn reply() -> Response<Body> {
        let pieces = ["a", "b", "c"].map(|piece| Ok::<_, Status>(Frame::data(Bytes::from(piece))));
        Response::new(Body::new(StreamBody::new(futures_util::stream::iter(pieces))))
    }

    fn otherwise(reason: Reason) -> Response<Body> {
        status(reason).into_http()
    }

    async fn frame(body: &mut Body) -> Result<Frame<Bytes>, Status> {
        body.frame().await.unwrap()
    }

    #[tokio::test]
    async fn a_reply_that_was_computed_too_late_is_unavailable() {
        let (tenure, now) = owned();
        let kept = held(reply(), &tenure, true, otherwise);
        assert_eq!(kept.into_body().collect().await.unwrap().to_bytes(), "abc");
        now.store(106, Ordering::Relaxed);
        let late = held(reply(), &tenure, true, otherwise);
        let refused = Status::from_header_map(late.headers()).unwrap();
        assert_eq!(refused.code(), Code::Unavailable);
        assert_eq!(error::reason_of(&refused).as_deref(), Some("STORAGE_UNAVAILABLE"));
        // Now another server may have it.
        let Tenure::Owner(ownership) = &tenure else { unreachable!() };
        ownership.lose("another server has taken over the store");
        let lost = held(reply(), &tenure, true, otherwise);
        let refused = Status::from_header_map(lost.headers()).unwrap();
        assert_eq!(error::reason_of(&refused).as_deref(), Some("STANDBY"));
        let always = held(reply(), &Tenure::Always, true, otherwise);
        assert_eq!(always.into_body().collect().await.unwrap().to_bytes(), "abc");
    }

    #[tokio::test]
    async fn a_stream_ends_where_the_ownership_does() {
        for is_grpc in [true, false] {
            let (tenure, now) = owned();
            let mut body = held(reply(), &tenure, is_grpc, otherwise).into_body();
            assert_eq!(frame(&mut body).await.unwrap().into_data().unwrap(), "a");
            now.store(106, Ordering::Relaxed);
            let refused = match frame(&mut body).await {
                Ok(last) => Status::from_header_map(&last.into_trailers().unwrap()).unwrap(),
                Err(status) => status,
            };
            assert_eq!(refused.code(), Code::Unavailable);
            // Even if the ownership is renewed, nothing follows.
            now.store(100, Ordering::Relaxed);
            assert!(body.is_end_stream() && body.frame().await.is_none());
        }
    }
}
