//! Starts a stream of rows: the task that reads it, and the stream of answers.

use std::time::Instant;

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Response, Streaming};

use super::answers::{Answering, next_answers};
use super::read::Reading;
use super::writers::Writers;
use crate::api::grpc::calls::until::Until;
use crate::api::grpc::receiving::Arriving;
use crate::api::grpc::replies::pull::{Ends, Pulled};
use crate::api::grpc::v1;
use crate::directory::Directory;
use crate::tasks;
use crate::trace;

/// Groups of one stream that wait for their answers, besides the one that is being answered.
pub const IN_FLIGHT: usize = 4;

/// The answers to the rows of a stream.
pub type RowAnswers = Pulled<v1::UpsertMembersResponse>;

/// Begins a stream of rows; `stopping` ends it between two rows.
pub fn start(
    directory: Directory,
    messages: Streaming<v1::UpsertMembersRequest>,
    writers: Writers,
    deadline: Option<Instant>,
    stopping: CancellationToken,
) -> Response<RowAnswers> {
    let (pending, submitted) = mpsc::channel(IN_FLIGHT);
    let arriving = Arriving::now();
    let until = Until { ends: Ends { stopping, deadline }, pending: pending.clone() };
    let replaced = CancellationToken::new();
    let reading = Reading { directory: directory.clone(), messages, arriving, until, writers, replaced };
    tasks::for_caller(trace::keep(async move {
        // The receiver is dropped when the client no longer waits for answers.
        if let Err(status) = reading.read(&pending).await {
            let _ = pending.send(Err(status)).await;
        }
    }));
    let answering = Answering { directory, submitted };
    let answers = stream::unfold(Some(answering), next_answers).flat_map(stream::iter);
    let mut response: Response<RowAnswers> = Response::new(Box::pin(answers));
    // Every answer is a message of its own, too short to gain by it.
    response.disable_compression();
    response
}
