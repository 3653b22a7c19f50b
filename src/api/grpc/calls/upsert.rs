//! Rows of bulk calls: from messages to the directory, and their outcomes back to messages.

use std::ops::Range;
use std::time::Instant;

use compact_str::CompactString;
use prost::Message;
use tonic::Status;

use super::idempotency::{Made, with_request_id};
use crate::api::grpc::codec;
use crate::api::grpc::convert::outcome::{self, row_error};
use crate::api::grpc::convert::sent::SentRow;
use crate::api::grpc::convert::{guard, input};
use crate::api::grpc::receiving::{SentMembers, became_rows, is_counted};
use crate::api::grpc::v1::{self, MESSAGE_MAX_BYTES};
use crate::api::{error, untaken};
use crate::compute::{self, Size};
use crate::directory::{Directory, Error, RowOutcome, Upsert, UpsertReply, WriteMode};
use crate::model::limits::{FAILURE_DETAILS_MAX_ROWS, REF_MAX_BYTES, RESULTS_ALL_MAX_ROWS};
use crate::model::{
    BaseNumber, MatchBy, MemberRow, Outcome, Reason, Refusal, RowError, RowErrors, Semantics, UpsertOptions,
    Violations,
};

/// Bytes of a result besides its ref and the details of its error; ids, codes and reasons have limits.
const RESULT_BYTES: usize = 128;
/// The memory of a result, as a multiple of its bytes: a result is usually short, and exists as a message
/// besides them.
const RESULT_GROWTH: usize = 2;
/// Most bytes of the details of an error that is found while rows are applied.
const LATE_DETAILS_BYTES: usize = 512;
/// Bytes of a violation besides its texts.
const VIOLATION_BYTES: usize = 8;

/// `BulkUpsertMembers`.
pub async fn bulk_upsert(
    directory: Directory,
    mut request: v1::BulkUpsertMembersRequest,
    deadline: Option<Instant>,
) -> Result<Made<v1::BulkUpsertMembersResponse>, Status> {
    let call = parse_call(&request).map_err(|refusal| error::refused(&refusal))?;
    let expected = guard::expected(request.expect.take(), request.expect_removals);
    let expected = expected.map_err(|refusal| error::refused(&refusal))?;
    let directory = &with_request_id(directory, &mut request).await?.expecting(expected);
    let base = directory.base_number(&request.member_base_id, "member_base_id")?;
    if call.detail == Detail::All && request.members.len() > RESULTS_ALL_MAX_ROWS {
        return Err(Error::TooMany { rows: request.members.len(), limit: RESULTS_ALL_MAX_ROWS }.into());
    }
    let bytes = request.encoded_len();
    let rows = Rows::parse(directory, base, request.members, call.options.match_by, bytes).await;
    let most = rows.check_reply()?;
    let Rows { rows, refs } = rows;
    if call.detail == Detail::All {
        untaken::reserve(most.saturating_mul(RESULT_GROWTH), is_counted()).await?;
    }
    became_rows();
    let upsert = Upsert { rows, options: call.options, mode: call.mode, deadline };
    let reply = directory.bulk_upsert(base, upsert).await?;
    let revision = reply.revision;
    let (results, counts) = report(directory, base, reply, refs, call.detail).await;
    Ok(Made::new(directory, v1::BulkUpsertMembersResponse { results, counts: Some(counts), revision }))
}

/// Which rows to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Every row.
    All,
    /// Failed rows.
    Failed,
}

struct Call {
    mode: WriteMode,
    options: UpsertOptions,
    detail: Detail,
}

fn parse_call(request: &v1::BulkUpsertMembersRequest) -> Result<Call, Refusal> {
    let mut faults = Violations::default();
    let mode = match v1::BulkMode::try_from(request.mode) {
        Ok(v1::BulkMode::Unspecified | v1::BulkMode::Partial) => WriteMode::Partial,
        Ok(v1::BulkMode::Atomic) => WriteMode::Atomic,
        Ok(v1::BulkMode::ValidateOnly) => WriteMode::ValidateOnly,
        Err(_) => unknown(&mut faults, "mode", WriteMode::Partial),
    };
    let detail = match v1::ResultDetail::try_from(request.results) {
        Ok(v1::ResultDetail::Unspecified | v1::ResultDetail::All) => Detail::All,
        Ok(v1::ResultDetail::Failed) => Detail::Failed,
        Err(_) => unknown(&mut faults, "results", Detail::All),
    };
    let given = Given {
        match_by: request.match_by,
        semantics: request.semantics,
        reactivate: request.reactivate,
        apply_status: request.apply_status,
    };
    let options = options(&mut faults, "", given);
    faults.finish(Call { mode, options, detail })
}

