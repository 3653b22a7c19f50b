//! The stored form of what a job is to do, and of what it received.
//!
//! ```text
//! task   = 1 and list, or 2 (batch) and expected (version 4), or 3, expected and filters (delete by filter),
//!          or 4 and revert
//! list   = match u8 (1 ref, 2 email, 3 worker id, 5 worker id or email), flags u8 (1 apply status,
//!          2 keeps bank details), as of option time, expected, scope filters
//! expected = (option varint) × 5: removals, changed identities, lost data, reactivations, tiers
//!            (version 1: one, removals)
//! revert = 1 and job u64, or 2 and from varint and to varint, or 3 and token u128 and time
//! input  = format u8 (0 none, 1 CSV, 2 TSV, 3 NDJSON, 4 .xlsx, 5 .xls, 6 .ods, 7 actions),
//!          sheet option text, bytes varint, chunks varint, rows varint, SHA-256 in 32 bytes,
//!          columns (version 3): count varint, that many: heading text, name text
//! ```

use crate::model::token::TokenId;
use crate::model::{
    GuardExpectation, GuardKind, JobInput, JobNumber, JobTask, ListFormat, ListMatch, ListOptions, MatchBy,
    RevertOf,
};
use crate::stored::DecodeError;
use crate::stored::bytes::{Reader, Writer};
use crate::stored::filters;

/// The first version of a record that has numbers for every kind of change.
pub const WITH_KINDS: u8 = 2;
/// The first version of a record whose input has columns.
const WITH_COLUMNS: u8 = 3;
/// The first version of a record in which a batch has expected numbers.
const WITH_EXPECTED_BATCHES: u8 = 4;

const APPLY_STATUS: u8 = 1;
const KEEPS_BANK_DETAILS: u8 = 2;

/// Writes a task into a record of this version.
pub fn write(w: &mut Writer, version: u8, task: &JobTask) {
    match task {
        JobTask::Sync(list) => {
            w.u8(1);
            write_list(w, version, list);
        }
        JobTask::Batch { expect } => {
            w.u8(2);
            if version >= WITH_EXPECTED_BATCHES {
                write_expected(w, version, expect);
            }
        }
        JobTask::DeleteByFilter { filters, expect } => {
            w.u8(3);
            write_expected(w, version, expect);
            filters::write(w, filters);
        }
        JobTask::Revert(of) => {
            w.u8(4);
            write_revert(w, *of);
        }
    }
}

/// Reads a task from a record of this version.
pub fn read(r: &mut Reader<'_>, version: u8) -> Result<JobTask, DecodeError> {
    Ok(match r.u8()? {
        1 => JobTask::Sync(read_list(r, version)?),
        2 if version >= WITH_EXPECTED_BATCHES => JobTask::Batch { expect: read_expected(r, version)? },
        2 => JobTask::Batch { expect: GuardExpectation::default() },
        3 => {
            let expect = read_expected(r, version)?;
            JobTask::DeleteByFilter { filters: filters::read(r)?, expect }
        }
        4 => JobTask::Revert(read_revert(r)?),
        _ => return Err(r.damaged("its task is unknown")),
    })
}

fn write_list(w: &mut Writer, version: u8, list: &ListOptions) {
    w.u8(match list.match_by {
        ListMatch::Key(MatchBy::Ref) => 1,
        ListMatch::Key(MatchBy::Email) => 2,
        ListMatch::Key(MatchBy::WorkerId) => 3,
        ListMatch::Key(MatchBy::Id) => 4,
        ListMatch::WorkerIdOrEmail => 5,
    });
    let flag = |is, flag| if is { flag } else { 0 };
    w.u8(flag(list.apply_status, APPLY_STATUS) | flag(list.keeps_bank_details, KEEPS_BANK_DETAILS));
    w.optional_time(list.as_of);
    write_expected(w, version, &list.expect);
    filters::write(w, &list.scope);
}

fn read_list(r: &mut Reader<'_>, version: u8) -> Result<ListOptions, DecodeError> {
    let match_by = match r.u8()? {
        1 => ListMatch::Key(MatchBy::Ref),
        2 => ListMatch::Key(MatchBy::Email),
        3 => ListMatch::Key(MatchBy::WorkerId),
        4 => ListMatch::Key(MatchBy::Id),
        5 => ListMatch::WorkerIdOrEmail,
        _ => return Err(r.damaged("its key is unknown")),
    };
    let flags = r.u8()?;
    Ok(ListOptions {
        match_by,
        apply_status: flags & APPLY_STATUS != 0,
        keeps_bank_details: flags & KEEPS_BANK_DETAILS != 0,
        as_of: r.optional_time()?,
        expect: read_expected(r, version)?,
        scope: filters::read(r)?,
    })
}

