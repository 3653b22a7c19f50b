//! What ends a call that reads a stream of the client, while another task sends its replies.

use tokio::sync::mpsc;
use tonic::Status;

use crate::api::grpc::deadline::passed;
use crate::api::grpc::faults;
use crate::api::grpc::replies::pull::Ends;
use crate::directory::Error;

/// What ends such a call before the end of its stream.
pub struct Until<T> {
    /// The deadline, and the end of the server.
    pub ends: Ends,
    /// The queue to the replies; closed once the client no longer waits for them.
    pub pending: mpsc::Sender<T>,
}

impl<T> Until<T> {
    /// Waits until nothing more may be read, and says why.
    pub async fn over(&self) -> Status {
        tokio::select! {
            biased;
            ended = self.ends.ended() => ended,
            () = self.pending.closed() => nobody_waits(),
        }
    }

    /// Waits until nobody wants the reply to what was read, and says why. A server that stops still replies.
    pub async fn unwanted(&self) -> Status {
        tokio::select! {
            biased;
            () = passed(self.ends.deadline) => faults::deadline_passed(),
            () = self.pending.closed() => nobody_waits(),
        }
    }
}

/// Nobody receives this status.
fn nobody_waits() -> Status {
    Error::Stopping.into()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use futures_util::FutureExt;
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn a_stream_ends_when_no_client_reads_its_replies_and_when_its_deadline_has_passed() {
        let (pending, submitted) = mpsc::channel::<()>(1);
        let ends = Ends { stopping: CancellationToken::new(), deadline: None };
        let mut until = Until { ends, pending };
        assert!(until.over().now_or_never().is_none() && until.unwanted().now_or_never().is_none());
        until.ends.deadline = Some(Instant::now());
        assert_eq!(until.over().await.code(), tonic::Code::DeadlineExceeded);
        assert_eq!(until.unwanted().await.code(), tonic::Code::DeadlineExceeded);
        until.ends.deadline = None;
        drop(submitted);
        assert_eq!(until.over().await.code(), tonic::Code::Unavailable);
        assert_eq!(until.unwanted().await.code(), tonic::Code::Unavailable);
    }

    #[tokio::test]
    async fn a_server_that_stops_reads_no_more_and_finishes_what_it_has_read() {
        let (pending, _submitted) = mpsc::channel::<()>(1);
        let until = Until { ends: Ends { stopping: CancellationToken::new(), deadline: None }, pending };
        until.ends.stopping.cancel();
        assert_eq!(until.over().await.code(), tonic::Code::Unavailable);
        assert!(until.unwanted().now_or_never().is_none());
    }
}
