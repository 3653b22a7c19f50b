//! Reads and checks chunks, and submits them.

use prost::Message;
use tonic::{Status, Streaming};

use super::submitted::{Pending, Submitted, names_all};
use crate::api::error;
use crate::api::grpc::calls::until::Until;
use crate::api::grpc::calls::upsert::{Given, Rows, options};
use crate::api::grpc::codec;
use crate::api::grpc::convert::guard;
use crate::api::grpc::faults::translate;
use crate::api::grpc::receiving::{Arriving, SentMembers};
use crate::api::grpc::v1;
use crate::compute::{self, Size};
use crate::directory::{Directory, Error, IfRunning, Series, Upsert, WriteMode};
use crate::model::limits::{IMPORT_CHUNK_MAX_BYTES, IMPORT_CHUNK_MAX_ROWS};
use crate::model::{
    BaseNumber, ImportId, Payload, Reason, Refusal, RequestIdentity, UpsertOptions, Violations,
};

/// The memory of the outcome of a row, in bytes: until its reply is made, or as a message.
const OUTCOME_BYTES: usize = 256;
/// Further memory for the id of its member, in bytes, if the reply includes it.
const ID_BYTES: usize = size_of::<String>() + 32;

/// The reading side of an import.
pub struct Import {
    /// The service for its caller.
    pub directory: Directory,
    /// The chunks that the client sends.
    pub chunks: Streaming<v1::ImportMembersRequest>,
    /// Counts the memory of the current chunk.
    pub arriving: Option<Arriving>,
    /// What ends it early.
    pub until: Until<Result<Submitted, Status>>,
}

/// The options of an import, from the first message.
struct Begun {
    base: BaseNumber,
    options: UpsertOptions,
    id: Option<ImportId>,
    /// The options as they were sent, without the ids, to distinguish a repeated chunk from a different one.
    asked: Vec<u8>,
    /// Its chunks.
    series: Series,
}

impl Import {
    /// Reads chunks and submits them, until the stream ends.
    pub async fn read(mut self, pending: &Pending) -> Result<(), Status> {
        let Some((mut message, mut sent)) = self.next().await? else { return Ok(()) };
        let begun = self.begin(message.options.take())?;
        loop {
            if count(&message, sent.as_ref()) > 0 {
                let Ok(place) = pending.reserve().await else { return Ok(()) };
                place.send(Ok(self.submit(&begun, message, sent).await?));
                if let Some(arriving) = &self.arriving {
                    arriving.became_rows();
                }
            }
            (message, sent) = match self.next().await? {
                Some(next) => next,
                None => return Ok(()),
            };
            if message.options.is_some() {
                let text = "may be sent only in the first message of the stream";
                return Err(error::refused(&Refusal::field(Reason::FieldInvalid, "options", text)));
            }
        }
    }

    /// The next chunk, and its members if they were set aside.
    async fn next(&mut self) -> Result<Option<(v1::ImportMembersRequest, Option<SentMembers>)>, Status> {
        let message = tokio::select! {
            biased;
            ended = self.until.over() => return Err(ended),
            message = self.chunks.message() => message.map_err(translate)?,
        };
        let sent = self.arriving.as_ref().and_then(Arriving::members);
        Ok(message.map(|message| (message, sent)))
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
        // Repeats are compared by the number of the memberbase, because its id can be written in several
        // ways.
        given.member_base_id.clear();
        // A repeat may expect other changes, which are those that are left.
        let expected = guard::expected(given.expect.take(), None);
        let expected = expected.map_err(|refusal| error::refused(&refusal.under("options")))?;
        let series = self.directory.clone().expecting(expected).series();
        Ok(Begun { base, options, id, asked: given.encode_to_vec(), series })
    }

    /// The service for a chunk of `bytes` bytes. In an import with an id, a chunk is applied only once.
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
                // Writing to a vector cannot fail.
                let _ = member.encode_length_delimited(&mut bytes);
                asked.add(&bytes);
            }
            RequestIdentity::chunk(import, message.chunk, asked)
        };
        let identity = compute::here(Size::of_bytes(bytes), hash).await;
        // A repeat waits while the same chunk of a broken stream is still being applied.
        tokio::select! {
            biased;
            ended = self.until.over() => Err(ended),
            claimed = directory.with_request_id(&identity, IfRunning::Wait) => Ok(claimed?),
        }
    }

    async fn submit(
        &self,
        begun: &Begun,
        mut message: v1::ImportMembersRequest,
        mut sent: Option<SentMembers>,
    ) -> Result<Submitted, Status> {
        let (base, options) = (begun.base, begun.options);
        let rows = count(&message, sent.as_ref());
        let bytes = message.encoded_len() + sent.as_ref().map_or(0, SentMembers::bytes);
        if bytes > IMPORT_CHUNK_MAX_BYTES {
            let text = format!("the chunk has {bytes} bytes; the limit is {IMPORT_CHUNK_MAX_BYTES}");
            return Err(error::status(Reason::ChunkTooLarge, &text));
        }
        if rows > IMPORT_CHUNK_MAX_ROWS {
            return Err(Error::TooMany { rows, limit: IMPORT_CHUNK_MAX_ROWS }.into());
        }
        let Ok(named) = v1::NamedMembers::try_from(message.named_members) else {
            let text = "is not a known value of this enum";
            return Err(error::refused(&Refusal::field(Reason::FieldInvalid, "named_members", text)));
        };
        let row_bytes = OUTCOME_BYTES + if names_all(named, true) { ID_BYTES } else { 0 };
        let replies = self.directory.replies();
        let room = tokio::select! {
            biased;
            ended = self.until.over() => return Err(ended),
            room = replies.wait(rows * row_bytes) => room?,
        };
        let expected = guard::expected(message.expect, message.expect_removals);
        let expected = expected.map_err(|refusal| error::refused(&refusal))?;
        if let (Some(sent), Some(_)) = (&sent, begun.id) {
            // Chunks are the same if their members are, however they were encoded.
            message.members = compute::here(Size::of_bytes(bytes), || codec::members(sent)).await?;
        }
        sent = sent.filter(|_| begun.id.is_none());
        let directory = self.with_chunk_id(begun, &message, bytes).await?.expecting(expected);
        let v1::ImportMembersRequest { chunk, members, .. } = message;
        let parsed = async {
            match sent {
                Some(sent) => Rows::parse_sent(&directory, base, sent, options.match_by).await,
                None => Ok(Rows::parse(&directory, base, members, options.match_by, bytes).await),
            }
        };
        let Rows { rows, refs } = tokio::select! {
            biased;
            ended = self.until.over() => return Err(ended),
            parsed = parsed => parsed?,
        };
        let upsert = Upsert { rows, options, mode: WriteMode::Partial, deadline: self.until.ends.deadline };
        let upsert = directory.begin_upsert(base, upsert, &begun.series).await?;
        Ok(Submitted { base, chunk, named, refs, upsert, room })
    }
}

/// How many members a chunk has, with those that were set aside.
fn count(message: &v1::ImportMembersRequest, sent: Option<&SentMembers>) -> usize {
    message.members.len() + sent.map_or(0, SentMembers::count)
}