fn write_expected(w: &mut Writer, version: u8, expected: &GuardExpectation) {
    guard_kinds(version).iter().for_each(|kind| optional(w, expected.get(*kind)));
}

fn read_expected(r: &mut Reader<'_>, version: u8) -> Result<GuardExpectation, DecodeError> {
    let mut expected = GuardExpectation::default();
    for kind in guard_kinds(version) {
        *expected.get_mut(*kind) = read_optional(r)?;
    }
    Ok(expected)
}

/// The kinds of changes for which records of this version have numbers.
pub fn guard_kinds(version: u8) -> &'static [GuardKind] {
    if version >= WITH_KINDS { &GuardKind::ALL } else { &[GuardKind::Removals] }
}

fn write_revert(w: &mut Writer, of: RevertOf) {
    match of {
        RevertOf::Job(job) => {
            w.u8(1);
            w.u64(job.0);
        }
        RevertOf::Revisions(from, to) => {
            w.u8(2);
            w.varint(from);
            w.varint(to);
        }
        RevertOf::Token(token, since) => {
            w.u8(3);
            w.u128(token.0);
            w.time(since);
        }
    }
}

fn read_revert(r: &mut Reader<'_>) -> Result<RevertOf, DecodeError> {
    Ok(match r.u8()? {
        1 => RevertOf::Job(JobNumber(r.u64()?)),
        2 => RevertOf::Revisions(r.varint()?, r.varint()?),
        3 => RevertOf::Token(TokenId(r.u128()?), r.time()?),
        _ => return Err(r.damaged("what it reverts is unknown")),
    })
}

/// Writes an input into a record of this version.
pub fn write_input(w: &mut Writer, version: u8, input: &JobInput) {
    let number = |format: ListFormat| ListFormat::ALL.iter().position(|known| *known == format);
    w.u8(input.format.and_then(number).and_then(|place| u8::try_from(place + 1).ok()).unwrap_or_default());
    w.u8(u8::from(input.sheet.is_some()));
    input.sheet.iter().for_each(|sheet| w.slice(sheet.as_bytes()));
    [input.bytes, input.chunks, input.rows].into_iter().for_each(|count| w.varint(count));
    w.0.extend_from_slice(&input.sha256);
    if version >= WITH_COLUMNS {
        w.varint(u64::try_from(input.columns.len()).unwrap_or(u64::MAX));
        let texts = input.columns.iter().flat_map(|(heading, name)| [heading, name]);
        texts.for_each(|text| w.slice(text.as_bytes()));
    }
}

/// Reads an input from a record of this version.
pub fn read_input(r: &mut Reader<'_>, version: u8) -> Result<JobInput, DecodeError> {
    let format = match usize::from(r.u8()?) {
        0 => None,
        number => {
            let format = ListFormat::ALL.get(number - 1).copied();
            Some(format.ok_or_else(|| r.damaged("its format is unknown"))?)
        }
    };
    let sheet = if r.u8()? == 0 { None } else { Some(r.text()?.to_owned()) };
    let (bytes, chunks, rows) = (r.varint()?, r.varint()?, r.varint()?);
    let sha256 = r.take(32)?.try_into().map_err(|_| r.damaged("its digest is not 32 bytes long"))?;
    let mut columns = Vec::new();
    for _ in 0..if version >= WITH_COLUMNS { r.varint()? } else { 0 } {
        columns.push((r.text()?.to_owned(), r.text()?.to_owned()));
    }
    Ok(JobInput { format, sheet, columns, bytes, chunks, rows, sha256 })
}

/// An option of a number.
pub fn optional(w: &mut Writer, number: Option<u64>) {
    w.u8(u8::from(number.is_some()));
    number.into_iter().for_each(|number| w.varint(number));
}

/// What [`optional`] wrote.
pub fn read_optional(r: &mut Reader<'_>) -> Result<Option<u64>, DecodeError> {
    if r.u8()? == 0 { Ok(None) } else { r.varint().map(Some) }
}