/// How rows are applied, as sent.
#[derive(Debug, Clone, Copy)]
pub struct Given {
    /// A `v1::MatchBy`.
    pub match_by: i32,
    /// A `v1::FieldSemantics`.
    pub semantics: i32,
    /// Whether inactive members are reactivated.
    pub reactivate: bool,
    /// Whether statuses are applied.
    pub apply_status: bool,
}

/// How rows are applied; `prefix` is the path of the fields.
pub fn options(faults: &mut Violations, prefix: &str, given: Given) -> UpsertOptions {
    let Given { match_by, semantics, reactivate, apply_status } = given;
    let match_by = match v1::MatchBy::try_from(match_by) {
        Ok(v1::MatchBy::Unspecified | v1::MatchBy::Ref) => MatchBy::Ref,
        Ok(v1::MatchBy::Email) => MatchBy::Email,
        Ok(v1::MatchBy::WorkerId) => MatchBy::WorkerId,
        Ok(v1::MatchBy::Id) => MatchBy::Id,
        Err(_) => unknown(faults, &format!("{prefix}match_by"), MatchBy::Ref),
    };
    let semantics = match v1::FieldSemantics::try_from(semantics) {
        Ok(v1::FieldSemantics::Unspecified | v1::FieldSemantics::Merge) => Semantics::Merge,
        Ok(v1::FieldSemantics::Replace) => Semantics::Replace,
        Err(_) => unknown(faults, &format!("{prefix}semantics"), Semantics::Merge),
    };
    UpsertOptions { match_by, semantics, reactivate, apply_status, ..UpsertOptions::default() }
}

fn unknown<T>(faults: &mut Violations, field: &str, default: T) -> T {
    faults.add(Reason::FieldInvalid, field, "is not a known value of this enum");
    default
}

/// The rows of a call, each parsed or rejected.
pub struct Rows {
    /// In the order of the call.
    pub rows: Vec<Result<MemberRow, RowError>>,
    /// The refs that results repeat. They are copies, because the rows themselves are handed over.
    pub refs: Vec<Option<CompactString>>,
}

