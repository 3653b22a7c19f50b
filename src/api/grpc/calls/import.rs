//! `ImportMembers`: chunks in, one answer each, in order, once durable.
//!
//! A task reads, checks and hands in chunks, and a short queue leads from it to the answers. So a chunk is received while another
//! is planned and a third is made durable; and when a client sends faster than that, or does not read its answers, the queue
//! fills and flow control slows it down. A stream that is cut ends the reading; what was handed in is finished all the same.
//!
//! An answer is made when the one before was taken, and has its room in the memory for replies from before its chunk is handed
//! in: what became of ten thousand rows is megabytes.

use std::time::Instant;

use futures_util::stream;
use prost::Message;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::upsert::{Detail, Given, Rows, options, report};
use crate::api::error;
use crate::api::grpc::faults::translate;
use crate::api::grpc::receiving::Arriving;
use crate::api::grpc::replies::pull::{Ends, Pulled};
use crate::api::grpc::v1;
use crate::compute::{self, Size};
use crate::directory::{
    Directory, Error, IfRunning, PendingUpsert, Received, RowOutcome, SMALL_REPLY_BYTES, Series, Upsert,
    WriteMode,
};
use crate::model::limits::{IMPORT_CHUNK_MAX_BYTES, IMPORT_CHUNK_MAX_ROWS};
use crate::model::{
    BaseNumber, ImportId, Payload, Reason, Refusal, RequestIdentity, UpsertOptions, Violations,
};
use crate::tasks;

/// Chunks of one stream that are handed in and not answered yet.
const IN_FLIGHT: usize = 4;

/// What becomes of a row takes, in bytes: until it is answered, or as a message.
const OUTCOME_BYTES: usize = 256;
/// What the id of its member takes beside that, in bytes, where the answer names it.
const ID_BYTES: usize = size_of::<String>() + 32;

/// The answers of an import.
pub type ChunkReplies = Pulled<v1::ImportMembersResponse>;

/// Begins an import; `stopping` ends it between two chunks.
pub fn start(
    directory: Directory,
    chunks: Streaming<v1::ImportMembersRequest>,
    deadline: Option<Instant>,
    stopping: CancellationToken,
) -> ChunkReplies {
    let (pending, handed_in) = mpsc::channel(IN_FLIGHT);
    let arriving = Arriving::now();
    let until = Until { ends: Ends { stopping, deadline }, pending: pending.clone() };
    let import = Import { directory: directory.clone(), chunks, arriving, until };
    tasks::for_caller(async move {
        // The receiver goes away when nobody wants the answers any more.
        if let Err(status) = import.read(&pending).await {
            let _ = pending.send(Err(status)).await;
        }
    });
    let replying = Replying { directory, handed_in, before: None, has_failed: false };
    Box::pin(stream::unfold(Some(replying), next_reply))
}

struct Import {
    directory: Directory,
    chunks: Streaming<v1::ImportMembersRequest>,
    /// What counts the chunk at hand.
    arriving: Option<Arriving>,
    until: Until,
}

/// What ends an import before its stream of chunks does.
struct Until {
    ends: Ends,
    /// Where what was handed in goes; closed once nobody wants the answers.
    pending: Pending,
}

impl Until {
    /// Why it ends, once it does.
    async fn over(&self) -> Status {
        tokio::select! {
            biased;
            ended = self.ends.ended() => ended,
            // Nobody is told.
            () = self.pending.closed() => Error::Stopping.into(),
        }
    }
}

/// What the first message said.
struct Begun {
    base: BaseNumber,
    options: UpsertOptions,
    id: Option<ImportId>,
    /// The options as they came, but for the ids, to tell a repeat of a chunk from another one.
    asked: Vec<u8>,
    /// Its chunks.
    series: Series,
}

/// A chunk that was handed in.
struct HandedIn {
    base: BaseNumber,
    chunk: u64,
    named: v1::NamedMembers,
    refs: Vec<Option<String>>,
    upsert: PendingUpsert,
    /// The memory for its answer.
    room: Received,
}

