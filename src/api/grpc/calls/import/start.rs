//! Starts an import: the task that reads chunks, and the stream of replies.

use std::time::Instant;

use futures_util::stream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Streaming;

use super::read::Import;
use super::replies::{Replying, next_reply};
use crate::api::grpc::calls::until::Until;
use crate::api::grpc::receiving::Arriving;
use crate::api::grpc::replies::pull::{Ends, Pulled};
use crate::api::grpc::v1;
use crate::directory::Directory;
use crate::tasks;
use crate::trace;

/// Chunks of one stream that are submitted and have no reply yet.
const IN_FLIGHT: usize = 4;

/// The replies to the chunks of an import.
pub type ChunkReplies = Pulled<v1::ImportMembersResponse>;

/// Begins an import; `stopping` ends it between two chunks.
pub fn start(
    directory: Directory,
    chunks: Streaming<v1::ImportMembersRequest>,
    deadline: Option<Instant>,
    stopping: CancellationToken,
) -> ChunkReplies {
    let (pending, submitted) = mpsc::channel(IN_FLIGHT);
    let arriving = Arriving::now();
    let until = Until { ends: Ends { stopping, deadline }, pending: pending.clone() };
    let import = Import { directory: directory.clone(), chunks, arriving, until };
    tasks::for_caller(trace::keep(async move {
        // The receiver is dropped when the client no longer waits for replies.
        if let Err(status) = import.read(&pending).await {
            let _ = pending.send(Err(status)).await;
        }
    }));
    let replying = Replying { directory, submitted, before: None, has_failed: false };
    Box::pin(stream::unfold(Some(replying), next_reply))
}