impl Rows {
    /// Parses the rows of a message of `bytes` bytes, for members of `base`.
    pub async fn parse(
        directory: &Directory,
        base: BaseNumber,
        members: Vec<v1::MemberInput>,
        match_by: MatchBy,
        bytes: usize,
    ) -> Self {
        let (directory, today) = (directory.clone(), directory.now().date());
        let rows = Self { rows: Vec::with_capacity(members.len()), refs: Vec::with_capacity(members.len()) };
        // Each row takes a microsecond, even if many nearly empty rows make a short message.
        let size = Size::of_bytes(bytes).max(Size::of_items(members.len()));
        let mut errors = RowErrors::default();
        let parse = move |rows: &mut Self, member: v1::MemberInput| {
            let finder = input::finder(match_by, directory.sealer(), base);
            rows.refs.push(repeated(member.r#ref.as_deref()));
            let row = input::row(member, Some(finder), today);
            rows.rows.push(row.map_err(|error| errors.keep(error)));
        };
        compute::fold(members, size, rows, parse).await
    }

    /// Parses members that were set aside, for members of `base`.
    pub async fn parse_sent(
        directory: &Directory,
        base: BaseNumber,
        members: SentMembers,
        match_by: MatchBy,
    ) -> Result<Self, Status> {
        let (directory, today) = (directory.clone(), directory.now().date());
        let size = Size::of_bytes(members.bytes()).max(Size::of_items(members.count()));
        let (message, places) = members.into_parts();
        let rows = Self { rows: Vec::with_capacity(places.len()), refs: Vec::with_capacity(places.len()) };
        let (mut errors, bytes) = (RowErrors::default(), message.clone());
        let parse = move |(rows, is_damaged): &mut (Self, bool), place: Range<usize>| {
            let Some(Ok(member)) = bytes.get(place).map(SentRow::read) else {
                *is_damaged = true;
                return;
            };
            rows.refs.push(repeated(member.named()));
            let row = member.parse(Some(input::finder(match_by, directory.sealer(), base)), today);
            rows.rows.push(row.map_err(|error| errors.keep(error)));
        };
        let (rows, is_damaged) = compute::fold(places, size, (rows, false), parse).await;
        if !is_damaged {
            return Ok(rows);
        }
        // The message is refused like any other that does not decode.
        let refused = codec::decode::<v1::ImportMembersRequest>(&message).err();
        Err(refused.unwrap_or_else(|| error::status(Reason::MessageMalformed, "the message does not decode")))
    }

    /// The largest possible reply, in bytes, whatever the outcomes. A call is refused if its reply might not
    /// fit into a message.
    fn check_reply(&self) -> Result<usize, Error> {
        let results: usize =
            self.refs.iter().map(|text| RESULT_BYTES + text.as_ref().map_or(0, CompactString::len)).sum();
        let early = self.rows.iter().filter_map(|row| row.as_ref().err()).take(FAILURE_DETAILS_MAX_ROWS);
        let late = self.rows.len().min(FAILURE_DETAILS_MAX_ROWS) * LATE_DETAILS_BYTES;
        let bytes = results + late + early.map(details_bytes).sum::<usize>();
        if bytes > MESSAGE_MAX_BYTES {
            return Err(Error::ReplyTooLarge { bytes, limit: MESSAGE_MAX_BYTES });
        }
        Ok(bytes)
    }
}

/// The ref of a row as its result repeats it.
fn repeated(text: Option<&str>) -> Option<CompactString> {
    text.filter(|text| text.len() <= REF_MAX_BYTES).map(CompactString::from)
}

/// Bytes of the details of an error: its violations, some of which are in the message too.
fn details_bytes(error: &RowError) -> usize {
    let violations = error.violations.iter();
    2 * violations.map(|fault| VIOLATION_BYTES + fault.field.len() + fault.description.len()).sum::<usize>()
}

/// The results of the rows of a call, and their counts.
pub async fn report(
    directory: &Directory,
    base: BaseNumber,
    reply: UpsertReply,
    refs: Vec<Option<CompactString>>,
    detail: Detail,
) -> (Vec<v1::MemberResult>, v1::BulkCounts) {
    let directory = directory.clone();
    let counts = v1::BulkCounts::default();
    let reported = match detail {
        Detail::All => reply.outcomes.len(),
        Detail::Failed => reply.outcomes.iter().filter(|outcome| outcome.is_failed()).count(),
    };
    let results = Vec::with_capacity(reported);
    let mut refs = refs.into_iter();
    let (mut index, mut detailed) = (0_u32, 0);
    let add = move |(results, counts): &mut (Vec<v1::MemberResult>, v1::BulkCounts), outcome: RowOutcome| {
        let (here, r#ref) = (index, refs.next().flatten());
        index = index.saturating_add(1);
        let RowOutcome { row, outcome, status_kept, error } = outcome;
        counts.status_kept += u64::from(status_kept);
        let outcome = count(counts, outcome);
        if detail == Detail::Failed && outcome != v1::Outcome::Failed {
            return;
        }
        let id = |row| directory.sealer().member_id(base, row);
        results.push(v1::MemberResult {
            index: here,
            id: row.map(id).unwrap_or_default(),
            r#ref: r#ref.map(String::from),
            outcome: outcome.into(),
            error: error.map(|error| {
                let holder = error.taken_by.map(id);
                row_error(*error, holder, &mut detailed)
            }),
        });
    };
    compute::fold(reply.outcomes, Size::of_items(reported), (results, counts), add).await
}

fn count(counts: &mut v1::BulkCounts, outcome: Outcome) -> v1::Outcome {
    let counter = match outcome {
        Outcome::Created => &mut counts.created,
        Outcome::Updated => &mut counts.updated,
        Outcome::Unchanged => &mut counts.unchanged,
        Outcome::Reactivated => &mut counts.reactivated,
        Outcome::Failed => &mut counts.failed,
    };
    *counter += 1;
    outcome::to_wire(outcome)
}

#[cfg(test)]
mod tests;