type Pending = mpsc::Sender<Result<HandedIn, Status>>;

impl Import {
    /// Reads chunks and hands them in, until the stream ends.
    async fn read(mut self, pending: &Pending) -> Result<(), Status> {
        let Some(mut message) = self.next().await? else { return Ok(()) };
        let begun = self.begin(message.options.take())?;
        loop {
            if !message.members.is_empty() {
                let Ok(place) = pending.reserve().await else { return Ok(()) };
                place.send(Ok(self.hand_in(&begun, message).await?));
                if let Some(arriving) = &self.arriving {
                    arriving.became_rows();
                }
            }
            message = match self.next().await? {
                Some(message) => message,
                None => return Ok(()),
            };
            if message.options.is_some() {
                let text = "must be in the first message of the stream only";
                return Err(error::refused(&Refusal::field(Reason::FieldInvalid, "options", text)));
            }
        }
    }

    async fn next(&mut self) -> Result<Option<v1::ImportMembersRequest>, Status> {
        tokio::select! {
            biased;
            ended = self.until.over() => Err(ended),
            message = self.chunks.message() => message.map_err(translate),
        }
    }

    fn begin(&self, given: Option<v1::ImportOptions>) -> Result<Begun, Status> {
        let Some(mut given) = given else {
            let text = "is required in the first message of the stream";
            return Err(error::refused(&Refusal::field(Reason::FieldRequired, "options", text)));
        };
        let mut faults = Violations::default();
        let meant = Given {
            match_by: given.match_by,
            semantics: given.semantics,
            reactivate: given.reactivate,
            apply_status: given.apply_status,
        };
        let options = options(&mut faults, "options.", meant);
        let id = Some(std::mem::take(&mut given.import_id)).filter(|text| !text.is_empty());
        let id = id.and_then(|text| faults.check("options.import_id", ImportId::parse(&text)));
        let options = faults.finish(options).map_err(|refusal| error::refused(&refusal))?;
        let base = self.directory.base_number(&given.member_base_id, "options.member_base_id")?;
        // The memberbase counts by its number, because its id can be written in several ways.
        given.member_base_id.clear();
        Ok(Begun { base, options, id, asked: given.encode_to_vec(), series: Series::default() })
    }

    /// The service for a chunk of so many bytes, which an import that has an id does once.
    async fn with_chunk_id(
        &self,
        begun: &Begun,
        message: &v1::ImportMembersRequest,
        bytes: usize,
    ) -> Result<Directory, Status> {
        let directory = self.directory.clone();
        let Some(import) = begun.id else { return Ok(directory) };
        let mut asked = Payload::of("ImportMembers");
        asked.add(&begun.base.0.to_le_bytes());
        asked.add(&begun.asked);
        let hash = || {
            let mut bytes = Vec::new();
            for member in &message.members {
                bytes.clear();
                // A vector has room for everything.
                let _ = member.encode_length_delimited(&mut bytes);
                asked.add(&bytes);
            }
            RequestIdentity::chunk(import, message.chunk, asked)
        };
        let identity = compute::here(Size::of_bytes(bytes), hash).await;
        // While the same chunk of a stream that was cut is still being applied, its repeat waits.
        tokio::select! {
            biased;
            ended = self.until.over() => Err(ended),
            claimed = directory.with_request_id(&identity, IfRunning::Wait) => Ok(claimed?),
        }
    }

