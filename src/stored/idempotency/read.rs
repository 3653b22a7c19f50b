//! Reads the parts of a stored result.

use super::form::{RequestResult, StoredResult};
use super::rows::{decode_row, outcome};
use super::version::{VERSION, read_parts, width_of};
use crate::model::token::TokenId;
use crate::model::{AudienceNumber, BaseNumber, JobNumber, RecordCounts, RecordKind, Row, Timestamp};
use crate::stored::bytes::Reader;
use crate::stored::decode::{DecodeError, versioned};

const VALUE: &str = "result of a request";

impl StoredResult {
    /// Reads the stored form of the first part.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
        let fingerprint = r.u128()?;
        let at = i64::try_from(r.varint()?).map_err(|_| r.damaged("its time is too large"))?;
        let revision = r.varint()?.checked_sub(1);
        let kind = r.u8()?;
        let mut parts = 0;
        let result = match kind {
            1 | 2 => {
                parts = read_parts(&mut r)?;
                let mut rows = Vec::new();
                while !r.is_empty() {
                    rows.push(decode_row(&mut r)?);
                }
                RequestResult::Rows { rows, is_complete: kind == 1 }
            }
            3 => RequestResult::Member(Row(r.varint()?), outcome(&mut r)?),
            4 | 13 => {
                let (members, records) = read_deleted(&mut r)?;
                let revisions = if kind == 13 { read_revisions(&mut r)? } else { Vec::new() };
                RequestResult::Deleted { members, records, revisions }
            }
            5 => RequestResult::Changed(r.varint()?),
            6 => {
                let row = Row(r.varint()?);
                let kind = RecordKind::from_index(r.u8()?)
                    .ok_or_else(|| r.damaged("a kind of record is unknown"))?;
                RequestResult::Record { row, kind, id: r.u128()?, is_new: r.u8()? != 0 }
            }
            7 => {
                RequestResult::Ingested { created: r.varint()?, updated: r.varint()?, unchanged: r.varint()? }
            }
            8 => RequestResult::Done,
            9 => {
                let number =
                    u32::try_from(r.varint()?).map_err(|_| r.damaged("a base number is too large"))?;
                RequestResult::Base(BaseNumber(number))
            }
            10 => RequestResult::Token(TokenId(r.u128()?)),
            11 | 14 => {
                let done = r.varint()?;
                let (members, records) = read_deleted(&mut r)?;
                let revisions = if kind == 14 { read_revisions(&mut r)? } else { Vec::new() };
                RequestResult::Deleting { done, members, records, revisions }
            }
            12 => RequestResult::Changing { done: r.varint()?, values: r.varint()? },
            15 => RequestResult::Job(JobNumber(r.varint()?)),
            16 => {
                let number =
                    u32::try_from(r.varint()?).map_err(|_| r.damaged("an audience number is too large"))?;
                RequestResult::Audience(AudienceNumber(number))
            }
            _ => return Err(r.damaged("its kind is unknown")),
        };
        r.end()?;
        let (at, width) = (Timestamp::from_micros(at), width_of(bytes));
        Ok(Self { fingerprint, at, revision, parts, width, result })
    }

    /// Puts the rows of all other parts before those of the first. `bytes` are those parts, joined in order.
    pub fn join(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let RequestResult::Rows { rows, .. } = &mut self.result else { return Ok(()) };
        let mut r = Reader::new(VALUE, bytes);
        let mut all = Vec::new();
        while !r.is_empty() {
            all.push(decode_row(&mut r)?);
        }
        all.append(rows);
        *rows = all;
        Ok(())
    }
}

fn read_deleted(r: &mut Reader<'_>) -> Result<(u64, RecordCounts), DecodeError> {
    let members = r.varint()?;
    let (clips, stamp_collections, transactions) = (r.varint()?, r.varint()?, r.varint()?);
    Ok((members, RecordCounts { clips, stamp_collections, transactions }))
}

/// Revisions up to the end, each as its distance from the one before.
fn read_revisions(r: &mut Reader<'_>) -> Result<Vec<u64>, DecodeError> {
    let (mut revisions, mut last) = (Vec::new(), 0_u64);
    while !r.is_empty() {
        let step = Some(r.varint()?).filter(|step| *step > 0);
        let next = step.and_then(|step| last.checked_add(step));
        last = next.ok_or_else(|| r.damaged("its revisions do not ascend"))?;
        revisions.push(last);
    }
    Ok(revisions)
}
