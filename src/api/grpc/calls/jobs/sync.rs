//! `SyncMembers`: reads the client's stream into a job.

use prost::Message;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::list_row;
use crate::api::error;
use crate::api::grpc::calls::idempotency::{WithRequestId, marked_reply, with_request_id};
use crate::api::grpc::convert::{guard, instant, job, value};
use crate::api::grpc::deadline::deadline;
use crate::api::grpc::faults::translate;
use crate::api::grpc::replies::pull::Ends;
use crate::api::grpc::v1;
use crate::directory::{BegunList, Directory, ListUpload, NewList};
use crate::model::{
    BaseNumber, GuardExpectation, Job, ListFormat, ListMatch, ListOptions, MatchBy, Reason, Refusal,
    Violations,
};

impl WithRequestId for v1::SyncOptions {
    const CALL: &'static str = "SyncOptions";

    fn request_id(&mut self) -> &mut String {
        &mut self.request_id
    }
}

/// What the client sends the list as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SentAs {
    File,
    Rows,
}

/// Reads a list to its end, and returns its job.
pub async fn sync(
    directory: Directory,
    request: Request<Streaming<v1::SyncMembersRequest>>,
    stopping: CancellationToken,
) -> Result<Response<v1::SyncMembersResponse>, Status> {
    let ends = Ends { stopping, deadline: deadline(&request) };
    let mut stream = request.into_inner();
    let mut next = async || {
        tokio::select! {
            biased;
            ended = ends.ended() => Err(ended),
            message = stream.message() => message.map_err(translate),
        }
    };
    let mut message = next().await?.unwrap_or_default();
    let Some(mut options) = message.options.take() else {
        let text = "is required in the first message of the stream";
        return Err(error::refused(&Refusal::field(Reason::FieldRequired, "options", text)));
    };
    let base = directory.base_number(&options.member_base_id, "options.member_base_id")?;
    let directory = with_request_id(directory, &mut options).await?;
    let first = if message.members.is_empty() { None } else { Some(SentAs::Rows) };
    let new = announced(&options, base, first).map_err(|refusal| error::refused(&refusal))?;
    let mut upload = match directory.begin_list(new).await? {
        BegunList::New(upload) => upload,
        BegunList::Repeat(job) => return Ok(reply(&directory, &job, Vec::new())),
    };
    let mut sent_as = first;
    loop {
        push(&mut upload, &mut sent_as, &message).await?;
        if let Some(complete) = message.complete {
            let sha256 = match complete.sha256.filter(|text| !text.is_empty()) {
                None => None,
                Some(text) => Some(job::sha256(&text).ok_or_else(|| {
                    let text = "must be 64 hexadecimal digits";
                    error::refused(&Refusal::field(Reason::FieldInvalid, "complete.sha256", text))
                })?),
            };
            upload.end().await?;
            let notes = upload.notes().to_vec();
            let job = upload.complete(complete.rows, sha256).await?;
            return Ok(reply(&directory, &job, notes));
        }
        message = match next().await? {
            Some(message) => message,
            None => {
                let text =
                    "the stream ended without `complete`, so the list may not be whole; no job was made";
                return Err(error::status(Reason::ListIncomplete, text));
            }
        };
        if message.options.is_some() {
            let text = "may be sent only in the first message of the stream";
            return Err(error::refused(&Refusal::field(Reason::FieldInvalid, "options", text)));
        }
    }
}

fn reply(directory: &Directory, found: &Job, notes: Vec<String>) -> Response<v1::SyncMembersResponse> {
    let job = Some(job::to_wire(found, directory.sealer()));
    marked_reply(directory, v1::SyncMembersResponse { job, notes })
}

async fn push(
    upload: &mut ListUpload,
    sent_as: &mut Option<SentAs>,
    message: &v1::SyncMembersRequest,
) -> Result<(), Status> {
    for (kind, is_sent) in
        [(SentAs::File, !message.data.is_empty()), (SentAs::Rows, !message.members.is_empty())]
    {
        if is_sent && *sent_as.get_or_insert(kind) != kind {
            let text = "a stream has either `data` or `members`";
            return Err(error::refused(&Refusal::field(Reason::FieldInvalid, "members", text)));
        }
    }
    if !message.data.is_empty() {
        upload.push(&message.data).await?;
    }
    if !message.members.is_empty() {
        let mut lines = Vec::with_capacity(message.encoded_len() * 2);
        for member in &message.members {
            list_row::write(member, &mut lines).map_err(|refusal| error::refused(&refusal))?;
        }
        upload.push(&lines).await?;
    }
    Ok(())
}

/// The list that a caller announces.
fn announced(
    options: &v1::SyncOptions,
    base: BaseNumber,
    sent_as: Option<SentAs>,
) -> Result<NewList, Refusal> {
    let mut faults = Violations::default();
    let match_by = match v1::MatchBy::try_from(options.match_by) {
        Ok(v1::MatchBy::Unspecified | v1::MatchBy::Ref) => Some(MatchBy::Ref),
        Ok(v1::MatchBy::Email) => Some(MatchBy::Email),
        Ok(v1::MatchBy::WorkerId) => Some(MatchBy::WorkerId),
        Ok(v1::MatchBy::Id) | Err(_) => {
            faults.add(Reason::FieldInvalid, "options.match_by", "must be ref, e-mail or worker id");
            None
        }
    };
    let as_of = options.as_of.and_then(|time| faults.check("options.as_of", instant(time)));
    let format = match options.format.as_str() {
        "" if sent_as == Some(SentAs::Rows) => Some(ListFormat::Ndjson),
        "" => None,
        text => {
            let known = |format: &ListFormat| *format != ListFormat::Actions && format.as_str() == text;
            let found = ListFormat::ALL.into_iter().find(known);
            if found.is_none() {
                let text = "must be csv, tsv, ndjson, xlsx, xls or ods";
                faults.add(Reason::FieldInvalid, "options.format", text);
            }
            found
        }
    };
    let expected = guard::expected(options.expect, options.expect_removals);
    let expect = expected.map(|expected| expected.changes);
    let expect = expect.unwrap_or_else(|refusal| {
        faults.extend(refusal);
        GuardExpectation::default()
    });
    let options = NewList {
        base,
        options: ListOptions {
            match_by: ListMatch::Key(match_by.unwrap_or_default()),
            as_of,
            scope: value::filters_in(options.scope.clone(), options.audience_id.clone()),
            expect,
            apply_status: options.apply_status,
            keeps_bank_details: false,
        },
        name: options.name.clone(),
        is_dry_run: options.dry_run,
        asks_first: options.ask_first,
        format,
        sheet: Some(options.sheet.clone()).filter(|sheet| !sheet.is_empty()),
        columns: options.columns.iter().map(|column| (column.heading.clone(), column.name.clone())).collect(),
        is_checked: false,
    };
    faults.finish(options)
}