    async fn hand_in(&self, begun: &Begun, message: v1::ImportMembersRequest) -> Result<HandedIn, Status> {
        let (base, options) = (begun.base, begun.options);
        let bytes = message.encoded_len();
        if bytes > IMPORT_CHUNK_MAX_BYTES {
            let text = format!("the chunk has {bytes} bytes; the limit is {IMPORT_CHUNK_MAX_BYTES}");
            return Err(error::status(Reason::ChunkTooLarge, &text));
        }
        if message.members.len() > IMPORT_CHUNK_MAX_ROWS {
            return Err(Error::TooMany { rows: message.members.len(), limit: IMPORT_CHUNK_MAX_ROWS }.into());
        }
        let Ok(named) = v1::NamedMembers::try_from(message.named_members) else {
            let text = "is not a value of this enum that the server knows";
            return Err(error::refused(&Refusal::field(Reason::FieldInvalid, "named_members", text)));
        };
        let row_bytes = OUTCOME_BYTES + if names_all(named, true) { ID_BYTES } else { 0 };
        let replies = self.directory.replies();
        let room = tokio::select! {
            biased;
            ended = self.until.over() => return Err(ended),
            room = replies.wait(message.members.len() * row_bytes) => room?,
        };
        let directory = self.with_chunk_id(begun, &message, bytes).await?;
        let parsed = Rows::parse(&directory, base, message.members, options.match_by, bytes);
        let Rows { rows, refs } = tokio::select! {
            biased;
            ended = self.until.over() => return Err(ended),
            parsed = parsed => parsed,
        };
        let upsert = Upsert { rows, options, mode: WriteMode::Partial, deadline: self.until.ends.deadline };
        let upsert = directory.begin_upsert(base, upsert, &begun.series).await?;
        Ok(HandedIn { base, chunk: message.chunk, named, refs, upsert, room })
    }
}

/// The answers that are still to be given.
struct Replying {
    directory: Directory,
    handed_in: mpsc::Receiver<Result<HandedIn, Status>>,
    /// The room of the answer before, if that was large.
    before: Option<Received>,
    /// Whether a row of an answered chunk has failed.
    has_failed: bool,
}

/// Answers the next chunk, in the order in which they were handed in.
async fn next_reply(
    replying: Option<Replying>,
) -> Option<(Result<v1::ImportMembersResponse, Status>, Option<Replying>)> {
    let Replying { directory, mut handed_in, before, has_failed } = replying?;
    // Who asks for the next one has taken it.
    drop(before);
    let reply = match handed_in.recv().await? {
        Ok(chunk) => finish(&directory, chunk, has_failed).await,
        Err(status) => Err(status),
    };
    match reply {
        Ok((reply, room)) => {
            let before = Some(room).filter(|_| reply.encoded_len() > SMALL_REPLY_BYTES);
            let has_failed = has_failed || !reply.failed.is_empty();
            Some((Ok(reply), Some(Replying { directory, handed_in, before, has_failed })))
        }
        Err(status) => Some((Err(status), None)),
    }
}

async fn finish(
    directory: &Directory,
    chunk: HandedIn,
    had_failed: bool,
) -> Result<(v1::ImportMembersResponse, Received), Status> {
    let HandedIn { base, chunk, named, refs, upsert, room } = chunk;
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

/// Whether an answer names the members of all rows, `has_failed` if one did so far.
fn names_all(named: v1::NamedMembers, has_failed: bool) -> bool {
    match named {
        v1::NamedMembers::Unspecified | v1::NamedMembers::Failed => false,
        v1::NamedMembers::AfterFailure => has_failed,
        v1::NamedMembers::All => true,
    }
}

async fn member_ids(directory: &Directory, base: BaseNumber, outcomes: &[RowOutcome]) -> Vec<String> {
    let id = |row| directory.sealer().member_id(base, row);
    let ids = || outcomes.iter().map(|outcome| outcome.row.map(id).unwrap_or_default()).collect();
    compute::here(Size::of_items(outcomes.len()), ids).await
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn an_import_is_over_when_nobody_wants_its_answers_and_when_its_deadline_has_passed() {
        let (pending, handed_in) = mpsc::channel(1);
        let ends = Ends { stopping: CancellationToken::new(), deadline: None };
        let mut until = Until { ends, pending };
        assert!(until.over().now_or_never().is_none());
        until.ends.deadline = Some(Instant::now());
        assert_eq!(until.over().await.code(), tonic::Code::DeadlineExceeded);
        until.ends.deadline = None;
        drop(handed_in);
        assert_eq!(until.over().await.code(), tonic::Code::Unavailable);
    }
}
