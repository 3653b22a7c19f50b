//! Replies to submitted chunks, in their order.

use prost::Message;
use tokio::sync::mpsc;
use tonic::Status;

use super::submitted::{Submitted, names_all};
use crate::api::grpc::calls::upsert::{Detail, report};
use crate::api::grpc::v1;
use crate::compute::{self, Size};
use crate::directory::{Directory, Received, RowOutcome, SMALL_REPLY_BYTES};
use crate::model::BaseNumber;

/// The replies that are still to be sent.
pub struct Replying {
    /// The service for its caller.
    pub directory: Directory,
    /// The submitted chunks.
    pub submitted: mpsc::Receiver<Result<Submitted, Status>>,
    /// The memory of the reply before, if that was large.
    pub before: Option<Received>,
    /// Whether a row of a chunk with a reply has failed.
    pub has_failed: bool,
}

/// The reply to the next chunk, in the order in which they were submitted.
pub async fn next_reply(
    replying: Option<Replying>,
) -> Option<(Result<v1::ImportMembersResponse, Status>, Option<Replying>)> {
    let Replying { directory, mut submitted, before, has_failed } = replying?;
    // A caller that asks for the next reply has received the one before.
    drop(before);
    let reply = match submitted.recv().await? {
        Ok(chunk) => finish(&directory, chunk, has_failed).await,
        Err(status) => Err(status),
    };
    match reply {
        Ok((reply, room)) => {
            let before = Some(room).filter(|_| reply.encoded_len() > SMALL_REPLY_BYTES);
            let has_failed = has_failed || !reply.failed.is_empty();
            Some((Ok(reply), Some(Replying { directory, submitted, before, has_failed })))
        }
        Err(status) => Some((Err(status), None)),
    }
}

async fn finish(
    directory: &Directory,
    chunk: Submitted,
    had_failed: bool,
) -> Result<(v1::ImportMembersResponse, Received), Status> {
    let Submitted { base, chunk, named, refs, upsert, room } = chunk;
    let reply = upsert.reply().await?;
    let revision = reply.revision;
    let has_failed = had_failed || reply.outcomes.iter().any(RowOutcome::is_failed);
    let member_ids = match names_all(named, has_failed) {
        true => member_ids(directory, base, &reply.outcomes).await,
        false => Vec::new(),
    };
    let (failed, counts) = report(directory, base, reply, refs, Detail::Failed).await;
    Ok((v1::ImportMembersResponse { chunk, counts: Some(counts), failed, revision, member_ids }, room))
}

async fn member_ids(directory: &Directory, base: BaseNumber, outcomes: &[RowOutcome]) -> Vec<String> {
    let id = |row| directory.sealer().member_id(base, row);
    let ids = || outcomes.iter().map(|outcome| outcome.row.map(id).unwrap_or_default()).collect();
    compute::here(Size::of_items(outcomes.len()), ids).await
}
